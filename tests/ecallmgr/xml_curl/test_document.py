"""Whatever others wrote arrives at the switch as they wrote it, and the switch carries out nothing of it."""

from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.lookups import Lookups
from mirliton.ecallmgr.xml_curl.document import Global, document, element, not_found, params

SWITCH = SimulatedSwitch(heartbeat=0)
SWITCH.globals["mirliton_password"] = "s3cret"
TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\ufffe\uffff"))


def read(answer: bytes) -> ElementTree.Element:
    lookups = Lookups(SWITCH, "http://127.0.0.1:1/")
    root = ElementTree.fromstring(lookups._preprocessed(answer.decode()))
    assert lookups.obeyed == []
    return root


@given(TEXT, TEXT)
@example('<X-PRE-PROCESS cmd="exec" data="rm -rf /"/>', "x-pre-process")
@example("$${mirliton_password}", "${system(id)}")
@example('"/></section>', "]]>&amp;&#36;")
def test_any_text_arrives_as_it_was_written(name: str, value: str) -> None:
    expected = [text.replace("\ue000", "") for text in (name, value)]
    (param,) = read(document("directory", *params({name: value}))).iter("param")
    assert [param.get("name"), param.get("value")] == expected


@given(st.text())
def test_what_no_xml_can_hold_is_left_out(value: str) -> None:
    (made,) = read(document("dialplan", element("action", data=value))).iter("action")
    assert set(made.get("data", "")) <= set(value) | {" ", "\n"}


def test_a_variable_of_the_switch_is_filled_in_where_we_ask_for_it_only() -> None:
    answer = document("x", *params({"ours": Global("mirliton_password"), "theirs": "$${mirliton_password}"}))
    ours, theirs = read(answer).iter("param")
    assert ours.get("value") == "s3cret"
    assert theirs.get("value") == "$${mirliton_password}"


def test_a_text_cannot_pose_as_such_a_variable() -> None:
    (param,) = read(document("x", *params({"a": "\ue000\ue000{mirliton_password}"}))).iter("param")
    assert param.get("value") == "{mirliton_password}"


@pytest.mark.parametrize("name", ["", "a b", "}{", "A", "x" * 65, "a}$${b"])
def test_such_a_variable_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a global variable"):
        Global(name)


def test_every_answer_ends_in_a_newline() -> None:
    """FreeSWITCH drops a last line without one."""
    assert not_found().endswith(b"</document>\n")
    assert not_found().count(b"\n") == 1

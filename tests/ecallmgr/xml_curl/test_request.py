"""What a switch posts, read as it was meant; checked with what a real FreeSWITCH posted."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.ecallmgr.call_events import described
from mirliton.ecallmgr.errors import InvalidLookup
from mirliton.ecallmgr.xml_curl.request import MAX_FIELDS, SECTIONS, lookup_of


@pytest.fixture
def captured(reference: Path) -> list[bytes]:
    text = (reference / "esl-captures" / "xml_curl_fetch.txt").read_bytes()
    blocks = re.finditer(rb"#### \d+ C t=\S+ head=(\d+) body=(\d+)\n", text)
    return [text[block.end() + int(block[1]) :][: int(block[2])] for block in blocks]


def test_every_lookup_of_a_real_switch_is_read(captured: list[bytes]) -> None:
    lookups = [lookup_of(body) for body in captured]
    assert {(each.section, each.tag_name, each.key_value) for each in lookups} >= {
        ("directory", "domain", "127.0.0.1"),
        ("dialplan", "", ""),
        ("configuration", "configuration", "acl.conf"),
    }
    (auth,) = [each for each in lookups if each.get("action") == "sip_auth"]
    assert (auth.get("sip_auth_username"), auth.get("user"), auth.get("ip")) == ("2000", "2000", "127.0.0.1")


def test_a_real_lookup_tells_of_its_leg_what_an_event_tells(captured: list[bytes]) -> None:
    (lookup,) = [each for each in map(lookup_of, captured) if each.section == "dialplan"]
    leg = described(lookup.headers)
    assert leg.call_id == "ceb7d9a8-ad08-4ced-a6b4-55d673109b4f"
    assert (leg.from_, leg.to, leg.request) == ("1000@127.0.0.1", "18005551234@127.0.0.1", "18005551234@127.0.0.1:5080")
    assert (leg.caller_id_name, leg.caller_destination_number) == ("Alice", "18005551234")
    assert leg.custom_sip_headers == {"X-Custom": "hello world"}
    assert (leg.channel_state, leg.from_tag) == ("ROUTING", "18012SIPp001")


def test_what_comes_later_under_the_same_name_does_not_count() -> None:
    lookup = lookup_of(b"section=dialplan&Unique-ID=leg&variable_x=1&section=directory&Unique-ID=other")
    assert (lookup.section, lookup.get("Unique-ID")) == ("dialplan", "leg")


@pytest.mark.parametrize(
    "body", [b"", b"section=", b"section=other", b"a=b", b"=dialplan", b"section=dialplan" + b"&a=b" * MAX_FIELDS]
)
def test_what_is_no_lookup_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidLookup):
        lookup_of(body)


@given(st.binary(max_size=500))
def test_anything_is_a_lookup_or_refused(body: bytes) -> None:
    try:
        lookup = lookup_of(body)
    except InvalidLookup:
        return
    assert lookup.section in SECTIONS


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_values_come_as_they_were(fields: dict[str, str]) -> None:
    encodable = {n: v for n, v in fields.items() if n.isprintable() and v.isprintable() and n != "section"}
    form = "&".join(f"{quote(name, safe='')}={quote(value, safe=',/')}" for name, value in encodable.items())
    lookup = lookup_of(f"section=dialplan&{form}".encode())
    assert {name: lookup.get(name) for name in encodable} == encodable

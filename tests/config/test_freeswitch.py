"""The switch's configuration is well-formed and holds the facts that Mirliton relies on."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mirliton.config import Settings
from mirliton.config.settings import LOOPBACK
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.xml_curl.conference import CONTROLS, PROFILES, _parameters
from mirliton.ecallmgr.xml_curl.dialplan import parked
from mirliton.ecallmgr.xml_curl.document import Global

FOLDER = Path(__file__).resolve().parents[2] / "config" / "freeswitch"
FILES = sorted(FOLDER.rglob("*.xml"))


def parse(name: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / name).getroot()


def params(name: str) -> dict[str, str]:
    found = [(each.get("name", ""), each.get("value", "")) for each in parse(name).iter("param")]
    assert len({key for key, _ in found}) == len(found), "a parameter is set twice"
    return dict(found)


def variables() -> dict[str, str]:
    sets = [each.get("data", "") for each in parse("mirliton_vars.xml") if each.get("cmd") == "set"]
    return {name: value for name, _, value in (each.partition("=") for each in sets)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_well_formed_and_ends_in_a_newline(path: Path) -> None:
    ElementTree.parse(path)
    assert path.read_bytes().endswith(b"\n"), "FreeSWITCH drops a last line without one"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_comment_holds_what_freeswitch_would_carry_out(path: Path) -> None:
    for comment in re.findall(r"<!--.*?-->", path.read_text(encoding="utf-8"), re.DOTALL):
        assert "pre-process" not in comment.lower()


def test_every_variable_that_is_used_is_set_and_the_reverse() -> None:
    used = {name for path in FILES for name in re.findall(r"\$\$\{(\w+)\}", path.read_text(encoding="utf-8"))}
    assert used - {"local_ip_v4", "sounds_dir", "cache_dir"} == set(variables())


def test_every_configuration_has_the_name_freeswitch_asks_for() -> None:
    for path in sorted((FOLDER / "autoload_configs").iterdir()):
        assert f"{parse(f'autoload_configs/{path.name}').get('name')}.xml" == path.name


def test_the_root_includes_all_folders() -> None:
    included = {
        each.get("data")
        for name in ("freeswitch.xml", "autoload_configs/sofia.conf.xml")
        for each in parse(name).iter()
    }
    assert {"mirliton_vars.xml", "autoload_configs/*.xml", "dialplan/*.xml", "../sip_profiles/*.xml"} <= included


def test_the_event_socket_lets_in_listed_addresses_with_a_password_that_is_not_the_known_one() -> None:
    socket = params("autoload_configs/event_socket.conf.xml")
    assert socket["apply-inbound-acl"] == "$${mirliton_control}", "a list could be replaced by a lookup"
    assert variables()["mirliton_control"] == "127.0.0.0/8"
    assert socket["password"] == "$${mirliton_password}"
    assert socket["stop-on-bind-error"] == "true"
    assert variables()["mirliton_password"] not in ("", "ClueCon")
    assert variables()["mirliton_listen_ip"] == LOOPBACK
    assert int(variables()["mirliton_listen_port"]) == 8021


def test_the_access_list_denies_what_it_does_not_name() -> None:
    (found,) = parse("autoload_configs/acl.conf.xml").iter("list")
    assert (found.get("name"), found.get("default")) == ("mirliton_sip", "deny")
    assert "0.0.0.0/0" not in {node.get("cidr") for node in found}


def test_the_switch_looks_up_where_mirliton_answers_and_waits_longer_than_it_takes() -> None:
    settings = Settings()
    (gateway,) = [each for each in parse("autoload_configs/xml_curl.conf.xml").iter("param") if each.get("bindings")]
    assert gateway.get("value") == "$${mirliton_lookups}"
    assert set(str(gateway.get("bindings")).split("|")) == {"dialplan", "directory", "configuration"}
    receiver = settings.leg_records
    assert variables()["mirliton_lookups"] == f"http://{receiver.host}:{receiver.port}{settings.xml_curl.path}"
    wait = float(params("autoload_configs/xml_curl.conf.xml")["timeout"])
    assert wait >= max(settings.timeouts.route, settings.ecallmgr.fetch_timeout) + 1
    modules = [each.get("module") for each in parse("autoload_configs/modules.conf.xml").iter("load")]
    assert modules.index("mod_xml_curl") < modules.index("mod_sofia")


def test_conferences_are_without_lookups_as_they_are_with_them() -> None:
    found = parse("autoload_configs/conference.conf.xml")
    around = Surroundings()
    for profile in found.iter("profile"):
        own = PROFILES[str(profile.get("name"))]
        looked_up = {
            name: f"$${{{value}}}" if isinstance(value, Global) else str(value)
            for name, value in _parameters(own, around)
        }
        assert {each.get("name"): each.get("value") for each in profile} == looked_up
    groups = {
        group.get("name"): tuple((each.get("action"), each.get("digits")) for each in group)
        for group in found.iter("group")
    }
    assert groups == CONTROLS


def test_every_call_of_the_context_is_parked_and_survives_its_bridges() -> None:
    settings = Settings().ecallmgr
    (context,) = parse("dialplan/mirliton.xml").iter("context")
    assert context.get("name") == settings.freeswitch_context
    (condition,) = context.iter("condition")
    assert condition.attrib == {}, "a condition would let calls through"
    preset, park = condition
    assert (park.get("application"), park.get("data")) == ("park", None)
    assert preset.get("application") == "multiset"
    values = dict(each.split("=", 1) for each in (preset.get("data") or "").split(" "))
    assert values == parked(settings.freeswitch_context), "a lookup that is not answered must leave the same call"


def test_the_sip_profile_sends_its_calls_to_that_context_and_takes_digits_by_info() -> None:
    settings = Settings().ecallmgr
    profile = params("sip_profiles/sipinterface_1.xml")
    assert parse("sip_profiles/sipinterface_1.xml").get("name") == settings.sip_interface
    assert profile["context"] == settings.freeswitch_context
    assert profile["liberal-dtmf"] == "true"
    assert (profile["auth-calls"], profile["apply-inbound-acl"]) == ("false", "mirliton_sip")
    assert profile["accept-blind-reg"] == "false"


def test_leg_records_of_both_legs_are_posted_as_plain_json_and_spooled() -> None:
    cdr = params("autoload_configs/json_cdr.conf.xml")
    assert cdr["log-b-leg"] == "true"
    assert (cdr["encode"], cdr["encode-values"]) == ("false", "false")
    assert cdr["disable-100-continue"] == "false", "true loses the content type"
    assert (int(cdr["retries"]), int(cdr["delay"])) == (2, 1)
    assert 0 < int(cdr["queue-capacity"]) <= 8, "what waits in it is lost at shutdown"
    assert (cdr["log-errors-to-disk"], cdr["log-http-and-disk"]) == ("true", "false")
    assert cdr["err-log-dir"] == "$${mirliton_spool}"
    assert (cdr["rotate"], cdr["prefix-a-leg"]) == ("false", "false")
    receiver = Settings().leg_records
    assert variables()["mirliton_leg_records"] == f"http://{receiver.host}:{receiver.port}{receiver.path}"


def test_heartbeats_come_well_within_the_silence_that_mirliton_bears() -> None:
    core = params("autoload_configs/switch.conf.xml")
    assert float(core["event-heartbeat-interval"]) * 2.5 < Settings().timeouts.switch_silence
    assert int(core["max-sessions"]) > 2 * Settings().limits.calls


def test_the_modules_without_which_nothing_works_must_load() -> None:
    modules = {
        each.get("module"): each.get("critical") for each in parse("autoload_configs/modules.conf.xml").iter("load")
    }
    critical = {name for name, flag in modules.items() if flag == "true"}
    assert critical == {
        "mod_event_socket",
        "mod_commands",
        "mod_dptools",
        "mod_dialplan_xml",
        "mod_sofia",
        "mod_json_cdr",
    }
    assert {"mod_sndfile", "mod_tone_stream"} <= set(modules)


def test_the_readme_names_every_file() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    missing = [path.name for path in FOLDER.rglob("*") if path.is_file() and path.name not in text]
    assert missing == ["README.md"]

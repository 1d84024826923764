"""Files of a switch's configuration that follow what operators set for all."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from looked_up import Lookup
from mirliton.actors.store.names import account_db
from mirliton.ecallmgr.xml_curl import acls
from mirliton.ecallmgr.xml_curl.conference import PROFILES
from mirliton.ecallmgr.xml_curl.sofia import settings


async def configured(looked: Lookup, category: str, **values: Any) -> None:
    await looked.store.create_database("system_config")
    await looked.store.put("system_config", {"_id": category, "default": values})


async def carriers(looked: Lookup, *gateways: dict[str, Any]) -> None:
    await looked.store.create_database("offnet")
    doc = {"_id": "carrier", "pvt_type": "resource", "name": "c", "enabled": True, "gateways": list(gateways)}
    await looked.store.put("offnet", doc)


def params(found: Element | None) -> dict[str, str]:
    assert found is not None
    return {str(each.get("name")): str(each.get("value")) for each in found.iterfind("param")}


@pytest.mark.parametrize("name", ["acl.conf", "sofia.conf", "switch.conf", "event_socket.conf", "../x"])
async def test_what_nobody_has_set_is_the_switchs_own(looked: Lookup, name: str) -> None:
    assert await looked.file(name) is None
    assert looked.lookups.failed == 0


# acl.conf


async def lists(looked: Lookup) -> dict[str, list[tuple[str | None, str | None]]]:
    found = await looked.file("acl.conf")
    assert found is not None
    assert {each.get("default") for each in found.iter("list")} == {"deny"}
    return {
        str(each.get("name")): [(node.get("type"), node.get("cidr")) for node in each] for each in found.iter("list")
    }


async def test_listed_networks_and_carriers_may_call(looked: Lookup) -> None:
    await configured(
        looked,
        "ecallmgr",
        acls={
            "proxy": {"network-list-name": "authoritative", "type": "allow", "cidr": "192.0.2.1/32"},
            "office": {"network-list-name": "trusted", "type": "deny", "cidr": "192.0.2.99"},
        },
    )
    await carriers(looked, {"server": "198.51.100.7"}, {"server": "[2001:db8::1]"}, {"server": "x", "enabled": False})
    found = await lists(looked)
    assert found["authoritative"] == [("allow", "192.0.2.1/32")]
    assert found["trusted"] == [("deny", "192.0.2.99/32"), ("allow", "198.51.100.7/32"), ("allow", "2001:db8::1/128")]
    assert found["mirliton_sip"][:3] == [("allow", "127.0.0.0/8"), ("allow", "::1/128"), ("allow", "192.0.2.1/32")]


@pytest.mark.parametrize(
    "entry",
    [
        {"network-list-name": "trusted", "type": "allow", "cidr": "0.0.0.0/0"},
        {"network-list-name": "trusted", "type": "allow", "cidr": "::/0"},
        {"network-list-name": "trusted", "type": "allow", "cidr": "everybody"},
        {"network-list-name": "mirliton_control", "type": "allow", "cidr": "192.0.2.1"},
        {"network-list-name": "trusted", "type": "maybe", "cidr": "192.0.2.1"},
        {"network-list-name": ["trusted"], "cidr": "192.0.2.1"},
        {},
    ],
)
async def test_an_entry_that_is_none_lets_nobody_in(looked: Lookup, entry: dict[str, Any]) -> None:
    good = {"network-list-name": "trusted", "type": "allow", "cidr": "192.0.2.5"}
    await configured(looked, "ecallmgr", acls={"bad": entry, "good": good, "text": "x"})
    assert (await lists(looked))["trusted"] == [("allow", "192.0.2.5/32")]


async def test_a_carrier_is_known_by_its_name_too(looked: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    async def addresses(name: str) -> list[str]:
        return {"sip.carrier.test": ["192.0.2.8/32", "192.0.2.9/32"]}.get(name, [])

    monkeypatch.setattr(acls, "_addresses", addresses)
    await carriers(looked, {"server": "sip.carrier.test"}, {"server": "gone.test"})
    assert (await lists(looked))["trusted"] == [("allow", "192.0.2.8/32"), ("allow", "192.0.2.9/32")]


# sofia.conf


async def test_profiles_are_the_switchs_own_unless_operators_keep_them_here(looked: Lookup) -> None:
    await configured(looked, "ecallmgr", sofia_conf=False, fs_profiles={"x": {"Settings": {}}})
    assert await looked.file("sofia.conf") is None


async def test_a_profile_has_what_is_set_over_ours_and_its_gateways(looked: Lookup) -> None:
    profile = {
        "Settings": {"sip-port": 5066, "enable-timer": False, "user-agent-string": "$${mirliton_password}", "odd": []},
        "Gateways": {"mine": {"realm": "sip.test", "register": True}, "bad name": {}},
    }
    await configured(looked, "ecallmgr", sofia_conf=True, fs_profiles={"sipinterface_1": profile})
    looked.switch.globals |= {"mirliton_sip_ip": "192.0.2.3", "mirliton_password": "s3cret"}
    await carriers(
        looked, {"server": "sip.a.test", "register": True, "username": "u", "password": "p"}, {"server": "sip.b.test"}
    )
    found = await looked.file("sofia.conf")
    assert found is not None
    (made,) = found.iterfind("profiles/profile")
    told = params(made.find("settings"))
    assert (told["sip-port"], told["enable-timer"], told["context"]) == ("5066", "false", "context_2")
    assert (told["sip-ip"], told["user-agent-string"]) == ("192.0.2.3", "$${mirliton_password}")
    assert "odd" not in told
    gateways = {each.get("name"): params(each) for each in made.iterfind("gateways/gateway")}
    assert set(gateways) == {"mine", "carrier-0"}
    assert gateways["mine"] == {"realm": "sip.test", "register": "true"}
    assert gateways["carrier-0"]["proxy"] == "sip.a.test"
    assert (gateways["carrier-0"]["username"], gateways["carrier-0"]["password"]) == ("u", "p")


def test_a_profile_that_nobody_has_set_is_that_of_our_files(root: Any) -> None:
    file = ElementTree.parse(root / "config" / "freeswitch" / "sip_profiles" / "sipinterface_1.xml").getroot()
    written = {str(each.get("name")): str(each.get("value")) for each in file.iter("param")}
    assert {name: value.removeprefix("$${").removesuffix("}") for name, value in written.items()} == settings(
        "context_2"
    )


# conference.conf


async def profile(looked: Lookup, name: str) -> dict[str, str]:
    found = await looked.file("conference.conf", profile_name=name, conf_name="room")
    assert found is not None
    return params(found.find(f"profiles/profile[@name='{name}']"))


async def test_a_room_is_never_refused_for_its_profile(looked: Lookup) -> None:
    looked.switch.globals["hold_music"] = "local_stream://moh"
    for name in ("default", "unheard-of"):
        made = await profile(looked, name)
        assert made["moh-sound"] == "local_stream://moh"
        assert made["alone-sound"] == "mirliton/en-us/conf-alone.wav"
    assert (await profile(looked, "page"))["caller-controls"] == "paging"
    assert looked.lookups.failed == 0


async def test_all_profiles_are_told_where_none_is_named(looked: Lookup) -> None:
    found = await looked.file("conference.conf")
    assert found is not None
    assert {each.get("name") for each in found.iter("profile")} == set(PROFILES)
    groups = {each.get("name"): each for each in found.iterfind("caller-controls/group")}
    assert {"default", "paging"} <= set(groups)


async def test_operators_change_profiles_and_keys(looked: Lookup) -> None:
    keys = [
        {"action": "mute", "digits": "*6"},
        {"action": "execute_application", "digits": "1"},
        {"action": "transfer", "digits": "2"},
        {"action": "mute", "digits": "$"},
        "x",
    ]
    odd = {"enter-sound": "/etc/passwd", "Bad Name": "x", "rate": True}
    await configured(
        looked, "conferences", profiles={"default": {"energy-level": 99, **odd}}, controls={"default": keys}
    )
    made = await profile(looked, "default")
    assert made["energy-level"] == "99"
    assert not {"enter-sound", "Bad Name", "rate"} & set(made)
    found = await looked.file("conference.conf", profile_name="default")
    assert found is not None
    (group,) = found.iterfind("caller-controls/group[@name='default']")
    assert [(each.get("action"), each.get("digits")) for each in group] == [("mute", "*6")]


async def test_a_conference_of_an_account_may_have_a_profile_of_its_own(looked: Lookup) -> None:
    account = "b" * 32
    await looked.store.create_database(account_db(account))
    own = {"_id": "conf1", "pvt_type": "conference", "profile": {"energy-level": 7}}
    await looked.store.put(account_db(account), own)
    await looked.store.put(
        account_db(account), {"_id": "flow1", "pvt_type": "callflow", "profile": {"energy-level": 8}}
    )
    assert (await profile(looked, f"conf1_{account}"))["energy-level"] == "7"
    for unknown in (f"flow1_{account}", f"none_{account}", f"conf1_{'c' * 32}"):
        assert (await profile(looked, unknown))["energy-level"] == "20"

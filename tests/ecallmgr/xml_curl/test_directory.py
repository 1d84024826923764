"""Who a phone is, asked by a switch; with the lookups of a real FreeSWITCH as the questions."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import pytest

from looked_up import Lookup
from mirliton.actors.kapi.authn import AuthnErr, AuthnReq, AuthnResp
from mirliton.actors.store.names import account_db
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from mirliton.whapps.registrar import app as registrar

DOMAIN = ("domain", "name", "acme.test")
AUTH = {
    "action": "sip_auth",
    "sip_auth_username": "dora",
    "sip_auth_realm": "acme.test",
    "sip_auth_method": "REGISTER",
    "sip_from_user": "dora",
    "sip_from_host": "acme.test",
    "ip": "192.0.2.9",
    "key": "id",
    "user": "dora",
    "domain": "acme.test",
}


async def user(looked: Lookup, headers: dict[str, str], key: tuple[str, str, str] = DOMAIN) -> Element | None:
    found = await looked.lookups.ask("directory", headers, key=key)
    return None if found is None else found.find(f"domain[@name='{key[2]}']/user")


def told(found: Element | None, kind: str = "params/param") -> dict[str, Any]:
    assert found is not None
    return {str(each.get("name")): each.get("value") for each in found.iterfind(kind)}


async def test_a_phone_is_told_with_its_password_and_what_its_calls_carry(looked: Lookup) -> None:
    looked.phone = AuthnResp(
        auth_method="password",
        auth_password="s3c$${x}ret",
        custom_channel_vars={"Account-ID": "acct", "Owner-ID": "it's ${me}"},
        custom_sip_headers={"X-Ring": "twice"},
    )
    found = await user(looked, AUTH)
    assert found is not None
    assert found.get("id") == "dora"
    assert told(found)["password"] == "s3c$${x}ret"
    assert told(found)["dial-string"] == "${sofia_contact(*/dora@acme.test)}"
    variables = told(found, "variables/variable")
    assert variables == {
        "ecallmgr_Account-ID": "acct",
        "ecallmgr_Owner-ID": "it\u2019s $(me)",
        "sip_h_X-Ring": "twice",
    }
    (request,) = looked.asked
    assert isinstance(request, AuthnReq)
    assert (request.auth_user, request.auth_realm, request.orig_ip) == ("dora", "acme.test", "192.0.2.9")
    assert (request.from_, request.method) == ("dora@acme.test", "REGISTER")


async def test_a_phone_can_have_a_hash_in_place_of_a_password(looked: Lookup) -> None:
    looked.phone = AuthnResp(auth_method="a1-hash", auth_password="0" * 32)
    assert told(await user(looked, AUTH))["a1-hash"] == "0" * 32
    assert await user(looked, {**AUTH, "action": "reverse-auth-lookup"}) is None


async def test_the_switch_itself_can_be_asked_for_a_password(looked: Lookup) -> None:
    looked.phone = AuthnResp(auth_method="password", auth_password="s3cret", auth_username="dora")
    found = told(await user(looked, {**AUTH, "action": "reverse-auth-lookup"}))
    assert found == {"reverse-auth-user": "dora", "reverse-auth-pass": "s3cret"}


async def test_a_name_that_would_be_syntax_gets_no_dial_string(looked: Lookup) -> None:
    looked.phone = AuthnResp(auth_method="password", auth_password="x")
    hostile = {**AUTH, "sip_auth_username": "a)}${system(id)", "user": "a)}${system(id)"}
    assert set(told(await user(looked, hostile))) == {"password"}


@pytest.mark.parametrize(
    "phone",
    [AuthnErr(), AuthnResp(auth_method="ip", auth_password="x"), AuthnResp(auth_method="error", auth_password="")],
)
async def test_whom_nobody_knows_or_who_has_no_password_is_not_found(looked: Lookup, phone: Any) -> None:
    looked.phone = phone
    assert await user(looked, AUTH) is None
    assert looked.server.lookups.counts == {("directory", "not_found"): 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"purpose": "gateways", "profile": "sipinterface_1"},
        {"purpose": "network-list"},
        {**AUTH, "action": "message-count"},
        {**AUTH, "action": "group_call"},
        {"action": "sip_auth", "domain": "acme.test"},
    ],
)
async def test_what_asks_for_no_single_phone_is_the_switchs_own(looked: Lookup, headers: dict[str, str]) -> None:
    assert await user(looked, headers) is None
    assert looked.asked == []


async def test_what_a_registrar_cannot_say_now_is_no_answer(looked: Lookup) -> None:
    looked.phone = "nonsense"
    assert await user(looked, AUTH) is None
    assert looked.lookups.failed == 1
    assert looked.server.lookups.counts == {("directory", "failed"): 1}


async def test_the_real_registrar_answers_without_any_proxy(node: Node, unrouted: Lookup) -> None:
    account = {"_id": "a" * 32, "pvt_type": "account", "realm": "acme.test", "pvt_account_id": "a" * 32, "name": "Acme"}
    sip = {"username": "dora", "password": "s3cret", "realm": "acme.test"}
    device = {"_id": "d1", "pvt_type": "device", "pvt_account_id": "a" * 32, "sip": sip}
    for db in ("accounts", account_db("a" * 32)):
        await unrouted.store.create_database(db)
        await unrouted.store.put(db, dict(account))
    await unrouted.store.put(account_db("a" * 32), device)
    await node.start(Supervisor, registrar.tree(None))
    found = await user(unrouted, AUTH)
    assert told(found)["password"] == "s3cret"
    assert told(found, "variables/variable")["ecallmgr_Authorizing-ID"] == "d1"
    assert await user(unrouted, {**AUTH, "sip_auth_username": "nobody"}) is None

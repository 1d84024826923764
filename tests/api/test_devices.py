"""Devices: SIP credentials, owners, and who is registered."""

import pytest

from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegQueryResp
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.runtime.testing import Probe


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def made(world, acme, name="phone", **fields):
    return await world.put(f"/accounts/{acme[0]}/devices", {"name": name, **fields}, acme[1])


def sip(username, **more):
    return {"sip": {"username": username, "password": "secret1", **more}}


async def test_a_device_is_made_with_its_defaults(world, acme):
    reply = await made(world, acme, **sip("phone1"))
    assert reply.status == 201
    assert reply.data["sip"]["expire_seconds"] == 300
    assert reply.data["enabled"] is True
    [row] = (await world.get(f"/accounts/{acme[0]}/devices", acme[1])).data
    assert (row["username"], row["name"]) == ("phone1", "phone")
    assert "password" not in row


async def test_a_sip_username_is_there_once_in_a_realm(world, acme):
    first = (await made(world, acme, **sip("phone1"))).data["id"]
    reply = await made(world, acme, "other", **sip("PHONE1"))
    assert reply.status == 400
    assert set(reply.data["sip.username"]) == {"unique"}
    second = (await made(world, acme, "other", **sip("phone2"))).data["id"]
    path = f"/accounts/{acme[0]}/devices"
    assert (await world.patch(f"{path}/{second}", sip("phone1"), acme[1])).status == 400
    assert (await world.patch(f"{path}/{first}", {"name": "same"}, acme[1])).status == 200
    rival = await world.admin("rival")
    assert (await made(world, rival, **sip("phone1"))).status == 201


async def test_a_device_cannot_take_anothers_realm(world, acme):
    await world.account("rival")
    reply = await made(world, acme, **sip("phone1", realm="Rival.example.com"))
    assert (reply.status, set(reply.data)) == (400, {"sip.realm"})
    assert (await made(world, acme, **sip("phone1", realm="acme.example.com"))).status == 201


async def test_a_users_devices_are_listed_below_the_user(world, acme):
    account_id, token = acme
    bob = await world.user(account_id, "bob", "user")
    mine = (await made(world, acme, "mine", owner_id=bob)).data["id"]
    await made(world, acme, "somebody else's")
    rows = (await world.get(f"/accounts/{account_id}/users/{bob}/devices", token)).data
    assert [row["id"] for row in rows] == [mine]


async def test_a_plain_user_has_their_own_device_and_no_other(world, acme):
    account_id, _ = acme
    bob = await world.user(account_id, "bob", "user")
    token = await world.login(account_id, "bob")
    mine = (await made(world, acme, "mine", owner_id=bob, **sip("phone1"))).data["id"]
    other = (await made(world, acme, "other", **sip("phone2"))).data["id"]
    path = f"/accounts/{account_id}/devices"
    assert (await world.get(f"{path}/{mine}", token)).status == 200
    assert (await world.patch(f"{path}/{mine}", {"do_not_disturb": {"enabled": True}}, token)).status == 200
    assert (await world.patch(f"{path}/{mine}", {"sip": {"realm": "x.example.com"}}, token)).status == 403
    assert (await world.patch(f"{path}/{mine}", {"owner_id": None}, token)).status == 403
    assert (await world.get(f"{path}/{other}", token)).status == 403
    assert (await world.patch(f"{path}/{other}", {"name": "x"}, token)).status == 403
    assert (await world.delete(f"{path}/{mine}", token)).status == 403
    assert (await world.put(path, {"name": "new"}, token)).status == 403


async def test_status_tells_which_are_registered(world, acme):
    account_id, token = acme
    device = (await made(world, acme, **sip("Phone1"))).data["id"]
    await made(world, acme, "other", **sip("phone2"))
    fields = [{"username": "phone1", "realm": "acme.example.com"}, {"username": "ghost", "realm": "acme.example.com"}]
    registrar = await Probe.start(world.node, name=REGISTRAR, answer=lambda query: RegQueryResp(fields=fields, count=2))
    reply = await world.get(f"/accounts/{account_id}/devices/status", token)
    assert reply.data == [{"device_id": device, "registered": True}]
    assert registrar.messages == [RegQuery(realm="acme.example.com")]


async def test_proxies_forget_what_they_know_of_a_device_that_changes(world, acme):
    probe = await Probe.start(world.node, name=REGISTRAR)

    def told():
        found, probe.messages[:] = list(probe.messages), []
        return found

    realm = "acme.example.com"
    device = (await made(world, acme, **sip("Phone1"))).data["id"]
    assert told() == [RegFlush(realm, "phone1", cache_only=True)]
    path = f"/accounts/{acme[0]}/devices/{device}"
    await world.patch(path, {"name": "other"}, acme[1])
    assert told() == [RegFlush(realm, "phone1", cache_only=True)]
    await world.patch(path, sip("phone2"), acme[1])
    assert told() == [RegFlush(realm, "phone1"), RegFlush(realm, "phone2", cache_only=True)]
    await world.patch(path, {"enabled": False}, acme[1])
    assert told() == [RegFlush(realm, "phone2")]
    await world.delete(path, acme[1])
    assert told() == [RegFlush(realm, "phone2")]

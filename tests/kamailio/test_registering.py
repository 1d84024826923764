"""Phones that register at a real Kamailio, whose passwords a real RabbitMQ asks for."""

import hashlib

import pytest

import phone_book
import sipp
from kamailio import free_port
from mirliton.actors.kapi.registration import RegFlush
from mirliton.ecallmgr.registrations import REGISTRAR, Flushed
from phone_book import ACCOUNT, REALM
from proxied import Place

pytestmark = pytest.mark.timeout(120)


async def test_a_phone_with_its_password_is_registered(place: Place) -> None:
    await place.registers("alice", "alice-secret")
    await place.is_registered("alice")
    row = (await place.registered())["alice"]
    assert (row["account_id"], row["authorizing_id"], row["owner_id"]) == (ACCOUNT, "device-alice", "user-ann")
    assert row["proxy_path"] == f"sip:127.0.0.1:{place.kamailio.port};transport=udp"
    assert row["expires"] == 300.0


@pytest.mark.parametrize(
    ("user", "password"),
    [("bob", "wrong"), ("mallory", "whatever"), ("dora", "dora-secret"), ("erik", "erik-secret")],
    ids=["wrong password", "unknown", "disabled", "owner disabled"],
)
async def test_all_who_are_refused_are_refused_alike(place: Place, user: str, password: str) -> None:
    result = await place.registers(user, password, status=403)
    assert result.statuses() == [401, 403]
    assert user not in await place.registered()


async def test_a_hash_of_the_password_does_as_well(place: Place) -> None:
    a1 = hashlib.md5(f"gate:{REALM}:open-sesame".encode()).hexdigest()
    sip = {"username": "gate", "method": "a1-hash", "password": a1}
    await phone_book.change(place.store, "gate", sip=sip)
    await place.registers("gate", "open-sesame")
    await place.is_registered("gate")


async def test_a_device_without_a_password_registers_from_its_address(place: Place) -> None:
    await place.registers("fax", "anything")
    await place.is_registered("fax")


async def test_a_phone_that_was_here_registers_again_without_a_question(place: Place) -> None:
    port = free_port()
    await place.registers("alice", "alice-secret", port=port)
    await place.is_registered("alice")
    asked = sum(place.authn.outcomes.values())
    await place.registers("alice", "alice-secret", port=port, expires=200)
    await place.tells("alice", "expires", 200.0)
    assert sum(place.authn.outcomes.values()) == asked


async def test_a_phone_unregisters(place: Place) -> None:
    port = free_port()
    await place.registers("alice", "alice-secret", port=port)
    await place.is_registered("alice")
    await place.registers("alice", "alice-secret", port=port, expires=0)
    await place.is_registered("alice", False)


async def test_a_phone_that_falls_silent_is_gone(place: Place) -> None:
    await place.registers("Carol", "Carol-secret", expires=5)
    await place.is_registered("carol")
    await place.is_registered("carol", False)


async def test_a_flush_forgets_password_and_registration(place: Place) -> None:
    await place.registers("bob", "bob-secret")
    await place.is_registered("bob")
    await phone_book.change(place.store, "bob", enabled=False)
    assert await place.node.call(REGISTRAR, RegFlush(REALM, "bob")) == Flushed(1)
    assert "bob" not in await place.registered()
    await place.kamailio_holds("bob", False)
    await place.registers("bob", "bob-secret", status=403)


async def test_after_a_kill_the_proxy_is_asked_what_it_holds(place: Place) -> None:
    await place.registers("alice", "alice-secret")
    await place.is_registered("alice")
    pid = place.node.whereis(REGISTRAR)
    assert pid is not None
    place.node.exit(pid, "kill")
    await place.is_registered("alice")
    row = (await place.registered())["alice"]
    assert (row["account_id"], row["authorizing_id"]) == (ACCOUNT, "device-alice")
    assert 0 < row["expires"] <= 300


async def test_what_a_phone_says_reaches_us_whatever_it_is(place: Place) -> None:
    odd = "Odd\"\\phone's $(fu) {%7d}\u00e9"
    scenario = sipp.register("alice", REALM, "alice-secret").replace("SIPp/phone", odd)
    result = await sipp.run(place.folder, scenario, to=place.kamailio.port)
    assert result.went_well, result.messages
    await place.tells("alice", "user_agent", "Odd\"\\phone's $(fu) {%7d}??")

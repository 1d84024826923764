"""Calls that a real Kamailio shares out among switches which it knows from Mirliton's heartbeats alone."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

import phone_book
import sipp
from eventually import until
from kamailio import free_port
from mirliton.actors.kapi.registration import RegFlush
from mirliton.ecallmgr.registrations import REGISTRAR
from phone_book import ACCOUNT, REALM
from proxied import SWITCHES, Place
from sipp import PATIENCE
from switchboard import Switch, answered_by

pytestmark = pytest.mark.timeout(120)


class Board:
    """A place with two switches."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.switches = {name: Switch(place.node, place.folder, name) for name in SWITCHES}

    async def call(self, **options: object) -> str:
        """Call until it is answered; by which switch."""
        scenario = sipp.invite("alice", REALM, "alice-secret", **options)  # type: ignore[arg-type] # as invite says
        result = await sipp.run(self.place.folder, scenario, to=self.place.kamailio.port)
        assert result.went_well, f"{result.statuses()}\n{result.messages[-6000:]}\n{self.place.kamailio.log[-2000:]}"
        return answered_by(result) if "refused" not in options else ""

    async def shares_out(self) -> None:
        """Call until each switch has answered; one that has missed a ping is out for a second."""
        seen: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            while seen != set(SWITCHES):
                seen.add(await self.call())

    async def knows(self, *names: str) -> None:
        """Wait until Kamailio has exactly these switches."""
        wanted = {(1, f"sip:mod_sofia@127.0.0.1:{self.switches[name].port}") for name in names}
        await until(lambda: set(self.place.kamailio.rows("SELECT setid, destination FROM dispatcher")) == wanted)


@pytest.fixture
async def board(place: Place) -> AsyncIterator[Board]:
    made = Board(place)
    for switch in made.switches.values():
        await switch.serve()
        await switch.connect()
    await made.knows(*SWITCHES)
    yield made
    for switch in made.switches.values():
        await switch.die()


async def test_a_call_reaches_a_switch_with_what_that_must_know(board: Board) -> None:
    answering = board.switches[await board.call()]
    assert answering.sipp is not None
    invite = next(each for each in answering.sipp.messages.split("UDP message received") if "\nINVITE" in each)
    assert f"X-AUTH-Token: device-alice@{ACCOUNT}" in invite
    assert "X-AUTH-IP: 127.0.0.1" in invite
    assert "Proxy-Authorization" not in invite


async def test_what_a_caller_says_of_itself_does_not_get_through(board: Board) -> None:
    lie = "X-AUTH-Token: device-bob@somebody"
    scenario = sipp.invite("alice", REALM, "alice-secret").replace("Max-Forwards: 70", f"Max-Forwards: 70\n    {lie}")
    result = await sipp.run(board.place.folder, scenario, to=board.place.kamailio.port)
    answering = board.switches[answered_by(result)]
    assert answering.sipp is not None
    assert "device-bob" not in answering.sipp.messages


async def test_calls_are_shared_out_among_all_switches(board: Board) -> None:
    await board.shares_out()


async def test_without_the_password_nobody_calls(board: Board) -> None:
    scenario = sipp.invite("alice", REALM, "wrong", refused=403)
    result = await sipp.run(board.place.folder, scenario, to=board.place.kamailio.port)
    assert result.went_well, result.messages


async def test_a_switch_that_is_lost_is_out_and_comes_back(board: Board) -> None:
    await board.switches["fs1"].lose()
    await board.knows("fs2")
    assert {await board.call() for _ in range(6)} == {"fs2"}
    await board.switches["fs1"].connect()
    await board.knows(*SWITCHES)
    await board.shares_out()


async def test_a_call_goes_on_to_the_next_switch_when_one_has_died(board: Board) -> None:
    await board.switches["fs1"].die()
    assert {await board.call() for _ in range(4)} == {"fs2"}


async def test_without_any_switch_a_caller_is_told_to_come_back(board: Board) -> None:
    for switch in board.switches.values():
        await switch.lose()
    await board.knows()
    scenario = sipp.invite("alice", REALM, "alice-secret", refused=503)
    result = await sipp.run(board.place.folder, scenario, to=board.place.kamailio.port)
    assert result.went_well, result.messages
    assert re.search(r"^Retry-After: \d+", result.messages, re.MULTILINE), result.messages[-900:]


async def test_a_switch_reaches_a_phone_where_it_registered(place: Place) -> None:
    port = free_port()
    await place.registers("bob", "bob-secret", port=port)
    await place.is_registered("bob")
    phone = await sipp.start(place.folder, sipp.switch("phone"), port=port, timeout=60)
    switch = Switch(place.node, place.folder, SWITCHES[0])
    await switch.connect()
    await until(lambda: len(place.kamailio.rows("SELECT url FROM switches")) == 1)
    calling = sipp.trusted_invite(f"sip:bob@{REALM}", "2000", REALM)
    result = await sipp.run(place.folder, calling, to=place.kamailio.port, port=switch.port)
    assert result.went_well, f"{result.statuses()}\n{result.messages[-3000:]}"
    assert answered_by(result) == "phone"
    await phone.end()


async def test_who_is_no_switch_reaches_no_phone_without_a_password(place: Place) -> None:
    await place.registers("bob", "bob-secret")
    result = await sipp.run(
        place.folder, sipp.trusted_invite(f"sip:bob@{REALM}", "2000", REALM), to=place.kamailio.port, timeout=3
    )
    assert next(status for status in result.statuses() if status != 100) == 407


async def test_who_is_known_by_its_address_calls_without_a_password(board: Board) -> None:
    for _ in range(2):
        result = await sipp.run(board.place.folder, sipp.bare_invite("fax", REALM), to=board.place.kamailio.port)
        assert result.went_well, f"{result.statuses()}\n{result.messages[-4000:]}\n{board.place.kamailio.log[-2000:]}"
        answering = board.switches[answered_by(result)]
        assert answering.sipp is not None
        assert f"X-AUTH-Token: device-fax@{ACCOUNT}" in answering.sipp.messages


async def test_from_another_address_it_is_asked_for_a_password(board: Board) -> None:
    await phone_book.change(board.place.store, "fax", sip={"username": "fax", "method": "ip", "ip": "192.0.2.7"})
    await board.place.node.call(REGISTRAR, RegFlush(REALM))
    for user in ("fax", "alice", "nobody"):
        for _ in range(2):
            scenario = sipp.bare_invite(user, REALM, refused=407)
            result = await sipp.run(board.place.folder, scenario, to=board.place.kamailio.port)
            assert result.went_well, (
                f"{result.statuses()}\n{result.messages[-4000:]}\n{board.place.kamailio.log[-2000:]}"
            )
    # What others said of it does not keep it out.
    await phone_book.change(board.place.store, "fax", sip={"username": "fax", "method": "ip", "ip": "127.0.0.1"})
    await board.place.node.call(REGISTRAR, RegFlush(REALM))


async def test_a_switch_with_too_many_calls_is_out_until_it_answers_a_ping(board: Board) -> None:
    await board.switches["fs1"].die()
    await board.switches["fs1"].serve(503, "Retry-After: 5\n    ")
    assert {await board.call() for _ in range(4)} == {"fs2"}
    await until(lambda: "Retry-After" in str(board.switches["fs1"].sipp and board.switches["fs1"].sipp.messages))


async def test_where_all_switches_have_too_many_calls_a_caller_is_told_to_come_back(board: Board) -> None:
    for switch in board.switches.values():
        await switch.die()
        await switch.serve(503, "Retry-After: 5\n    ")
    scenario = sipp.invite("alice", REALM, "alice-secret", refused=503)
    result = await sipp.run(board.place.folder, scenario, to=board.place.kamailio.port)
    assert result.went_well, f"{result.statuses()}\n{result.messages[-4000:]}"
    assert re.search(r"^Retry-After: \d+", result.messages, re.MULTILINE), result.messages[-900:]

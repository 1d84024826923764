"""Two brokers for one Kamailio: with one away nothing is missing; with both away who was here is served from memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import sipp
from broker import Broker, running_broker
from broker import missing as broker_missing
from eventually import until
from kamailio import Kamailio, free_port, running_kamailio
from kamailio import missing as kamailio_missing
from phone_book import REALM
from proxied import SWITCHES, Place, a_place
from switchboard import Switch, answered_by

pytestmark = [pytest.mark.timeout(180), pytest.mark.chaos]
ABSENT = broker_missing() or kamailio_missing()
RECONNECTS = 60.0
"""Seconds in which Kamailio, which tries every three to five, finds a broker again."""


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    if ABSENT is not None:
        pytest.skip(ABSENT)
    with running_broker(tmp_path / "first") as first, running_broker(tmp_path / "second") as second:
        yield first, second


@pytest.fixture
def kamailio(tmp_path: Path, brokers: tuple[Broker, Broker]) -> Iterator[Kamailio]:
    with running_kamailio(tmp_path / "kamailio", [each.url for each in brokers]) as running:
        yield running


async def call(place: Place) -> str:
    """Call; by which switch it is answered."""
    result = await sipp.run(place.folder, sipp.invite("alice", REALM, "alice-secret"), to=place.kamailio.port)
    assert result.went_well, f"{result.statuses()}\n{place.kamailio.log[-2000:]}"
    return answered_by(result)


async def registers_before_long(place: Place, user: str) -> None:
    """Register as often as it takes: the proxy may not have noticed yet which broker is there."""
    scenario = sipp.register(user, REALM, f"{user}-secret")
    for _ in range(12):
        if (await sipp.run(place.folder, scenario, to=place.kamailio.port)).went_well:
            return
    raise AssertionError(f"{user} does not get in:\n{place.kamailio.log[-3000:]}")


async def test_registering_and_calling_go_on_without_one_broker_and_without_any(
    tmp_path: Path, brokers: tuple[Broker, Broker], kamailio: Kamailio
) -> None:
    async with a_place(tmp_path, brokers, kamailio) as place:
        switches = [Switch(place.node, tmp_path, name) for name in SWITCHES]
        for switch in switches:
            await switch.serve()
            await switch.connect()
        await until(lambda: len(kamailio.rows("SELECT url FROM switches")) == len(SWITCHES))
        port = free_port()
        await place.registers("alice", "alice-secret", port=port)
        await place.is_registered("alice")

        brokers[0].kill()
        await until(lambda: list(place.edge.up.values()) == [False, True])
        await registers_before_long(place, "bob")
        await place.is_registered("bob")
        await place.registers("alice", "alice-secret", port=port, expires=250)
        await place.tells("alice", "expires", 250.0)
        assert await call(place) in SWITCHES

        brokers[1].kill()
        await until(lambda: not any(place.edge.up.values()))
        await place.registers("alice", "alice-secret", port=port)
        await place.registers("alice", "wrong", status=403)
        await place.registers("alice", "alice-secret", port=port)
        await place.registers("Carol", "Carol-secret", status=503)
        assert await call(place) in SWITCHES
        await switches[0].die()
        assert {await call(place) for _ in range(4)} == {SWITCHES[1]}

        brokers[1].start()
        await until(lambda: place.edge.up[f"127.0.0.1:{brokers[1].port}"], RECONNECTS)
        await registers_before_long(place, "Carol")
        await place.is_registered("carol")
        for switch in switches:
            await switch.die()


async def test_a_kamailio_that_starts_without_any_broker_knows_phones_and_switches(
    tmp_path: Path, brokers: tuple[Broker, Broker], kamailio: Kamailio
) -> None:
    async with a_place(tmp_path, brokers, kamailio) as place:
        switch = Switch(place.node, tmp_path, SWITCHES[0])
        await switch.serve()
        await switch.connect()
        await until(lambda: len(kamailio.rows("SELECT url FROM switches")) == 1)
        await place.registers("alice", "alice-secret")
        for broker in brokers:
            broker.kill()
        kamailio.stop()
        kamailio.start()
        assert [row[0] for row in kamailio.rows("SELECT username FROM location")] == ["alice"]
        # Passwords are not on its disk: who calls is not let in before somebody vouches for them.
        scenario = sipp.invite("alice", REALM, "alice-secret", refused=503)
        assert (await sipp.run(tmp_path, scenario, to=kamailio.port)).went_well
        brokers[0].start()
        await until(lambda: any(place.edge.up.values()), RECONNECTS)
        await registers_before_long(place, "bob")
        assert await call(place) == SWITCHES[0]
        await switch.die()

"""Lamps: phones that subscribe at a real Kamailio, and are told of calls and messages."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest

import phone_book
import sipp
from mirliton.actors import manual_presence
from mirliton.actors.kapi.call import ChannelAnswered, ChannelCreated, ChannelDestroyed
from mirliton.actors.presence import OMNIPRESENCE, LampChanged, MailboxChanged, PresenceReset
from mirliton.actors.switching import LegEvent
from phone_book import ACCOUNT, REALM
from proxied import Place
from sipp import PATIENCE

pytestmark = pytest.mark.timeout(120)
DIALOG = ("dialog", "application/dialog-info+xml")
MESSAGES = ("message-summary", "application/simple-message-summary")


class Watcher:
    """A phone that watches."""

    def __init__(self, running: sipp.Sipp) -> None:
        self.running = running

    @classmethod
    async def start(cls, place: Place, watched: str, package: tuple[str, str]) -> "Watcher":
        scenario = sipp.subscribe("bob", REALM, "bob-secret", watched, *package)
        made = cls(await sipp.start(place.folder, scenario, to=place.kamailio.port, timeout=100))
        await made.hears(lambda told: len(told) >= 1)
        return made

    def notices(self) -> list[str]:
        """The bodies that came in NOTIFYs, each CSeq once."""
        found = {}
        for part in self.running.messages.split("UDP message received")[1:]:
            number = re.search(r"^CSeq: (\d+) NOTIFY", part, re.MULTILINE)
            if number:
                body = re.split(r"\r?\n\r?\n", part.split("\n-----")[0].strip(), maxsplit=2)
                found[int(number[1])] = body[-1]
        return [found[number] for number in sorted(found)]

    async def hears(self, wanted: object) -> list[str]:
        ends = time.monotonic() + PATIENCE
        while not wanted(told := self.notices()):  # type: ignore[operator] # a function of the notices
            if time.monotonic() > ends:
                raise TimeoutError(f"not told:\n{self.running.messages[-6000:]}")
            await asyncio.sleep(0.02)
        return told

    async def sees(self, state: str) -> None:
        """Wait until the last notice shows this state."""
        await self.hears(lambda told: f"<state>{state}</state>" in told[-1])


@pytest.fixture
async def watchers(place: Place) -> AsyncIterator[list[Watcher]]:
    made: list[Watcher] = []
    yield made
    for each in made:
        await each.running.end()


def leg(kind: type, call_id: str = "leg-1", **fields: object) -> LegEvent:
    described = {
        "call_id": call_id,
        "call_direction": "inbound",
        "from_": f"alice@{REALM}",
        "to": f"2000@{REALM}",
        "from_tag": "a",
        "to_tag": "b",
        "custom_channel_vars": {"Account-ID": ACCOUNT, "Authorizing-ID": "device-alice", "Authorizing-Type": "device"},
    }
    return LegEvent("fs1", kind(**{**described, **fields}))


async def test_a_lamp_follows_a_call(place: Place, watchers: list[Watcher]) -> None:
    lamp = await Watcher.start(place, "alice", DIALOG)
    watchers.append(lamp)
    for kind, state in ((ChannelCreated, "early"), (ChannelAnswered, "confirmed"), (ChannelDestroyed, "terminated")):
        before = len(lamp.notices())
        place.node.send(OMNIPRESENCE, leg(kind))
        await lamp.sees(state)
        place.node.send(OMNIPRESENCE, leg(kind))
        assert len(lamp.notices()) == before + 1, "each state is told once"


async def test_who_looks_later_sees_the_call_that_is_up(place: Place, watchers: list[Watcher]) -> None:
    place.node.send(OMNIPRESENCE, leg(ChannelAnswered, "leg-2"))
    lamp = await Watcher.start(place, "alice", DIALOG)
    watchers.append(lamp)
    await lamp.sees("confirmed")
    place.node.send(OMNIPRESENCE, leg(ChannelDestroyed, "leg-2"))
    await lamp.sees("terminated")


async def test_what_a_phone_says_breaks_no_lamp(place: Place, watchers: list[Watcher]) -> None:
    lamp = await Watcher.start(place, "alice", DIALOG)
    watchers.append(lamp)
    odd = '<&"' + "x" * 3_000
    place.node.send(OMNIPRESENCE, leg(ChannelCreated, odd, to=f"{odd}@{REALM}", from_tag=odd, to_tag=odd))
    await lamp.sees("early")
    assert "x" * 65 not in lamp.notices()[-1]


async def test_messages_are_counted_for_who_asks_and_when_they_change(place: Place, watchers: list[Watcher]) -> None:
    await phone_book.leave_messages(place.store, new=2, saved=1)
    lamp = await Watcher.start(place, "alice", MESSAGES)
    watchers.append(lamp)
    await lamp.hears(lambda told: "Voice-Message: 2/1" in told[-1] and "Messages-Waiting: yes" in told[-1])
    await phone_book.leave_messages(place.store, new=1, saved=0)
    place.node.send(OMNIPRESENCE, MailboxChanged(ACCOUNT, "box-ann"))
    told = await lamp.hears(lambda told: "Voice-Message: 3/1" in told[-1])
    place.node.send(OMNIPRESENCE, MailboxChanged(ACCOUNT, "box-ann"))
    await place.status()
    assert lamp.notices() == told


async def test_a_slots_lamp_is_lit_until_its_call_is_gone(place: Place, watchers: list[Watcher]) -> None:
    lamp = await Watcher.start(place, "*3101", DIALOG)
    watchers.append(lamp)
    parked = LampChanged(ACCOUNT, ("*3101",), "parking-slot-101", "early", "leg-9")
    place.node.cast(OMNIPRESENCE, parked)
    await lamp.sees("early")
    place.node.send(OMNIPRESENCE, leg(ChannelDestroyed, "leg-9"))
    await lamp.sees("terminated")


async def test_a_lamp_that_is_set_by_hand_is_seen_by_who_looks_later(place: Place, watchers: list[Watcher]) -> None:
    now = place.node.clock.time()
    await manual_presence.keep(place.store, ACCOUNT, f"night@{REALM}", "confirmed", now=now)
    place.node.cast(OMNIPRESENCE, PresenceReset(ACCOUNT))
    lamp = await Watcher.start(place, "night", DIALOG)
    watchers.append(lamp)
    await lamp.sees("confirmed")
    await manual_presence.forget(place.store, ACCOUNT)
    place.node.cast(OMNIPRESENCE, PresenceReset(ACCOUNT))
    await lamp.sees("terminated")

"""Every recorded call of a real FreeSWITCH, through the connection into the channel table: what is left at its end."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.switching import CDR, CdrStored, channels_name, switch_name
from mirliton.ecallmgr.channels import Channels
from mirliton.ecallmgr.connection import Connection, SwitchAddress, SwitchEvent
from mirliton.ecallmgr.esl import Event
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Node
from mirliton.runtime.testing import Probe
from one_switch import until

SWITCH: Final = "fs"
ENDS: Final = "CHANNEL_DESTROY"
DIFFERING: Final = {("bridge_fail.json.txt", "inbound"): ("NORMAL_TEMPORARY_FAILURE", "NORMAL_CLEARING")}


class Told:
    """A switch whose events are those of a recording."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.reports: list[CdrReport] = []

    async def start(self) -> None:
        await Probe.start(self.node, name=CDR, answer=self._stored)
        await self.node.start(Channels, SWITCH, name=channels_name(SWITCH))
        address = SwitchAddress(SWITCH, "127.0.0.1", 1, "x", reconnect_first=1000.0, reconnect_most=1000.0)
        await self.node.start(Connection, address, Surroundings(), name=switch_name(SWITCH))
        await until(lambda: self.connection.last_error, "the switch is away")

    def _stored(self, report: CdrReport) -> CdrStored:
        self.reports.append(report)
        return CdrStored(report.call_id)

    @property
    def connection(self) -> Connection:
        return self._actor(switch_name(SWITCH), Connection)

    @property
    def channels(self) -> Channels:
        return self._actor(channels_name(SWITCH), Channels)

    def _actor(self, name: Any, kind: type[Any]) -> Any:
        cell = self.node.find(name)
        assert cell is not None
        assert isinstance(cell.actor, kind)
        return cell.actor

    async def hear(self, events: list[Event]) -> None:
        for event in events:
            self.node.send(switch_name(SWITCH), SwitchEvent(self.connection.serial, event))
        handled = self.connection.events_handled + len(events)
        await until(lambda: self.connection.events_handled == handled, "all events are handled")
        cell = self.node.find(channels_name(SWITCH))
        assert cell is not None
        await until(lambda: not len(cell), "all news have come to the table")
        await until(lambda: not self.channels.table.ended, "all records are stored")

    def is_whole(self, events: list[Event]) -> bool:
        """Whether the legs of a recording are as they must be at its end: one record each, nothing left of them."""
        ends = ended(events)
        records = Counter(report.call_id for report in self.reports)
        left = {row.uuid for row in self.channels.table.up()}
        return records == dict.fromkeys(ends, 1) and left == begun(events) - ends.keys() and not self.node.dossiers


def ended(events: list[Event]) -> dict[str, str]:
    """The legs that ended, and why, by what the switch says of each last."""
    return {event.unique_id: event.get("Hangup-Cause") for event in events if event.name == ENDS}


def begun(events: list[Event]) -> set[str]:
    """The legs that began, by the id that they have in the end."""
    renamed = {event.get("Old-Unique-ID"): event.unique_id for event in events if event.name == "CHANNEL_UUID"}
    return {renamed.get(event.unique_id, event.unique_id) for event in events if event.name == "CHANNEL_CREATE"}


@contextlib.asynccontextmanager
async def told() -> AsyncIterator[Told]:
    async with Node("test@localhost", strict=True) as node:
        made = Told(node)
        await made.start()
        yield made


async def test_of_every_recorded_call_nothing_is_left_and_each_leg_has_one_record(
    json_recordings: list[str], recorded: Callable[[str], list[Event]]
) -> None:
    for name in json_recordings:
        async with told() as here:
            await here.hear(recorded(name))
            assert here.is_whole(recorded(name)), name


async def test_the_causes_are_those_that_the_switch_told(
    json_recordings: list[str], recorded: Callable[[str], list[Event]]
) -> None:
    """A caller whom nobody answered ends with the cause of the last leg that was rung for him, as in Kazoo."""
    differing = {}
    for name in json_recordings:
        async with told() as here:
            await here.hear(recorded(name))
            for report in here.reports:
                own = ended(recorded(name))[report.call_id]
                if report.hangup_cause != own:
                    differing[name, report.call_direction] = (report.hangup_cause, own)
    assert differing == DIFFERING


async def test_events_that_come_again_after_the_end_bring_nothing_back(
    json_recordings: list[str], recorded: Callable[[str], list[Event]]
) -> None:
    for name in json_recordings:
        async with told() as here:
            await here.hear(recorded(name))
            await here.hear([event for event in recorded(name) if event.name != "CHANNEL_UUID"])
            assert here.is_whole(recorded(name)), name


@pytest.mark.parametrize("seed", [1, 2])
async def test_events_of_different_legs_may_come_in_any_order(
    json_recordings: list[str], recorded: Callable[[str], list[Event]], seed: int
) -> None:
    """The switch keeps the order of a leg's events, not that of different legs."""
    chance = random.Random(seed)
    for name in json_recordings:
        events = recorded(name)
        if any(event.name == "CHANNEL_UUID" for event in events):
            continue  # it ties two legs together
        lanes: dict[str, list[Event]] = {}
        for event in events:
            lanes.setdefault(event.unique_id, []).append(event)
        mixed = []
        while lanes:
            lane = chance.choice(sorted(lanes))
            mixed.append(lanes[lane].pop(0))
            if not lanes[lane]:
                del lanes[lane]
        async with told() as here:
            await here.hear(mixed)
            assert here.is_whole(events), name


async def test_a_leg_whose_beginning_was_not_told_has_a_record_all_the_same(
    json_recordings: list[str], recorded: Callable[[str], list[Event]]
) -> None:
    for name in json_recordings:
        events = [event for event in recorded(name) if event.name not in ("CHANNEL_CREATE", "CHANNEL_UUID")]
        async with told() as here:
            await here.hear(events)
            assert Counter(report.call_id for report in here.reports) == dict.fromkeys(ended(events), 1), name

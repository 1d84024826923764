"""Giving a recording's commands to a simulated switch, in lockstep with what the recording shows.

Before a command is sent, or a phone acts, everything that the recording shows before it has happened on the
simulated switch, too; simulated time moves only when that needs a timer. So the replay is deterministic and
takes no longer than its work.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mirliton.ecallmgr.simulator.clock import ManualClock
from mirliton.ecallmgr.simulator.dialplan import Dialplan
from mirliton.ecallmgr.simulator.errors import UnknownCall
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.memory import MemoryConnection
from mirliton.ecallmgr.simulator.replay.capture import Item, Recording
from mirliton.ecallmgr.simulator.replay.remote import Event, Remote, text
from mirliton.ecallmgr.simulator.sounds import Sounds
from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

PATIENCE = 120.0  # simulated seconds to wait for a recorded event
BEGINNINGS = ("CHANNEL_STATE(CS_NEW)", "CODEC", "CHANNEL_OUTGOING", "CHANNEL_UUID", "CHANNEL_CREATE")
QUIET_TURNS = 25  # of the loop without news, after which nothing is under way


@dataclass
class Replayed:
    """What the simulated switch did: its events as the listening connection got them, and its answers."""

    events: list[Event] = field(default_factory=list)
    seen: list[Event] = field(default_factory=list)  # by the connection that sent the commands
    answers: list[bytes] = field(default_factory=list)
    late: list[str] = field(default_factory=list)  # recorded events that did not come in time
    failures: list[BaseException] = field(default_factory=list)


def event_key(event: Mapping[str, Value]) -> str:
    """What kind of event it is: its name and the detail that matters."""
    name = str(event["Event-Name"])
    detail = {
        "CHANNEL_STATE": "Channel-State",
        "CHANNEL_CALLSTATE": "Channel-Call-State",
        "CHANNEL_EXECUTE": "Application",
        "CHANNEL_EXECUTE_COMPLETE": "Application",
        "CHANNEL_HANGUP": "Hangup-Cause",
        "DTMF": "DTMF-Digit",
        "CUSTOM": "Event-Subclass",
        "API": "API-Command",
        "BACKGROUND_JOB": "Job-Command",
        "PLAYBACK_STOP": "Playback-Status",
    }.get(name)
    return f"{name}({event.get(detail, '')})" if detail else name


class Legs:
    """Which recorded leg is which simulated one: by uuid, or by order among legs of the same name."""

    def __init__(self, recorded: list[Event]) -> None:
        self._aliases = {
            text(event, "Old-Unique-ID"): text(event, "Unique-ID")
            for event in recorded
            if event["Event-Name"] == "CHANNEL_UUID"
        }
        self._recorded = self._order(recorded)

    def _order(self, events: list[Event]) -> dict[str, tuple[str, int]]:
        names: dict[str, str] = {}
        for event in events:
            uuid = text(event, "Unique-ID")
            uuid = self._aliases.get(uuid, uuid)
            if uuid and "Channel-Name" in event:
                names.setdefault(uuid, "")
                names[uuid] = f"{event['Call-Direction']} {event['Channel-Name']}"
        seen: Counter[str] = Counter()
        order: dict[str, tuple[str, int]] = {}
        for uuid, name in names.items():
            order[uuid] = (name, seen[name])
            seen[name] += 1
        return order

    def pairs(self, actual: list[Event]) -> dict[str, str]:
        """Recorded uuid to simulated uuid, as far as both exist."""
        for event in actual:
            if event["Event-Name"] == "CHANNEL_UUID":
                self._aliases[text(event, "Old-Unique-ID")] = text(event, "Unique-ID")
        places = {place: uuid for uuid, place in self._order(actual).items()}
        return {uuid: places[place] for uuid, place in self._recorded.items() if place in places}

    def leftovers(self, events: list[Event]) -> set[str]:
        """Legs whose beginning was not recorded: they are from what was recorded before."""
        first: dict[str, str] = {}
        for event in events:
            first.setdefault(self.name(text(event, "Unique-ID")), event_key(event))
        return {uuid for uuid, key in first.items() if uuid and key not in BEGINNINGS}

    def name(self, uuid: str) -> str:
        """A uuid without its former alias."""
        return self._aliases.get(uuid, uuid)


class _Replay:
    def __init__(self, recording: Recording, switch: SimulatedSwitch, clock: ManualClock) -> None:
        self.switch = switch
        self.clock = clock
        self.result = Replayed()
        self._recorded: list[Event] = []
        self._all = list(recording.events())
        self._legs = Legs(self._all)
        self._leftovers = self._legs.leftovers(self._all)
        self._remote = Remote(switch, recording, lambda uuid: self._pairs().get(uuid, uuid))
        self._connection = switch.connect()
        self._listener = switch.connect()
        self._listener.send(f"auth {switch.password}\n\nevent json all\n\n".encode())

    def _pairs(self) -> dict[str, str]:
        return self._legs.pairs(self.result.events)

    async def run(self, items: list[Item], unseen: Callable[[str, str], bool]) -> Replayed:
        for item in items:
            if item.kind == "command":
                await self._catch_up(unseen)
                self._connection.send(item.data)
            elif item.kind == "event":
                for act in self._remote.actions_before(item.event):
                    await self._catch_up(unseen)
                    try:
                        act()
                    except UnknownCall as error:
                        self.result.late.append(f"{event_key(item.event)}: {error}")
                self._recorded.append(item.event)
        await self._catch_up(unseen)
        await self._settle()
        self.result.failures = list(self.switch.failures)
        return self.result

    async def _catch_up(self, unseen: Callable[[str, str], bool]) -> None:
        """Until the simulated switch has shown what was recorded so far."""
        limit = self.clock.now() + PATIENCE
        while self._behind(unseen):
            await self._settle()
            if not (behind := self._behind(unseen)):
                return
            due = self.clock.next_deadline()
            if due is None or due > limit:
                self.result.late += behind
                return
            self.clock.step()

    def _behind(self, unseen: Callable[[str, str], bool]) -> list[str]:
        pairs = self._pairs()
        expected: dict[str, Counter[str]] = defaultdict(Counter)
        for event in self._recorded:
            uuid = self._legs.name(text(event, "Unique-ID"))
            key = event_key(event)
            if uuid not in self._leftovers and not unseen(uuid, key):
                expected[pairs.get(uuid, uuid)][key] += 1
        shown: dict[str, Counter[str]] = defaultdict(Counter)
        for event in self.result.events:
            shown[self._legs.name(text(event, "Unique-ID"))][event_key(event)] += 1
        return [
            f"{uuid} {key}"
            for uuid, counts in expected.items()
            for key, count in counts.items()
            if shown[uuid][key] < count
        ]

    async def _settle(self) -> None:
        quiet = 0
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = 0 if self._read() else quiet + 1

    def _read(self) -> bool:
        heard = _frames(self._listener)
        for head, body in heard:
            if b"event-json" in head:
                self.result.events.append(json.loads(body))
        said = _frames(self._connection)
        for head, body in said:
            if b"text/event-" not in head:
                self.result.answers.append(head + body)
            else:
                number = _sequence(body)
                self.result.seen += [event for event in self.result.events if event["Event-Sequence"] == number]
        return bool(heard or said)


def _sequence(body: bytes) -> str:
    found = body.partition(b"Event-Sequence")[2].lstrip(b'":>% ')
    return found[: len(found) - len(found.lstrip(b"0123456789"))].decode()


def _frames(connection: MemoryConnection) -> list[tuple[bytes, bytes]]:
    data = connection.take()
    frames = []
    at = 0
    while at < len(data):
        end = data.index(b"\n\n", at) + 2
        head = data[at:end]
        size = 0
        for line in head.split(b"\n"):
            name, _, value = line.partition(b": ")
            if name == b"Content-Length":
                size = int(value)
        frames.append((head, data[end : end + size]))
        at = end + size
    return frames


async def replay(
    recording: Recording,
    *,
    dialplan: Dialplan | None = None,
    sounds: Sounds | None = None,
    info_digits: bool = True,
    unseen: Callable[[str, str], bool] = lambda _uuid, _key: False,
) -> Replayed:
    """Replay a recording on a switch with this dialplan and these sounds.

    `unseen(uuid, key)` names recorded events not to wait for (known deviations).
    """
    clock = ManualClock()
    switch = SimulatedSwitch(clock=clock, heartbeat=0, dialplan=dialplan, sounds=sounds, info_digits=info_digits)
    await switch.start(listen=False)
    try:
        return await _Replay(recording, switch, clock).run(recording.items, unseen)
    finally:
        await switch.stop()

"""The processes of a node as a field.

time is node_time.py, who fits is picking.py, who is spared is guarding.py, what is done is blows.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from mirliton.runtime import Address, Name, Node, Pid
from mirliton.runtime.testing.leaks import unsettled_by_key
from mirliton.supervisors import reports
from mirliton.supervisors.chaos.blows import Blows
from mirliton.supervisors.chaos.field import Hit, Target
from mirliton.supervisors.chaos.guarding import Guarding
from mirliton.supervisors.chaos.node_time import NodeTime
from mirliton.supervisors.chaos.picking import Picking
from mirliton.supervisors.chaos.places import Labels, Place
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick, What
from mirliton.supervisors.reports import Report


class ProcessField:
    """The processes of this node. `spared`, what the run is steered by, is never hit, nor is what it would end with.
    Kills are said to come from `sender`."""

    what: What = "processes"

    def __init__(self, node: Node, *, spared: Sequence[Address] = (), sender: Pid | None = None) -> None:
        self.node = node
        self._sender = sender
        self._time = NodeTime(node)
        self._picking = Picking(node)
        self._guarding = Guarding(node, self._time.now, spared)
        self._blows = Blows(node, self._time)
        self._gave_up: list[str] = []
        self._end_listening: Callable[[], None] | None = None

    def now(self) -> float:
        return self._time.now()

    async def pause(self, seconds: float) -> None:
        await self._time.pause(seconds)

    async def rest(self, seconds: float) -> None:
        await self._time.rest(seconds)

    def hurry(self) -> None:
        self._time.hurry()

    def begin(self) -> None:
        self._gave_up = []
        self._end_listening = reports.listen(self.node, self._hear)

    def end(self) -> None:
        if self._end_listening is not None:
            self._end_listening()
            self._end_listening = None

    def _hear(self, report: Report) -> None:
        if report.label == "shutdown":
            cell = self.node.find(report.supervisor_pid)
            nameless = cell is not None and not isinstance(report.supervisor, Name)
            self._gave_up.append(cell.kind if nameless and cell is not None else str(report.supervisor))

    def gave_up(self) -> list[str]:
        return self._gave_up

    def unsettled(self) -> Mapping[Any, str]:
        return unsettled_by_key(self.node)

    def census(self) -> Counter[str]:
        return Counter(str(cell.names[0]) if cell.names else cell.kind for cell in self.node.processes())

    def find(self, pick: Pick) -> list[Target]:
        return self._picking.find(pick)

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        return self._picking.offer(pick, chance)

    def label(self, target: Target) -> str:
        return Labels(self.node).of(target.handle)

    def at(self, label: str) -> Target | None:
        return self._picking.at(label)

    def refusal(self, target: Target, attack: Attack, pick: Pick, guard: Guard) -> str:
        return self._guarding.refusal(target.handle, attack, pick, guard)

    def look_ahead(self, seconds: float) -> None:
        self._guarding.look_ahead(seconds)

    def suppose(self, target: Target, attack: Attack) -> None:
        self._guarding.suppose(target.handle, attack)

    def strike(self, target: Target, attack: Attack, hit: Hit, within: float) -> Coroutine[Any, Any, None]:
        place = Place(self.node, target.handle)
        owed = [supervisor.pid for supervisor in self._guarding.charged(target.handle, attack)]
        self._guarding.owes(owed)
        # Before the blow: a successor may serve by the time that the first step of what follows it is made.
        began = self.now()
        match attack.how:
            case "kill":
                self.node.exit(target.handle.pid, "kill", self._sender)
                following = self._blows.until_back(place, hit, within, began)
            case "exit":
                self.node.exit(target.handle.pid, attack.reason, self._sender)
                following = self._blows.until_gone_or_back(place, hit, within, began)
            case "suspend":
                following = self._blows.suspended(place, hit, attack.seconds, within)
            case _:
                following = self._blows.stalled(place, hit, attack.seconds, within)
        return self._followed(following, owed)

    async def _followed(self, following: Coroutine[Any, Any, None], owed: list[Pid]) -> None:
        try:
            await following
        finally:
            self._guarding.owes_no_more(owed)

"""The OS processes of a node supervisor as a field: SIGKILL, SIGSTOP for a while, and an event loop held for a while.

They are troubled from outside, by another OS process than the ones that are hit: what strikes must outlive the blow.
A program is known by the name that its node supervisor gave it. The kernel keeps 15 characters of that; where names are
longer, `names` tells the whole ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any, Final

from mirliton.supervisors.chaos.errors import ChaosRefused
from mirliton.supervisors.chaos.field import Hit, Target
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick, What
from mirliton.supervisors.chaos.real_time import RealTime
from mirliton.supervisors.programs import INTENSITY, PERIOD
from mirliton.supervisors.window import RestartWindow

LOOK_EVERY: Final = 0.01
Ready = Callable[[str], Awaitable[bool]]
"""Whether the program of this name does its work just now."""
Names = Callable[[], Mapping[int, str]]
"""What the node supervisor calls its programs, by their process ids."""
Hold = Callable[[str, float], Awaitable[None]]
"""Ask the program of this name to hold its event loop for so many seconds. Raises ChaosRefused where it will not."""
Spared = Callable[[str], str]
"""Why the program of this name may not be hit; empty when it may."""


async def _always(_: str) -> bool:
    return True


def _none() -> Mapping[int, str]:
    return {}


def _nobody(_: str) -> str:
    return ""


class ProgramField:
    """The programs below the node supervisor with this process id. `ready` says when one is back; without it, when its
    process runs. `names` gives their whole names, `hold` stalls one (without it nothing can be stalled), `may_not` says
    who is not to be hit. `intensity` and `period` (seconds) are what the node supervisor bears: of all programs
    together or, where they have limits of their own (`each`), of each."""

    what: What = "programs"

    def __init__(
        self,
        supervisor: int,
        *,
        ready: Ready = _always,
        names: Names = _none,
        hold: Hold | None = None,
        may_not: Spared = _nobody,
        spared: Sequence[int] = (),
        intensity: int = INTENSITY,
        period: float = PERIOD,
        each: Mapping[str, tuple[int, float]] | None = None,
    ) -> None:
        self.supervisor = supervisor
        self._ready = ready
        self._ask_names = names
        self._names: Mapping[int, str] = {}
        self._hold = hold
        self._may_not = may_not
        self._spared = {os.getpid(), *spared}
        self._shared = RestartWindow(intensity, period)
        self._own = {name: RestartWindow(*limits) for name, limits in (each or {}).items()}
        self._troubled: set[str] = set()
        self._ahead = 0.0
        self._time = RealTime()

    def now(self) -> float:
        return self._time.now()

    async def pause(self, seconds: float) -> None:
        await self._time.pause(seconds)

    async def rest(self, seconds: float) -> None:
        await self._time.rest(seconds)

    def hurry(self) -> None:
        self._time.hurry()

    def begin(self) -> None:
        """Nothing tells of programs; they are looked at."""

    def end(self) -> None:
        """See begin."""

    def find(self, pick: Pick) -> list[Target]:
        patterns = pick.names or ("*",)
        return [one for one in self._programs() if any(fnmatchcase(self.label(one), pattern) for pattern in patterns)]

    def label(self, target: Target) -> str:
        name, _ = target.handle
        return str(name)

    def at(self, label: str) -> Target | None:
        return next((one for one in self._programs() if self.label(one) == label), None)

    def refusal(self, target: Target, attack: Attack, pick: Pick, guard: Guard) -> str:
        name = self.label(target)
        if any(fnmatchcase(name, pattern) for pattern in guard.never):
            return "the guard spares it by name"
        if target.handle[1] in self._spared:
            return "the run is steered by it"
        if said := self._may_not(name):
            return said
        if attack.how == "stall" and self._hold is None:
            return "nothing here can have it hold its loop"
        if name in self._troubled and attack.how != "kill":
            return "it is being troubled"
        window = self._window(name)
        if pick.beyond_intensity or window.still_used(self.now() + self._ahead) < window.intensity:
            return ""
        return "the node supervisor would give up over it"

    def _window(self, name: str) -> RestartWindow:
        return self._own.get(name, self._shared)

    def look_ahead(self, seconds: float) -> None:
        self._ahead = seconds

    def suppose(self, target: Target, attack: Attack) -> None:
        self._window(self.label(target)).admit(self.now() + self._ahead)

    def strike(self, target: Target, attack: Attack, hit: Hit, within: float) -> Coroutine[Any, Any, None]:
        # One that is stopped or stalled for longer than its stall bound is restarted as well.
        self._window(self.label(target)).admit(self.now())
        pid: int = target.handle[1]
        if attack.how == "kill":
            began = self.now()
            _send(pid, signal.SIGKILL)
            return self._until_back(hit, pid, within, began)
        troubling = self._stopped if attack.how == "stop" else self._stalled
        return self._troubling(hit, troubling(hit, pid, attack.seconds, within))

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        found = self.find(pick)
        return iter(chance.sample(found, len(found)))

    def name_of(self, pid: int) -> str:
        """What a process is called; empty when there is none."""
        seen = _status(pid)
        return self._names.get(pid, seen[0]) if seen is not None else ""

    def gave_up(self) -> list[str]:
        return [] if _is_alive(self.supervisor) else ["node supervisor"]

    def unsettled(self) -> Mapping[Any, str]:
        return {}

    def census(self) -> Counter[str]:
        return Counter(self.label(one) for one in self._programs())

    async def _troubling(self, hit: Hit, troubling: Coroutine[Any, Any, None]) -> None:
        self._troubled.add(hit.target)
        try:
            await troubling
        finally:
            troubling.close()
            self._troubled.discard(hit.target)

    async def _stopped(self, hit: Hit, pid: int, seconds: float, within: float) -> None:
        try:
            _send(pid, signal.SIGSTOP)
            over = await self._lives_through(pid, seconds)
        finally:
            # Also when the run is cut off: nobody else would let it go on.
            _send(pid, signal.SIGCONT)
        await self._until_back(hit, pid, within, over)

    async def _stalled(self, hit: Hit, pid: int, seconds: float, within: float) -> None:
        assert self._hold is not None
        try:
            await self._hold(hit.target, seconds)
        except ChaosRefused as refused:
            hit.fate, hit.note = "unmoved", str(refused)
            return
        await self._until_back(hit, pid, within, await self._lives_through(pid, seconds))

    async def _lives_through(self, pid: int, seconds: float) -> float:
        """When so many seconds were over, or the process was: its node supervisor may be quicker."""
        ends_at = self.now() + seconds
        while (left := ends_at - self.now()) > 0 and _is_alive(pid) and not self._time.is_hurried:
            await self.rest(min(LOOK_EVERY, left))
        return self.now()

    async def _until_back(self, hit: Hit, pid: int, within: float, began: float) -> None:
        while self.now() - began < within:
            now = self.at(hit.target)
            replaced = now is not None and now.handle[1] != pid
            if now is not None and (replaced or hit.how != "kill") and await self._ready(hit.target):
                hit.fate, hit.took = "back", self.now() - began
                hit.note = "it was restarted" if replaced and hit.how != "kill" else ""
                return
            await asyncio.sleep(LOOK_EVERY)
        hit.fate = "lost"

    def _programs(self) -> list[Target]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (seen := _status(int(entry.name))) is not None:
                name, state, parent = seen
                if parent == self.supervisor and state != "Z":
                    found.append((int(entry.name), name))
        if any(pid not in self._names for pid, _ in found):
            self._names = self._ask_names()
        named = [(pid, self._names.get(pid, name)) for pid, name in sorted(found)]
        return [Target("program", str(pid), (name, pid)) for pid, name in named]


def parent_of(pid: int) -> int:
    """The process that started this one. Raises ProcessLookupError."""
    seen = _status(pid)
    if seen is None:
        raise ProcessLookupError(f"there is no process {pid}")
    return seen[2]


def _is_alive(pid: int) -> bool:
    seen = _status(pid)
    return seen is not None and seen[1] != "Z"


def _status(pid: int) -> tuple[str, str, int] | None:
    """Name, state and parent of a process (proc(5), /proc/pid/stat); None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in parentheses, and may hold some itself.
    name, _, rest = text.partition("(")[2].rpartition(") ")
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)

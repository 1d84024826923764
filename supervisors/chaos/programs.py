"""The OS processes of a node supervisor as a field: SIGKILL, and SIGSTOP for a while.

They are troubled from outside, by another OS process than the ones that are hit: what strikes must outlive the blow.
A program is known by the name that its node supervisor gave it, of which the kernel keeps 15 characters.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any, Final

from mirliton.supervisors.chaos.field import Hit, Target
from mirliton.supervisors.chaos.plan import Attack, Guard, Pick
from mirliton.supervisors.programs import INTENSITY, PERIOD
from mirliton.supervisors.window import RestartWindow

LOOK_EVERY: Final = 0.01
Ready = Callable[[str], Awaitable[bool]]
"""Whether the program of this name does its work just now."""


async def _always(_: str) -> bool:
    return True


class ProgramField:
    """The programs below the node supervisor with this process id. `ready` says when one is back; without it, when its
    process runs. `intensity` and `period` (seconds) are the node supervisor's own: what it bears."""

    def __init__(
        self,
        supervisor: int,
        *,
        ready: Ready = _always,
        spared: Sequence[int] = (),
        intensity: int = INTENSITY,
        period: float = PERIOD,
    ) -> None:
        self.supervisor = supervisor
        self._ready = ready
        self._spared = {os.getpid(), *spared}
        self._window = RestartWindow(intensity, period)
        self._ahead = 0.0
        self._hurried = asyncio.Event()

    def now(self) -> float:
        return time.monotonic()

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), seconds)

    def hurry(self) -> None:
        self._hurried.set()

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
        if any(fnmatchcase(self.label(target), pattern) for pattern in guard.never):
            return "the guard spares it by name"
        if target.handle[1] in self._spared:
            return "the run is steered by it"
        if pick.beyond_intensity or self._window.still_used(self.now() + self._ahead) < self._window.intensity:
            return ""
        return "the node supervisor would give up over it"

    def look_ahead(self, seconds: float) -> None:
        self._ahead = seconds

    def suppose(self, target: Target, attack: Attack) -> None:
        self._window.admit(self.now() + self._ahead)

    def strike(self, target: Target, attack: Attack, hit: Hit, within: float) -> Coroutine[Any, Any, None]:
        # One that is stopped for longer than its stall bound is restarted as well.
        self._window.admit(self.now())
        pid: int = target.handle[1]
        if attack.how == "kill":
            _send(pid, signal.SIGKILL)
            return self._until_back(hit, pid, within)
        return self._stopped(hit, pid, attack.seconds, within)

    def offer(self, pick: Pick, chance: Random) -> Iterator[Target]:
        found = self.find(pick)
        return iter(chance.sample(found, len(found)))

    def name_of(self, pid: int) -> str:
        """What a process is called; empty when there is none."""
        seen = _status(pid)
        return seen[0] if seen is not None else ""

    def gave_up(self) -> list[str]:
        return [] if _is_alive(self.supervisor) else ["node supervisor"]

    def unsettled(self) -> Mapping[Any, str]:
        return {}

    def census(self) -> Counter[str]:
        return Counter(self.label(one) for one in self._programs())

    async def _stopped(self, hit: Hit, pid: int, seconds: float, within: float) -> None:
        try:
            _send(pid, signal.SIGSTOP)
            await self.rest(seconds)
        finally:
            # Also when the run is cut off: nobody else would let it go on.
            _send(pid, signal.SIGCONT)
        await self._until_back(hit, pid, within)

    async def _until_back(self, hit: Hit, pid: int, within: float) -> None:
        began = self.now()
        while self.now() - began < within:
            now = self.at(hit.target)
            replaced = now is not None and now.handle[1] != pid
            if now is not None and (replaced or hit.how == "stop") and await self._is_ready(hit.target):
                hit.fate, hit.took = "back", self.now() - began
                hit.note = "it was restarted" if replaced and hit.how == "stop" else ""
                return
            await asyncio.sleep(LOOK_EVERY)
        hit.fate = "lost"

    async def _is_ready(self, name: str) -> bool:
        return await self._ready(name)

    def _programs(self) -> list[Target]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (seen := _status(int(entry.name))) is not None:
                name, state, parent = seen
                if parent == self.supervisor and state != "Z":
                    found.append(Target("program", entry.name, (name, int(entry.name))))
        return sorted(found, key=lambda one: int(one.pid))


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

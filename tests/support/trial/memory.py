"""What the memory of each program does, looked at once a second: how fast it grows after it has warmed up. And what its
processors' time comes to."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trial.ground import AWAY, Ground

WARM_UP: Final = 30.0
"""Seconds of a process's life, and of the calls, that do not count."""
ENOUGH: Final = 60.0
"""Seconds of lives that are needed to say anything."""
MB: Final = 1024.0 * 1024.0


@dataclass
class Life:
    """One process of a program in one part, since to take another takes memory: seconds since the begin, and bytes
    that were resident or swapped then."""

    seen: list[tuple[float, float]] = field(default_factory=list)

    def warm(self) -> list[tuple[float, float]]:
        from_ = self.seen[0][0] + WARM_UP
        return [each for each in self.seen if each[0] >= from_]


@dataclass
class Memory:
    """All lives, by program."""

    lives: dict[str, dict[tuple[object, ...], Life]] = field(default_factory=lambda: defaultdict(dict))

    busy: dict[tuple[str, int], float] = field(default_factory=dict)
    """Seconds of processors' time, by program and process."""

    def processors(self, name: str) -> float:
        """Seconds, of all its lives."""
        return sum(seconds for (program, _), seconds in self.busy.items() if program == name)

    def see(self, name: str, life: tuple[object, ...], when: float, size: float) -> None:
        self.lives[name].setdefault(life, Life()).seen.append((when, size))

    def growth(self, name: str) -> float | None:
        """MB a minute: one slope for all its lives, each about a mean of its own; None where they are too short."""
        above = below = lived = 0.0
        for life in self.lives[name].values():
            warm = life.warm()
            if len(warm) < 2:
                continue
            lived += warm[-1][0] - warm[0][0]
            mean_x = sum(x for x, _ in warm) / len(warm)
            mean_y = sum(y for _, y in warm) / len(warm)
            above += sum((x - mean_x) * (y - mean_y) for x, y in warm)
            below += sum((x - mean_x) ** 2 for x, _ in warm)
        return above / below * 60.0 / MB if lived >= ENOUGH else None

    def most(self, name: str) -> float:
        """MB."""
        return max(size for life in self.lives[name].values() for _, size in life.seen) / MB


async def watch_memory(ground: Ground, memory: Memory) -> None:
    """Until it is cancelled."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    parts: dict[str, tuple[str, ...]] = {}
    while True:
        with contextlib.suppress(*AWAY):
            parts |= {name: tuple(card["acting"]) for name, card in (await ground.cards()).items()}
        with contextlib.suppress(*AWAY):
            for name, program in (await ground.ps()).items():
                pid = program["os_pid"]
                if pid is not None and (size := _size(pid)) is not None:
                    memory.see(name, (pid, parts.get(name)), loop.time() - began, size)
                    memory.busy[name, pid] = _busy(pid)
        await asyncio.sleep(1.0)


def _busy(pid: int) -> float:
    """The processors' time of a process (proc(5): stat, after the name, which may have spaces); 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) for line in lines if line.startswith(("VmRSS:", "VmSwap:"))]
    return sum(sizes) * 1024.0 if sizes else None

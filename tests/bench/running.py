"""Taking the measurements: each in an OS process of its own that does nothing else, round by round."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench import erlang_side
from tests.bench.measuring import Figures
from tests.bench.rows import Work

ROOT: Final = Path(__file__).resolve().parents[2]
TIMEOUT: Final = 90.0
"""Seconds that one measurement may take."""

OURS: Final = "mirliton"
COMPILED: Final = "compiled mirliton"
"""Ours with the message path compiled, as `make compiled` leaves it in COMPILED_TREE."""
COMPILED_TREE: Final = ROOT / "build" / "compiled"
FLOOR: Final = "asyncio"
ERLANG: Final = "erlang"
ERLANG_ALL: Final = "erlang, all cores"

Measured = dict[tuple[Work, str], list[Figures]]
"""The figures of each round, by what was done and who did it."""
Measure = Callable[[int], Figures]


class NotMeasured(Exception):
    """A measurement failed, or took too long."""


def measure(
    works: Sequence[Work], rounds: int, *, tiny: bool = False, peers: Sequence[str] = (), compiled: bool = False
) -> tuple[Measured, list[NotMeasured]]:
    """All figures, and what failed: of that there are no figures, and it is not tried again.

    Within a round the floor comes first, then Erlang, ours, the peers, and then the next work.
    """
    measured: Measured = {}
    failed: dict[tuple[Work, str], NotMeasured] = {}
    with _sides(works, peers, compiled) as sides:
        for number in range(1 if tiny else rounds):
            for work, side, take in sides:
                if (number and work.once) or (work, side) in failed:
                    continue
                full = work.peers_count if side in peers else work.count
                try:
                    measured.setdefault((work, side), []).append(take(work.tiny if tiny else full))
                except NotMeasured as error:
                    failed[work, side] = error
                    del measured[work, side]
    return measured, list(failed.values())


def importable(peers: Sequence[str]) -> list[str]:
    """Those of the peers that are installed."""
    return [peer for peer in peers if importlib.util.find_spec(peer) is not None]


@contextmanager
def _sides(works: Sequence[Work], peers: Sequence[str], compiled: bool) -> Iterator[list[tuple[Work, str, Measure]]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        has_erlang = erlang_side.missing() is None
        if has_erlang:
            erlang_side.build(folder)
        sides: list[tuple[Work, str, Measure]] = []
        for work in works:
            if work.floor is not None:
                sides.append((work, FLOOR, _python(work.floor)))
            if work.erlang is not None and has_erlang:
                sides.append((work, ERLANG, _erlang(folder, work.erlang, erlang_side.ONE_SCHEDULER)))
                sides.append((work, ERLANG_ALL, _erlang(folder, work.erlang, erlang_side.ALL_SCHEDULERS)))
            sides.append((work, OURS, _python(work.ours)))
            if compiled:
                sides.append((work, COMPILED, _python(work.ours, {"PYTHONPATH": str(COMPILED_TREE)})))
            if work.peers_count:
                same = work.ours.partition(":")[2]
                sides += [(work, peer, _python(f"peers.{peer}_side:{same}")) for peer in peers]
        yield sides


def _python(function: str, environment: Mapping[str, str] | None = None) -> Measure:
    def take(count: int) -> Figures:
        command = [sys.executable, "-m", "tests.bench", "--measure", function, "--count", str(count)]
        figures: Figures = json.loads(_run(function, command, environment))
        return figures

    return take


def _erlang(folder: Path, work: str, schedulers: tuple[str, ...]) -> Measure:
    def take(count: int) -> Figures:
        return erlang_side.figures(_run(f"Erlang's {work}", erlang_side.command(folder, schedulers, work, count)))

    return take


def _run(what: str, command: Sequence[str], more: Mapping[str, str] | None = None) -> str:
    environment = {**os.environ, "ERL_CRASH_DUMP_BYTES": "0", **(more or {})}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{what} took more than {TIMEOUT:g} s") from None
    if done.returncode != 0:
        raise NotMeasured(f"{what} could not be measured:\n{done.stderr}")
    return done.stdout

"""`python -m tests.bench`: print the benchmark table, each figure beside what asyncio alone does in the same run.

Every figure comes from an OS process of its own that does nothing else; ours and the floor take turns, round by round,
and the medians are shown. Times depend on the machine, ratios much less: look at those.

    --json      the rows as JSON
    --rounds N  how often each is measured (3)
    --only X    only the rows whose names contain X
    --tiny      sizes that only show that it runs
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from tests.bench.measuring import Figures  # noqa: E402 - after the path is set
from tests.bench.rows import ROWS, Row  # noqa: E402

TIMEOUT = 90.0
"""Seconds that one measurement may take."""
SIZES = {
    "messages:ping_pong": (100_000, 200),
    "messages:one_way": (400_000, 1_000),
    "messages:calls": (50_000, 200),
    "processes:idle": (30_000, 200),
    "processes:restarts": (1_000, 20),
    "phone_calls:through": (600, 6),
    "reaction:ours": (200, 3),
}
ONCE = frozenset({"phone_calls:through", "reaction:ours", "reaction:floor"})
"""Measured once, whatever the rounds: they take long, and are made of many calls each."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.measure:
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        print(json.dumps(asyncio.run(_load(options.measure)(options.count))))
        return 0
    rows = [row for row in ROWS if options.only in row.name or options.only in row.function]
    measured = _measure(rows, options.rounds, tiny=options.tiny)
    results = [_result(row, measured) for row in rows]
    print(json.dumps(results, indent=2) if options.json else _table(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmark Mirliton.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--only", default="", help="only rows whose names contain this")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, one round")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _measure(rows: Sequence[Row], rounds: int, *, tiny: bool) -> dict[str, list[Figures]]:
    """All figures of all rounds, by function. Within a round the floor comes first."""
    measured: dict[str, list[Figures]] = {}
    pairs = dict.fromkeys((row.floor, row.function) for row in rows)
    for number in range(1 if tiny else rounds):
        for floor, function in pairs:
            count = SIZES[function][1 if tiny else 0]
            for each in (floor, function):
                if each is not None and not (number and each in ONCE):
                    measured.setdefault(each, []).append(_in_a_process_of_its_own(each, count))
    return measured


def _in_a_process_of_its_own(function: str, count: int) -> Figures:
    command = [sys.executable, "-m", "tests.bench", "--measure", function, "--count", str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{function} could not be measured:\n{done.stderr.decode()}")
    figures: Figures = json.loads(done.stdout)
    return figures


def _load(function: str) -> Any:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(f"tests.bench.{module}"), name)


def _result(row: Row, measured: dict[str, list[Figures]]) -> dict[str, Any]:
    ours = statistics.median(figures[row.figure] for figures in measured[row.function])
    result: dict[str, Any] = {"name": row.name, "unit": row.unit, "better": row.better, "mirliton": ours}
    if row.floor is not None:
        pairs = zip(measured[row.function], measured[row.floor], strict=True)
        # The ratio of each round, as ours and the floor were measured under the same load.
        result["ratio"] = statistics.median(mine[row.figure] / theirs[row.figure] for mine, theirs in pairs)
        result["asyncio"] = statistics.median(figures[row.figure] for figures in measured[row.floor])
    return result


def _table(results: Sequence[dict[str, Any]]) -> str:
    lines = [f"{'':50} {'':15} {'mirliton':>12} {'asyncio':>12} {'ratio':>8}"]
    for result in results:
        floor = _short(result["asyncio"]) if "asyncio" in result else "-"
        ratio = f"{result['ratio']:.2f}" if "ratio" in result else "-"
        arrow = "↑" if result["better"] == "more" else "↓"
        lines.append(
            f"{result['name']:50} {result['unit']:13} {arrow} {_short(result['mirliton']):>12} {floor:>12} {ratio:>8}"
        )
    lines.append("↑ more is better, ↓ less is better; ratio: mirliton / asyncio (a Task and a Queue per actor)")
    return "\n".join(lines)


def _short(value: float) -> str:
    if value >= 100_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())

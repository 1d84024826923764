"""`python -m tests.bench`: print the benchmark table, each figure beside what asyncio alone, and Erlang/OTP where `erl`
is installed, do in the same run.

Every figure comes from an OS process of its own that does nothing else; the sides take turns, round by round, and the
medians are shown. Times depend on the machine, ratios much less: look at those. What cannot be measured is left out and
told on standard error, and makes the exit status 1.

    --json      the rows as JSON: name, value, unit, ratio_to_asyncio, ratio_to_erlang (null where there is none)
    --rounds N  how often each is measured (5)
    --only X    only the rows whose names contain X
    --compiled  also ours with the message path compiled, which `make compiled` builds
    --peers     also Pykka, Thespian and xoscar, those that are installed (pip install 'mirliton[bench]')
    --tiny      sizes that only show that it runs
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys
from collections.abc import Sequence

import structlog

import mirliton.runtime
from tests.bench import erlang_side
from tests.bench.measuring import Figures
from tests.bench.results import results, table
from tests.bench.rows import PEERS, ROWS
from tests.bench.running import COMPILED, COMPILED_TREE, ROOT, importable, measure


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.measure:
        sys.path.insert(0, str(ROOT / "tests" / "support"))
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        )
        print(json.dumps(_take(options.measure, options.count)))
        return 0
    rows = [row for row in ROWS if options.only in row.name or options.only in row.work.ours]
    if not rows:
        raise SystemExit(f"no row's name contains {options.only!r}")
    peers = importable(PEERS) if options.peers else []
    works = list(dict.fromkeys(row.work for row in rows))
    if options.compiled and not COMPILED_TREE.is_dir():
        raise SystemExit(f"there is no {COMPILED_TREE}: make compiled builds it")
    measured, failed = measure(works, options.rounds, tiny=options.tiny, peers=peers, compiled=options.compiled)
    found = results(rows, measured, [COMPILED, *peers] if options.compiled else peers)
    if options.json:
        print(json.dumps([result.as_dict() for result in found], indent=2))
    else:
        print(table(found))
        print(f"mirliton: {'its message path compiled' if mirliton.runtime.COMPILED else 'pure Python'}")
        if (reason := erlang_side.missing()) is not None:
            print(f"Erlang is not beside it: {reason}")
        if options.peers and (absent := set(PEERS) - set(peers)):
            print(f"not installed: {', '.join(sorted(absent))}")
    for error in failed:
        print(error, file=sys.stderr)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmark Mirliton.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--only", default="", help="only rows whose names contain this")
    parser.add_argument("--compiled", action="store_true", help="also the compiled form, which `make compiled` builds")
    parser.add_argument("--peers", action="store_true", help="also other Python actor libraries, where installed")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, one round")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def _take(function: str, count: int) -> Figures:
    """Do the work here and now."""
    module, _, name = function.partition(":")
    done = getattr(importlib.import_module(f"tests.bench.{module}"), name)(count)
    figures: Figures = asyncio.run(done) if asyncio.iscoroutine(done) else done
    return figures


if __name__ == "__main__":
    sys.exit(main())

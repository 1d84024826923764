"""python -m mirliton.supervisors.replay: real OTP's recorded scenarios against our processes and supervisors.

Prints one line of JSON per file: the file's content with our trace in the place of the recorded one. With --check it
compares instead, prints the first difference of each file that differs and a last line of totals, and ends with status
1 when any failed (2 when a file could not be read). Files that hold no steps (index.json, measured facts) are named
and skipped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mirliton.supervisors.replay import replay
from mirliton.supervisors.replay.compare import LEVELS, difference
from mirliton.supervisors.replay.scenario import NOT_REPLAYED, ScenarioError, load


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    passed = failed = unread = 0
    for file in options.files:
        try:
            scenario = load(file)
        except ScenarioError as error:
            unread += 1
            sys.stderr.write(f"{error}\n")
            continue
        if scenario.kind in NOT_REPLAYED:
            sys.stderr.write(f"{file.name}: skipped: {NOT_REPLAYED[scenario.kind]}\n")
            continue
        try:
            trace = asyncio.run(replay(scenario))
            found = difference(scenario, trace, options.level) if options.check else None
        except Exception as error:  # noqa: BLE001 - one scenario that breaks the replay must not hide the others
            found = f"the replay failed: {type(error).__name__}: {error}"
        else:
            if not options.check:
                sys.stdout.write(json.dumps(scenario.document | {"trace": trace}) + "\n")
        if found is None:
            passed += 1
        else:
            failed += 1
            (sys.stdout if options.check else sys.stderr).write(f"{file.name}: {found}\n")
    if options.check:
        sys.stdout.write(f"{passed} passed, {failed} failed\n")
    return 2 if unread else 1 if failed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mirliton.supervisors.replay", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="scenario files")
    parser.add_argument("--check", action="store_true", help="compare with the recorded trace")
    parser.add_argument(
        "--level",
        type=int,
        choices=LEVELS,
        default=1,
        help="1: behaviour (default); 2: supervisors' reports too; 3: all reports",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

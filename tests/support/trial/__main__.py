"""`make trial`, or `python -m trial` with tests/support on the path: hold the trial, print its report."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from broker import missing
from trial.course import a_trial


def main() -> int:
    """Hold it; 0 when all holds, 1 when not, 2 when it cannot be held here."""
    parser = argparse.ArgumentParser(prog="python -m trial", description=__doc__)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds of trouble (600)")
    parser.add_argument("--rate", type=float, default=100.0, help="calls a second (100)")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn by (1)")
    parser.add_argument("--folder", type=Path, help="where it is held; must be empty (a new one)")
    options = parser.parse_args()
    if (reason := missing()) is not None:
        print(f"the trial needs a RabbitMQ: {reason}", file=sys.stderr)
        return 2
    folder: Path = options.folder or Path(tempfile.mkdtemp(prefix="mirliton-trial-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {line}", flush=True)

    verdict = asyncio.run(a_trial(folder, duration=options.duration, rate=options.rate, seed=options.seed, say=say))
    (folder / "report.json").write_text(json.dumps(verdict.as_dict(), indent=2))
    (folder / "report.txt").write_text(verdict.text() + "\n")
    print(verdict.text())
    print(f"all of it is in {folder}")
    return 1 if verdict.problems or verdict.slow else 0


if __name__ == "__main__":
    sys.exit(main())

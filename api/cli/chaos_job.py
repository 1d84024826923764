"""A run of chaos outside of nodes, begun by the API: an OS process of its own, which outlives whom it hits.

    python -c "from mirliton.api.cli.chaos_job import main; main()" FOLDER

`job.json` in the folder says what to do (see outside_chaos.py, which writes it). While it runs it holds the lock that
it inherited, and tells in `progress.json` how far it has come; at its end `report.json` is there, or `fault.json` with
what hindered it. SIGTERM stops the run; its report is still made.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from mirliton.api.cli.chaos_outside import outside
from mirliton.api.cli.errors import CommandError
from mirliton.config import ConfigError, ControlSettings, Settings
from mirliton.supervisors.chaos import ChaosFault, ChaosRun, Strike, read_plan
from mirliton.supervisors.chaos.server import strikes_of

TELL_EVERY: Final = 0.5


def main() -> None:
    """Do it; the exit status says whether there is a report."""
    folder = Path(sys.argv[1])
    job = orjson.loads((folder / "job.json").read_bytes())
    try:
        found = asyncio.run(_run(folder, job))
    except (ChaosFault, CommandError, ConfigError, OSError) as error:
        write(folder / "fault.json", {"why": str(error)})
        sys.exit(1)
    write(folder / "report.json", found)


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Have the file there whole, or as it was."""
    beside = path.with_suffix(".new")
    beside.write_bytes(orjson.dumps(content))
    beside.replace(path)


async def _run(folder: Path, job: Mapping[str, Any]) -> Mapping[str, Any]:
    plan = read_plan(job["plan"])
    options = argparse.Namespace(host=Path(job["host"]) if job["host"] else None)
    settings = Settings(control=ControlSettings(socket=Path(job["control_socket"])))
    fields, checks = outside(options, settings, plan)
    strikes: list[Strike] | None = None if job["repeat"] is None else strikes_of(job["repeat"], plan)
    run = ChaosRun(fields, plan, seed=job["seed"], checks=checks, repeat=strikes)
    if job["dry_run"]:
        return await run.preview()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, run.stop, "it was stopped")
    telling = asyncio.ensure_future(_tell(folder, run))
    try:
        return (await run.carry_out()).as_dict()
    finally:
        telling.cancel()


async def _tell(folder: Path, run: ChaosRun) -> None:
    while True:
        write(folder / "progress.json", run.progress())
        await asyncio.sleep(TELL_EVERY)

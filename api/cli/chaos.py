"""`mirliton chaos`: a plan is carried out while lines tell what happens, and a report ends it.

A plan for processes is carried out by the node, asked over its control socket. One for OS processes, connections and
services is carried out here (chaos_outside.py): who kills the node must not be in it. Ctrl-C stops either, and the
report is still made; a second one leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mirliton.api.cli import printing
from mirliton.api.cli.chaos_outside import outside
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.show import say
from mirliton.config import Settings
from mirliton.supervisors.chaos import ChaosFault, ChaosRun, Plan, Strike, load_data, read_plan
from mirliton.supervisors.chaos.run import Tell
from mirliton.supervisors.chaos.server import strikes_of


def add_command(commands: Any) -> None:
    """Add it to the command line."""
    chaos = commands.add_parser("chaos", help="kill and trouble processes by a plan, and report")
    chaos.add_argument("plan", type=Path, nargs="?", help="a TOML file (docs/chaos.md)")
    chaos.add_argument("--dry-run", action="store_true", help="only tell what would be hit")
    chaos.add_argument("--seed", type=int, help="what is drawn by (default: the plan's, or another each time)")
    chaos.add_argument("--repeat", type=Path, metavar="REPORT", help="hit what was hit in a report (made with --json)")
    chaos.add_argument("--host", type=Path, help="a host file: the plan's programs are those that it names")
    chaos.add_argument("--json", action="store_true", help="print nothing but the report, as JSON")
    chaos.add_argument("--status", action="store_true", help="tell of the run under way and of the last one")
    chaos.add_argument("--stop", action="store_true", help="stop the run under way")
    chaos.set_defaults(do=run_chaos)


def run_chaos(options: argparse.Namespace, settings: Settings) -> int:
    """Do it; 0 when all that was to hold did, 1 when not."""
    if options.status or options.stop:
        with Control(settings.control_socket) as control:
            say(json.dumps(control.ask("chaos_stop" if options.stop else "chaos_status"), indent=2))
        return os.EX_OK
    if options.plan is None:
        raise CommandError("chaos needs a plan, or --status, or --stop")
    if options.seed is not None and options.seed < 0:
        raise CommandError("--seed must not be negative")
    try:
        data = load_data(options.plan)
        plan = read_plan(data, str(options.plan))
        repeat = _hits(options.repeat)
        if plan.whats != {"processes"}:
            return _outside(options, settings, plan, repeat)
    except ChaosFault as error:
        raise CommandError(str(error)) from None
    return _processes(options, settings, data, repeat)


def _hits(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json.loads(path.read_text())["hits"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} is no report of chaos: {error!r}") from None


def _processes(options: argparse.Namespace, settings: Settings, data: dict[str, Any], repeat: Any) -> int:
    with Control(settings.control_socket) as control:
        if options.dry_run:
            _show_preview(control.ask("chaos_preview", plan=data, seed=options.seed), as_json=options.json)
            return os.EX_OK
        for event in _stopped_by_ctrl_c(control, settings, plan=data, seed=options.seed, repeat=repeat):
            if event["event"] == "over":
                return _end(event["report"], as_json=options.json)
            if event["event"] == "broken":
                raise CommandError(f"the run broke off, which is a fault of ours: {event['error']}")
            if not options.json:
                _show(event)
    raise CommandError("the node has gone before the run was over")


def _stopped_by_ctrl_c(control: Control, settings: Settings, **request: Any) -> Iterator[dict[str, Any]]:
    """The run's events. The first Ctrl-C asks the node to stop, and its report still comes."""
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        sys.stderr.write("stopping\n")
        with contextlib.suppress(CommandError), Control(settings.control_socket) as other:
            other.ask("chaos_stop")

    events = control.stream("chaos", **request)
    try:
        first = next(events)
        signal.signal(signal.SIGINT, stop)
        yield first
        yield from events
    finally:
        signal.signal(signal.SIGINT, before)


def _outside(options: argparse.Namespace, settings: Settings, plan: Plan, repeat: Any) -> int:
    if not settings.chaos.enabled:
        raise CommandError("chaos is off: the setting chaos.enabled allows it")
    if "processes" in plan.whats:
        raise CommandError("a plan is of a node's processes, or of what is outside of nodes: make two of it")
    return asyncio.run(_trouble_outside(options, settings, plan, repeat))


async def _trouble_outside(options: argparse.Namespace, settings: Settings, plan: Plan, repeat: Any) -> int:
    fields, checks = outside(options, settings, plan)
    strikes: list[Strike] | None = None if repeat is None else strikes_of(repeat, plan)
    tell: Tell = _quiet if options.json else _show
    run = ChaosRun(fields, plan, seed=options.seed, checks=checks, repeat=strikes, tell=tell)
    if options.dry_run:
        _show_preview(await run.preview(), as_json=options.json)
        return os.EX_OK
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        run.stop("Ctrl-C stopped it")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    report = await run.carry_out()
    return _end(report.as_dict(), as_json=options.json)


def _quiet(_: dict[str, Any]) -> None:
    """Only the report is wanted."""


def _show(event: dict[str, Any]) -> None:
    line = printing.chaos_event(event)
    if line:
        say(line)


def _show_preview(preview: dict[str, Any], *, as_json: bool) -> None:
    say(json.dumps(preview, indent=2) if as_json else printing.chaos_preview(preview))


def _end(report: dict[str, Any], *, as_json: bool) -> int:
    say(json.dumps(report, indent=2) if as_json else printing.chaos_report(report))
    return os.EX_OK if report["held"] else 1

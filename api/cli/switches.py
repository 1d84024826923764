"""`mirliton switch`: the switches, who has them, and taking one out before maintenance."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, Final

from mirliton.api.cli.cluster import door
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.printing import columns
from mirliton.api.cli.show import say
from mirliton.config import Settings

LOOK_AGAIN: Final = 0.5
_COLUMNS: Final = ("SWITCH", "NODE", "LEGS", "STATE")


def add_commands(commands: Any) -> None:
    """The command."""
    own = commands.add_parser("switch", help="the switches: who has them, and drain one before maintenance")
    actions = own.add_subparsers(required=True, metavar="COMMAND")
    listed = actions.add_parser("list", help="show all switches")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(do=_list)
    drain = actions.add_parser("drain", help="let a switch take no new calls, and wait until it has none left")
    drain.add_argument("switch")
    drain.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="at most (default 600)")
    drain.set_defaults(do=_drain)
    resume = actions.add_parser("resume", help="let a drained switch take calls again")
    resume.add_argument("switch")
    resume.set_defaults(do=_resume)


def _list(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        found = control.ask("switches")
    say(json.dumps(found, indent=2) if options.json else table(found))


def _drain(options: argparse.Namespace, settings: Settings) -> None:
    name = options.switch
    with door(settings) as control:
        control.ask("switch_drain", switch=name)
        deadline = time.monotonic() + options.wait
        told: object = None
        while (legs := _legs(control.ask("switches"), name)) != 0:
            if time.monotonic() > deadline:
                left = "an unknown number of" if legs is None else legs
                raise CommandError(f"{name} is not drained within {options.wait:g} s: it has {left} legs left")
            if legs != told:
                sys.stderr.write(
                    f"{name} has {legs} legs\n" if legs is not None else f"nobody knows {name}'s legs now\n"
                )
                told = legs
            time.sleep(LOOK_AGAIN)
    say(f"{name} is drained: maintain it when you like, or `mirliton switch resume {name}`")


def _resume(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        control.ask("switch_resume", switch=options.switch)


def _legs(found: list[dict[str, Any]], name: str) -> int | None:
    legs: int | None = next((each["legs"] for each in found if each["switch"] == name), None)
    return legs


def table(found: list[dict[str, Any]]) -> str:
    """The switches, a line each."""
    rows = [
        (each["switch"], each["node"] or "-", "?" if each["legs"] is None else str(each["legs"]), each["state"])
        for each in found
    ]
    return columns([_COLUMNS, *rows])

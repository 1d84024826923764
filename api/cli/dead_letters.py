"""`mirliton dead-letters`: the messages to entities that were set aside."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mirliton.api.cli.cluster import door
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.printing import anything, columns
from mirliton.api.cli.show import say
from mirliton.config import Settings

_COLUMNS: Final = ("ID", "SET ASIDE", "WHY", "ENTITY", "KEY", "REQUEST")
REQUEST_SHOWN: Final = 60
"""Characters of a request in the list; `show` has more."""


def add_commands(commands: Any) -> None:
    """The command."""
    own = commands.add_parser("dead-letters", help="messages to entities that were set aside: see, retry, discard them")
    actions = own.add_subparsers(required=True, metavar="COMMAND")
    listed = actions.add_parser("list", help="show the oldest thousand")
    listed.add_argument("--json", action="store_true")
    listed.set_defaults(do=_list)
    show = actions.add_parser("show", help="show all that is known of one")
    show.add_argument("id")
    show.set_defaults(do=_show)
    for name, does in (("redrive", "have one, or all, tried again"), ("discard", "forget one, or all")):
        action = actions.add_parser(name, help=does)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", help="as `list` shows it")
        which.add_argument("--all", action="store_true")
        action.set_defaults(do=_act, action=name)


def _list(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        letters = control.ask("dead_letters")
    say(json.dumps(letters, indent=2) if options.json else table(letters))


def _show(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        say(anything(control.ask("dead_letters", action="show", id=options.id)))


def _act(options: argparse.Namespace, settings: Settings) -> None:
    if options.id is None and not options.all:
        raise CommandError(f"{options.action} which? Give an id, or --all")
    with door(settings) as control:
        count = control.ask("dead_letters", action=options.action, id=options.id)
    messages = "1 message" if count == 1 else f"{count} messages"
    say(f"{messages} put back into the queue" if options.action == "redrive" else f"{messages} discarded")


def table(letters: list[dict[str, Any]]) -> str:
    """A line each."""
    return columns([_COLUMNS, *map(_row, letters)]) if letters else "there are none"


def _row(letter: Mapping[str, Any]) -> tuple[str, ...]:
    when = letter["when"]
    at = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S") if when is not None else "-"
    request = letter["request"] or f"not readable: {letter['unreadable']}"
    short = request if len(request) <= REQUEST_SHOWN else f"{request[:REQUEST_SHOWN]}…"
    return letter["id"], at, letter["why"], letter["name"] or "-", letter["key"] or "-", short

"""`mirliton node`, one node of a cluster; and `mirliton cluster`: how its nodes are, drain one, move what they run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from mirliton.actors.switching import switch_group
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError, NotRunning
from mirliton.api.cli.logs import configure
from mirliton.api.cli.printing import columns
from mirliton.api.cli.show import say
from mirliton.config import Settings
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.programs import Program

LOOK_AGAIN: Final = 0.5
SWITCH: Final = switch_group("")
NODE_MAIN: Final = "mirliton.api.cli.node:main"
_OVERRIDES: Final = {"name": "MIRLITON_NODE_NAME", "apps": "MIRLITON_NODE_APPS", "amqp": "MIRLITON_AMQP_URI"}


def add_commands(commands: Any) -> None:
    """The `node` and `cluster` commands."""
    node = commands.add_parser("node", help="run one node of a cluster, with some of the applications")
    node.add_argument("--name", help="its name in the cluster, such as ecallmgr1@host (setting node.name)")
    node.add_argument("--apps", help="its applications, such as callflow,cdr (setting node.apps; default: all)")
    node.add_argument(
        "--amqp", metavar="URI", help="the broker, amqp://user:password@host/vhost; better kept in setting amqp.uri"
    )
    node.set_defaults(do=_run, overrides=_overrides)

    cluster = commands.add_parser("cluster", help="the nodes of a cluster: how they are, drain one, move what they run")
    own = cluster.add_subparsers(required=True, metavar="COMMAND")
    status = own.add_parser("status", help="show all nodes that are up")
    status.add_argument("--json", action="store_true")
    status.set_defaults(do=_status)
    drain = own.add_parser("drain", help="let a node take no new calls, and wait until it has none left")
    drain.add_argument("node")
    drain.add_argument("--wait", type=float, default=600.0, metavar="SECONDS", help="at most (default 600)")
    drain.add_argument("--force", action="store_true", help="also where no other node takes what it leaves")
    drain.set_defaults(do=_drain)
    resume = own.add_parser("resume", help="let a drained node take calls again")
    resume.add_argument("node")
    resume.set_defaults(do=_resume)
    move = own.add_parser("move", help="have something that runs on one node at a time run on another")
    move.add_argument("what", help="shard:7, an entity (account:ID), an application (acdc) or a switch (switch:fs1)")
    move.add_argument("node")
    move.set_defaults(do=_move)
    rebalance = own.add_parser("rebalance", help="deal out evenly what runs on one node at a time, and the shards")
    rebalance.set_defaults(do=_rebalance)


def _overrides(options: argparse.Namespace) -> Mapping[str, str]:
    """What the command line says instead of the settings."""
    given = {variable: getattr(options, name) for name, variable in _OVERRIDES.items()}
    return {variable: value for variable, value in given.items() if value is not None}


def _run(_: argparse.Namespace, settings: Settings) -> int:
    if not settings.amqp.uri:
        raise CommandError("a node of a cluster needs a broker: --amqp, or setting amqp.uri; `mirliton run` needs none")
    state = settings.node.state_dir
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the state directory {state} cannot be made: {error.strerror}") from error
    configure(settings.logging, None)
    node = settings.node
    program = Program(node.name, NODE_MAIN, (settings, None), stall=node.stall_timeout, shutdown=node.shutdown_timeout)
    log = structlog.get_logger("mirliton.host")
    return NodeSupervisor([program], stacks=state / "stacks", log=log).run()


def _status(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        cards = control.ask("cluster")
    say(json.dumps(cards, indent=2) if options.json else table(cards))


def _drain(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        card = control.ask("drain", node=options.node, force=options.force)
        deadline = time.monotonic() + options.wait
        told = ""
        while not card["drained"]:
            if time.monotonic() > deadline:
                raise CommandError(f"{options.node} is not drained within {options.wait:g} s: it has {_left(card)}")
            if (left := _left(card)) != told:
                sys.stderr.write(f"{options.node} has {left}\n")
                told = left
            time.sleep(LOOK_AGAIN)
            card = next((each for each in control.ask("cluster") if each["node"] == options.node), None)
            if card is None:
                raise CommandError(f"{options.node} has gone meanwhile")
    say(f"{options.node} is drained: stop it when you like, or `mirliton cluster resume {options.node}`")


def _resume(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        control.ask("resume", node=options.node)


def _move(options: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        _tell(control.ask("move", what=options.what, node=options.node), f"{options.what} is on {options.node} already")


def _rebalance(_: argparse.Namespace, settings: Settings) -> None:
    with door(settings) as control:
        _tell(control.ask("rebalance"), "all is dealt out evenly already")


def _tell(shifts: list[dict[str, str]], nothing: str) -> None:
    for shift in shifts:
        say(f"{shift['what']}: {shift['from'] or 'nowhere'} → {shift['to']}")
    if not shifts:
        say(nothing)


def _left(card: Mapping[str, Any]) -> str:
    acting = f", and runs {', '.join(card['acting'])}" if card["acting"] else ""
    shards = f", {card['to_give']} shards" if card["to_give"] else ""
    return f"{card['calls']} calls and {card['executors']} executors left{shards}{acting}"


def door(settings: Settings) -> Control:
    """A node of this state directory that can be asked: that of the settings, or any."""
    try:
        return Control(settings.control_socket)
    except NotRunning:
        for path in sorted(settings.node.state_dir.glob("*.sock")):
            # The host supervisor's speaks otherwise.
            if path != settings.control_socket and path.name != "host.sock":
                try:
                    return Control(path)
                except CommandError:
                    continue
        raise


_COLUMNS: Final = (
    "NODE", "APPLICATIONS", "SINCE", "VERSION", "CALLS", "EXECUTORS", "SHARDS", "ENTITIES", "TAKEN", "GIVEN",
    "SEES", "STATE",
)  # fmt: skip


def table(cards: list[dict[str, Any]]) -> str:
    """The nodes, a line each."""
    return columns([_COLUMNS, *(_row(card) for card in sorted(cards, key=lambda card: str(card["node"])))])


def _row(card: Mapping[str, Any]) -> tuple[str, ...]:
    apps = " ".join(_app(app, card["acting"]) for app in card["apps"])
    since = datetime.fromtimestamp(card["since"], UTC).strftime("%Y-%m-%d %H:%M:%S") if card["since"] else "-"
    state = "drained" if card["drained"] else "ready" if card["ready"] else _problems(card)
    counted = ("calls", "executors", "shards", "entities", "taken", "given")
    counts = (*(str(card[each]) for each in counted), str(len(card["nodes"])))
    return card["node"], apps or "-", since, card["version"] or "-", *counts, state


def _app(app: str, acting: Sequence[str]) -> str:
    """An application as a line of the table shows it: what runs on one node at a time has a star where it does, and
    ecallmgr says which switches it has."""
    if app in acting:
        return f"{app}*"
    switches = [group.removeprefix(SWITCH) for group in acting if app == "ecallmgr" and group.startswith(SWITCH)]
    return f"{app}({' '.join(switches)})" if switches else app


def _problems(card: Mapping[str, Any]) -> str:
    return "not ready: " + "; ".join(f"{part}: {why}" for part, why in card["problems"].items())

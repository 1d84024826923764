"""Reads the command line and does what it says. Every failure is one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from mirliton.api.cli import printing
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.logs import configure
from mirliton.api.cli.show import say, show_call
from mirliton.config import ConfigError, Settings, load
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.programs import Program


def main(arguments: list[str] | None = None) -> int:
    """The `mirliton` command; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = load(options.config)
        return int(options.do(options, settings) or 0)
    except ConfigError as error:
        sys.stderr.write(f"mirliton: {error}\n")
        return os.EX_CONFIG
    except CommandError as error:
        sys.stderr.write(f"mirliton: {error}\n")
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return os.EX_OK


def command_names() -> list[str]:
    """The names of all commands."""
    return [name for action in _parser()._subparsers._group_actions for name in action.choices or ()]  # type: ignore[union-attr] # argparse tells it no other way


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mirliton", description="A telephony platform on Erlang's process model.")
    parser.add_argument("--config", type=Path, help="settings file (default: $MIRLITON_CONFIG, or ./mirliton.toml)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a node with all it needs")
    run.add_argument("--quiet", action="store_true", help="show no call at the start")
    run.add_argument("--verbose", action="store_true", help="write the log to standard error, not to a file")
    run.set_defaults(do=_run)

    call = commands.add_parser("call", help="place a call on the simulated switch and watch it")
    call.add_argument("caller", help="who calls: a demo phone such as alice, or any name")
    call.add_argument("number", help="the number dialled")
    call.add_argument("--digits", default="", help="keys the caller presses after the answer")
    call.add_argument("--seconds", type=float, default=5.0, help="how long the caller stays after that (default 5)")
    call.set_defaults(do=_call)

    tree = commands.add_parser("tree", help="show the supervision tree")
    tree.set_defaults(do=_ask("tree", printing.tree))

    status = commands.add_parser("status", help="show the node's figures")
    status.set_defaults(do=_ask("status", printing.table))

    kill = commands.add_parser("kill", help="kill a process, by pid or name")
    kill.add_argument("process")
    kill.set_defaults(do=_ask("kill", printing.table, "process"))

    explain = commands.add_parser("explain", help="tell what happened to a process, by pid or name")
    explain.add_argument("process")
    explain.set_defaults(do=_ask("explain", printing.explanation, "process"))

    process = commands.add_parser("process", help="show a process, by pid or name")
    process.add_argument("process")
    process.set_defaults(do=_ask("process", printing.table, "process"))

    dossiers = commands.add_parser("dossiers", help="show the last crashes")
    dossiers.add_argument("--last", type=int, default=10, help="how many (default 10)")
    dossiers.set_defaults(do=_ask("dossiers", printing.dossiers, "last"))
    return parser


def _ask(do: str, show: Any, *names: str) -> Any:
    def command(options: argparse.Namespace, settings: Settings) -> None:
        with Control(settings.control_socket) as control:
            say(show(control.ask(do, **{name: getattr(options, name) for name in names})))

    return command


def _call(options: argparse.Namespace, settings: Settings) -> int:
    if not settings.simulator.enabled:
        raise CommandError("the simulated switch is off (simulator.enabled): place a call with a phone instead")
    cause = show_call(settings, options.caller, options.number, seconds=options.seconds, digits=options.digits)
    return os.EX_OK if cause else os.EX_TEMPFAIL


def _run(options: argparse.Namespace, settings: Settings) -> int:
    state = settings.node.state_dir
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the state directory {state} cannot be made: {error.strerror}") from error
    log = None if options.verbose else state / "mirliton.log"
    configure(settings.logging, log)
    programs = [
        Program(
            "node",
            "mirliton.api.cli.node:main",
            (settings, log),
            stall=settings.node.stall_timeout,
            shutdown=settings.node.shutdown_timeout,
        )
    ]
    if settings.simulator.enabled:
        programs.insert(0, Program("switch", "mirliton.api.cli.switch:main", (settings, log), shutdown=5.0))
    if settings.demo.enabled and not options.quiet:
        programs.append(
            Program("demo", "mirliton.api.cli.show:main", (settings,), restart="temporary", stall=None, shutdown=1.0)
        )
    logger = structlog.get_logger("mirliton.host")
    status = NodeSupervisor(programs, intensity=5, period=30.0, stacks=state / "stacks", log=logger).run()
    if log is not None and status != os.EX_OK:
        sys.stderr.write(f"mirliton: stopped with status {status}; {log} tells more\n")
    return status

"""Reads the command line and does what it says. Every failure is one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from mirliton.api.cli import chaos, chaos_proxy, cluster, db, dead_letters, printing, prompts, switches
from mirliton.api.cli.bench import run_bench
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.host import add_commands
from mirliton.api.cli.logs import configure
from mirliton.api.cli.show import say, show_call
from mirliton.config import ConfigError, Settings, load
from mirliton.supervisors.node_supervisor import NodeSupervisor
from mirliton.supervisors.programs import Program


def main(arguments: list[str] | None = None) -> int:
    """The `mirliton` command; its exit status."""
    options = _parser().parse_args(chaos_proxy.two_words(sys.argv[1:] if arguments is None else arguments))
    try:
        if options.of_host is not None:
            return int(options.of_host(options))
        environment = {**os.environ, **options.overrides(options)} if options.overrides is not None else None
        return int(options.do(options, load(options.config, environment)) or 0)
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
    parser.set_defaults(of_host=None, overrides=None)
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

    observe = commands.add_parser("observe", help="watch the node live: tree, mailboxes, restarts, crashes; and kill")
    observe.set_defaults(do=_observe)

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

    sup = commands.add_parser("sup", help="call one of Kazoo's operator commands; without arguments, list them")
    sup.add_argument("module", nargs="?", default="", help="such as ecallmgr_maintenance")
    sup.add_argument(
        "function", nargs="?", default="", help="such as channel_summary; without it, list those there are"
    )
    sup.add_argument("arguments", nargs="*")
    sup.set_defaults(do=_ask("sup", printing.anything, "module", "function", "arguments"))

    upgrade = commands.add_parser("upgrade", help="let an application that runs take the code that is installed now")
    upgrade.add_argument("application", help="callflow, cdr, or an application of the node's controller")
    upgrade.add_argument("--path", type=Path, help="take the code from this folder (made by pip install --target)")
    upgrade.add_argument("--down", action="store_true", help="to an earlier version")
    upgrade.set_defaults(do=_upgrade)

    chaos.add_command(commands)
    chaos_proxy.add_command(commands)

    add_commands(commands)
    cluster.add_commands(commands)
    dead_letters.add_commands(commands)
    switches.add_commands(commands)

    bench = commands.add_parser("bench", help="measure the runtime beside asyncio and Erlang (in a checkout)")
    bench.add_argument("--json", action="store_true", help="a list of name, value, unit, ratio_to_asyncio/_erlang")
    bench.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    bench.add_argument("--only", default="", metavar="X", help="only rows whose names contain X")
    bench.add_argument("--peers", action="store_true", help="also other Python actor libraries, where installed")
    bench.set_defaults(do=_bench)

    db.add(commands)
    prompts.add(commands)
    return parser


def _ask(do: str, show: Any, *names: str) -> Any:
    def command(options: argparse.Namespace, settings: Settings) -> None:
        with Control(settings.control_socket) as control:
            say(show(control.ask(do, **{name: getattr(options, name) for name in names})))

    return command


def _bench(options: argparse.Namespace, _: Settings) -> int:
    flags = [f"--{name}" for name in ("json", "peers") if getattr(options, name)]
    return run_bench([*flags, "--rounds", str(options.rounds), "--only", options.only])


def _call(options: argparse.Namespace, settings: Settings) -> int:
    if not settings.simulator.enabled:
        raise CommandError("the simulated switch is off (simulator.enabled): place a call with a phone instead")
    cause = show_call(settings, options.caller, options.number, seconds=options.seconds, digits=options.digits)
    return os.EX_OK if cause else os.EX_TEMPFAIL


def _observe(_: argparse.Namespace, settings: Settings) -> None:
    try:
        from mirliton.api.cli.observe import Observer
    except ModuleNotFoundError as error:
        raise CommandError(f"observe needs {error.name}: install mirliton[observe]") from None
    Observer(settings.control_socket).run()


def _upgrade(options: argparse.Namespace, settings: Settings) -> None:
    path = str(options.path.resolve()) if options.path is not None else ""
    with Control(settings.control_socket) as control:
        say(printing.table(control.ask("upgrade", application=options.application, path=path, down=options.down)))


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
    status = NodeSupervisor(programs, stacks=state / "stacks", log=logger).run()
    if log is not None and status != os.EX_OK:
        sys.stderr.write(f"mirliton: stopped with status {status}; {log} tells more\n")
    return status

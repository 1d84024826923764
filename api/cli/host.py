"""The commands of a host: `start` runs its nodes; ps, stop, restart, reload and reopen ask the one that runs."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from mirliton.api.cli.errors import CommandError, RequestRefused
from mirliton.api.cli.printing import processes
from mirliton.api.cli.roles import programs
from mirliton.api.cli.show import say
from mirliton.config import ConfigError
from mirliton.config.host import Host
from mirliton.config.host_loading import load_host
from mirliton.supervisors.node_control import ask_host
from mirliton.supervisors.node_equipment import redirect
from mirliton.supervisors.node_errors import HostSocketError, NodeSupervisorError, NoHost
from mirliton.supervisors.node_log import stderr_log
from mirliton.supervisors.node_supervisor import NodeSupervisor

HOST_FILES: Final = (Path("host.toml"), Path("/etc/mirliton/host.toml"))
ANSWER_TIMEOUT: Final = 5.0
LOOK_AGAIN: Final = 0.1
DEFAULT_WAIT: Final = 300.0

Do = Callable[[argparse.Namespace, Host], int | None]


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's (`commands` is what argparse's add_subparsers returns)."""
    _add(commands, "start", _start, "run the nodes of this host, as its host file says")
    ps = _add(commands, "ps", _ps, "show the nodes of this host and what each is doing")
    ps.add_argument("--json", action="store_true", help="as JSON")
    for name, do, text in (
        ("stop", _stop, "stop a node of this host until it is restarted; or all of them, and end"),
        ("restart", _restart, "restart a node of this host, or start it where it is down; or all, one after another"),
    ):
        _waiting(_add(commands, name, do, text)).add_argument("node", nargs="?", help="its name (default: all)")
    _waiting(_add(commands, "reload", _reload, "take the changed host file, and new code for the host supervisor"))
    _add(commands, "reopen", _reopen, "open the logs of this host anew, after a rotation")


def _add(commands: Any, name: str, do: Do, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text)
    places = " or ".join(map(str, HOST_FILES))
    parser.add_argument("--host", type=Path, help=f"host file (default: {places})")
    parser.set_defaults(of_host=lambda options: _run(do, options))
    return parser


def _waiting(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    text = f"seconds to wait until it is done (default {DEFAULT_WAIT:g}); 0: only ask for it"
    parser.add_argument("--wait", type=float, default=DEFAULT_WAIT, metavar="SECONDS", help=text)
    return parser


def _run(do: Do, options: argparse.Namespace) -> int:
    try:
        return do(options, load_host(_file(options))) or os.EX_OK
    except HostSocketError as error:
        hint = ": start one with `mirliton start`" if isinstance(error, NoHost) else ""
        raise CommandError(f"{error}{hint}") from error
    except NodeSupervisorError as error:
        raise ConfigError(str(error)) from error


def _file(options: argparse.Namespace) -> Path:
    if options.host is not None:
        return Path(options.host)
    return next((file for file in HOST_FILES if file.exists()), HOST_FILES[0])


def _start(_: argparse.Namespace, host: Host) -> int:
    wanted = programs(host, os.environ)
    log = host.log_of(host.host.log)
    try:
        host.host.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"the directory {host.host.state_dir} cannot be made: {error.strerror}") from error

    def reopen() -> None:
        if log is not None:
            redirect(log)

    try:
        reopen()
    except OSError as error:
        raise CommandError(f"the log {log} cannot be opened: {error.strerror}") from error
    return NodeSupervisor(
        wanted,
        stacks=host.stacks,
        log=stderr_log(host.host.log_level),
        control=host.socket,
        reopen=reopen,
    ).run()


def _ps(options: argparse.Namespace, host: Host) -> None:
    picture = _ask(host, "ps")
    say(orjson.dumps(picture, option=orjson.OPT_INDENT_2).decode() if options.json else processes(picture))


def _stop(options: argparse.Namespace, host: Host) -> None:
    _ask(host, "stop", options.node)
    try:
        for picture in _looks(options, host, f"the stop of {options.node or 'the host'}"):
            if options.node is not None and _node(picture, options.node)["state"] in ("stopped", "ended"):
                return
    except NoHost:
        return  # which is what was to be reached; for one node too, should somebody have stopped all meanwhile


def _restart(options: argparse.Namespace, host: Host) -> int | None:
    before = {node["name"]: node["starts"] for node in _ask(host, "ps")["nodes"]}
    _ask(host, "restart", options.node)
    names = [options.node] if options.node is not None else list(before)
    for picture in _looks(options, host, f"the restart of {', '.join(names)}"):
        nodes = [_node(picture, name) for name in names]
        begun = [node for node in nodes if node["starts"] > before[node["name"]]]
        failed = [node for node in begun if node["state"] in ("waiting", "given up")]
        if failed:
            raise CommandError("; ".join(f"{node['name']} does not start: {node['previous']}" for node in failed))
        if len(begun) == len(nodes) and not any(node["to_restart"] for node in nodes):
            return None
    return None


def _reload(options: argparse.Namespace, host: Host) -> int | None:
    programs(host, os.environ)  # what is wrong with the file is better told here than in the log of the other
    before = _ask(host, "ps")["host"]
    _ask(host, "reload")
    for picture in _looks(options, host, "the reload"):
        now = picture["host"]
        if now["reloads"] > before["reloads"]:
            return None
        if now["refusals"] > before["refusals"]:
            raise CommandError(f"the reload was refused: {now['last_refusal']}; the log of the host tells more")
    return None


def _reopen(_: argparse.Namespace, host: Host) -> None:
    _ask(host, "reopen")


def _ask(host: Host, do: str, node: str | None = None, timeout: float = ANSWER_TIMEOUT) -> Any:
    answer = ask_host(host.socket, {"do": do} | ({} if node is None else {"node": node}), timeout)
    if not answer["ok"]:
        raise RequestRefused(answer["error"])
    return answer["result"]


def _looks(options: argparse.Namespace, host: Host, what: str) -> Iterator[Any]:
    """How all stands, again and again, while it may be waited for."""
    deadline = time.monotonic() + options.wait
    while time.monotonic() < deadline:
        time.sleep(LOOK_AGAIN)
        # While it executes itself anew a host supervisor is silent, on a busy machine for seconds.
        yield _ask(host, "ps", timeout=max(ANSWER_TIMEOUT, deadline - time.monotonic()))
    if options.wait > 0:
        raise CommandError(
            f"{what} is not done within {options.wait:g} s, and goes on; `mirliton ps` shows how far it is"
        )


def _node(picture: dict[str, Any], name: str) -> dict[str, Any]:
    for node in picture["nodes"]:
        if node["name"] == name:
            found: dict[str, Any] = node
            return found
    raise CommandError(f"there is no node {name!r} any more")

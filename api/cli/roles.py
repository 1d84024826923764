"""From a host file to the programs that the host supervisor keeps running: what each role runs.

Role "all" is what `mirliton run` runs: the node and, where its settings have one, the simulated switch beside it. The
roles ecallmgr, whapps and api are nodes of a cluster (joined.py), which may share a state directory, and with it the
store; role simulator is the simulated switch alone, for such a cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

from mirliton.config import Secret, SettingProblem, Settings, SettingsError, load
from mirliton.config.host import Host, HostNode
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.program_limits import MIB, Memory, RestartLimits
from mirliton.supervisors.programs import Program

NODE_MAIN: Final = "mirliton.api.cli.node:main"
SWITCH_MAIN: Final = "mirliton.api.cli.switch:main"
SWITCH_SHUTDOWN: Final = 5.0

_SHORTEST_SHUTDOWN: Final = 1.0
"""What `node.shutdown_timeout` must be at least."""


def programs(host: Host, environment: Mapping[str, str]) -> list[Program]:
    """The programs of all nodes, in the file's order; reads the nodes' settings files.

    Raises `SettingsError` with all that is wrong with any of them.
    """
    made: list[Program] = []
    problems: list[SettingProblem] = []
    states: dict[Path, str] = {}
    ports: dict[tuple[str, int], str] = {}
    for name, node in host.nodes.items():
        try:
            match node.role:
                case "program":
                    made.append(_own_program(host, name, node))
                case "all":
                    settings = load(host.settings_of(node), _variables(name, node, environment))
                    _alone(host, name, settings, states)
                    made += _whole_node(host, name, node, settings)
                case "simulator":
                    settings = load(host.settings_of(node), _variables(name, node, environment))
                    made.append(_simulator(host, name, node, settings))
                case role:
                    apps = {"MIRLITON_NODE_APPS": " ".join(node.apps) or role}
                    settings = load(host.settings_of(node), _variables(name, node, environment) | apps)
                    _apart(host, name, settings, ports)
                    made.append(
                        Program(
                            name, NODE_MAIN, (settings, None), after=node.after, **_kept(host, node, (node, settings))
                        )
                    )
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return made


def _apart(host: Host, name: str, settings: Settings, ports: dict[tuple[str, int], str]) -> None:
    """Nodes of a cluster that share their settings cannot share the ports they listen on, but for that for records."""
    listeners = [("metrics", settings.metrics.host, settings.metrics.port)] if settings.metrics.enabled else []
    if "api" in settings.node.all_apps:
        listeners.append(("api", settings.api.host, settings.api.port))
    for section, address, port in listeners:
        other = ports.setdefault((address, port), name) if port else name
        if other != name:
            variable = f"MIRLITON_{section.upper()}_PORT"
            expectation = f"must lead to a {section}.port of its own, not to that of {other}: give it {variable}"
            raise SettingsError([SettingProblem(str(host.file), f"nodes.{name}.environment", expectation, str(port))])


def _alone(host: Host, name: str, settings: Settings, states: dict[Path, str]) -> None:
    """Two whole nodes in one state directory would share a store and a control socket."""
    state = settings.node.state_dir.absolute()
    other = states.setdefault(state, name)
    if other != name:
        expectation = f"must lead to a node.state_dir of its own, not to that of {other}"
        raise SettingsError([SettingProblem(str(host.file), f"nodes.{name}.settings", expectation, repr(str(state)))])


def _variables(name: str, node: HostNode, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a node's settings are read with: what the host file says of it wins."""
    own = {
        "MIRLITON_NODE_NAME": name,
        "MIRLITON_NODE_SHUTDOWN_TIMEOUT": f"{max(_SHORTEST_SHUTDOWN, node.shutdown_timeout):g}",
    }
    if node.log_level:
        own["MIRLITON_LOGGING_LEVEL"] = node.log_level
    return {**environment, **own, **node.environment}


def _own_program(host: Host, name: str, node: HostNode) -> Program:
    return Program(name, node.program, node.arguments, after=node.after, **_kept(host, node, node))


def _whole_node(host: Host, name: str, node: HostNode, settings: Settings) -> list[Program]:
    kept = _kept(host, node, (node, settings))
    arguments = (settings, None)  # its log is its standard error, which the host supervisor has seen to
    if not settings.simulator.enabled:
        return [Program(name, NODE_MAIN, arguments, after=node.after, **kept)]
    switch = f"{name}.switch"
    beside = {**kept, "memory": None, "drain": None, "shutdown": SWITCH_SHUTDOWN}
    return [
        Program(switch, SWITCH_MAIN, arguments, after=node.after, **beside),
        Program(name, NODE_MAIN, arguments, after=(*node.after, switch), **kept),
    ]


def _simulator(host: Host, name: str, node: HostNode, settings: Settings) -> Program:
    return Program(name, SWITCH_MAIN, (settings, None), after=node.after, **_kept(host, node, (node, settings)))


def _kept(host: Host, node: HostNode, essence: object) -> dict[str, Any]:
    """How a program of `node` is kept. `essence` is all that makes another program of it when it changes."""
    backoff = Backoff(
        initial=node.backoff_first,
        maximum=node.backoff_most,
        factor=node.backoff_factor,
        jitter=node.backoff_jitter,
        calm=node.backoff_calm,
    )
    memory = Memory(node.memory * MIB, (node.memory_kill or node.memory * 5 // 4) * MIB) if node.memory else None
    return {
        "restart": node.restart,
        "stall": node.stall_timeout or None,
        "start_timeout": node.start_timeout,
        "shutdown": node.shutdown_timeout,
        "drain": node.drain_timeout or None,
        "env": node.environment,
        "limits": RestartLimits(node.restarts, node.restart_period, backoff),
        "memory": memory,
        "log": host.log_of(node.log),
        "nice": node.nice or None,
        "cpus": frozenset(node.cpus),
        "fingerprint": hashlib.sha256(repr(_plain(essence)).encode()).hexdigest(),
    }


# These are the host supervisor's to know, and a running process need not be restarted for them.
_OUTSIDE: Final = frozenset(
    {"after", "memory", "memory_kill", "start_timeout", "drain_timeout", "restart", "restarts", "restart_period"}
    | {each.name for each in fields(HostNode) if each.name.startswith("backoff_")}
)


def _plain(value: object) -> object:
    """What a fingerprint is taken of; secrets too, so that a changed password counts as a change."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        left_out = _OUTSIDE if isinstance(value, HostNode) else frozenset()
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name not in left_out}
    return value

"""What `mirliton chaos` attacks from outside of any node: OS processes, connections through proxies, services.

`--host` says whose OS processes they are, by the host file of a `mirliton start` that runs here; without it they are of
the node supervisor of the node whose control socket the settings name.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.api.cli.roles import programs
from mirliton.config import Settings
from mirliton.config.host import Host
from mirliton.config.host_loading import load_host
from mirliton.supervisors.chaos import (
    ChaosRefused,
    Check,
    Plan,
    ProgramField,
    connection_field,
    parent_of,
    service_field,
)
from mirliton.supervisors.chaos.field import Field
from mirliton.supervisors.node_control import ask_host
from mirliton.supervisors.node_errors import HostSocketError
from mirliton.supervisors.programs import Program

READY_TIMEOUT: Final = 1.0
HOLD_TIMEOUT: Final = 5.0
ANSWERS_WITHIN: Final = 30.0
"""Seconds that a node may take to answer again, where a plan names one of the checks."""
ASK_EVERY: Final = 0.1
ALLOWS: Final = "MIRLITON_CHAOS_ENABLED"


def outside(options: argparse.Namespace, settings: Settings, plan: Plan) -> tuple[list[Field], dict[str, Check]]:
    """The fields that the plan needs, and the checks that it may name. Raises CommandError."""
    fields: list[Field] = []
    checks: dict[str, Check] = {}
    if "programs" in plan.whats:
        if options.host is not None:
            host = HostPrograms(load_host(options.host))
            fields.append(host.field())
            checks["nodes answer"] = host.answer
        else:
            field, check = _of_one_node(settings)
            fields.append(field)
            checks["node answers"] = check
    if "connections" in plan.whats:
        fields.append(connection_field({name: Path(socket) for name, socket in plan.proxies.items()}))
    if "services" in plan.whats:
        fields.append(service_field(plan.services))
    return fields, checks


def _of_one_node(settings: Settings) -> tuple[ProgramField, Check]:
    socket = settings.control_socket
    with Control(socket) as control:
        node = control.node_pid

    async def ready(program: str) -> bool:
        return program != name or await asyncio.to_thread(_answers, socket)

    async def hold(program: str, seconds: float) -> None:
        if program != name:
            raise ChaosRefused(f"{program} has no control socket to ask that of")
        await _hold(socket, seconds)

    async def node_answers() -> None:
        await _comes_to_answer(name, socket)

    field = ProgramField(parent_of(node), ready=ready, hold=hold)
    name = field.name_of(node)
    return field, node_answers


class HostPrograms:
    """The programs that a host file names, and how to ask them. Those whose own settings allow no chaos are spared."""

    def __init__(self, host: Host) -> None:
        self._socket = host.socket
        # That this command may do chaos, by its own environment, does not mean that each node allows it.
        environment = {key: value for key, value in os.environ.items() if key != ALLOWS}
        self._programs: dict[str, Program] = {each.name: each for each in programs(host, environment)}
        self._settings: dict[str, Settings] = {
            name: found for name, program in self._programs.items() if (found := _settings_of(program)) is not None
        }
        self._sockets = {
            name: settings.control_socket for name, settings in self._settings.items() if name in host.nodes
        }
        self._ps: dict[str, dict[str, Any]] = {}

    def field(self) -> ProgramField:
        """They as a field. Raises CommandError where the host does not run."""
        try:
            supervisor = int(self._ask()["host"]["os_pid"])
        except HostSocketError as error:
            raise CommandError(str(error)) from error
        limits = {
            name: (program.limits.intensity, program.limits.period)
            for name, program in self._programs.items()
            if program.limits is not None
        }
        return ProgramField(
            supervisor, ready=self._ready, names=self._names, hold=self._hold, may_not=self._may_not, each=limits
        )

    async def answer(self) -> None:
        """A check: each node that has a control socket answers, or soon does."""
        await asyncio.gather(*(_comes_to_answer(name, socket) for name, socket in self._sockets.items()))

    def _ask(self) -> Any:
        answer = ask_host(self._socket, {"do": "ps"}, READY_TIMEOUT)
        if not answer["ok"]:
            raise HostSocketError(str(self._socket), str(answer["error"]))
        return answer["result"]

    def _names(self) -> Mapping[int, str]:
        try:
            nodes = self._ask()["nodes"]
        except HostSocketError:
            return {}  # it executes itself anew, say: until it answers the kernel's names have to do
        return {node["os_pid"]: node["name"] for node in nodes if node["os_pid"] is not None}

    async def _ready(self, program: str) -> bool:
        try:
            nodes = (await asyncio.to_thread(self._ask))["nodes"]
        except HostSocketError:
            return False
        running = any(node["name"] == program and node["state"] == "running" for node in nodes)
        socket = self._sockets.get(program)
        return running and (socket is None or await asyncio.to_thread(_answers, socket))

    async def _hold(self, program: str, seconds: float) -> None:
        socket = self._sockets.get(program)
        if socket is None:
            raise ChaosRefused(f"{program} has no control socket to ask that of")
        await _hold(socket, seconds)

    def _may_not(self, program: str) -> str:
        settings = self._settings.get(program)
        return "" if settings is None or settings.chaos.enabled else "its settings have chaos.enabled off"


def _settings_of(program: Program) -> Settings | None:
    return next((each for each in program.args if isinstance(each, Settings)), None)


async def _hold(socket: Path, seconds: float) -> None:
    def ask() -> None:
        with Control(socket, HOLD_TIMEOUT) as control:
            control.ask("chaos_hold", seconds=seconds)

    try:
        await asyncio.to_thread(ask)
    except CommandError as error:
        raise ChaosRefused(str(error)) from None


def _answers(socket: Path) -> bool:
    try:
        with Control(socket, READY_TIMEOUT) as control:
            return bool(control.ask("status"))
    except CommandError:
        return False


async def _comes_to_answer(node: str, socket: Path) -> None:
    ends_at = time.monotonic() + ANSWERS_WITHIN
    while not await asyncio.to_thread(_answers, socket):
        if time.monotonic() > ends_at:
            raise TimeoutError(f"{node} did not answer for {ANSWERS_WITHIN:g} s")
        await asyncio.sleep(ASK_EVERY)

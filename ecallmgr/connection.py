"""The connection to one switch: two event sockets, commands out, events in. Stateless but for them.

Events come on a socket of their own and are read fast, commands go over a second one (FreeSWITCH does not read a
command while it sends events). The actor translates both ways and passes on: events to the channel table and to the
call they belong to, answers to whoever asked. When it is restarted it connects anew and everybody compares what they
know with the switch, since what happened meanwhile was told to nobody.
"""

from __future__ import annotations

import asyncio
import uuid as uuids
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from mirliton.actors.switching import (
    CHANNELS,
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    Accepted,
    Dispatch,
    Dump,
    LegEvent,
    LegParked,
    ListLegs,
    NoSuchLeg,
    Refused,
    SetVariables,
    Snapshot,
    SwitchApi,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
    call_name,
)
from mirliton.ecallmgr import mapping
from mirliton.ecallmgr.errors import SwitchNotUsable, Untranslatable
from mirliton.ecallmgr.esl.connection import EventSocket
from mirliton.ecallmgr.esl.errors import CommandRefused, EslError
from mirliton.ecallmgr.esl.events import Event
from mirliton.ecallmgr.esl.quoting import inert, setvar, variable_name
from mirliton.ecallmgr.registrations import REGISTRAR, RegistrationEvent
from mirliton.ecallmgr.translate import Plan, Surroundings, needed_contacts, plan_for
from mirliton.runtime import Completed, Continue, From, GenServer, NoReply, Reply, TimerFired, message

IN_FLIGHT: Final = 2048
"""Commands that may wait for the switch's answer at once."""
JOB_TIMEOUT: Final = 300.0
"""Seconds a background job of the switch may take."""


@dataclass(frozen=True, slots=True)
class SwitchAddress:
    """Where a switch is and how it is spoken with. Durations in seconds."""

    name: str
    host: str
    port: int
    password: str
    connect_timeout: float = 5.0
    command_timeout: float = 10.0
    silence: float = 60.0
    reconnect_first: float = 0.2
    reconnect_most: float = 30.0
    event_backlog: int = 50_000

    def __repr__(self) -> str:
        return f"SwitchAddress({self.name!r}, {self.host}:{self.port})"


@message("ecallmgr.socket_closed")
class SocketClosed:
    """One of the two sockets has ended."""

    serial: int
    reason: str


@message("ecallmgr.job")
class BackgroundJob:
    """Run an API command that may take long; the answer is its text, when the switch has it."""

    command: str


class Connection(GenServer):
    """One switch, under `switch_name(name)`. Asked while the switch is away it answers SwitchUnavailable."""

    def init(self, address: SwitchAddress, around: Surroundings) -> NoReply:
        self.address = address
        self.around = around
        self.trap_exit(True)
        self.events: EventSocket | None = None
        self.commands: EventSocket | None = None
        self.serial = 0
        """Which pair of sockets: what an earlier pair still says is old."""
        self.core_uuid = ""
        self.pause = address.reconnect_first
        self.jobs: dict[str, From] = {}
        self.events_handled = 0
        self.connects = 0
        self.last_error = ""
        self.own(self._abort)
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._connect()

    def handle_call(self, request: Any, sender: From) -> Any:
        socket = self.commands
        if socket is None:
            return Reply(SwitchUnavailable(self.address.name, self.last_error or "not connected"))
        work: Awaitable[Any]
        match request:
            case Dispatch():
                work = self._dispatch(socket, request)
            case Dump(call_id):
                work = self._dump(socket, call_id)
            case SetVariables(call_id, variables):
                work = self._set(socket, call_id, variables)
            case ListLegs():
                work = self._legs(socket)
            case SwitchApi(command, timeout):
                work = socket.api(command, timeout)
            case BackgroundJob(command):
                job = str(uuids.uuid4())
                self.jobs[job] = sender
                self.start_timer(JOB_TIMEOUT, ("job", job))
                self.background(socket.bgapi(command, job), ("job", job))
                return NoReply()
            case _:
                return super().handle_call(request, sender)
        self.background(self._answered(work), sender)
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Event():
                self._event(message)
            case Completed(tag=From() as sender, value=value, error=error):
                self.reply(sender, value if error is None else SwitchUnavailable(self.address.name, str(error)))
            case Completed(tag=("job", job), error=error):
                if error is not None and job in self.jobs:
                    self.reply(self.jobs.pop(job), SwitchUnavailable(self.address.name, str(error)))
            case TimerFired(message=("job", job)):
                if job in self.jobs:
                    self.reply(self.jobs.pop(job), SwitchUnavailable(self.address.name, "the job did not end in time"))
            case Completed(tag=("connect", serial), error=error) if serial == self.serial:
                if error is not None:
                    self._lost(str(error))
            case SocketClosed(serial, reason) if serial == self.serial:
                self._lost(reason)
            case SocketClosed() | Completed():
                pass  # of an earlier pair of sockets
            case TimerFired(message="connect"):
                self._connect()
            case _:
                super().handle_info(message)

    async def terminate(self, reason: Any) -> None:
        for socket in (self.commands, self.events):
            if socket is not None:
                await socket.close(timeout=1.0)

    # The sockets

    def _abort(self) -> None:
        for socket in (self.commands, self.events):
            if socket is not None:
                socket.abort()

    def _connect(self) -> None:
        self.serial += 1
        self.background(self._open(self.serial), ("connect", self.serial))

    async def _open(self, serial: int) -> None:
        where = self.address
        cell, node = self._myRef, self.node

        def take(event: Event) -> None:
            if len(cell) >= where.event_backlog:
                events.abort()
            else:
                node.deliver(cell, event, None)

        def closed(reason: object) -> None:
            node.deliver(cell, SocketClosed(serial, str(reason)), None)

        def socket(**more: Any) -> EventSocket:
            return EventSocket(
                where.host,
                where.port,
                where.password,
                on_closed=closed,
                connect_timeout=where.connect_timeout,
                command_timeout=where.command_timeout,
                liveness=where.silence / 2,
                in_flight=IN_FLIGHT,
                **more,
            )

        commands = socket()
        events = socket(events=mapping.SUBSCRIPTION, on_event=take)
        try:
            await commands.connect()
            await events.connect()
            core_uuid = await _core_uuid(commands)
        except BaseException:
            commands.abort()
            events.abort()
            raise
        self._connected(commands, events, core_uuid)

    def _connected(self, commands: EventSocket, events: EventSocket, core_uuid: str) -> None:
        self.commands, self.events = commands, events
        self.pause = self.address.reconnect_first
        self.connects += 1
        self.last_error = ""
        restarted = bool(self.core_uuid) and self.core_uuid != core_uuid
        self.core_uuid = core_uuid
        self.log.info("switch_connected", switch=self.address.name, restarted=restarted)
        self._tell(SwitchUp(self.address.name, restarted))

    def _lost(self, reason: str) -> None:
        self.last_error = reason
        self._abort()
        if self.commands is not None:
            self._tell(SwitchDown(self.address.name, reason))
        self.commands = self.events = None
        for sender in self.jobs.values():
            self.reply(sender, SwitchUnavailable(self.address.name, reason))
        self.jobs.clear()
        self.log.warning("switch_lost", switch=self.address.name, reason=reason, retry_in=self.pause)
        self.serial += 1
        self.start_timer(self.pause, "connect")
        self.pause = min(self.pause * 2, self.address.reconnect_most)

    def _tell(self, news: SwitchUp | SwitchDown) -> None:
        self.send(CHANNELS, news)
        self.send(REGISTRAR, news)

    # Events

    def _event(self, event: Event) -> None:
        self.events_handled += 1
        headers = event.fields
        if event.core_uuid and self.core_uuid and event.core_uuid != self.core_uuid:
            self._lost("the switch was restarted")
            return
        match event.name:
            case "CHANNEL_PARK":
                leg = mapping.described(headers)
                self.send(CHANNELS, LegParked(self.address.name, leg, mapping.result_variables(headers)))
            case "BACKGROUND_JOB":
                sender = self.jobs.pop(event.job_uuid, None)
                if sender is not None:
                    self.reply(sender, event.body)
            case "CUSTOM":
                self.send(REGISTRAR, RegistrationEvent(self.address.name, event.subclass, _texts(headers)))
            case "SHUTDOWN":
                self.log.warning("switch_stops", switch=self.address.name)
            case _:
                self._call_event(event)

    def _call_event(self, event: Event) -> None:
        mapped = mapping.call_event(event.fields)
        if mapped is None:
            return
        news = LegEvent(self.address.name, mapped, mapping.result_variables(event.fields))
        self.send(CHANNELS, news)
        name = call_name(mapped.call_id)
        registry = self.node.registry
        if registry.find(name) is not None or registry.reserved(name):
            self.send(name, news)

    # Commands

    async def _answered(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except CommandRefused as error:
            return Refused("", str(error))
        except EslError as error:
            return SwitchUnavailable(self.address.name, str(error))

    async def _dispatch(self, socket: EventSocket, request: Dispatch) -> Accepted | Refused:
        command_id = request.command_id
        try:
            contacts = await self._contacts(socket, request.command)
            plan = plan_for(request.command, replace(self.around, contacts=contacts))
        except Untranslatable as error:
            return Refused(command_id, str(error))
        steps = self._steps(socket, request, plan)
        if not steps:
            return Accepted(command_id, False)
        # Sent back to back, in this order, without waiting for each answer: one round trip for the whole command.
        answers = await asyncio.gather(*steps, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, CommandRefused):
                return Refused(command_id, str(answer))
            if isinstance(answer, BaseException):
                raise answer
        return Accepted(command_id, plan.completes)

    def _steps(self, socket: EventSocket, request: Dispatch, plan: Plan) -> list[Awaitable[Any]]:
        call_id, command_id = request.call_id, request.command_id
        steps: list[Awaitable[Any]] = []
        variables = dict(plan.variables)
        if command_id and plan.completes:
            variables[COMMAND_VARIABLE] = command_id
            if request.checkpoint:
                variables[CHECKPOINT_VARIABLE] = request.checkpoint
        steps += [socket.api(text) for text in _setvars(call_id, variables)]
        steps += [socket.api(text) for text in plan.apis]
        for application in plan.applications:
            last = application is plan.applications[-1] and command_id
            steps.append(
                socket.execute(call_id, application.name, application.argument, event_uuid=command_id if last else None)
            )
        if plan.completes and command_id:
            steps.append(socket.execute(call_id, "set", f"{DONE_VARIABLE}={command_id}"))
        if plan.hangup is not None:
            steps.append(socket.hangup(call_id, plan.hangup))
        return steps

    async def _contacts(self, socket: EventSocket, command: Any) -> dict[str, str]:
        """Where the phones that are to ring are registered, by the switch's own word."""
        contacts = {}
        for phone in needed_contacts(command):
            if inert(phone) == phone and " " not in phone:
                contacts[phone] = (await socket.api(f"sofia_contact */{phone}")).strip()
        return contacts

    async def _dump(self, socket: EventSocket, call_id: str) -> Snapshot | NoSuchLeg:
        try:
            text = await socket.api(f"uuid_dump {call_id} json")
        except CommandRefused:
            return NoSuchLeg(call_id)
        headers = _parsed(text)
        headers["Event-Name"] = "CHANNEL_DATA"
        return Snapshot(
            switch=self.address.name,
            leg=mapping.described(headers),
            variables=mapping.result_variables(headers),
            application=str(headers.get("variable_current_application", "")),
            answered=headers.get("Answer-State") == "answered",
            bridged_to=headers.get("Other-Leg-Unique-ID") or headers.get("variable_bridge_uuid") or None,
        )

    async def _set(self, socket: EventSocket, call_id: str, variables: dict[str, str]) -> Accepted:
        for text in _setvars(call_id, {name: inert(value) for name, value in variables.items()}):
            await socket.api(text)
        return Accepted("", False)

    async def _legs(self, socket: EventSocket) -> tuple[str, ...]:
        rows = _parsed(await socket.api("show channels as json")).get("rows", [])
        return tuple(str(row["uuid"]) for row in rows if isinstance(row, dict) and row.get("uuid"))


async def _core_uuid(socket: EventSocket) -> str:
    found = (await socket.api("global_getvar core_uuid")).strip()
    if not found:
        raise SwitchNotUsable("it does not tell its core_uuid")
    return found


def _setvars(call_id: str, variables: dict[str, str]) -> list[str]:
    """API commands that set channel variables: one for all that are plain, one each for the others."""
    plain = {}
    commands = []
    for name, value in variables.items():
        if any(sign in value for sign in ";'\\\n\r") or "${" in value:
            commands.append(setvar(call_id, name, value))
        else:
            plain[variable_name(name)] = value
    if plain:
        pairs = ";".join(f"{name}={value}" for name, value in plain.items())
        commands.insert(0, f"uuid_setvar_multi {call_id} {pairs}")
    return commands


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _texts(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if isinstance(value, str)}

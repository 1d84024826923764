"""Carrying out on the switch what is asked of it: everything that takes a socket for commands.

What is done for one leg is done one after the other, in the order in which it was asked: a look at a leg never
overtakes a command that was given before it, so whoever looks sees whether the switch has that command.
"""

from __future__ import annotations

import asyncio
import uuid as uuids
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

import orjson
import structlog

from mirliton.actors.conferencing import ConferenceCommand, ListRoom, NoSuchRoom, Room
from mirliton.actors.kapi.media import MediaReq
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    Accepted,
    Dispatch,
    NoSuchLeg,
    Refused,
    Settle,
    SetVariables,
    Snapshot,
)
from mirliton.ecallmgr import conferences
from mirliton.ecallmgr.call_events import described, result_variables
from mirliton.ecallmgr.dialling import needed_contacts
from mirliton.ecallmgr.errors import SwitchNotUsable, Untranslatable
from mirliton.ecallmgr.esl import commands
from mirliton.ecallmgr.esl.connection import NO_REPLY, EventSocket
from mirliton.ecallmgr.esl.errors import CommandRefused, InvalidCommand
from mirliton.ecallmgr.esl.framing import Frame
from mirliton.ecallmgr.esl.pending import API
from mirliton.ecallmgr.esl.quoting import assignment, inert, setvar, variable_name
from mirliton.ecallmgr.media import needed_media
from mirliton.ecallmgr.plan import Application, Plan, Surroundings
from mirliton.ecallmgr.translate import plan_for

BESIDE: Final = "beside-"
"""How the ids of applications begin whose end nobody waits for."""
SETVARS: Final = 48
"""Variables set by one API command; FreeSWITCH takes 64 and makes one value of the rest."""

T = TypeVar("T")
log = structlog.get_logger()


class Turns:
    """Work by key: what has the same key is done one after the other, first come, first served."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._last)

    async def take(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        before = self._last.get(key)
        mine = self._last[key] = asyncio.Event()
        try:
            if before is not None:
                await before.wait()
            return await work()
        finally:
            mine.set()
            if self._last.get(key) is mine:
                del self._last[key]


class SwitchCommands:
    """What can be done on one connection. Every method raises EslError when the switch does not answer."""

    def __init__(
        self,
        socket: EventSocket,
        switch: str,
        around: Surroundings,
        elsewhere: Callable[[str], Awaitable[str]] | None = None,
        media_at: Callable[[MediaReq], Awaitable[str]] | None = None,
    ) -> None:
        """`elsewhere` tells where a phone is that is not registered at the switch, as the switch would: at a proxy.
        `media_at` tells the URL of a medium that is to be heard in place of the switch's own; empty where there is
        none."""
        self._socket = socket
        self._elsewhere = elsewhere
        self._media_at = media_at
        self._switch = switch
        self._around = around

    async def dispatch(self, request: Dispatch) -> Accepted | Refused:
        """Give a command to a leg. What cannot be said to the switch as it is refuses it before anything is sent."""
        try:
            commands.identifier(request.call_id)
            contacts = await self._contacts(request.command)
            media = await self._media(request.command)
            around = replace(self._around, contacts=contacts, media=media) if contacts or media else self._around
            plan = plan_for(request.command, request.call_id, around)
            steps = _steps(request, plan)
        except (Untranslatable, InvalidCommand) as error:
            return Refused(request.command_id, str(error))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # A command that is no command of Kazoo's, or a fault of ours: asked again it would go wrong again.
            log.exception("command_not_translated", call_id=request.call_id, command=type(request.command).__qualname__)
            return Refused(request.command_id, f"it cannot be translated ({type(error).__name__}: {error})")
        refusal = await self._send(steps)
        if refusal is not None:
            return Refused(request.command_id, refusal)
        return Accepted(request.command_id, plan.completes and bool(request.command_id))

    async def settle(self, request: Settle) -> Accepted | Refused:
        """Note that a command is done, behind what runs."""
        try:
            steps = (
                [commands.api(f"uuid_break {commands.identifier(request.call_id)} all")] if request.interrupt else []
            )
            steps.append(_note_done(request.call_id, request.command_id))
        except InvalidCommand as error:
            return Refused(request.command_id, str(error))
        refusal = await self._send(steps)
        return Accepted(request.command_id, False) if refusal is None else Refused(request.command_id, refusal)

    async def set_variables(self, request: SetVariables) -> Accepted | Refused:
        """Set channel variables at once."""
        try:
            steps = setvars(request.call_id, {name: inert(value) for name, value in request.variables.items()})
        except InvalidCommand as error:
            return Refused("", str(error))
        refusal = await self._send(steps)
        return Accepted("", False) if refusal is None else Refused("", refusal)

    async def dump(self, call_id: str) -> Snapshot | NoSuchLeg:
        """What the switch knows of a leg. Raises SwitchNotUsable for an answer that is none."""
        try:
            told = await self._socket.api(f"uuid_dump {commands.identifier(call_id)} json")
        except (CommandRefused, InvalidCommand):
            return NoSuchLeg(call_id)
        headers = parsed(told, "uuid_dump")
        if headers.get("Unique-ID") != call_id:
            raise SwitchNotUsable(f"asked for leg {call_id} it told of {str(headers.get('Unique-ID'))[:80]!r}")
        headers["Event-Name"] = "CHANNEL_DATA"
        return Snapshot(
            switch=self._switch,
            leg=described(headers),
            variables=result_variables(headers),
            application=str(headers.get("variable_current_application", "")),
            answered=headers.get("Answer-State") == "answered",
            bridged_to=headers.get("variable_signal_bond") or None,
            run=str(headers.get("Core-UUID", "")),
        )

    async def legs(self) -> tuple[str, ...]:
        """The ids of all legs. Raises SwitchNotUsable for an answer that is none: it must not pass for *no legs*."""
        listed = parsed(await self._socket.api("show channels as json"), "show channels")
        rows = listed.get("rows", [])
        if not isinstance(rows, list) or len(rows) != listed.get("row_count"):
            raise SwitchNotUsable(f"it lists {listed.get('row_count')!r} channels and tells of others")
        return tuple(str(row["uuid"]) for row in rows if isinstance(row, dict) and row.get("uuid"))

    async def conference(self, request: ConferenceCommand) -> Accepted | Refused | NoSuchRoom:
        """Carry out one of kapi's conference commands."""
        try:
            told = await self._socket.api(conferences.api_for(request.room, request.command, self._around))
        except (Untranslatable, InvalidCommand) as error:
            return Refused("", str(error))
        except CommandRefused as error:
            return NoSuchRoom(request.room) if _no_room(error.text) else Refused("", str(error))
        return NoSuchRoom(request.room) if _no_room(told) else Accepted("", False)

    async def room(self, request: ListRoom) -> Room | NoSuchRoom:
        """Who is in a conference. Raises SwitchNotUsable for an answer that is none."""
        try:
            told = await self._socket.api(f"conference {conferences.room(request.room)} json_list")
        except (CommandRefused, Untranslatable):
            return NoSuchRoom(request.room)
        return NoSuchRoom(request.room) if _no_room(told) else conferences.listed(request.room, told)

    async def _contacts(self, command: Any) -> dict[str, str]:
        """Where the phones that are to ring are registered, by the switch's own word."""
        phones = needed_contacts(command)
        found = await asyncio.gather(*(self._contact(phone) for phone in phones))
        return dict(zip(phones, found, strict=True))

    async def _contact(self, phone: str) -> str:
        try:
            found = (await self._socket.api(f"sofia_contact */{phone}")).strip()
        except CommandRefused:
            found = ""
        if not found.startswith("sofia/") and self._elsewhere is not None:
            return await self._elsewhere(phone)
        return found

    async def _media(self, command: Any) -> dict[str, str]:
        """Where the command's media are that are not the switch's own."""
        asked = needed_media(command) if self._media_at is not None else ()
        if not asked or self._media_at is None:
            return {}
        found = await asyncio.gather(*(self._media_at(request) for request in asked))
        return {request.media_name: url for request, url in zip(asked, found, strict=True) if url}

    async def _send(self, steps: list[bytes]) -> str | None:
        """Send commands back to back without waiting for each answer; what the switch refuses first, if anything."""
        answers = await asyncio.gather(*(self._socket.send(step) for step in steps), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return next((text for answer in answers if (text := refusal_in(answer)) is not None), None)


def _no_room(told: str) -> bool:
    """Whether the switch says that there is no such conference; not all versions say so by an error."""
    return told.startswith(("Conference ", "-ERR Conference ", "No active conferences")) and "not found" in told


def refusal_in(answer: Any) -> str | None:
    """Why the switch refused, if this is a refusal."""
    assert isinstance(answer, Frame)
    told = answer.text if answer.content_type == API else answer.reply_text
    if told.rstrip("\n") == NO_REPLY:
        return None
    return told.strip()[:500] if told.startswith(("-ERR", "-USAGE")) else None


def parsed(told: str, what: str) -> dict[str, Any]:
    """A JSON answer. Raises SwitchNotUsable."""
    try:
        value = orjson.loads(told)
    except orjson.JSONDecodeError as error:
        raise SwitchNotUsable(f"its answer to {what} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise SwitchNotUsable(f"its answer to {what} is no JSON object")
    return value


def _steps(request: Dispatch, plan: Plan) -> list[bytes]:
    """All that is sent for one command. Raises InvalidCommand before anything is sent."""
    leg, command_id = request.call_id, request.command_id
    variables = dict(plan.variables)
    steps = []
    if request.interrupt:
        # `all`: what was given last may not have begun yet.
        steps.append(commands.api(f"uuid_break {leg} all"))
        variables.setdefault(HOLD_VARIABLE, "")
    if command_id:
        variables[COMMAND_VARIABLE] = command_id
        if request.checkpoint:
            variables[CHECKPOINT_VARIABLE] = request.checkpoint
    steps += setvars(leg, variables)
    steps += [commands.api(text) for text in plan.apis]
    waits = plan.completes and bool(command_id)
    for application in plan.applications:
        last = waits and application is plan.applications[-1] and not application.endless
        steps.append(_execute(leg, application, command_id if last else _beside()))
    if waits:
        # Each turn of an endless application ends with an event; its command ends with the note behind it.
        endless = plan.applications[-1].endless
        steps.append(_note_done(leg, command_id, command_id if endless else None))
    elif command_id:
        steps += setvars(leg, {DONE_VARIABLE: command_id})
    return steps


def _execute(leg: str, application: Application, event_uuid: str) -> bytes:
    if not application.endless:
        return commands.execute(leg, application.name, application.argument, event_uuid=event_uuid)
    return commands.sendmsg(
        leg,
        {
            "call-command": "execute",
            "execute-app-name": application.name,
            "execute-app-arg": application.argument,
            "Event-UUID": event_uuid,
            "event-lock": "true",
            "loops": "-1",
        },
    )


def _note_done(leg: str, command_id: str, event_uuid: str | None = None) -> bytes:
    note = assignment(DONE_VARIABLE, commands.identifier(command_id, "command_id"))
    return commands.execute(leg, "set", note, event_uuid=event_uuid or _beside())


def _beside() -> str:
    return BESIDE + str(uuids.uuid4())


def setvars(leg: str, variables: dict[str, str]) -> list[bytes]:
    """API commands that set channel variables: one for many that are plain, one each for the others.

    Raises InvalidCommand for a name that no variable may have and for a value that FreeSWITCH would change.
    """
    plain = []
    made = []
    for name, value in variables.items():
        if any(sign in value for sign in ";'\\\r\n\0") or value != value.strip() or "${" in value or "ARRAY::" in value:
            made.append(commands.api(setvar(leg, name, value)))
        else:
            plain.append(f"{variable_name(name)}={value}")
    for at in range(0, len(plain), SETVARS):
        pairs = ";".join(plain[at : at + SETVARS])
        made.append(commands.api(f"uuid_setvar_multi {commands.identifier(leg)} {pairs}"))
    return made

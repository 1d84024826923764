"""What an action can do with its call.

    async def run(call: Script, data: Data) -> Outcome:
        await call.execute(Answer(call.id))
        result = await call.execute(PlayAndCollectDigits(call.id, greeting, …))
        return Next(result.variables.get("collected_digits", "_"))

Every `execute` waits until the switch has done the command. If this process is killed meanwhile, its successor runs the
action again: the commands that were done are answered from the checkpoint, the one under way is waited for, and only
then anything new is sent. An action must therefore ask nothing but its call, its data and the store, and take no
decision by clock or chance.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

import orjson

from mirliton.actors.kapi.call import ChannelUnbridged
from mirliton.actors.kapi.channels import ChannelStatusReq, ChannelStatusResp
from mirliton.actors.kapi.dialplan import Noop
from mirliton.actors.store import Document, DocumentNotFound, InvalidName, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import (
    CHANNELS,
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    CallEnded,
    CallInfo,
    CommandResult,
    Dump,
    Execute,
    LegEvent,
    NoSuchLeg,
    Snapshot,
    call_name,
    switch_name,
)
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import CallError, CallTimeout, Process
from mirliton.whapps.callflow.checkpoint import Checkpoint
from mirliton.whapps.callflow.errors import CallGone, CommandRefused, InvalidFlow

if TYPE_CHECKING:
    from mirliton.whapps.callflow.executor import Executor

ASK_AGAIN: Final = 60.0
"""Seconds after which a command that is still under way is asked for again."""
MAX_KEPT: Final = 8 * 1024
"""Bytes that a call's actions may keep: they go to the switch with each command."""
VARS: Final = "vars"
FOR_LONG: Final = 86_400.0
_PAUSE: Final = 0.1
_PAUSES_BEFORE_DOUBT: Final = 10
_NOTES: Final = frozenset({CHECKPOINT_VARIABLE, COMMAND_VARIABLE, DONE_VARIABLE})

Data = Mapping[str, Any]
"""An action's `data`, as the callflow document has it."""


@dataclass(frozen=True, slots=True)
class Next:
    """Go on with the child of this key, or with `_` where there is none."""

    key: str = "_"


@dataclass(frozen=True, slots=True)
class Done:
    """The flow is over; the call is hung up if it still is up."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Go on with another callflow document."""

    flow_id: str


Outcome = Next | Done | Jump


class Script:
    """One call, as its action sees it."""

    def __init__(self, process: Executor, info: CallInfo, checkpoint: Checkpoint) -> None:
        self._process = process
        self._index = 0
        self.checkpoint = checkpoint
        self.info = info
        self.id = info.call_id
        self.leg = info.leg
        self.vars = {**info.custom_channel_vars, **checkpoint.kept.get(VARS, {})}
        self.account_id = str(info.custom_channel_vars["Account-ID"])
        self.log = process.log
        self.children: frozenset[str] = frozenset()
        """The keys of the children that the flow has for this action."""
        self._known: dict[str, Document | None] = {}

    @property
    def store(self) -> Store:
        """The document store."""
        return self._process.store

    @property
    def account_db(self) -> str:
        """The account's own database."""
        return account_db(self.account_id)

    @property
    def process(self) -> Executor:
        """The process that runs the flow."""
        return self._process

    @property
    def media(self) -> Media:
        """Makes the URLs by which the switch fetches and delivers audio."""
        return self._process.media

    @property
    def capture_group(self) -> str:
        """What the callflow's pattern captured of the number dialled."""
        return str(self.vars.get("Capture-Group", ""))

    def kept(self, name: str, default: Any = None) -> Any:
        """What an action of this call has kept under this name."""
        return self.checkpoint.kept.get(name, default)

    def keep(self, **values: Any) -> None:
        """Keep plain values for the rest of the call; None forgets. Raises InvalidFlow when there is too much.

        They are safe with the next command. An action that is run again may find what it kept itself: keep what the
        action decided, not what it found and changed.
        """
        kept = {name: value for name, value in {**self.checkpoint.kept, **values}.items() if value is not None}
        size = len(orjson.dumps(kept))
        if size > MAX_KEPT:
            raise InvalidFlow("call", f"its flow would keep {size} bytes; {MAX_KEPT} may be")
        self.checkpoint.kept = kept
        self.vars = {**self.info.custom_channel_vars, **kept.get(VARS, {})}

    def keep_vars(self, **values: Any) -> None:
        """Keep channel variables of Kazoo's for the rest of the call, over those that its channel has."""
        self.keep(**{VARS: {**self.kept(VARS, {}), **values}})

    async def safe(self) -> None:
        """Go on when the last mark is on the switch. Raises CallGone.

        A successor that begins at the mark comes by here first, too. What follows may be done twice, what came before
        the mark is never done again: the place for a change that depends on how things were.

            if call.state is None:
                call.mark(not doc["enabled"])
            await call.safe()
            await write(call, …, call.state)
        """
        await self.execute(Noop(self.id))

    async def rest(self, seconds: float) -> None:
        """Leave the leg to what it is doing for so long. Raises CallGone as soon as it is gone."""
        process = self._process
        clock = process.node.clock
        until = clock.now() + seconds
        while not self.info.ended:
            left = until - clock.now()
            if left <= 0:
                return
            try:
                last = await process.receive(CallEnded, min(left, ASK_AGAIN))
            except TimeoutError:
                if left > ASK_AGAIN and await is_gone(process, self.id):
                    break
            else:
                raise CallGone(self.id, last.hangup_cause)
        raise CallGone(self.id, self.info.hangup_cause or "NORMAL_UNSPECIFIED")

    async def parted(self) -> None:
        """Leave the leg to whom it talks with, until they part. Raises CallGone when it is gone then, as it mostly is.

        What the switch says is looked up: an event may be an old one, or be missed.
        """
        while True:
            try:
                message = await self._process.receive(_may_part, ASK_AGAIN)
            except TimeoutError:
                message = None
            if isinstance(message, CallEnded):
                raise CallGone(self.id, message.hangup_cause)
            match await self.seen():
                case NoSuchLeg():
                    raise CallGone(self.id, "NORMAL_UNSPECIFIED")
                case Snapshot(bridged_to=None):
                    return

    async def seen(self) -> Any:
        """A look at the leg; None when its switch cannot be asked now."""
        try:
            return await self.api(Dump(self.id))
        except CallError:
            return None

    async def ended(self) -> NoReturn:
        """Leave the leg to what it is doing, whoever it talks with, until it is gone. Raises CallGone then."""
        while True:
            await self.rest(FOR_LONG)

    async def document(self, doc_id: str) -> Document:
        """A document of the account. Raises DocumentNotFound."""
        return await self.store.get(self.account_db, doc_id)

    async def known_document(self, doc_id: str) -> Document | None:
        """A document of the account that has to do with the caller or the called, read once in an action. None where
        there is none, or it was deleted."""
        if doc_id not in self._known:
            try:
                doc = await self.document(doc_id)
            except (DocumentNotFound, InvalidName):
                self._known[doc_id] = None
            else:
                self._known[doc_id] = None if is_deleted(doc) else doc
        return self._known[doc_id]

    async def execute(self, command: Any) -> CommandResult:
        """Carry a command out and wait for its end. Raises CallGone or CommandRefused."""
        result = await self.attempt(command)
        if result.status == "gone":
            raise CallGone(self.id, result.response)
        if result.status == "refused":
            raise CommandRefused(type(command).__qualname__, result.response)
        return result

    async def attempt(self, command: Any) -> CommandResult:
        """`execute` that raises nothing: the caller wants to see how it ended."""
        index = self._index
        self._index += 1
        results = self.checkpoint.results
        if index < len(results):
            return results[index]
        command_id = self.checkpoint.command_id(self.id, index)
        request = Execute(command_id, replace(command, msg_id=command_id), self.checkpoint.encode())
        result = _without_notes(await self._ask(request))
        results.append(result)
        return result

    def mark(self, state: Any) -> None:
        """A successor begins the action here, with this (plain) state, and not at its beginning."""
        self.checkpoint.state = state
        self.checkpoint.mark += 1
        self.checkpoint.results.clear()
        self._index = 0

    @property
    def state(self) -> Any:
        """What the last mark of this action kept; None at its beginning."""
        return self.checkpoint.state

    def unique(self, what: str) -> str:
        """An id that is the same whenever this action is run again."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{self.id}/{self.checkpoint.step}/{self.checkpoint.mark}/{what}").hex

    async def api(self, command: Any, timeout: float = 15.0) -> Any:
        """Ask the call's switch something that does not belong to the leg (see `ecallmgr/connection.py`)."""
        return await self._process.call(switch_name(self.info.switch), command, timeout=timeout)

    async def _ask(self, request: Execute) -> CommandResult:
        process = self._process
        pauses = 0
        while True:
            try:
                result: CommandResult = await process.call(call_name(self.id), request, timeout=ASK_AGAIN)
                return result
            except CallTimeout:
                continue
            except CallError:
                # The call's actor is being restarted; it takes the same command up where it was.
                pauses += 1
                await process.sleep(_PAUSE)
                if pauses % _PAUSES_BEFORE_DOUBT == 0 and await is_gone(process, self.id):
                    return CommandResult(request.command_id, "gone", "NORMAL_UNSPECIFIED")


def _may_part(message: Any) -> bool:
    return isinstance(message, CallEnded) or (
        isinstance(message, LegEvent) and isinstance(message.event, ChannelUnbridged)
    )


async def is_gone(process: Process, call_id: str) -> bool:
    """Whether the channel table knows that a leg has ended. Where it cannot be asked the leg may be there."""
    try:
        answer = await process.call(CHANNELS, ChannelStatusReq(call_id=call_id))
    except CallError:
        return False
    return isinstance(answer, ChannelStatusResp) and answer.status == "terminated"


def _without_notes(result: CommandResult) -> CommandResult:
    """A result without what we noted on the channel ourselves: the next checkpoint must not hold the one before it."""
    return replace(result, variables={name: value for name, value in result.variables.items() if name not in _NOTES})

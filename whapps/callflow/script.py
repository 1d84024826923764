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
from typing import TYPE_CHECKING, Any, Final

from mirliton.actors.kapi.channels import ChannelStatusReq, ChannelStatusResp
from mirliton.actors.store import Document, Store
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import (
    CHANNELS,
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    CallInfo,
    CommandResult,
    Execute,
    call_name,
    switch_name,
)
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import CallError, CallTimeout, Process
from mirliton.whapps.callflow.checkpoint import Checkpoint
from mirliton.whapps.callflow.errors import CallGone, CommandRefused

if TYPE_CHECKING:
    from mirliton.whapps.callflow.executor import Executor

ASK_AGAIN: Final = 60.0
"""Seconds after which a command that is still under way is asked for again."""
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
        self.vars = info.custom_channel_vars
        self.account_id = str(info.custom_channel_vars["Account-ID"])
        self.log = process.log
        self.children: frozenset[str] = frozenset()
        """The keys of the children that the flow has for this action."""

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

    async def document(self, doc_id: str) -> Document:
        """A document of the account. Raises DocumentNotFound."""
        return await self.store.get(self.account_db, doc_id)

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

"""The commands of a call: those that wait, the one under way, and how far the switch has come with it.

The switch notes the id of the last command that it was given and of the last that it has done. What is under way is
compared with that whenever there is doubt (`compare`), so that no command is lost and none is done twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mirliton.actors.call_queue import Command, CommandQueue, progress, says_gone
from mirliton.actors.kapi.call import ChannelExecuteCompleted
from mirliton.actors.kapi.dialplan import Hold
from mirliton.actors.switching import (
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    Accepted,
    CommandResult,
    Dispatch,
    Execute,
    Refused,
    Settle,
    Snapshot,
)
from mirliton.runtime import From, NoReply, Reply

if TYPE_CHECKING:
    from mirliton.actors.call import Call

SETTLE_AFTER: Final = 0.5
"""A switch begins what it is given well within this time (FreeSWITCH: some 20 ms)."""


class Commands:
    """Those of one call, one under way at a time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._queue = CommandQueue()
        self._last: CommandResult | None = None
        self._seen = ""
        """The command that the channel named when this process first looked."""
        self._flushing = ""
        """The command under way that is to be ended."""
        self._holding = False
        """Music plays until the next command stops it."""
        self.giving = ""
        """The command that is on its way to the switch: no look now, which might not see it yet."""

    @property
    def under_way(self) -> Command | None:
        """The command that the switch has, or is about to get."""
        return self._queue.current

    def result_of(self, command_id: str) -> CommandResult | None:
        """What came of a command, if it was the last one."""
        return self._last if self._last is not None and command_id and self._last.command_id == command_id else None

    def execute(self, request: Execute, sender: From) -> NoReply | Reply:
        """Take a command, or a caller of one that is known, into the queue."""
        if not request.command_id:
            return Reply(CommandResult("", "refused", "a command in the queue needs an id"))
        command = self._queue.find(request.command_id)
        if command is not None:
            command.wait(sender)
            return NoReply()
        insert_at = getattr(request.command, "insert_at", "tail")
        if self._queue.full and insert_at != "flush":
            return Reply(CommandResult(request.command_id, "refused", "too many commands wait"))
        if insert_at == "flush" and self._call.leg is None:
            # The first that waits may be what runs: a predecessor gave it.
            self._queue.next()
        for displaced in self._queue.add(Command(request, [sender]), insert_at):
            result = CommandResult(displaced.id, "refused", "it was flushed from the queue")
            self._call.tell_result(displaced, result)
        if insert_at == "flush" and self._queue.current is not None:
            self._flushing = self._queue.current.id
            self._flush()
        self._next()
        return NoReply()

    def given(self, command_id: str, answer: Any) -> None:
        """The switch has answered to a command, or cannot."""
        if self.giving == command_id:
            self.giving = ""
        current = self._queue.current
        if current is not None and current.id == command_id:
            match answer:
                case Accepted(completes=True):
                    pass
                case Accepted():
                    self._finish(CommandResult(command_id, "done"))
                case Refused(text=text):
                    # A leg that is gone refuses everything; a look tells, and the result is what it tells.
                    if says_gone(text):
                        self._call.look_wanted = True
                    else:
                        self._finish(CommandResult(command_id, "refused", text))
                case _:
                    self._call.look_later()
        self._flush()
        if self._call.look_wanted:
            self._call.look()

    def completed(self, event: ChannelExecuteCompleted, variables: Mapping[str, str]) -> None:
        """An application has ended on the leg: perhaps that of the command under way."""
        current = self._queue.current
        if current is not None and event.msg_id == current.id:
            self._finish(CommandResult(current.id, "done", event.application_response or "", dict(variables)))

    def see(self, seen: Snapshot, *, first: bool) -> None:
        """The leg has been looked at: what there is to know of it, before anything is done about it."""
        self._holding = seen.variables.get(HOLD_VARIABLE) == "true"
        if first:
            self._seen = seen.variables.get(COMMAND_VARIABLE, "")
            done = seen.variables.get(DONE_VARIABLE)
            if done and self._last is None:
                self._last = CommandResult(done, "done", "", seen.variables)
        if self._queue.current is None:
            self._queue.next()

    def compare(self, seen: Snapshot, *, doubtful: bool) -> None:
        """Go on with the command under way from where the switch is with it. `doubtful`: events were missed, and
        perhaps part of what was sent."""
        if self._queue.current is not None:
            self._continue(self._queue.current, seen, doubtful=doubtful)
        self._flush()

    def clear(self) -> list[Command]:
        """All of them, for the call has ended."""
        return self._queue.clear()

    def _continue(self, command: Command, seen: Snapshot, *, doubtful: bool) -> None:
        match progress(command.id, seen):
            case "done":
                self._finish(CommandResult(command.id, "done", "", seen.variables))
            case "unknown":
                self._give()
            case "running":
                command.doubted = False
                if doubtful:
                    # Its own note may be among what was lost with the connection.
                    self._call.ask_switch(Settle(self._call.call_id, command.id), "settled")
            case "noted" if command.doubted:
                self._call.log.info("command_given_again", command_id=command.id)
                command.doubted = False
                self._give()
            case "noted":
                command.doubted = True
                self._call.set_timer("look", SETTLE_AFTER)

    def _flush(self) -> None:
        """End what is to be flushed, when the switch has it."""
        if not self._flushing or self.giving or self._call.looking:
            return
        current = self._queue.current
        if current is not None and current.id == self._flushing:
            self._call.ask_switch(Settle(self._call.call_id, current.id, interrupt=True), "settled")
        self._flushing = ""

    def _next(self) -> None:
        if self._call.leg is None or self._call.looking:
            return
        command = self._queue.next()
        if command is None:
            return
        if command.id == self._seen:
            # Given by whoever was this call before: see first how it stands.
            self._seen = ""
            self._call.look()
        else:
            self._give()

    def _give(self) -> None:
        assert self._queue.current is not None
        request = self._queue.current.request
        self.giving = request.command_id
        interrupt, self._holding = self._holding, isinstance(request.command, Hold)
        self._call.ask_switch(
            Dispatch(self._call.call_id, request.command, request.command_id, request.checkpoint, interrupt),
            "given",
            request.command_id,
        )

    def _finish(self, result: CommandResult) -> None:
        command = self._queue.finish()
        if command is None:
            return
        if result.status == "done":
            self._last = result
        self._call.tell_result(command, result)
        self._next()

"""Commands of a call that go past its queue (`insert_at="now"`): the switch gets them at once, beside what runs.

Nothing of them is noted on the channel, where it would hide the command under way. Each is answered with what the
switch said to it. Those that end the call are given until the switch has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mirliton.actors.call_queue import Command, says_gone
from mirliton.actors.kapi.dialplan import Hangup, Respond
from mirliton.actors.switching import Accepted, CommandResult, Dispatch, Execute, Refused
from mirliton.runtime import From, NoReply, Reply

if TYPE_CHECKING:
    from mirliton.actors.call import Call

MOST_AT_ONCE: Final = 100
"""Commands past the queue that may be under way."""
RETRY_AFTER: Final = 0.25
"""Pause before an end is given again to a switch that is away; each time it doubles."""
RETRY_MOST: Final = 5.0


class AtOnce:
    """Those of one call that the switch has not answered yet."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._under_way: dict[int, Command] = {}
        self._count = 0
        self._pause = RETRY_AFTER

    def execute(self, request: Execute, sender: From) -> NoReply | Reply:
        """Somebody asks for one."""
        if len(self._under_way) >= MOST_AT_ONCE:
            return Reply(CommandResult(request.command_id, "refused", "too many commands are under way"))
        self.give(Command(request, [sender]))
        return NoReply()

    def give(self, command: Command) -> None:
        """Give one to the switch."""
        self._count += 1
        self._under_way[self._count] = command
        self.dispatch(self._count)

    def dispatch(self, key: int) -> None:
        """Give it, perhaps once more."""
        command = self._under_way.get(key)
        if command is not None:
            self._call.ask_switch(Dispatch(self._call.call_id, command.request.command, ""), "at_once", key)

    def given(self, key: int, answer: Any) -> None:
        """The switch has answered, or cannot."""
        command = self._under_way.get(key)
        if command is None:
            return
        match answer:
            case Accepted():
                self._pause = RETRY_AFTER
                result = CommandResult(command.id, "done")
            case Refused(text=text) if says_gone(text):
                self._call.look()
                result = CommandResult(command.id, "gone", text)
            case Refused(text=text):
                name = type(command.request.command).__qualname__
                self._call.log.warning("command_refused", command=name, text=text)
                result = CommandResult(command.id, "refused", text)
            case _ if isinstance(command.request.command, Hangup | Respond):
                # Whoever wants the call to end wants it also when the switch is back.
                self._call.start_timer(self._pause, ("at_once", key))
                self._pause = min(self._pause * 2, RETRY_MOST)
                return
            case _:
                result = CommandResult(command.id, "refused", f"the switch did not take it: {answer}")
        del self._under_way[key]
        self._call.tell_result(command, result)

    def clear(self) -> list[Command]:
        """All of them, for the call has ended."""
        gone = list(self._under_way.values())
        self._under_way.clear()
        return gone

"""A switch with one leg, for the actor of a call: it answers as `ecallmgr.connection` does, in the node's virtual time.

It notes what it is given (`given`), what it began to do (`begun`) and did (`done`), by command id. A command that it is
given a second time although it was doing it, or had done it, is a fault (`doubled`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mirliton.actors.kapi.call import (
    CallEvent,
    ChannelAnswered,
    ChannelCreated,
    ChannelDestroyed,
    ChannelExecuteCompleted,
)
from mirliton.actors.kapi.dialplan import (
    Answer,
    Bridge,
    Hangup,
    Hold,
    Noop,
    Park,
    Play,
    Respond,
    SetTerminators,
    application_name,
)
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    Accepted,
    Dispatch,
    Dump,
    LegEvent,
    NoSuchLeg,
    Refused,
    Settle,
    SetVariables,
    Snapshot,
    SwitchUnavailable,
    call_name,
    channels_name,
    switch_name,
)
from mirliton.runtime import From, GenServer, NoReply, Reply, TimerFired, TimerRef
from mirliton.runtime.testing import VirtualNode

SWITCH: Final = "fs1"
LEG: Final = "94b7e751-aadd-4896-aedd-eea32258180f"
AT_ONCE: Final = (Hangup, Park, SetTerminators)
"""Commands that are done when the switch has answered."""


@dataclass
class _Work:
    """What waits on the leg: an application of a command, or (`note`) the note that the command is done."""

    command_id: str
    application: str
    seconds: float | None
    note: bool = False


@dataclass
class FakeSwitch:
    """`lasts` says how many seconds each medium is; what is not in it lasts one. Media called "endless" do not end."""

    node: VirtualNode
    lasts: dict[str, float] = field(default_factory=dict)
    answers_after: float = 0.02
    begins_after: float = 0.02
    """Seconds from a command's answer to its beginning: meanwhile nothing shows that it runs."""

    def __post_init__(self) -> None:
        self.variables: dict[str, str] = {}
        self.application = "park"
        self.answered = False
        self.gone = False
        self.away = False
        self.refuses: str | None = None
        self.silent = False
        """Events get lost."""
        self.loses_notes = False
        """What is sent behind a command gets lost, too."""
        self.given: list[str] = []
        self.beside: list[Any] = []
        self.begun: list[str] = []
        self.done: list[str] = []
        self.doubled: list[str] = []
        self.looks = 0
        self.settled: list[str] = []
        self.leg = ChannelCreated(
            LEG, call_direction="inbound", caller_id_number="1001", caller_destination_number="2000"
        )
        self._queue: deque[_Work] = deque()
        self._running: _Work | None = None
        self._timer: TimerRef | None = None
        self.process: _Process

    async def start(self) -> None:
        await self.node.start(_Process, self, name=switch_name(SWITCH))

    # What tests do

    def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        """The leg ends."""
        self.gone = True
        self._queue.clear()
        self._running = None
        self.event(ChannelDestroyed(LEG, hangup_cause=cause, call_direction="inbound"))

    def event(self, event: CallEvent) -> None:
        """Tell the call (and the table) of an event."""
        if not self.silent:
            news = LegEvent(SWITCH, event, dict(self.variables), "run-1")
            self.node.send(call_name(LEG), news)
            self.node.send(channels_name(SWITCH), news)

    # What is asked

    def answer(self, request: Any) -> Any:
        if self.away:
            return SwitchUnavailable(SWITCH, "away")
        match request:
            case Dump():
                self.looks += 1
                return NoSuchLeg(LEG) if self.gone else self.snapshot()
            case _ if self.gone:
                return Refused(getattr(request, "command_id", ""), "-ERR No such channel!")
            case _ if self.refuses is not None:
                return Refused(getattr(request, "command_id", ""), self.refuses)
            case SetVariables(variables=variables):
                self._set(variables)
                return Accepted("", False)
            case Settle(command_id=command_id, interrupt=interrupt):
                self.settled.append(command_id)
                if interrupt:
                    self._break()
                self._put(_Work(command_id, "set", 0.0, note=True))
                return Accepted(command_id, False)
            case Dispatch():
                return self._take(request)
        raise AssertionError(request)

    def snapshot(self) -> Snapshot:
        return Snapshot(SWITCH, self.leg, dict(self.variables), self.application, self.answered, run="run-1")

    def _take(self, request: Dispatch) -> Accepted:
        command_id, command = request.command_id, request.command
        if not command_id:
            self.beside.append(command)
            if isinstance(command, Hangup | Respond):
                self.hang_up(getattr(command, "hangup_cause", None) or "CALL_REJECTED")
            return Accepted("", False)
        if self.knows(command_id):
            self.doubled.append(command_id)
        self.given.append(command_id)
        if request.interrupt:
            self._break()
            self.variables.pop(HOLD_VARIABLE, None)
        self.variables[COMMAND_VARIABLE] = command_id
        if request.checkpoint:
            self.variables[CHECKPOINT_VARIABLE] = request.checkpoint
        if isinstance(command, AT_ONCE):
            self.begun.append(command_id)
            self.done.append(command_id)
            self.variables[DONE_VARIABLE] = command_id
            return Accepted(command_id, False)
        endless = isinstance(command, Hold) or getattr(command, "media_name", "") == "endless"
        seconds = None if endless else self._seconds(command)
        self._put(_Work(command_id, application_name(command), seconds))
        if isinstance(command, Hold):
            self.variables[HOLD_VARIABLE] = "true"
            self.variables[DONE_VARIABLE] = command_id
            return Accepted(command_id, False)
        if not self.loses_notes:
            self._put(_Work(command_id, "set", 0.0, note=True))
        return Accepted(command_id, True)

    def knows(self, command_id: str) -> bool:
        """Whether it is doing a command, has done it, or has it in its queue."""
        waiting = [work.command_id for work in self._queue if not work.note]
        running = self._running.command_id if self._running is not None else None
        return command_id in (running, *waiting, *self.done)

    def _seconds(self, command: Any) -> float:
        match command:
            case Play(media_name=name):
                return self.lasts.get(name, 1.0)
            case Bridge():
                return 10.0
            case Answer() | Noop():
                return 0.05
        return self.lasts.get(application_name(command), 1.0)

    # The leg's queue

    def _set(self, variables: dict[str, str]) -> None:
        self.variables |= variables
        named = {
            name.removeprefix("ecallmgr_"): value for name, value in variables.items() if name.startswith("ecallmgr_")
        }
        self.leg = replace(self.leg, custom_channel_vars={**self.leg.custom_channel_vars, **named})

    def _put(self, work: _Work) -> None:
        self._queue.append(work)
        if self._running is None and self._timer is None:
            self._timer = self.process.start_timer(self.begins_after, "begin")

    def begin(self) -> None:
        self._timer = None
        if self.gone or self._running is not None or not self._queue:
            return
        work = self._running = self._queue.popleft()
        if not work.note:
            self.application = work.application
            self.begun.append(work.command_id)
        if work.seconds is not None:
            self._timer = self.process.start_timer(work.seconds, "end")

    def end(self) -> None:
        self._timer = None
        work, self._running = self._running, None
        if self.gone or work is None:
            return
        self.application = "park"
        if work.note:
            self.variables[DONE_VARIABLE] = work.command_id
        elif HOLD_VARIABLE not in self.variables or self.variables.get(DONE_VARIABLE) != work.command_id:
            self.done.append(work.command_id)
            if work.application == "answer":
                self.answered = True
                self.event(ChannelAnswered(LEG))
            self.event(
                ChannelExecuteCompleted(
                    LEG, msg_id=work.command_id, application_name=work.application, application_response="ok"
                )
            )
        self.begin()

    def _break(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is not None:
            self.end()


class _Process(GenServer):
    def init(self, switch: FakeSwitch) -> None:
        self.switch = switch
        switch.process = self
        self.answering: dict[int, tuple[Any, From]] = {}
        self.count = 0

    def handle_call(self, request: Any, sender: From) -> Any:
        # It acts at once and answers later: what is asked may be done although nobody hears so.
        answer = self.switch.answer(request)
        if self.switch.answers_after == 0.0:
            return Reply(answer)
        self.count += 1
        self.answering[self.count] = (answer, sender)
        self.start_timer(self.switch.answers_after, ("answer", self.count))
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case TimerFired(message=("answer", count)):
                answer, sender = self.answering.pop(count)
                self.reply(sender, answer)
            case TimerFired(message="begin"):
                self.switch.begin()
            case TimerFired(message="end"):
                self.switch.end()

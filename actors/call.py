"""The actor of one call: it knows the leg, carries out commands one after the other, and outlives its controller.

Its truth is the switch. It keeps nothing that could be lost: after a restart it asks the switch what the leg is doing
and goes on. A command has an id; the switch notes the id of the last command given (COMMAND_VARIABLE) and of the last
one done (DONE_VARIABLE), so that after any interruption one look tells:

    done       DONE_VARIABLE names the command: tell the result
    running    COMMAND_VARIABLE names it and an application runs: wait for its end
    neither    it was never begun: give it (again)

A command that the switch has noted but does not seem to be doing may have been given an instant ago, or lost: it is
looked at twice before it counts as *neither*.

OTP: a gen_server under a supervisor of its own. A restart loses no command that somebody still waits for, because
calls by Name are kept for the successor.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.call_at_once import AtOnce
from mirliton.actors.call_commands import SETTLE_AFTER, Commands
from mirliton.actors.call_controller import Controller
from mirliton.actors.call_queue import Command
from mirliton.actors.call_routing import ROUTE_TIMEOUT, Routing
from mirliton.actors.kapi.call import (
    CallEvent,
    ChannelAnswered,
    ChannelBridged,
    ChannelDestroyed,
    ChannelExecuteCompleted,
    ChannelUnbridged,
    DtmfReceived,
)
from mirliton.actors.kapi.route import RouteWin
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    ROUTER,
    Attach,
    CallEnded,
    CallInfo,
    CommandResult,
    Detach,
    Dump,
    Execute,
    LegEvent,
    LegLost,
    NoSuchLeg,
    Recheck,
    Refused,
    Snapshot,
    SwitchUnavailable,
    call_name,
    channels_name,
    executor_name,
    switch_name,
)
from mirliton.runtime import (
    Completed,
    Continue,
    Down,
    From,
    GenServer,
    NoReply,
    Reply,
    Stop,
    TimerFired,
    TimerRef,
)

LINGER: Final = 2.0
"""Seconds the actor stays after the leg's end for late commands, where no controller is at work (Kazoo: 2 s)."""
LINGER_CONTROLLED: Final = 120.0
"""The most a controller may take to finish what it does after the call's end (storing a message, say)."""
CONTROLLER_GRACE: Final = 0.25
"""Seconds a controller that ended has to come back by itself before the callflow application is told."""
RECHECK_EVERY: Final = 15.0
"""A command that is under way is compared with the switch at this pace, should its end have been missed."""
FOR_CONTROLLERS: Final = (ChannelBridged, ChannelUnbridged, DtmfReceived)
"""The events that a controller is told, besides the results of its commands and the end."""
RETRY_AFTER: Final = 0.25
"""Pause before a switch that could not be asked is asked again; each time it doubles."""
RETRY_MOST: Final = 5.0
SWITCH_TIMEOUT: Final = 15.0


class Call(GenServer):
    """One call. Start it with the switch's name and the leg's id under `call_name(call_id)`, keeping its mail."""

    mailbox_limit = 1000
    mailbox_overflow = "drop_oldest"

    def init(self, switch: str, call_id: str) -> NoReply:
        self.trace_id = call_id
        self.call_id = call_id
        self.switch = switch
        self.leg: Any = None
        self.answered = False
        self.ended = False
        self.hangup_cause: str | None = None
        self.checkpoint = ""
        self.custom_channel_vars: dict[str, Any] = {}
        self.controller = Controller(self, executor_name(call_id))
        self.finish_by = 0.0
        """Once the call has ended: how long a controller may still need this process."""
        self.attaching: list[From] = []
        """Controllers that attached before the leg was known."""
        self.routing = Routing(self)
        self.commands = Commands(self)
        self.at_once = AtOnce(self)
        self.looking = False
        self.look_wanted = False
        self.doubtful = False
        """Events were missed, and perhaps part of what was sent."""
        self.retry_pause = RETRY_AFTER
        self.timers: dict[str, TimerRef] = {}
        return NoReply(then=Continue("identify"))

    def handle_continue(self, argument: Any) -> None:
        self.look()
        self.set_timer("recheck", RECHECK_EVERY)

    # What others ask

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case Execute():
                return self._execute(request, sender)
            case Attach(controller):
                self.controller.follow(controller)
                if self.leg is None and not self.ended:
                    self.attaching.append(sender)
                    return NoReply()
                return Reply(self._info())
            case _:
                return Reply(Refused("", f"a call does not understand {type(request).__qualname__}"))

    def handle_cast(self, request: Any) -> Any:
        match request:
            case Detach():
                self.controller.leave()
                return Stop("normal") if self.ended else None
            case Recheck():
                self.doubtful = True
                self.look()
        return None

    def handle_info(self, message: Any) -> Any:
        match message:
            case LegEvent():
                self._event(message)
            case Completed(tag=(kind, key), value=value, error=error):
                self._completed(kind, key, value, error)
            case Down(ref=ref) if self.controller.is_lost(ref):
                self.set_timer("controller", CONTROLLER_GRACE)
            case TimerFired(message="finish"):
                if not self._is_needed() or self.node.clock.now() > self.finish_by:
                    return Stop("normal")
                self.set_timer("finish", LINGER)
            case TimerFired(message=("at_once", key)):
                self.at_once.dispatch(key)
            case TimerFired(message=str() as name):
                self._timer_fired(name)
            case _:
                return super().handle_info(message)
        return None

    def _completed(self, kind: str, key: Any, value: Any, error: Any) -> None:
        answer = value if error is None else SwitchUnavailable(self.switch, str(error))
        match kind:
            case "look":
                self._looked(answer)
            case "given":
                self.commands.given(key, answer)
            case "at_once":
                self.at_once.given(key, answer)
            case "settled":
                self.set_timer("look", SETTLE_AFTER)
            case "route":
                self.routing.answered(value, error)
            case "noted":
                self.routing.noted(answer)

    def _timer_fired(self, name: str) -> None:
        match name:
            case "controller":
                self._call_for_controller()
            case "look":
                self.look()
            case "route":
                self.routing.ask()
            case "recheck":
                self.set_timer("recheck", RECHECK_EVERY)
                if self.commands.under_way is not None or self.leg is None:
                    self.look()
                if self.checkpoint and not self.ended:
                    self._call_for_controller()

    def set_timer(self, name: str, seconds: float) -> None:
        """Have a timer, of which there is one at a time."""
        earlier = self.timers.get(name)
        if earlier is not None:
            earlier.cancel()
        self.timers[name] = self.start_timer(seconds, name)

    def ask_switch(self, request: Any, kind: str, key: Any = None) -> None:
        """Ask the switch; the answer, or that there is none, goes to `_completed` under `kind`."""
        self.background(self.call(switch_name(self.switch), request, timeout=SWITCH_TIMEOUT), (kind, key))

    # The controller

    def _find_controller(self) -> None:
        """This process is new: its controller may be at work, may be lost, or there is none yet."""
        if self.controller.adopt():
            return
        if self.checkpoint:
            self.set_timer("controller", CONTROLLER_GRACE)
        elif self.commands.under_way is None:
            self.routing.ask()

    def _call_for_controller(self) -> None:
        """The controller is gone and did not come back: have the callflow application start another."""
        if self.controller.address is not None or self.leg is None or (self.ended and not self._is_needed()):
            return
        if not self.controller.adopt():
            self.cast(ROUTER, self.win())
            self.set_timer("controller", ROUTE_TIMEOUT)

    def _is_needed(self) -> bool:
        """Whether, after the call's end, a controller is at work, or one died at it and another has to finish it."""
        return self.controller.address is not None or (self.controller.abandoned and bool(self.checkpoint))

    def win(self) -> RouteWin:
        """What has the callflow application start a controller."""
        return RouteWin(
            call_id=self.call_id, control_queue=call_name(self.call_id), custom_channel_vars=self.custom_channel_vars
        )

    def _info(self) -> CallInfo:
        return CallInfo(
            call_id=self.call_id,
            switch=self.switch,
            leg=self.leg,
            custom_channel_vars=self.custom_channel_vars,
            checkpoint=self.checkpoint,
            answered=self.answered,
            ended=self.ended,
            hangup_cause=self.hangup_cause,
        )

    def _execute(self, request: Execute, sender: From) -> Any:
        if request.checkpoint:
            self.checkpoint = request.checkpoint
        known = self.commands.result_of(request.command_id)
        if known is not None:
            return Reply(known)
        if self.ended:
            return Reply(CommandResult(request.command_id, "gone", self.hangup_cause or ""))
        if getattr(request.command, "insert_at", "tail") == "now":
            return self.at_once.execute(request, sender)
        return self.commands.execute(request, sender)

    def tell_result(self, command: Command, result: CommandResult) -> None:
        """Answer everybody who waits for a command's result."""
        for caller in command.callers:
            self.reply(caller, result)

    # What the switch says

    def _event(self, message: LegEvent) -> None:
        event: CallEvent = message.event
        if isinstance(event, ChannelExecuteCompleted):
            self.commands.completed(event, message.variables)
            return
        if isinstance(event, ChannelDestroyed):
            if self.leg is None:
                self.leg = event
            self._end(event.hangup_cause or "NORMAL_CLEARING")
            return
        if isinstance(event, ChannelAnswered):
            self.answered = True
        if isinstance(event, FOR_CONTROLLERS):
            self.controller.tell(message)

    def _end(self, cause: str) -> None:
        if self.ended:
            return
        self.ended = True
        self.hangup_cause = cause
        for command in [*self.commands.clear(), *self.at_once.clear()]:
            self.tell_result(command, CommandResult(command.id, "gone", cause))
        self._tell_attaching()
        self.controller.tell(CallEnded(self.call_id, cause))
        self.finish_by = self.node.clock.now() + LINGER_CONTROLLED
        self.set_timer("finish", LINGER)

    def _tell_attaching(self) -> None:
        for caller in self.attaching:
            self.reply(caller, self._info())
        self.attaching.clear()

    # Looking

    def look(self) -> None:
        """Ask the switch what the leg is doing."""
        if self.ended or self.looking:
            return
        if self.commands.giving:
            self.look_wanted = True
            return
        self.looking = True
        self.look_wanted = False
        self.ask_switch(Dump(self.call_id), "look")

    def look_later(self) -> None:
        """Look when the switch may be back."""
        self.set_timer("look", self.retry_pause)
        self.retry_pause = min(self.retry_pause * 2, RETRY_MOST)

    def _looked(self, answer: Any) -> None:
        self.looking = False
        match answer:
            case NoSuchLeg():
                if self.leg is not None:
                    self.send(channels_name(self.switch), LegLost(self.switch, self.leg))
                self._end("NORMAL_UNSPECIFIED")
            case Snapshot():
                self.retry_pause = RETRY_AFTER
                self._compare(answer)
            case _:
                self.look_later()

    def _compare(self, seen: Snapshot) -> None:
        first = self.leg is None
        self.leg = seen.leg
        self.answered = seen.answered
        self.custom_channel_vars = {**self.custom_channel_vars, **seen.leg.custom_channel_vars}
        if first:
            self.checkpoint = self.checkpoint or seen.variables.get(CHECKPOINT_VARIABLE, "")
        self.commands.see(seen, first=first)
        self._tell_attaching()
        if first and self.controller.address is None:
            self._find_controller()
        doubtful, self.doubtful = self.doubtful, False
        self.commands.compare(seen, doubtful=doubtful)

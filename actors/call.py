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

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.call_queue import Command, CommandQueue, progress
from mirliton.actors.call_routing import noted_variables, route_request
from mirliton.actors.kapi.call import CallEvent, ChannelAnswered, ChannelDestroyed, ChannelExecuteCompleted
from mirliton.actors.kapi.dialplan import Hangup, Hold, Respond
from mirliton.actors.kapi.route import RouteResp, RouteWin
from mirliton.actors.switching import (
    CHANNELS,
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
    HOLD_VARIABLE,
    ROUTER,
    Accepted,
    Attach,
    CallEnded,
    CallInfo,
    CommandResult,
    Detach,
    Dispatch,
    Dump,
    Execute,
    LegEvent,
    LegLost,
    LegOwned,
    NoSuchLeg,
    Recheck,
    Refused,
    Settle,
    SetVariables,
    Snapshot,
    SwitchUnavailable,
    call_name,
    executor_name,
    switch_name,
)
from mirliton.runtime import (
    Address,
    Completed,
    Continue,
    Down,
    From,
    GenServer,
    NoReply,
    Ref,
    Reply,
    Stop,
    TimerFired,
    TimerRef,
)

ROUTE_TIMEOUT: Final = 3.0
"""Seconds a routing question may take (Kazoo: a route_win within 3 s)."""
ROUTE_ATTEMPTS: Final = 5
"""How often a new call is offered before it is refused: the callflow application may be restarting."""
LINGER: Final = 2.0
"""Seconds the actor stays after the leg's end for late commands, where no controller is at work (Kazoo: 2 s)."""
LINGER_CONTROLLED: Final = 120.0
"""The most a controller may take to finish what it does after the call's end (storing a message, say)."""
CONTROLLER_GRACE: Final = 0.25
"""Seconds a controller that ended has to come back by itself before the callflow application is told."""
RECHECK_EVERY: Final = 15.0
"""A command that is under way is compared with the switch at this pace, should its end have been missed."""
RETRY_AFTER: Final = 0.25
"""Pause before a switch that could not be asked is asked again; each time it doubles."""
RETRY_MOST: Final = 5.0
SETTLE_AFTER: Final = 0.5
"""A switch begins what it is given well within this time (FreeSWITCH: some 20 ms)."""
SWITCH_TIMEOUT: Final = 15.0
MOST_AT_ONCE: Final = 100
"""Commands past the queue that may be under way."""
_GONE: Final = ("no such channel", "invalid session", "cannot locate session")
"""What a switch says to commands for a leg that it does not have."""


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
        self.controller: Address | None = None
        self.controller_ref: Ref | None = None
        self.abandoned = False
        """The controller died at its work, and no other has come yet."""
        self.finish_by = 0.0
        """Once the call has ended: how long a controller may still need this process."""
        self.attaching: list[From] = []
        """Controllers that attached before the leg was known."""
        self.route_attempts = 0
        self.seen_command = ""
        """The command that the channel named when this process first looked."""
        self.commands = CommandQueue()
        self.at_once: dict[int, Command] = {}
        """Commands past the queue that the switch has not answered yet."""
        self.at_once_count = 0
        self.last_result: CommandResult | None = None
        self.looking = False
        self.giving = ""
        """The command that is on its way to the switch: no look now, which might not see it yet."""
        self.look_wanted = False
        self.flushing = ""
        """The command under way that is to be ended."""
        self.doubtful = False
        """Events were missed, and perhaps part of what was sent."""
        self.holding = False
        """Music plays until the next command stops it."""
        self.retry_pause = RETRY_AFTER
        self.timers: dict[str, TimerRef] = {}
        return NoReply(then=Continue("identify"))

    def handle_continue(self, argument: Any) -> None:
        self._look()
        self._set_timer("recheck", RECHECK_EVERY)

    # What others ask

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case Execute():
                return self._execute(request, sender)
            case Attach(controller):
                self._follow(controller)
                if self.leg is None and not self.ended:
                    self.attaching.append(sender)
                    return NoReply()
                return Reply(self._info())
            case _:
                return Reply(Refused("", f"a call does not understand {type(request).__qualname__}"))

    def handle_cast(self, request: Any) -> Any:
        match request:
            case Detach():
                self._unfollow()
                self.abandoned = False
                return Stop("normal") if self.ended else None
            case Recheck():
                self.doubtful = True
                self._look()
        return None

    def handle_info(self, message: Any) -> Any:
        match message:
            case LegEvent():
                self._event(message)
            case Completed(tag=(kind, key), value=value, error=error):
                self._completed(kind, key, value, error)
            case Down(ref=ref) if ref == self.controller_ref:
                self._unfollow()
                self.abandoned = True  # it has not detached, so whatever its reason is, it was not done
                self._set_timer("controller", CONTROLLER_GRACE)
            case TimerFired(message="finish"):
                if not self._is_needed() or self.node.clock.now() > self.finish_by:
                    return Stop("normal")
                self._set_timer("finish", LINGER)
            case TimerFired(message=("at_once", key)):
                self._dispatch_at_once(key)
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
                self._given(key, answer)
            case "at_once":
                self._given_at_once(key, answer)
            case "settled":
                self._look_in(SETTLE_AFTER)
            case "route":
                self._routed(value, error)
            case "noted":
                self._noted(answer)

    def _timer_fired(self, name: str) -> None:
        match name:
            case "controller":
                self._call_for_controller()
            case "look":
                self._look()
            case "route":
                self._route()
            case "recheck":
                self._set_timer("recheck", RECHECK_EVERY)
                if self.commands.current is not None or self.leg is None:
                    self._look()
                if self.controller is None and self.checkpoint and not self.ended:
                    self._call_for_controller()

    def _set_timer(self, name: str, seconds: float) -> None:
        """Have a timer, of which there is one at a time."""
        earlier = self.timers.get(name)
        if earlier is not None:
            earlier.cancel()
        self.timers[name] = self.start_timer(seconds, name)

    def _ask_switch(self, request: Any, kind: str, key: Any = None) -> None:
        self.background(self.call(switch_name(self.switch), request, timeout=SWITCH_TIMEOUT), (kind, key))

    # The controller

    def _follow(self, controller: Address) -> None:
        self._unfollow()
        self.abandoned = False
        self.controller = controller
        self.controller_ref = self.monitor(controller)

    def _unfollow(self) -> None:
        if self.controller_ref is not None:
            self.demonitor(self.controller_ref, flush=True)
        self.controller = None
        self.controller_ref = None

    def _find_controller(self) -> None:
        """This process is new: its controller may be at work, may be lost, or there is none yet."""
        if self._adopt():
            return
        if self.checkpoint:
            self._set_timer("controller", CONTROLLER_GRACE)
        elif self.commands.current is None:
            self._route()

    def _adopt(self) -> bool:
        """Whoever is at work has attached to a predecessor of this process, and need not do so again."""
        found = self.whereis(executor_name(self.call_id)) is not None
        if found:
            self._follow(executor_name(self.call_id))
        return found

    def _call_for_controller(self) -> None:
        """The controller is gone and did not come back: have the callflow application start another."""
        if self.controller is not None or self.leg is None or (self.ended and not self._is_needed()):
            return
        if not self._adopt():
            self.cast(ROUTER, self._win())
            self._set_timer("controller", ROUTE_TIMEOUT)

    def _is_needed(self) -> bool:
        """Whether, after the call's end, a controller is at work, or one died at it and another has to finish it."""
        return self.controller is not None or (self.abandoned and bool(self.checkpoint))

    def _win(self) -> RouteWin:
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

    # Commands

    def _execute(self, request: Execute, sender: From) -> Any:
        if request.checkpoint:
            self.checkpoint = request.checkpoint
        known = self.last_result
        if known is not None and request.command_id and known.command_id == request.command_id:
            return Reply(known)
        if self.ended:
            return Reply(CommandResult(request.command_id, "gone", self.hangup_cause or ""))
        insert_at = getattr(request.command, "insert_at", "tail")
        if insert_at == "now":
            return self._execute_at_once(request, sender)
        if not request.command_id:
            return Reply(CommandResult("", "refused", "a command in the queue needs an id"))
        command = self.commands.find(request.command_id)
        if command is not None:
            command.wait(sender)
            return NoReply()
        if self.commands.full and insert_at != "flush":
            return Reply(CommandResult(request.command_id, "refused", "too many commands wait"))
        for displaced in self.commands.add(Command(request, [sender]), insert_at):
            self._tell_result(displaced, CommandResult(displaced.id, "refused", "it was flushed from the queue"))
        if insert_at == "flush" and self.commands.current is not None:
            self.flushing = self.commands.current.id
            self._flush()
        self._next()
        return NoReply()

    def _flush(self) -> None:
        """End what is to be flushed, when the switch has it."""
        if not self.flushing or self.giving or self.looking:
            return
        current = self.commands.current
        if current is not None and current.id == self.flushing:
            self._ask_switch(Settle(self.call_id, current.id, interrupt=True), "settled")
        self.flushing = ""

    def _next(self) -> None:
        if self.leg is None or self.looking:
            return
        command = self.commands.next()
        if command is None:
            return
        if command.id == self.seen_command:
            # Given by whoever was this call before: see first how it stands.
            self.seen_command = ""
            self._look()
        else:
            self._give()

    def _give(self) -> None:
        assert self.commands.current is not None
        request = self.commands.current.request
        self.giving = request.command_id
        interrupt, self.holding = self.holding, isinstance(request.command, Hold)
        self._ask_switch(
            Dispatch(self.call_id, request.command, request.command_id, request.checkpoint, interrupt),
            "given",
            request.command_id,
        )

    def _given(self, command_id: str, answer: Any) -> None:
        if self.giving == command_id:
            self.giving = ""
        current = self.commands.current
        if current is not None and current.id == command_id:
            match answer:
                case Accepted(completes=True):
                    self.retry_pause = RETRY_AFTER
                case Accepted():
                    self._finish(CommandResult(command_id, "done"))
                case Refused(text=text):
                    # A leg that is gone refuses everything; a look tells, and the result is what it tells.
                    if _says_gone(text):
                        self.look_wanted = True
                    else:
                        self._finish(CommandResult(command_id, "refused", text))
                case _:
                    self._look_later()
        self._flush()
        if self.look_wanted:
            self._look()

    def _finish(self, result: CommandResult) -> None:
        command = self.commands.finish()
        if command is None:
            return
        if result.status == "done":
            self.last_result = result
        self._tell_result(command, result)
        self._next()

    def _tell_result(self, command: Command, result: CommandResult) -> None:
        for caller in command.callers:
            self.reply(caller, result)

    # Commands past the queue

    def _execute_at_once(self, request: Execute, sender: From) -> Any:
        if len(self.at_once) >= MOST_AT_ONCE:
            return Reply(CommandResult(request.command_id, "refused", "too many commands are under way"))
        self._at_once(Command(request, [sender]))
        return NoReply()

    def _at_once(self, command: Command) -> None:
        self.at_once_count += 1
        self.at_once[self.at_once_count] = command
        self._dispatch_at_once(self.at_once_count)

    def _dispatch_at_once(self, key: int) -> None:
        # Without an id: nothing of it is noted on the channel, where it would hide the command under way.
        command = self.at_once.get(key)
        if command is not None:
            self._ask_switch(Dispatch(self.call_id, command.request.command, ""), "at_once", key)

    def _given_at_once(self, key: int, answer: Any) -> None:
        command = self.at_once.get(key)
        if command is None:
            return
        match answer:
            case Accepted():
                result = CommandResult(command.id, "done")
            case Refused(text=text) if _says_gone(text):
                self._look()
                result = CommandResult(command.id, "gone", text)
            case Refused(text=text):
                self.log.warning("command_refused", command=type(command.request.command).__qualname__, text=text)
                result = CommandResult(command.id, "refused", text)
            case _ if isinstance(command.request.command, Hangup | Respond):
                # Whoever wants the call to end wants it also when the switch is back.
                self.start_timer(self.retry_pause, ("at_once", key))
                self.retry_pause = min(self.retry_pause * 2, RETRY_MOST)
                return
            case _:
                result = CommandResult(command.id, "refused", f"the switch did not take it: {answer}")
        del self.at_once[key]
        self._tell_result(command, result)

    # What the switch says

    def _event(self, message: LegEvent) -> None:
        event: CallEvent = message.event
        if isinstance(event, ChannelExecuteCompleted):
            current = self.commands.current
            if current is not None and event.msg_id == current.id:
                self._finish(CommandResult(current.id, "done", event.application_response or "", message.variables))
            return
        if isinstance(event, ChannelDestroyed):
            if self.leg is None:
                self.leg = event
            self._end(event.hangup_cause or "NORMAL_CLEARING")
            return
        if isinstance(event, ChannelAnswered):
            self.answered = True
        if self.controller is not None:
            self.send(self.controller, message)

    def _end(self, cause: str) -> None:
        if self.ended:
            return
        self.ended = True
        self.hangup_cause = cause
        for command in [*self.commands.clear(), *self.at_once.values()]:
            self._tell_result(command, CommandResult(command.id, "gone", cause))
        self.at_once.clear()
        self._tell_attaching()
        if self.controller is not None:
            self.send(self.controller, CallEnded(self.call_id, cause))
        self.finish_by = self.node.clock.now() + LINGER_CONTROLLED
        self._set_timer("finish", LINGER)

    def _tell_attaching(self) -> None:
        for caller in self.attaching:
            self.reply(caller, self._info())
        self.attaching.clear()

    # Looking

    def _look(self) -> None:
        """Ask the switch what the leg is doing."""
        if self.ended or self.looking:
            return
        if self.giving:
            self.look_wanted = True
            return
        self.looking = True
        self.look_wanted = False
        self._ask_switch(Dump(self.call_id), "look")

    def _look_later(self) -> None:
        self._look_in(self.retry_pause)
        self.retry_pause = min(self.retry_pause * 2, RETRY_MOST)

    def _look_in(self, seconds: float) -> None:
        self._set_timer("look", seconds)

    def _looked(self, answer: Any) -> None:
        self.looking = False
        match answer:
            case NoSuchLeg():
                if self.leg is not None:
                    self.send(CHANNELS, LegLost(self.switch, self.leg))
                self._end("NORMAL_UNSPECIFIED")
            case Snapshot():
                self.retry_pause = RETRY_AFTER
                self._compare(answer)
            case _:
                self._look_later()

    def _compare(self, seen: Snapshot) -> None:
        first = self.leg is None
        self.leg = seen.leg
        self.answered = seen.answered
        self.custom_channel_vars = {**self.custom_channel_vars, **seen.leg.custom_channel_vars}
        self.holding = seen.variables.get(HOLD_VARIABLE) == "true"
        if first:
            self.checkpoint = self.checkpoint or seen.variables.get(CHECKPOINT_VARIABLE, "")
            self.seen_command = seen.variables.get(COMMAND_VARIABLE, "")
            done = seen.variables.get(DONE_VARIABLE)
            if done and self.last_result is None:
                self.last_result = CommandResult(done, "done", "", seen.variables)
        doubtful, self.doubtful = self.doubtful, False
        self._tell_attaching()
        if self.commands.current is None:
            self.commands.next()
        if first and self.controller is None:
            self._find_controller()
        if self.commands.current is not None:
            self._continue(self.commands.current, seen, doubtful)
        self._flush()

    def _continue(self, command: Command, seen: Snapshot, doubtful: bool) -> None:
        match progress(command.id, seen):
            case "done":
                self._finish(CommandResult(command.id, "done", "", seen.variables))
            case "unknown":
                self._give()
            case "running":
                command.doubted = False
                if doubtful:
                    # Its own note may be among what was lost with the connection.
                    self._ask_switch(Settle(self.call_id, command.id), "settled")
            case "noted" if command.doubted:
                self.log.info("command_given_again", command_id=command.id)
                command.doubted = False
                self._give()
            case "noted":
                command.doubted = True
                self._look_in(SETTLE_AFTER)

    # Where the call goes

    def _route(self) -> None:
        if self.ended or self.controller is not None:
            return
        self.route_attempts += 1
        request = route_request(self.switch, self.leg, self.custom_channel_vars)
        self.background(self.call(ROUTER, request, timeout=ROUTE_TIMEOUT), ("route", None))

    def _routed(self, answer: Any, error: Any) -> None:
        if self.ended or self.controller is not None:
            return
        match answer:
            case RouteResp(method="park"):
                self._note(answer.custom_channel_vars)
            case RouteResp(method="error"):
                self._refuse(answer.route_error_code or 604, answer.route_error_message or "")
            case _ if self.route_attempts < ROUTE_ATTEMPTS:
                self.log.info("route_retried", attempt=self.route_attempts, error=str(error or answer))
                self._set_timer("route", RETRY_AFTER * self.route_attempts)
            case _:
                self._refuse(604, "no available handlers")

    def _note(self, channel_vars: Mapping[str, Any]) -> None:
        """Note on the channel whose call it is."""
        self.custom_channel_vars = {**self.custom_channel_vars, **channel_vars}
        try:
            variables = noted_variables(channel_vars)
        except ValueError as error:
            self.log.error("route_not_usable", error=str(error))
            self._refuse(500, "no usable route")
            return
        self._ask_switch(SetVariables(self.call_id, variables), "noted")

    def _noted(self, answer: Any) -> None:
        """Only when the channel itself says whose call it is may anybody act on it: its record depends on it."""
        if self.ended or self.controller is not None:
            return
        match answer:
            case Accepted():
                self.send(CHANNELS, LegOwned(self.call_id, self.custom_channel_vars))
                self.cast(ROUTER, self._win())
                self._set_timer("controller", ROUTE_TIMEOUT)
            case Refused(text=text) if not _says_gone(text):
                self.log.error("route_not_usable", error=text)
                self._refuse(500, "no usable route")
            case Refused():
                self._look()
            case _:
                self._set_timer("route", RETRY_AFTER)

    def _refuse(self, code: int, text: str) -> None:
        command: Any
        if self.answered:
            command = Hangup(call_id=self.call_id, hangup_cause="NO_ROUTE_DESTINATION", insert_at="now")
        else:
            command = Respond(call_id=self.call_id, response_code=code, response_message=text or None, insert_at="now")
        self.log.info("call_refused", code=code, text=text)
        self._at_once(Command(Execute("", command)))


def _says_gone(text: str) -> bool:
    return any(words in text.lower() for words in _GONE)

"""The actor of one call: it knows the leg, carries out commands one after the other, and outlives its controller.

Its truth is the switch. It keeps nothing that could be lost: after a restart it asks the switch what the leg is doing
and goes on. A command has an id; the switch notes the id of the last command given (COMMAND_VARIABLE) and of the last
one done (DONE_VARIABLE), so that after any interruption one look tells:

    done       the DONE_VARIABLE names the command: tell the result
    running    the COMMAND_VARIABLE names it and its application runs: wait for its end
    neither    it was never begun: give it (again)

OTP: a gen_server under a supervisor of its own. A restart loses no command that somebody still waits for, because
calls by Name are kept for the successor.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.account import CallReleased, account_name
from mirliton.actors.kapi.call import CallEvent, ChannelAnswered, ChannelDestroyed, ChannelExecuteCompleted
from mirliton.actors.kapi.dialplan import Break, Hangup, Hold, Respond
from mirliton.actors.kapi.route import RouteReq, RouteResp, RouteWin
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    COMMAND_VARIABLE,
    DONE_VARIABLE,
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
    NoSuchLeg,
    Recheck,
    Refused,
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
"""Pause before a switch that could not be asked is asked again."""
_RETRY_MOST: Final = 5.0


@dataclass(slots=True)
class _Command:
    """One command under way or waiting. `callers` are those who wait for its result (again, after a restart)."""

    request: Execute
    callers: list[From] = field(default_factory=list)
    given: bool = False
    """The switch has taken it."""


class Call(GenServer):
    """One call. Start it with the switch's name and the leg's id under `call_name(call_id)`, keeping its mail."""

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
        self.route_attempts = 0
        self.seen_command = ""
        """The command that the channel named when this process first looked."""
        self.queue: deque[_Command] = deque()
        self.current: _Command | None = None
        self.last_result: CommandResult | None = None
        self.checking = False
        self.holding = False
        """Music on hold plays until the next command stops it."""
        self.waiting: list[From] = []
        """Controllers that attached before the leg was known."""
        self.retry_pause = RETRY_AFTER
        return NoReply(then=Continue("identify"))

    def handle_continue(self, argument: Any) -> None:
        self._look()
        self.start_timer(RECHECK_EVERY, "recheck")

    # What others ask

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case Execute():
                return self._execute(request, sender)
            case Attach(controller):
                if self.leg is None and not self.ended:
                    self.waiting.append(sender)
                    self._follow(controller)
                    return NoReply()
                self._follow(controller)
                return Reply(self._info())
            case _:
                return Reply(Refused("", f"a call does not understand {type(request).__qualname__}"))

    def handle_cast(self, request: Any) -> Any:
        match request:
            case Detach():
                self._unfollow()
                return Stop("normal") if self.ended else None
            case Recheck():
                self._look()
        return None

    def handle_info(self, message: Any) -> Any:
        match message:
            case LegEvent():
                return self._event(message)
            case Completed(tag=("look", _), value=value, error=error):
                return self._looked(value if error is None else SwitchUnavailable(self.switch, str(error)))
            case Completed(tag=("given", command_id), value=value, error=error):
                return self._given(command_id, value if error is None else SwitchUnavailable(self.switch, str(error)))
            case Completed(tag=("now", _), value=value, error=error):
                if error is not None or isinstance(value, SwitchUnavailable | Refused):
                    self.log.warning("immediate_command_failed", answer=str(value or error))
                return None
            case Completed(tag="route", value=value, error=error):
                return self._routed(value, error)
            case Completed(tag="noted", value=value, error=error):
                return self._noted(value if error is None else SwitchUnavailable(self.switch, str(error)))
            case Down(ref=ref) if ref == self.controller_ref:
                self._unfollow()
                if self.ended:
                    self.start_timer(LINGER, "finish")
                else:
                    self.start_timer(CONTROLLER_GRACE, "controller")
            case TimerFired(message="controller"):
                self._call_for_controller()
            case TimerFired(message="finish"):
                return Stop("normal")
            case TimerFired(message="look"):
                self._look()
            case TimerFired(message="route"):
                self._route()
            case TimerFired(message="recheck"):
                self.start_timer(RECHECK_EVERY, "recheck")
                if not self.ended and (self.current is not None or self.leg is None):
                    self._look()
                if not self.ended and self.controller is None and self.checkpoint:
                    self._call_for_controller()
            case _:
                return super().handle_info(message)
        return None

    # The controller

    def _follow(self, controller: Address) -> None:
        self._unfollow()
        self.controller = controller
        self.controller_ref = self.monitor(controller)

    def _unfollow(self) -> None:
        if self.controller_ref is not None:
            self.demonitor(self.controller_ref, flush=True)
        self.controller = None
        self.controller_ref = None

    def _call_for_controller(self) -> None:
        """The controller is gone and did not come back: have the callflow application start another."""
        if self.controller is not None or self.ended or self.leg is None:
            return
        if self.whereis(executor_name(self.call_id)) is None:
            self.cast(ROUTER, self._win())
        self.start_timer(ROUTE_TIMEOUT, "controller")

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
        if known is not None and known.command_id == request.command_id and known.status != "gone":
            return Reply(known)
        if self.ended:
            return Reply(CommandResult(request.command_id, "gone", self.hangup_cause or ""))
        for command in (self.current, *self.queue):
            if command is not None and command.request.command_id == request.command_id:
                command.callers.append(sender)
                return NoReply()
        if getattr(request.command, "insert_at", None) == "now":
            self._dispatch(request, ("now", request.command_id))
            return Reply(CommandResult(request.command_id, "done"))
        self.queue.append(_Command(request, [sender]))
        self._next()
        return NoReply()

    def _next(self) -> None:
        if self.current is None and self.queue and self.leg is not None and not self.checking:
            self.current = self.queue.popleft()
            if self.current.request.command_id == self.seen_command:
                # Given by whoever was this call before: see first how it stands.
                self.seen_command = ""
                self._look()
            else:
                self._give()

    def _give(self) -> None:
        assert self.current is not None
        self.current.given = False
        request = self.current.request
        if self.holding:
            self._dispatch(Execute("", Break(call_id=self.call_id)), ("now", "unhold"))
        self.holding = isinstance(request.command, Hold)
        self._dispatch(request, ("given", request.command_id))

    def _dispatch(self, request: Execute, tag: tuple[str, str]) -> None:
        dispatch = Dispatch(self.call_id, request.command, request.command_id, request.checkpoint)
        self.background(self.call(switch_name(self.switch), dispatch, timeout=15.0), tag)

    def _given(self, command_id: str, answer: Any) -> Any:
        if self.current is None or self.current.request.command_id != command_id:
            return None
        match answer:
            case Accepted(completes=True):
                self.current.given = True
                self.retry_pause = RETRY_AFTER
            case Accepted():
                self._finish(CommandResult(command_id, "done"))
            case Refused(text=text):
                # A leg that is gone refuses everything; let a look tell, and answer with what it tells.
                if "No such channel" in text or "invalid session" in text.lower():
                    self._look()
                else:
                    self._finish(CommandResult(command_id, "refused", text))
            case _:
                self._look_later()
        return None

    def _finish(self, result: CommandResult) -> None:
        command, self.current = self.current, None
        if command is None:
            return
        if result.status == "done":
            self.last_result = result
        for caller in command.callers:
            self.reply(caller, result)
        self._next()

    # What the switch says

    def _event(self, message: LegEvent) -> Any:
        event: CallEvent = message.event
        if isinstance(event, ChannelAnswered):
            self.answered = True
        elif isinstance(event, ChannelExecuteCompleted):
            if self.current is not None and event.msg_id == self.current.request.command_id:
                self._finish(
                    CommandResult(event.msg_id, "done", event.application_response or "", dict(message.variables))
                )
            return None
        if self.controller is not None and not isinstance(event, ChannelDestroyed):
            self.send(self.controller, message)
        if isinstance(event, ChannelDestroyed):
            return self._end(event.hangup_cause or "NORMAL_CLEARING")
        return None

    def _end(self, cause: str) -> Any:
        if self.ended:
            return None
        self.ended = True
        self.hangup_cause = cause
        waiting = [self.current] if self.current is not None else []
        waiting.extend(self.queue)
        self.current = None
        self.queue.clear()
        for command in waiting:
            for caller in command.callers:
                self.reply(caller, CommandResult(command.request.command_id, "gone", cause))
        for attached in self.waiting:
            self.reply(attached, self._info())
        self.waiting.clear()
        account_id = self.custom_channel_vars.get("Account-ID")
        if account_id:
            self.cast(account_name(str(account_id)), CallReleased(self.call_id))
        if self.controller is not None:
            self.send(self.controller, CallEnded(self.call_id, cause))
            self.start_timer(LINGER_CONTROLLED, "finish")
        else:
            self.start_timer(LINGER, "finish")
        return None

    def _look(self) -> None:
        """Ask the switch what the leg is doing."""
        if self.checking or self.ended:
            return
        self.checking = True
        self.background(self.call(switch_name(self.switch), Dump(self.call_id), timeout=15.0), ("look", self.call_id))

    def _look_later(self) -> None:
        self.start_timer(self.retry_pause, "look")
        self.retry_pause = min(self.retry_pause * 2, _RETRY_MOST)

    def _looked(self, answer: Any) -> Any:
        self.checking = False
        match answer:
            case NoSuchLeg():
                return self._end("NORMAL_UNSPECIFIED")
            case Snapshot():
                self.retry_pause = RETRY_AFTER
                self._compare(answer)
            case _:
                self._look_later()
        return None

    def _compare(self, seen: Snapshot) -> None:
        first = self.leg is None
        self.leg = seen.leg
        self.answered = seen.answered
        self.custom_channel_vars = {**self.custom_channel_vars, **seen.leg.custom_channel_vars}
        if first:
            self.seen_command = seen.variables.get(COMMAND_VARIABLE, "")
        if first and not self.checkpoint:
            self.checkpoint = seen.variables.get(CHECKPOINT_VARIABLE, "")
        for attached in self.waiting:
            self.reply(attached, self._info())
        self.waiting.clear()
        if self.current is None and self.queue:
            self.current = self.queue.popleft()
        if self.current is not None:
            self._continue(self.current, seen)
        elif first and not self.checkpoint and self.controller is None:
            self._route()
        elif first and self.controller is None:
            self.start_timer(CONTROLLER_GRACE, "controller")

    def _continue(self, command: _Command, seen: Snapshot) -> None:
        command_id = command.request.command_id
        if seen.variables.get(DONE_VARIABLE) == command_id:
            self._finish(CommandResult(command_id, "done", "", seen.variables))
        elif seen.variables.get(COMMAND_VARIABLE) == command_id and (command.given or seen.application not in _RESTING):
            command.given = True
        else:
            self._give()

    # Where the call goes

    def _route(self) -> None:
        if self.ended or self.controller is not None:
            return
        self.route_attempts += 1
        leg = self.leg
        request = RouteReq(
            call_id=self.call_id,
            from_=leg.from_ or f"{leg.caller_id_number or 'unknown'}@{self.switch}",
            to=leg.to or f"{leg.caller_destination_number}@{self.switch}",
            request=leg.request or f"{leg.caller_destination_number}@{self.switch}",
            call_direction=leg.call_direction,
            caller_id_name=leg.caller_id_name,
            caller_id_number=leg.caller_id_number,
            destination_number=leg.caller_destination_number,
            custom_channel_vars=self.custom_channel_vars,
            custom_sip_headers=leg.custom_sip_headers,
            switch_hostname=leg.switch_hostname,
            switch_nodename=self.switch,
            server_id=call_name(self.call_id),
        )
        self.background(self.call(ROUTER, request, timeout=ROUTE_TIMEOUT), "route")

    def _routed(self, answer: Any, error: Any) -> Any:
        if self.ended or self.controller is not None:
            return None
        match answer:
            case RouteResp(method="park"):
                self.custom_channel_vars = {**self.custom_channel_vars, **answer.custom_channel_vars}
                self._note_channel_vars()
            case RouteResp(method="error"):
                code = answer.route_error_code or 604
                self._refuse(code, answer.route_error_message or "")
            case _ if self.route_attempts < ROUTE_ATTEMPTS:
                self.log.info("route_retried", attempt=self.route_attempts, error=str(error))
                self.start_timer(RETRY_AFTER * self.route_attempts, "route")
            case _:
                self._refuse(604, "no available handlers")
        return None

    def _note_channel_vars(self) -> None:
        variables = {f"ecallmgr_{key}": str(value) for key, value in self.custom_channel_vars.items()}
        request = SetVariables(self.call_id, variables)
        self.background(self.call(switch_name(self.switch), request, timeout=15.0), "noted")

    def _noted(self, answer: Any) -> Any:
        """Only when the channel itself says whose call it is may anybody act on it: its record depends on it."""
        if self.ended or self.controller is not None:
            return None
        match answer:
            case Accepted():
                self.cast(ROUTER, self._win())
                self.start_timer(ROUTE_TIMEOUT, "controller")
            case Refused():
                self._look()
            case _:
                self.start_timer(RETRY_AFTER, "route")
        return None

    def _refuse(self, code: int, text: str) -> None:
        command: Any
        if self.answered:
            command = Hangup(call_id=self.call_id, hangup_cause="NO_ROUTE_DESTINATION", insert_at="now")
        else:
            command = Respond(call_id=self.call_id, response_code=code, response_message=text or None)
        self.log.info("call_refused", code=code, text=text)
        self._dispatch(Execute("", command), ("now", "refuse"))


_RESTING: Final = frozenset({"", "park", "set", "multiset", "export"})
"""What `current_application` says of a leg that runs none of our commands."""

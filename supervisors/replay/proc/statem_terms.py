"""What Erlang's gen_statem is answered, as terms, and the objects that our GenStatem is answered instead.

A term that is no action, or no answer, stays as it is: our machine has to refuse it in the words of the other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from mirliton.runtime import (
    Call,
    Cast,
    ChangeCallbackModule,
    Enter,
    EventTimedOut,
    EventTimeout,
    From,
    Hibernate,
    Info,
    Internal,
    KeepState,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    ReplyTo,
    StateTimedOut,
    StateTimeout,
    Stop,
    StopAndReply,
    TimedOut,
    Timeout,
    message,
)
from mirliton.supervisors.replay.terms import Written, decode

CALLBACK_MODULE: Final = "otpx_sm"


@message("replay.postpone")
class WrittenPostpone(Postpone, Written):
    """Postpone; `written` is the term it was made of."""

    written: Any = "postpone"


@message("replay.next_event")
class WrittenNextEvent(NextEvent, Written):
    """NextEvent; `written` is the term it was made of."""

    written: Any = None


@message("replay.change_callback_module")
class WrittenChangeCallbackModule(ChangeCallbackModule, Written):
    """ChangeCallbackModule; `written` is the term it was made of."""

    written: Any = None


@message("replay.push_callback_module")
class WrittenPushCallbackModule(PushCallbackModule, Written):
    """PushCallbackModule; `written` is the term it was made of."""

    written: Any = None


@message("replay.pop_callback_module")
class WrittenPopCallbackModule(PopCallbackModule, Written):
    """PopCallbackModule; `written` is its term."""

    written: Any = "pop_callback_module"


class WrittenNextState(NextState):
    """NextState whose term holds the data too, as Erlang's does."""

    __slots__ = ("written",)

    def __init__(self, written: Any, state: Any, actions: Iterable[Any]) -> None:
        super().__init__(state, *actions)
        self.written = written

    @property
    def term(self) -> Any:
        return self.written


def action_from(term: Any, module: type, entering: bool = False) -> Any:
    """An Erlang action as ours; `module` is what stands for the callback module. For an enter call OTP 25 knows the
    word `postpone`, which it refuses, but not the tuple."""
    match term:
        case "postpone":
            return WrittenPostpone(True, term)
        case ("postpone", bool(on)) if not (entering and on):
            return WrittenPostpone(on, term)
        case "hibernate":
            return Hibernate()
        case ("hibernate", bool(on)):
            return Hibernate(on)
        case ("reply", From() as sender, value):
            return ReplyTo(sender, value)
        case ("next_event", kind, content):
            return WrittenNextEvent(event_from(kind, content), term)
        case ("change_callback_module", name) if name == CALLBACK_MODULE:
            return WrittenChangeCallbackModule(module, term)
        case ("push_callback_module", name) if name == CALLBACK_MODULE:
            return WrittenPushCallbackModule(module, term)
        case "pop_callback_module":
            return WrittenPopCallbackModule()
    return _timeout(term)


def _timeout(term: Any) -> Any:
    """The setting of a timeout, or the term when it is none."""
    match term:
        case int() | "infinity" if _is_time(term):
            return EventTimeout(_seconds(term), term)
        case (kind, "cancel") if _is_timeout(kind):
            return _setting(kind, "cancel", None)
        case (kind, "update", content) if _is_timeout(kind):
            return _setting(kind, "update", content)
        case (kind, time, content) if _is_timeout(kind) and _is_time(time):
            return _setting(kind, _seconds(time), content)
        case (kind, time, content, ("abs", False) | [("abs", False)] | []) if _is_timeout(kind) and _is_time(time):
            return _setting(kind, _seconds(time), content)
    return term


def _is_timeout(kind: Any) -> bool:
    return kind in ("timeout", "state_timeout") or (isinstance(kind, tuple) and len(kind) == 2 and kind[0] == "timeout")


def _is_time(time: Any) -> bool:
    return time == "infinity" or (type(time) is int and time >= 0)


def _seconds(time: Any) -> Any:
    return time if time == "infinity" else time / 1000


def _setting(kind: Any, after: Any, content: Any) -> Any:
    match kind:
        case "timeout":
            return EventTimeout(after, content)
        case "state_timeout":
            return StateTimeout(after, content)
    return Timeout(_key(kind[1]), after, content)


def _key(name: Any) -> str:
    """The name of a timeout, which may be any term, as something to find it by."""
    return json.dumps(_json(name), sort_keys=True)


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return {"t": [_json(part) for part in value]}
    return [_json(part) for part in value] if isinstance(value, list) else value


def event_from(kind: Any, content: Any) -> Any:
    """The event of an Erlang event type; None when it is no type."""
    match kind:
        case ("call", From() as sender):
            return Call(sender, content)
        case "cast":
            return Cast(content)
        case "info":
            return Info(content)
        case "internal":
            return Internal(content)
        case "timeout":
            return EventTimedOut(content)
        case "state_timeout":
            return StateTimedOut(content)
        case ("timeout", name):
            return TimedOut(_key(name), content)
    return None


def told(event: Any) -> tuple[Any, Any]:
    """The type and the content that Erlang gives for an event; a call's type is told without its caller."""
    match event:
        case Enter(old_state):
            return "enter", old_state
        case Call(_, request):
            return "call", request
        case Cast(request):
            return "cast", request
        case Info(received):
            return "info", received
        case Internal(content):
            return "internal", content
        case EventTimedOut(content):
            return "timeout", content
        case StateTimedOut(content):
            return "state_timeout", content
        case TimedOut(name, content):
            return ("timeout", decode(json.loads(name))), content
    raise ValueError(f"{event!r} is no event")


def result_from(term: Any, module: type, entering: bool) -> Any:
    """An answer of an Erlang state function as ours, but for the data in it."""

    def made(actions: Any) -> list[Any]:
        return [
            action_from(action, module, entering) for action in (actions if isinstance(actions, list) else [actions])
        ]

    match term:
        case ("next_state", state, _):
            return WrittenNextState(term, state, ())
        case ("next_state", state, _, actions):
            return WrittenNextState(term, state, made(actions))
        case "keep_state_and_data" | ("keep_state", _):
            return KeepState()
        case ("keep_state_and_data", actions) | ("keep_state", _, actions):
            return KeepState(*made(actions))
        case "repeat_state_and_data" | ("repeat_state", _):
            return RepeatState()
        case ("repeat_state_and_data", actions) | ("repeat_state", _, actions):
            return RepeatState(*made(actions))
        case "stop":
            return Stop()
        case ("stop", reason) | ("stop", reason, _):
            return Stop(reason)
        case ("stop_and_reply", reason, replies) | ("stop_and_reply", reason, replies, _):
            return StopAndReply(reason, *made(replies))
    return term

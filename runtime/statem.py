"""What a GenStatem is told and what it answers: events, actions and results, in OTP's words.

| Erlang | event | | Erlang | action |
|---|---|---|---|---|
| `{call, From}, Request` | `Call(sender, request)` | | `{reply, From, Value}` | `ReplyTo(sender, value)` |
| `cast, Request` | `Cast(request)` | | `postpone` | `Postpone()` |
| `info, Message` | `Info(message)` | | `{next_event, Type, Content}` | `NextEvent(event)` |
| `internal, Content` | `Internal(content)` | | `{state_timeout, Time, What}` | `StateTimeout(after, what)` |
| `state_timeout, What` | `StateTimedOut(what)` | | `{timeout, Time, What}` | `EventTimeout(after, what)` |
| `timeout, What` | `EventTimedOut(what)` | | `{{timeout, Name}, Time, What}` | `Timeout(name, after, what)` |
| `{timeout, Name}, What` | `TimedOut(name, what)` | | `hibernate` | `Hibernate()` |
| `enter, OldState` | `Enter(old_state)` | | `{change_callback_module, M}` | `ChangeCallbackModule(cls)` |

Times are seconds, or one of the words "infinity", "cancel" and "update".
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime.messages import message
from mirliton.runtime.protocol import Call, Cast, From

# Events


@message("statem.enter")
class Enter:
    """The state enter call (`state_enter = True`): a state begins. At the start, and when repeated, it is its own."""

    old_state: Any


@message("statem.info")
class Info:
    """A message that is neither call nor cast: a Down, an ExitSignal, whatever was sent."""

    message: Any


@message("statem.internal")
class Internal:
    """An event that only the machine itself can make, by NextEvent."""

    content: Any = None


@message("statem.state_timed_out")
class StateTimedOut:
    """The StateTimeout ran out: the machine has been in this state for that long."""

    content: Any = None


@message("statem.event_timed_out")
class EventTimedOut:
    """The EventTimeout ran out: no event came for that long."""

    content: Any = None


@message("statem.timed_out")
class TimedOut:
    """The Timeout of this name ran out."""

    name: Any
    content: Any = None


EVENTS: Final = (Call, Cast, Info, Internal, StateTimedOut, EventTimedOut, TimedOut)
"""What NextEvent takes. (Enter is a call, not an event.)"""

# Actions: done from left to right; of several settings of the same thing the last one counts.


@message("statem.reply_to")
class ReplyTo:
    """Answer the call of `sender`, at once."""

    sender: From
    value: Any = None


@message("statem.postpone")
class Postpone:
    """Retry this event when the state has changed, before all that came later."""

    on: bool = True


@message("statem.next_event")
class NextEvent:
    """Handle `event` next, before anything that waits; several in the order they are given."""

    event: Any


@message("statem.state_timeout")
class StateTimeout:
    """Be told by StateTimedOut(content) after `after` seconds in this state. A change of state cancels it.

    `after` 0 comes behind what is queued inside the machine, before anything not yet received; "cancel" and "infinity"
    end one that runs; "update" gives it new content and keeps its time (and when none runs, comes at once).
    `absolute`: `after` is a time of the node's clock.
    """

    after: float | str
    content: Any = None
    absolute: bool = False


@message("statem.event_timeout")
class EventTimeout:
    """Be told by EventTimedOut(content) when no event comes for `after` seconds. Any event cancels it, inserted and
    postponed ones too; a look by `sys` does not. Times as in StateTimeout."""

    after: float | str
    content: Any = None
    absolute: bool = False


@message("statem.timeout")
class Timeout:
    """Be told by TimedOut(name, content) after `after` seconds, whatever happens meanwhile. Setting the same name
    again replaces it. Times as in StateTimeout."""

    name: Any
    after: float | str
    content: Any = None
    absolute: bool = False


@message("statem.hibernate")
class Hibernate:
    """Accepted for likeness: there is no heap of a process's own to compact here."""

    on: bool = True


@message("statem.change_callback_module")
class ChangeCallbackModule:
    """Let another GenStatem class handle the events from now on; the attributes stay."""

    cls: type


@message("statem.push_callback_module")
class PushCallbackModule:
    """ChangeCallbackModule, to be undone by PopCallbackModule."""

    cls: type


@message("statem.pop_callback_module")
class PopCallbackModule:
    """Let the class that was there before the last PushCallbackModule handle the events again."""


# Results: what a state function answers. None is KeepState().


class NextState:
    """Go on in `state`, and do `actions`. When it is another state than before: its enter call comes, the state and
    event timeouts end, and postponed events are retried. `init` answers it with the first state."""

    __slots__ = ("actions", "state")
    __match_args__ = ("state",)

    def __init__(self, state: Any, *actions: Any) -> None:
        self.state = state
        self.actions = actions

    @property
    def term(self) -> Any:
        """How it stands in an exit reason."""
        return "next_state", self.state, list(self.actions)


class KeepState:
    """Stay in this state, and do `actions`."""

    __slots__ = ("actions",)

    def __init__(self, *actions: Any) -> None:
        self.actions = actions


class RepeatState:
    """KeepState, and the enter call comes again. Nothing postponed is retried, and no timeout ends."""

    __slots__ = ("actions",)

    def __init__(self, *actions: Any) -> None:
        self.actions = actions


class StopAndReply:
    """Answer calls by `replies` (ReplyTo), then run terminate and end with `reason`."""

    __slots__ = ("reason", "replies")

    def __init__(self, reason: Any, *replies: Any) -> None:
        self.reason = reason
        self.replies = replies

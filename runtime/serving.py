"""How a GenServer takes a message: which callback, and what its answer does when it is the usual one.

The callbacks and their answers are described in gen_server.py, which also does what is rarer.
"""

from __future__ import annotations

from typing import Any, Final

from mypy_extensions import mypyc_attr

from mirliton.runtime.envelopes import Call, Cast, From
from mirliton.runtime.protocol import ExitSignal, Proceed
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.sending import Sends

EXIT_SIGNAL: Final = ExitSignal
"""Compiled, a constant is read faster than a name that was imported."""


ENVELOPES: Final = frozenset((Call, Cast, Proceed, ExitSignal))
"""What does not simply go to handle_info."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Continue:
    """`then=Continue(argument)`: run handle_continue(argument) before any queued message."""

    __slots__ = ("argument",)

    def __init__(self, argument: Any = None) -> None:
        self.argument = argument


class Reply:
    """Answer the call with `value` and go on. `timeout` in seconds: be sent TIMEOUT when no message comes till then."""

    __slots__ = ("then", "timeout", "value")

    def __init__(self, value: Any = None, *, timeout: float | None = None, then: Continue | None = None) -> None:
        self.value = value
        self.timeout = timeout
        self.then = then


class NoReply:
    """Go on without an answer; a caller keeps waiting until `reply`."""

    __slots__ = ("then", "timeout")

    def __init__(self, *, timeout: float | None = None, then: Continue | None = None) -> None:
        self.timeout = timeout
        self.then = then


class Stop:
    """End with `reason`. terminate runs first, then the answer goes out (when there is one), then the process ends."""

    __slots__ = ("reason", "reply")

    def __init__(self, reason: Any = NORMAL, *, reply: Any = MISSING) -> None:
        self.reason = reason
        self.reply = reply


class _Ignore:
    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final = _Ignore()
"""What init answers when this process is not wanted: it ends normally and the start counts as done."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Serves(Sends):
    """The part of a GenServer that the way of a message leads through."""

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        """Take a message; a coroutine when that takes a Task."""
        cell = self._myRef
        if cell.idle is not None:
            cell.idle.cancel()
            cell.idle = None
        kind = type(message)
        if kind is Call:
            caller = message.sender
            answer = self.handle_call(message.request, caller)
            if type(answer) is Reply and answer.timeout is None and answer.then is None:
                cell.post.reply(caller, answer.value)
                return None
            return self._runtime_after(answer, caller)
        if kind is Cast:
            result = self.handle_cast(message.request)
        elif kind is Proceed:
            result = self.handle_continue(message.argument)
        elif kind is EXIT_SIGNAL and message.sender == cell.parent:
            result = Stop(message.reason)
        else:
            result = self.handle_info(message)
        return None if result is None else self._runtime_after(result, None)

    def handle_call(self, request: Any, sender: From) -> Any:
        raise NotImplementedError

    def handle_cast(self, request: Any) -> Any:
        raise NotImplementedError

    def handle_info(self, message: Any) -> Any:
        raise NotImplementedError

    def handle_continue(self, argument: Any) -> Any:
        raise NotImplementedError

    def _runtime_after(self, result: Any, caller: From | None) -> Any:
        """Do what a callback answered. A coroutine when that takes a Task."""
        raise NotImplementedError


def serves_plainly(cls: type) -> bool:
    """Whether it takes messages as Serves does, so that the scheduler may hand them to handle_info itself."""
    return getattr(cls, "receiveMessage", None) is Serves.receiveMessage

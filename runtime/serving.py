"""What a GenServer's callbacks answer; see gen_server.py."""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime.reasons import NORMAL


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

"""The runtime's own messages: requests, replies, and the signals that become messages."""

from __future__ import annotations

from typing import Any, Final

from thespian.actors import ChildActorExited

from mirliton.runtime.addresses import Address, Pid
from mirliton.runtime.messages import message


@message("otp.ref")
class Ref:
    """A reference that is unique on its node: what a monitor or timer is called."""

    node: str
    serial: int


@message("otp.from")
class From:
    """Who waits for the answer to a call: give it to `reply`. It dies with the call, so a late reply is dropped."""

    node: str
    tag: int
    pid: Pid | None = None


@message("otp.call")
class Call:
    """A request whose sender waits for an answer. A coroutine process receives it as it is."""

    sender: From
    request: Any


@message("otp.cast")
class Cast:
    """A request without an answer. A coroutine process receives it as it is."""

    request: Any


@message("otp.down")
class Down:
    """The monitored `process` (as it was named to `monitor`) has ended with `reason`."""

    ref: Ref
    process: Address
    reason: Any


class ExitSignal(ChildActorExited):
    """A trapped exit signal: `sender` ended (or sent an exit) with `reason`.

    It is a Thespian ChildActorExited, which alone carries no reason.
    """

    __slots__ = ("reason", "sender")
    __match_args__ = ("sender", "reason")

    def __init__(self, sender: Pid, reason: Any) -> None:
        super().__init__(sender)
        self.sender = sender
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExitSignal) and self.sender == other.sender and self.reason == other.reason

    def __hash__(self) -> int:
        return hash(self.sender)

    def __repr__(self) -> str:
        return f"ExitSignal(sender={self.sender}, reason={self.reason!r})"


@message("otp.timer")
class TimerFired:
    """A timer of `start_timer` ran out."""

    ref: Ref
    message: Any


@message("otp.idle")
class Idle:
    """No message came within the timeout that a GenServer callback asked for."""


TIMEOUT: Final = Idle()


@message("otp.completed")
class Completed:
    """What `background` was given has ended: with `value`, or with the exit reason `error`."""

    tag: Any
    value: Any = None
    error: Any = None


class Init:
    """The first item in every mailbox: run init with these arguments. Never leaves its node."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


class Proceed:
    """`then=Continue(argument)`: put before all other mail of the process. Never leaves its node."""

    __slots__ = ("argument",)

    def __init__(self, argument: Any) -> None:
        self.argument = argument


class SystemRequest:
    """A `sys` request (see introspect.py): joins the mailbox at its end, served while suspended, never sent away."""

    __slots__ = ("argument", "operation", "sender")

    def __init__(self, operation: str, argument: Any, sender: From) -> None:
        self.operation = operation
        self.argument = argument
        self.sender = sender


SIGNALS: Final = (Down, ExitSignal, Init, Proceed, SystemRequest, TimerFired, Idle, Completed)
"""Mail that is the process's own affair: no bound keeps it out, and no successor inherits it."""

LOCAL: Final = (Init, Proceed, SystemRequest, Completed)
"""Mail that never leaves its node, so that its contents need not be able to."""

"""The runtime's own messages: requests, replies, and the signals that become messages."""

from __future__ import annotations

from typing import Any, Final

from thespian.actors import ChildActorExited

from mirliton.runtime.addresses import Address, Pid
from mirliton.runtime.envelopes import Call as Call
from mirliton.runtime.envelopes import Cast as Cast
from mirliton.runtime.envelopes import From as From
from mirliton.runtime.envelopes import Init as Init
from mirliton.runtime.envelopes import Proceed as Proceed
from mirliton.runtime.envelopes import SystemRequest as SystemRequest
from mirliton.runtime.errors import NoProc, ServerDied
from mirliton.runtime.messages import message, register


@message("otp.ref")
class Ref:
    """A reference that is unique on its node: what a monitor or timer is called."""

    node: str
    serial: int


register("otp.from", From)
register("otp.call", Call)
register("otp.cast", Cast)


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


@message("otp.request_id")
class RequestId:
    """A request that `send_request` sent to `target`; give it to `receive_response` and its like."""

    node: str
    tag: int
    target: Address


@message("otp.response")
class Response:
    """What came of a request: the server's answer, or the reason (`error`) why there can be none."""

    request: RequestId
    value: Any = None
    error: Any = None

    def result(self) -> Any:
        """The answer. Raises NoProc or ServerDied where there is none."""
        if self.error is None:
            return self.value
        raise NoProc(self.request.target) if self.error == "noproc" else ServerDied(self.request.target, self.error)


class Local:
    """Base of requests that carry what cannot travel (a function, say). They never leave their node, and strict mode
    lets them pass by reference; their answers are messages like others."""

    __slots__ = ()


SIGNALS: Final = (Down, ExitSignal, Init, Proceed, SystemRequest, TimerFired, Idle, Completed, Response)
"""Mail that is the process's own affair: no bound keeps it out, and no successor inherits it."""

LOCAL: Final = (Init, Proceed, SystemRequest, Completed)
"""Mail that never leaves its node, so that its contents need not be able to."""

"""Every error the runtime raises.

    RuntimeFault
    ├── CallError                 a call got no answer
    │   ├── NoProc                nobody is there
    │   │   └── PreviousIncarnation   nor can be: the address is of an earlier start of its node
    │   ├── CallTimeout           no answer in time
    │   ├── ServerDied            the server ended first
    │   ├── CallingSelf           a process called itself
    │   └── NodeDown              the other node is out of reach
    ├── StartError                a process did not start
    │   └── AlreadyStarted        its name belongs to a live process
    ├── EventHandlerError         an event manager has no such handler, or the handler failed
    ├── MailboxFull               a bounded mailbox refused the message
    ├── OutboxFull                too much waits for the other node already
    ├── LaneBroken                the way to another node lost something, and begins anew
    ├── NameTaken                 the name belongs to another process
    ├── NameNotRegistered         the name belongs to nobody
    └── CodecError                a value or frame the codec refuses
        ├── UnknownMessageType
        ├── MalformedFrame
        ├── FrameRefused          what came from the network is no frame of this cluster
        ├── MessageTooLarge
        └── NotSerialisable
            └── StrictModeViolation

`Exit` and `Throw` are no errors: raising the one ends the running process with the given reason, raising the other ends
the running callback with the given answer, as Erlang's exit/1 and throw/1 do.
"""

from __future__ import annotations

from typing import Any

_LONGEST = 500


def _words(value: object) -> str:
    """A value as it stands in an error's text, which nobody wants to scroll through."""
    text = repr(value) if isinstance(value, str | tuple | list | dict) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class RuntimeFault(Exception):
    """Base of all the runtime's errors."""


class CallError(RuntimeFault):
    """A call got no answer. `target` is the address that was called."""

    def __init__(self, target: object, detail: str) -> None:
        super().__init__(f"call to {target}: {detail}")
        self.target = target

    @property
    def reason(self) -> object:
        """The exit reason of a caller that does not catch this (gen_server's vocabulary)."""
        return "noproc"


class NoProc(CallError):
    """No process has that address."""

    def __init__(self, target: object, detail: str = "no such process") -> None:
        RuntimeFault.__init__(self, f"{target}: {detail}")
        self.target = target


class PreviousIncarnation(NoProc):
    """`target` was issued by an earlier start of its node: the process cannot exist any more."""

    def __init__(self, target: object) -> None:
        super().__init__(target, "belongs to a previous incarnation of its node")


class CallTimeout(CallError):
    """The server did not answer in time; it may still handle the request, its late reply is dropped."""

    def __init__(self, target: object, timeout: float) -> None:
        super().__init__(target, f"no answer within {timeout:g} s")
        self.timeout = timeout

    @property
    def reason(self) -> object:
        return "timeout"


class ServerDied(CallError):
    """The server ended before it answered; `exit_reason` is why."""

    def __init__(self, target: object, exit_reason: object) -> None:
        super().__init__(target, f"the server ended with {_words(exit_reason)} before it answered")
        self.exit_reason = exit_reason

    @property
    def reason(self) -> object:
        return self.exit_reason


class CallingSelf(CallError):
    """A process called itself, which could only end in a timeout."""

    def __init__(self, target: object) -> None:
        super().__init__(target, "a process cannot call itself")

    @property
    def reason(self) -> object:
        return "calling_self"


class NodeDown(CallError):
    """The node of the target is out of reach."""

    def __init__(self, target: object, node: str) -> None:
        super().__init__(target, f"node {node!r} is out of reach")
        self.node = node

    @property
    def reason(self) -> object:
        return ("nodedown", self.node)


class StartError(RuntimeFault):
    """A process did not start; `reason` is what its init answered, raised or returned."""

    def __init__(self, what: object, reason: object) -> None:
        super().__init__(f"{what} did not start: {_words(reason)}")
        self.what = what
        self.reason = reason


class AlreadyStarted(StartError):
    """The name that the new process asked for belongs to the live process `pid`."""

    def __init__(self, what: object, pid: object) -> None:
        super().__init__(what, ("already_started", pid))
        self.pid = pid


class EventHandlerError(RuntimeFault):
    """An event manager could not do as asked with one of its handlers; `reason` is OTP's error term.

    "bad_module" and "module_not_found": it has no handler of that id; "already_present"; what its init answered;
    ("EXIT", reason): it raised; anything else: what it answered, which is no answer.
    """

    def __init__(self, manager: object, handler: object, reason: object) -> None:
        super().__init__(f"handler {handler!r} of {manager}: {_words(reason)}")
        self.manager = manager
        self.handler = handler
        self.reason = reason


class MailboxFull(RuntimeFault):
    """A bounded mailbox whose overflow rule is `refuse` is at its limit."""

    def __init__(self, target: object, limit: int) -> None:
        super().__init__(f"the mailbox of {target} holds its limit of {limit} messages")
        self.target = target
        self.limit = limit


class OutboxFull(RuntimeFault):
    """Messages to `node` come faster than the network takes them: `waiting` envelopes of `size` bytes wait already."""

    def __init__(self, node: str, waiting: int, size: int) -> None:
        super().__init__(f"{waiting} messages ({size} bytes) wait for node {node!r}, which is its bound")
        self.node = node
        self.waiting = waiting
        self.size = size


class LaneBroken(RuntimeFault):
    """The lane to or from `node` cannot go on: `fault` is "gap", "overrun" or "too_large"."""

    def __init__(self, node: str, fault: str, detail: str) -> None:
        super().__init__(f"the lane with node {node!r} is broken ({fault}): {detail}")
        self.node = node
        self.fault = fault


class NameTaken(RuntimeFault):
    """`name` belongs to `holder`."""

    def __init__(self, name: object, holder: object) -> None:
        super().__init__(f"{name} is registered to {holder}")
        self.name = name
        self.holder = holder


class NameNotRegistered(RuntimeFault):
    """Nobody is registered as `name`."""

    def __init__(self, name: object) -> None:
        super().__init__(f"{name} is not registered")
        self.name = name


class CodecError(RuntimeFault):
    """Base of what the codec refuses."""


class UnknownMessageType(CodecError):
    """A frame names a message type that is not registered here."""

    def __init__(self, tag: object) -> None:
        super().__init__(f"message type {tag!r} is not registered")
        self.tag = tag


class MalformedFrame(CodecError):
    """Bytes that are not a frame of ours."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"malformed frame: {detail}")
        self.detail = detail


class FrameRefused(CodecError):
    """What came from the network is no frame of this cluster: too_long, too_short, version, unknown_key, signature or
    malformed is the `fault`."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(f"a frame is refused ({fault}): {detail}")
        self.fault = fault


class MessageTooLarge(CodecError):
    """A message of `size` bytes is more than another node would take."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes cannot be sent to another node, {limit} are the most")
        self.size = size
        self.limit = limit


class NotSerialisable(CodecError):
    """A value of a type the codec does not know. `path` says where in the message it stands."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(f"{path}: a {type(value).__module__}.{type(value).__qualname__} cannot be sent")
        self.path = path
        self.value_type = type(value)


class StrictModeViolation(NotSerialisable):
    """Strict mode only: the copy that travelled through the codec differs from what was sent, or the message itself
    differs by now."""

    def __init__(self, message: object, copy: object, why: str = "the codec does not keep it") -> None:
        RuntimeFault.__init__(self, f"{_words(message)} arrives as {_words(copy)}: {why}")
        self.path = type(message).__qualname__
        self.value_type = type(message)


class Exit(BaseException):
    """Raise it in a process to end that process with `reason` (Erlang's exit/1).

    A BaseException so that a handler's `except Exception` does not swallow it.
    """

    def __init__(self, reason: Any = "normal") -> None:
        super().__init__(reason)
        self.reason = reason


class Throw(BaseException):
    """Raise it to leave a callback from deep inside, with `value` as what the callback answers (Erlang's throw/1).

        def handle_call(self, request, sender):
            account = self.account_of(request)      # finds none: raise Throw(Reply("no such account"))
            return Reply(account.balance)

    A GenServer takes the value as its callback's answer, `init` included; in `terminate` it is ignored. Thrown where
    nobody catches it, in a coroutine process say, it is a crash. A BaseException, so that `except Exception` between
    the two does not swallow it.
    """

    def __init__(self, value: Any = None) -> None:
        super().__init__(value)
        self.value = value


class HandlerTooSlow(Exit):
    """The watchdog ended this handler, which had held the event loop for `held` seconds; `reason` is a Crash.

    As an Exit it passes a handler's `except Exception`.
    """

    def __init__(self, reason: Any, held: float) -> None:
        super().__init__(reason)
        self.held = held

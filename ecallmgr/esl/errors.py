"""Every error of the event socket.

EslError
├── ConnectFailed                connect() did not end with a connection that is logged in
│   ├── ConnectionRefused        nobody listens, no route, no such host
│   ├── RudeRejection            the switch's access list refuses our address
│   ├── AuthRefused              wrong password
│   └── LoginTimedOut            accepted, then silence (says at which step)
├── ConnectionClosed             the connection has ended; also what `on_closed` is given
│   ├── ClosedLocally            we asked for it
│   ├── ClosedBySwitch           the stream ended between two frames
│   ├── DisconnectNotice         the switch said goodbye (a stop, an `exit`, a wrong password)
│   ├── ConnectionLost           the operating system reported an error
│   ├── StreamBroken             the bytes make no sense any more; `error` is the FrameError
│   ├── ReplyOutOfTurn           an answer that fits no command: nothing later can be matched
│   ├── ReaderTooSlow            our loop did not take the events in time; the owner must resync
│   ├── SwitchNotReading         the switch did not take our commands in time
│   ├── NotOurs                  somebody else may be acting for the switch now, so we sent nothing more
│   ├── SwitchSilent             not one byte within the liveness period, not even for a ping
│   ├── HubStopped               the thread that serves the connection has ended
│   └── InternalFault            a defect of ours ended it; the traceback is in the log
├── CommandError                 one command went wrong, the connection lives on
│   ├── InvalidCommand           a value that may not be sent; says which field and what was expected
│   ├── NotConnected             nothing was sent: the connection is not open
│   ├── CommandRefused           the switch answered -ERR or -USAGE
│   ├── CommandTimedOut          no answer in time; whether it took effect is unknown
│   ├── CommandLost              the connection ended before the answer; whether it took effect is unknown
│   └── TooManyInFlight          as many commands as allowed wait for their answers
├── FrameError                   raised by the framer
│   ├── MalformedFrame
│   ├── OversizedFrame
│   └── TruncatedFrame           the stream ended inside a frame
└── EventError                   a whole frame that is not a usable event
    ├── NotAnEvent
    └── MalformedEvent
"""

from __future__ import annotations


def excerpt(value: object, limit: int = 80) -> str:
    """`value` for a message: quoted, and cut when it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class EslError(Exception):
    """Base of all errors of the event socket."""


class ConnectFailed(EslError):
    """The connection to `host`:`port` did not come about. Nothing of it is left behind."""

    def __init__(self, host: str, port: int, detail: str) -> None:
        super().__init__(f"event socket {host}:{port}: {detail}")
        self.host = host
        self.port = port
        self.detail = detail


class ConnectionRefused(ConnectFailed):
    """No TCP connection: nobody listens there, there is no route, or the host is unknown."""


class RudeRejection(ConnectFailed):
    """The switch's access list (apply-inbound-acl of event_socket.conf) does not hold our address."""

    def __init__(self, host: str, port: int, text: str) -> None:
        super().__init__(host, port, f"refused by the switch's access list: {text.strip()!r}")
        self.text = text


class AuthRefused(ConnectFailed):
    """The password is wrong. `reply` is the switch's answer; the password is in no message."""

    def __init__(self, host: str, port: int, reply: str) -> None:
        super().__init__(host, port, f"password refused: {reply!r}")
        self.reply = reply


class LoginTimedOut(ConnectFailed):
    """No progress within `timeout` seconds. `stage`: resolve, connect, greeting, auth or subscribe."""

    def __init__(self, host: str, port: int, stage: str, timeout: float) -> None:
        super().__init__(host, port, f"no answer to {stage} within {timeout:g} s")
        self.stage = stage
        self.timeout = timeout


class ConnectionClosed(EslError):
    """The connection has ended."""


class ClosedLocally(ConnectionClosed):
    """We closed it."""

    def __init__(self) -> None:
        super().__init__("closed on request")


class ClosedBySwitch(ConnectionClosed):
    """The switch ended the stream without a notice, between two frames."""

    def __init__(self) -> None:
        super().__init__("the switch closed the connection")


class DisconnectNotice(ConnectionClosed):
    """The switch announced the end. `text` is its notice."""

    def __init__(self, text: str) -> None:
        super().__init__(f"the switch disconnected us: {excerpt(text.strip(), 200)}")
        self.text = text


class ConnectionLost(ConnectionClosed):
    """The operating system reported `error` while reading or writing."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"connection lost: {error}")
        self.error = error


class StreamBroken(ConnectionClosed):
    """The stream cannot be read on: `error` says where it stopped making sense."""

    def __init__(self, error: FrameError) -> None:
        super().__init__(f"event stream broken: {error}")
        self.error = error


class ReplyOutOfTurn(ConnectionClosed):
    """An answer that no command is waiting for, or of the wrong kind for the command whose turn it is.

    Answers are matched by their order alone, so after one too many every later match would be a guess.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(f"answer out of turn: {detail}")
        self.detail = detail


class ReaderTooSlow(ConnectionClosed):
    """The loop left `queued` items (`queued_bytes` bytes) waiting; the bound is `limit` items, `limit_bytes` bytes.

    The event that found no room and all after it are not delivered: the owner must compare its state with the
    switch's.
    """

    def __init__(self, queued: int, queued_bytes: int, limit: int, limit_bytes: int) -> None:
        super().__init__(
            f"reader too slow: {queued} frames ({queued_bytes} bytes) wait, "
            f"the bound is {limit} frames or {limit_bytes} bytes"
        )
        self.queued = queued
        self.queued_bytes = queued_bytes
        self.limit = limit
        self.limit_bytes = limit_bytes


class SwitchNotReading(ConnectionClosed):
    """The switch did not take our commands. `unsent` bytes were waiting."""

    def __init__(self, unsent: int, detail: str) -> None:
        super().__init__(f"the switch does not read: {unsent} bytes unsent, {detail}")
        self.unsent = unsent


class NotOurs(ConnectionClosed):
    """A command was not sent since we may not act any more: somebody else may have taken the switch over."""

    def __init__(self) -> None:
        super().__init__("another node may act for the switch now")


class SwitchSilent(ConnectionClosed):
    """Not one byte came for `seconds`, not even in answer to a ping."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the switch has been silent for {seconds:.1f} s")
        self.seconds = seconds


class HubStopped(ConnectionClosed):
    """The hub thread has ended or was never started."""

    def __init__(self, detail: str = "the hub thread has ended") -> None:
        super().__init__(detail)


class InternalFault(ConnectionClosed):
    """A defect in this package ended the connection; the log has the traceback of `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"internal fault: {type(error).__name__}: {error}")
        self.error = error


class CommandError(EslError):
    """One command failed; the connection lives on."""


class InvalidCommand(CommandError, ValueError):
    """A value that may not go into a command. `field` names it, `expectation` says what would be right."""

    def __init__(self, field: str, value: object, expectation: str) -> None:
        super().__init__(f"{field} {excerpt(value)}: {expectation}")
        self.field = field
        self.value = value
        self.expectation = expectation


class NotConnected(CommandError):
    """`command` was not sent: the connection is not open. `reason` says why where it had been open."""

    def __init__(self, command: str, reason: EslError | None) -> None:
        super().__init__(f"{command}: not sent, {reason or 'the connection has not been opened'}")
        self.command = command
        self.reason = reason


class CommandRefused(CommandError):
    """The switch answered `command` with an error. `text` is its answer without the newline at the end."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"{command}: {text}")
        self.command = command
        self.text = text


class CommandTimedOut(CommandError):
    """No answer to `command` within `timeout` seconds. It may still take effect; a late answer is dropped."""

    def __init__(self, command: str, timeout: float) -> None:
        super().__init__(f"{command}: no answer within {timeout:g} s")
        self.command = command
        self.timeout = timeout


class CommandLost(CommandError):
    """The connection ended before the answer to `command`. Whether it took effect is unknown."""

    def __init__(self, command: str, reason: ConnectionClosed) -> None:
        super().__init__(f"{command}: {reason}")
        self.command = command
        self.reason = reason


class TooManyInFlight(CommandError):
    """`command` was not sent: `limit` commands already wait for their answers."""

    def __init__(self, command: str, limit: int) -> None:
        super().__init__(f"{command}: not sent, {limit} commands wait for their answers already")
        self.command = command
        self.limit = limit


class FrameError(EslError):
    """The bytes are not a frame. The framer that raised it takes no more."""


class MalformedFrame(FrameError):
    """A header block that breaks the format. `frame` counts the frames read whole before it."""

    def __init__(self, frame: int, detail: str) -> None:
        super().__init__(f"frame {frame}: {detail}")
        self.frame = frame
        self.detail = detail


class OversizedFrame(FrameError):
    """`what` of a frame is larger than `limit`; `size` is what was announced or already read."""

    def __init__(self, frame: int, what: str, size: int, limit: int) -> None:
        super().__init__(f"frame {frame}: {what} of {size}, allowed are {limit}")
        self.frame = frame
        self.what = what
        self.size = size
        self.limit = limit


class TruncatedFrame(FrameError):
    """The stream ended inside a frame, with `have` bytes of it read; `need` is its size where that is known."""

    def __init__(self, frame: int, have: int, need: int | None) -> None:
        whole = "an unfinished header block" if need is None else f"{need}"
        super().__init__(f"frame {frame}: the stream ended after {have} bytes of {whole}")
        self.frame = frame
        self.have = have
        self.need = need


class EventError(EslError):
    """A frame came whole but gives no usable event."""


class NotAnEvent(EventError):
    """The frame's content type is none that carries events we read."""

    def __init__(self, content_type: str) -> None:
        super().__init__(f"content type {content_type!r} carries no event; text/event-json and text/event-plain do")
        self.content_type = content_type


class MalformedEvent(EventError):
    """The event's text breaks its format."""

    def __init__(self, detail: str, body: bytes = b"") -> None:
        shown = f": {excerpt(body[:60])}" if body else ""
        super().__init__(f"event: {detail}{shown}")
        self.detail = detail

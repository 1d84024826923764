"""greenswitch's `InboundESL`, and what was replaced in it. All of it runs in the hub thread."""

from __future__ import annotations

import dataclasses
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import gevent
import gevent.event
import structlog
from greenswitch.esl import InboundESL, NotConnectedError

from mirliton.ecallmgr.esl.errors import (
    AuthRefused,
    ClosedBySwitch,
    ConnectFailed,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    DisconnectNotice,
    FrameError,
    InternalFault,
    LoginTimedOut,
    NotOurs,
    RudeRejection,
    StreamBroken,
    SwitchNotReading,
)
from mirliton.ecallmgr.esl.framing import Frame, Framer, Limits
from mirliton.ecallmgr.esl.pending import COMMAND

_log = structlog.get_logger(__name__)

READ_SIZE: Final = 64 * 1024
"""Bytes per read. Between two reads Python's lock is free for the loop: a bigger piece would delay it longer."""

_NOTICE: Final = "text/disconnect-notice"
_RUDE: Final = "text/rude-rejection"
_EVENTS: Final = "text/event-"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the hub's half needs to know. `host` is an IPv4 address: greenswitch's connect knows no other. Nothing is
    sent unless `may_send` says so at that moment, and what was not taken within `unacknowledged` seconds is never sent
    again (None: by the system's own rules, in a quarter of an hour)."""

    host: str
    port: int
    password: str = dataclasses.field(repr=False)
    login_timeout: float
    write_timeout: float
    unsent_limit: int
    limits: Limits
    may_send: Callable[[], bool] = dataclasses.field(default=lambda: True, repr=False)
    unacknowledged: float | None = None


class InboundSocket(InboundESL):
    """greenswitch's client, less what must not meet untrusted traffic.

    Kept: the TCP connect and the login sequence (`InboundESL.connect`, `authenticate`), the socket and its hub.
    Replaced, each for a fault shown by test (greenswitch 0.0.19):

    ======================  =====================================================================================
    `connect`               has no deadline after the TCP connect; leaves socket and greenlets behind when it fails
    `start_event_handlers`  starts a greenlet that runs all handlers of all calls in turn over an unbounded queue
    `receive_events`        never ends when the stream is cut inside a body; dies on text that is not UTF-8
                            (`ESLEvent`, which it uses, decodes before it splits: a header or body forges events)
    `_read_socket`          part of the endless loop above; not used
    `handle_event`          knows no JSON; loses bodies; raises KeyError on an answer that nobody waits for
    `process_events`        part of the queue above; not used
    `send`                  sends partially (3.9 of 12 MB arrived); waits for ever; here only `authenticate` uses it
    `stop`                  waits for the switch without limit, and closes a file that another greenlet reads
    ======================  =====================================================================================
    """

    def __init__(self, settings: Settings, take: Callable[[Frame], None], ended: Callable[[ConnectionClosed], None]):
        super().__init__(settings.host, settings.port, settings.password, timeout=settings.login_timeout)
        self._settings = settings
        self._take = take
        self._ended = ended
        self._framer = Framer(settings.limits)
        self._logged_in = False
        self._login_reply: Any = None
        self._login_error: ConnectFailed | ConnectionClosed | None = None
        self._stage = "connect"
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._something_to_send = gevent.event.Event()
        self._greenlets: list[gevent.Greenlet] = []
        self.bytes_read = 0
        self.last_read = time.monotonic()

    def connect(self) -> None:
        """Connect and log in, all within the login timeout. Raises ConnectFailed or ConnectionClosed; then nothing
        is left."""
        host, port, timeout = self.host, self.port, self._settings.login_timeout
        try:
            late = gevent.with_timeout(timeout, super().connect, timeout_value=True)
            if late:
                raise LoginTimedOut(host, port, self._stage, timeout)
        except NotConnectedError as error:
            self.stop()
            if self._login_error is not None:
                raise self._login_error from None
            raise LoginTimedOut(host, port, self._stage, timeout) from error
        except (ValueError, KeyError):
            # What `authenticate` raises for another answer than +OK accepted, and for one without Reply-Text.
            self.stop()
            raise AuthRefused(host, port, self._login_reply.get().reply_text) from None
        except OSError as error:
            self.stop()
            raise ConnectionRefused(host, port, str(error)) from error
        except BaseException:
            self.stop()
            raise

    def start_event_handlers(self) -> None:
        """Called by `InboundESL.connect` once the TCP connection is there: start reading and writing."""
        self._stage = "greeting"
        # Commands are small, and each is waited for: do not hold them back to fill a packet.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._settings.unacknowledged is not None:
            milliseconds = round(self._settings.unacknowledged * 1000)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self.last_read = time.monotonic()
        self._greenlets = [gevent.spawn(self.receive_events), gevent.spawn(self._write)]

    def receive_events(self) -> None:
        """Read until the stream ends. Never waits for anyone but the switch."""
        try:
            while True:
                data = self.sock.recv(READ_SIZE)
                if not data:
                    self._framer.end()
                    raise ClosedBySwitch
                self.last_read = time.monotonic()
                self.bytes_read += len(data)
                for frame in self._framer.feed(data):
                    self.handle_event(frame)
                if self._framer.broken is not None:
                    raise self._framer.broken
        except FrameError as error:
            self._end(StreamBroken(error))
        except OSError as error:
            self._end(ConnectionLost(error))
        except ConnectionClosed as error:
            self._end(error)
        except Exception as error:  # noqa: BLE001  # a greenlet's error would end nothing and reach nobody
            _log.exception("the reader of an event socket failed", switch=f"{self.host}:{self.port}")
            self._end(InternalFault(error))

    def handle_event(self, frame: Frame) -> None:
        """Take one frame. Raises ConnectionClosed for those that end the connection."""
        if frame.content_type == _NOTICE:
            if frame.headers.get("Content-Disposition") != "linger":
                raise DisconnectNotice(frame.text)
        elif self._logged_in:
            self._take(frame)
        elif frame.content_type == "auth/request":
            self._stage = "auth"
            self._auth_request_event.set()
        elif frame.content_type == _RUDE:
            self._refuse(RudeRejection(self.host, self.port, frame.text))
        elif frame.content_type == COMMAND and self._login_reply is not None:
            self._login_reply.set(frame)
            # Frames that come with the answer in one piece are not the login's any more.
            self._logged_in = frame.reply_text.startswith("+OK")

    def send(self, data: str) -> Frame:
        """Called by `InboundESL.authenticate` alone, with the auth command: send it and wait for the answer."""
        self._login_reply = gevent.event.AsyncResult()
        self.write(f"{data}\n\n".encode())
        reply = self._login_reply.get()
        assert isinstance(reply, Frame)
        return reply

    def write(self, data: bytes) -> None:
        """Queue a whole command. Ends the connection when the switch takes none for too long."""
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > self._settings.unsent_limit:
            self._end(SwitchNotReading(self._unsent_bytes, f"the bound is {self._settings.unsent_limit}"))
        self._something_to_send.set()

    def stop(self) -> None:
        """Close the socket and end the greenlets, now. Tells nobody."""
        self.connected = False
        self._run = False
        sock = getattr(self, "sock", None)
        if sock is not None:
            if not self._settings.may_send():
                # With a reset: the system sends nothing more of what it was given.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            # `InboundESL.connect` opens this second reference to the socket, which nothing reads here.
            reader = getattr(self, "sock_file", None)
            if reader is not None:
                reader.close()
        gevent.killall([g for g in self._greenlets if g is not gevent.getcurrent()], block=False)
        self._greenlets = []

    def _send_all(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            if not self._settings.may_send():
                raise NotOurs
            left = left[self.sock.send(left) :]

    def _write(self) -> None:
        try:
            while True:
                self._something_to_send.wait()
                self._something_to_send.clear()
                while self._unsent:
                    data = self._unsent.popleft()
                    timeout = self._settings.write_timeout
                    if gevent.with_timeout(timeout, self._send_all, data, timeout_value=True):
                        raise SwitchNotReading(self._unsent_bytes, f"not taken within {timeout:g} s")
                    self._unsent_bytes -= len(data)
        except OSError as error:
            self._end(ConnectionLost(error))
        except ConnectionClosed as error:
            self._end(error)
        except Exception as error:  # noqa: BLE001  # a greenlet's error would end nothing and reach nobody
            _log.exception("the writer of an event socket failed", switch=f"{self.host}:{self.port}")
            self._end(InternalFault(error))

    def _refuse(self, error: ConnectFailed | ConnectionClosed) -> None:
        """Let `InboundESL.connect` give up: it looks at `connected` after the greeting."""
        if self._login_error is None:
            self._login_error = error
        self.connected = False
        self._auth_request_event.set()
        # An answer that came first counts: after a wrong password the notice follows on its heels.
        if self._login_reply is not None and not self._login_reply.ready():
            self._login_reply.set_exception(NotConnectedError())

    def _end(self, reason: ConnectionClosed) -> None:
        if self._logged_in:
            self._ended(reason)
        else:
            self._refuse(reason)

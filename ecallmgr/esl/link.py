"""The hub's half of a connection: an `InboundSocket` with its beginning and its end, and what it tells the loop.

Everything here runs in the hub thread. The loop's half is `connection.EventSocket`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import gevent
import structlog

from mirliton.ecallmgr.esl import commands
from mirliton.ecallmgr.esl.errors import (
    ClosedLocally,
    ConnectFailed,
    ConnectionClosed,
    EventError,
    HubStopped,
    InternalFault,
    ReaderTooSlow,
)
from mirliton.ecallmgr.esl.events import Event, decode
from mirliton.ecallmgr.esl.framing import Frame
from mirliton.ecallmgr.esl.hub import Hub
from mirliton.ecallmgr.esl.inbound import InboundSocket, Settings
from mirliton.ecallmgr.esl.inbox import Inbox
from mirliton.ecallmgr.esl.pending import API, COMMAND

_log = structlog.get_logger(__name__)

_EVENTS: Final = "text/event-"


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """Logged in."""


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """The login did not succeed; the connection is gone again."""

    error: ConnectFailed | ConnectionClosed


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    """The last item of a connection that had been open."""

    reason: ConnectionClosed


Item = Event | Frame | Opened | Failed | Closed
"""What crosses to the loop; a Frame is an answer to a command."""


class Link:
    """One connection as the hub sees it: opened once, closed once, and every end is told to the inbox.

    The loop's half calls `open`, `write`, `finish` and `close` through `Hub.post` only.
    """

    def __init__(self, hub: Hub, settings: Settings, inbox: Inbox[Item]) -> None:
        self._hub = hub
        self._settings = settings
        self._inbox = inbox
        self._socket: InboundSocket | None = None
        self._opening: gevent.Greenlet | None = None
        self._finishing: Any = None
        self._asked_to_close = False
        self._over = False
        # Plain counters, each written here and read from anywhere.
        self.events = 0
        self.undecodable = 0
        self.ignored = 0

    @property
    def last_read(self) -> float:
        """When the last bytes came, on time.monotonic's clock. May be read from any thread."""
        socket = self._socket
        return socket.last_read if socket is not None else 0.0

    @property
    def bytes_read(self) -> int:
        """May be read from any thread."""
        socket = self._socket
        return socket.bytes_read if socket is not None else 0

    def open(self) -> None:
        """Begin to connect; Opened or Failed goes to the inbox."""
        if not self._over:
            self._hub.at_end(self, lambda: self.close(HubStopped()))
            self._opening = gevent.spawn(self._open)

    def write(self, data: bytes) -> None:
        """Send a whole command; on a connection that has ended it is dropped (its waiter was told)."""
        if self._socket is not None and not self._over:
            self._socket.write(data)

    def finish(self, timeout: float) -> None:
        """Say goodbye; the switch closes, or else we do after `timeout` seconds."""
        if self._over:
            return
        self._asked_to_close = True
        if self._socket is None or self._opening is not None:
            self.close(ClosedLocally())
            return
        self._finishing = gevent.spawn_later(timeout, self.close, ClosedLocally())
        self._socket.write(commands.exit_())

    def close(self, reason: ConnectionClosed) -> None:
        """End the connection now, whatever its state."""
        if self._over:
            return
        self._over = True
        self._hub.at_end(self, None)
        was_opening, self._opening = self._opening, None
        if was_opening is not None and was_opening is not gevent.getcurrent():
            was_opening.kill(block=False)
        if self._finishing is not None and self._finishing is not gevent.getcurrent():
            self._finishing.kill(block=False)
        if self._socket is not None:
            self._socket.stop()
        told = ClosedLocally() if self._asked_to_close else reason
        self._inbox.put(Closed(told) if was_opening is None else Failed(told), always=True)

    def _open(self) -> None:
        self._socket = InboundSocket(self._settings, self._take, self.close)
        try:
            self._socket.connect()
        except (ConnectFailed, ConnectionClosed) as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  # the loop's half waits to be told
            _log.exception("the login to an event socket failed", switch=f"{self._settings.host}:{self._settings.port}")
            self._fail(InternalFault(error))
        else:
            if not self._over:
                self._opening = None
                self._inbox.put(Opened(), always=True)

    def _fail(self, error: ConnectFailed | ConnectionClosed) -> None:
        if not self._over:
            self._over = True
            self._hub.at_end(self, None)
            self._inbox.put(Failed(error), always=True)

    def _take(self, frame: Frame) -> None:
        if self._over:
            return
        item: Item
        if frame.content_type.startswith(_EVENTS):
            try:
                item = decode(frame)
            except EventError as error:
                # The stream is whole, so one odd event is no reason to give it up: a caller might be able to cause it.
                self.undecodable += 1
                _log.warning("event dropped", switch=f"{self._settings.host}:{self._settings.port}", error=str(error))
                return
            self.events += 1
        elif frame.content_type in (API, COMMAND):
            item = frame
        else:
            self.ignored += 1
            return
        if not self._inbox.put(item, len(frame.body)):
            inbox = self._inbox
            raise ReaderTooSlow(len(inbox), inbox.waiting_bytes, inbox.limit, inbox.limit_bytes)

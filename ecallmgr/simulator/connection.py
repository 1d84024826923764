"""One event-socket connection: the order of answers and events on it, and what the faults do to it.

As on the switch, a connection serves one command at a time, and its events wait while it does: an `api`
that takes long blocks the events of its connection. A reader that is too slow first loses events and then,
after 500 lost ones, its connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from mirliton.ecallmgr.simulator.clock import sleep
from mirliton.ecallmgr.simulator.events import Event
from mirliton.ecallmgr.simulator.frames import AUTH_REQUEST, GOODBYE, Command, CommandReader, notice, rejection
from mirliton.ecallmgr.simulator.session import Session

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

MAX_EVENTS = 100_000  # waiting for a slow reader
MAX_LOST = 500
MAX_WAITING_COMMANDS = 100_000
_log = structlog.get_logger(__name__)


class Connection(asyncio.Protocol):
    """A connection to the simulated switch, over any transport."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self.switch = switch
        self.session = Session(switch, self)
        self.stalled = False
        self._reader = CommandReader()
        self._commands: deque[Command] = deque()
        self._events: deque[bytes] = deque()
        self._lost = 0
        self._busy = False
        self._full = False
        self._closed = False
        self._transport: asyncio.Transport | None = None

    @property
    def listens(self) -> bool:
        """Whether it subscribed to events."""
        return self.session.subscription.format is not None

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or do to the peer what the faults want."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.switch.connections.add(self)
        faults = self.switch.faults
        if faults.rude:
            self.send(rejection() + notice(GOODBYE))
            self.close()
        elif faults.stalled:
            self.stalled = True
        else:
            self.send(AUTH_REQUEST)

    def data_received(self, data: bytes) -> None:
        """Take commands; a peer that sends nonsense without end is dropped."""
        try:
            for command in self._reader.feed(data):
                self._commands.append(command)
        except ValueError as error:
            _log.warning("event-socket client dropped", error=str(error))
            self.close()
            return
        if len(self._commands) > MAX_WAITING_COMMANDS:
            _log.warning("event-socket client dropped", error="too many commands waiting")
            self.close()
            return
        if not self.stalled:
            self._process()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone."""
        self._closed = True
        self.switch.leave(self)

    def pause_writing(self) -> None:
        """The peer reads too slowly: events wait from now on."""
        self._full = True

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._full = False
        self._release()

    # --- commands

    def _process(self) -> None:
        while self._commands and not self._busy and not self._closed:
            command = self._commands.popleft()
            self._busy = True
            # Logging in, and steering the simulator, are not what faults of the answers are about.
            faulty = self.session.authenticated and not command.line.startswith("api simulator")
            outcome = self.session.handle(command)
            delay = self.switch.faults.answer_delay() if faulty else 0.0
            times = self.switch.faults.answer_times() if faulty else 1
            if delay or not isinstance(outcome, bytes):
                self.switch.spawn(self._finish(outcome, delay, times), f"command {command.verb}")
                return
            self._answer(outcome, times)

    async def _finish(self, outcome: bytes | Coroutine[Any, Any, bytes], delay: float, times: int) -> None:
        answer = outcome if isinstance(outcome, bytes) else await outcome
        if delay:
            await sleep(self.switch.clock, delay)
        self._answer(answer, times)
        self._process()

    def _answer(self, answer: bytes, times: int) -> None:
        for _ in range(times):
            self.send(answer)
        self._busy = False
        if self.session.leaving:
            self.send(notice(GOODBYE))
            self.close()
        else:
            self._release()

    # --- events

    def deliver(self, event: Event) -> None:
        """Send an event if the connection asked for it; it may have to wait, or be lost."""
        form = self.session.subscription.format
        if form is None or self._closed or not self.session.subscription.passes(event):
            return
        if not (self._busy or self._full or self.stalled or self._events):
            self.send(event.frame(form))
            return
        if len(self._events) < MAX_EVENTS:
            self._events.append(event.frame(form))
            return
        self._lost += 1
        if self._lost > MAX_LOST:
            _log.warning("event-socket client dropped", error=f"{self._lost} events lost")
            self.abort()

    def _release(self) -> None:
        while self._events and not (self._busy or self._full or self.stalled or self._closed):
            self.send(self._events.popleft())

    # --- the transport

    def send(self, data: bytes) -> None:
        """Write bytes, as they are."""
        if self._transport is not None and not self._closed and data:
            self._transport.write(data)

    def stall(self, stalled: bool) -> None:
        """Stop (or go on) reading and writing."""
        self.stalled = stalled
        if self._transport is None or self._closed:
            return
        if stalled:
            self._transport.pause_reading()
            return
        self._transport.resume_reading()
        self._release()
        self._process()

    def close(self) -> None:
        """Close after what was written went out."""
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._closed = True
            self._transport.abort()

"""An event-socket connection without a socket: for tests that move time by hand.

The switch writes into `received` at once; nothing waits for the network, so a test knows that everything is
quiet as soon as the loop has nothing left to run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.connection import Connection

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


class MemoryTransport(asyncio.Transport):
    """The switch's end: what it writes is kept for the reader."""

    def __init__(self) -> None:
        super().__init__()
        self.received = bytearray()
        self.closed = False
        self._protocol: Connection | None = None

    def attach(self, protocol: Connection) -> None:
        """Tell the protocol that it is connected."""
        self._protocol = protocol
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what the switch wrote."""
        if not self.closed:
            self.received += data

    def close(self) -> None:
        """The switch closes."""
        if not self.closed:
            self.closed = True
            if self._protocol is not None:
                self._protocol.connection_lost(None)

    def abort(self) -> None:
        """The switch closes at once."""
        self.close()

    def is_closing(self) -> bool:
        """Whether the switch has closed."""
        return self.closed

    def pause_reading(self) -> None:
        """Nothing to do: what is sent to a stalled connection waits in it."""

    def resume_reading(self) -> None:
        """Nothing to do."""


class MemoryConnection:
    """The client's end of a connection in memory."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self._transport = MemoryTransport()
        self._protocol = Connection(switch)
        self._transport.attach(self._protocol)

    @property
    def closed(self) -> bool:
        """Whether the switch has closed the connection."""
        return self._transport.closed

    def send(self, data: bytes) -> None:
        """Send bytes to the switch."""
        if not self._transport.closed:
            self._protocol.data_received(data)

    def take(self) -> bytes:
        """What the switch has sent since the last call."""
        data = bytes(self._transport.received)
        self._transport.received.clear()
        return data

    def pause_writing(self) -> None:
        """Be a reader that does not keep up: the switch's writes wait from now on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Catch up."""
        self._protocol.resume_writing()

    def close(self) -> None:
        """Close the connection from the client's side."""
        self._transport.close()

"""The listening socket."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.connection import Connection
from mirliton.ecallmgr.simulator.errors import PortInUse

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


class Server:
    """Listens on the switch's address; can be closed and opened again on the same port."""

    def __init__(
        self, switch: SimulatedSwitch, host: str, port: int, connection: type[Connection] = Connection
    ) -> None:
        self._switch = switch
        self._connection = connection
        self._host = host
        self.port = port
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def open(self) -> None:
        """Listen; does nothing when it does already. Raises PortInUse."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: self._connection(self._switch), self._host, self.port)
        except OSError as error:
            raise PortInUse(self._host, self.port, os.strerror(error.errno) if error.errno else str(error)) from None
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Stop listening; connections stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

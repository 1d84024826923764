"""A way to a TCP server of this host, in threads: it notes when clients send, and can be cut, of which neither side is
told."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator


class RecordedWay:
    """Clients come to `port`; `said` are the times (time.monotonic) at which one has sent something through."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = [self._listener]
        self.port = int(self._listener.getsockname()[1])
        self.said: list[float] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        """What waited goes through."""
        self._open.set()

    def close(self) -> None:
        self._open.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [client, server]
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, by_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                if by_client:
                    self.said.append(time.monotonic())
                sink.sendall(data)
            self._open.wait()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def recorded_ways() -> Iterator[list[RecordedWay]]:
    """Whatever is put into the list is closed at the end."""
    ways: list[RecordedWay] = []
    try:
        yield ways
    finally:
        for way in ways:
            way.close()

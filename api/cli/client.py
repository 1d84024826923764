"""The command line's side of the control socket: plain blocking calls."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from mirliton.api.cli.errors import CommandError, NotRunning, RequestRefused


class Control:
    """A connection to a node's control socket. Each wait ends after `timeout` seconds."""

    def __init__(self, path: Path, timeout: float = 35.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            self._socket.close()
            raise NotRunning(str(path)) from None
        except OSError as error:
            self._socket.close()
            raise CommandError(f"the control socket {path} cannot be used: {error.strerror or error}") from error
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, do: str, **request: Any) -> Any:
        """Make a request and return its result. Raises RequestRefused with the node's own words."""
        self._send({"do": do, **request})
        answer = self._receive()
        if not answer.get("ok"):
            raise RequestRefused(str(answer.get("error")))
        return answer.get("result")

    def follow(self) -> Iterator[dict[str, Any]]:
        """The events of all calls, from now on. Ends when nothing happens for the connection's timeout."""
        return _until_silent(self.stream("follow"))

    def stream(self, do: str, **request: Any) -> Iterator[dict[str, Any]]:
        """Make a request whose answer goes on, and return its items. They raise CommandError when they cease."""
        self.ask(do, **request)
        return iter(self._receive, None)

    @property
    def node_pid(self) -> int:
        """The OS process of the node (unix(7), SO_PEERCRED)."""
        credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, _, _ = struct.unpack("3i", credentials)
        return int(pid)

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._socket.sendall(orjson.dumps(request) + b"\n")
        except OSError as error:
            raise CommandError(f"the node has gone: {error.strerror or error}") from error

    def _receive(self) -> dict[str, Any]:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise CommandError(f"the node does not answer: {error}") from error
        if not line:
            raise CommandError("the node has closed the connection")
        answer = orjson.loads(line)
        assert isinstance(answer, dict)
        return answer


def _until_silent(items: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(CommandError):
        yield from items

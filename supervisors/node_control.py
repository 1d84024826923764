"""The host socket: how the command line asks a running node supervisor, and how it answers.

Unix datagrams, one JSON object each way: {"do": "ps"} or {"do": "stop", "node": "a"}, answered with {"ok": true,
"result": …} or {"ok": false, "error": "…"}. So the parent holds no connection: no client can be slow, send half a
request or stay for ever. Who may write to the socket's file may ask: its owner (mode 0600).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mirliton.supervisors.node_errors import HostSocketError, NoHost

MAX_REQUEST: Final = 4096
MAX_ANSWER: Final = 200 * 1024  # below the kernel's default for one datagram
_PER_TURN: Final = 16
_MODE: Final = 0o600


class HostSocket:
    """The parent's end. A lock beside it, held as long as the parent lives, keeps a second parent out."""

    def __init__(self, path: Path, line: socket.socket, lock: int) -> None:
        self.path = path
        self._socket = line
        self._lock = lock

    @classmethod
    def bind(cls, path: Path) -> HostSocket:
        """Make the socket at `path`, in place of one that a dead parent left; raises HostSocketError."""
        try:
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        except OSError as error:
            raise HostSocketError(str(path), f"cannot be made: {error.strerror}") from error
        line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        line.setblocking(False)
        with contextlib.ExitStack() as failed:
            failed.callback(os.close, lock)
            failed.callback(line.close)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                before = os.umask(0o777 & ~_MODE)
                try:
                    line.bind(str(path))
                finally:
                    os.umask(before)
            except BlockingIOError:
                raise HostSocketError(str(path), "is held by another node supervisor") from None
            except OSError as error:
                raise HostSocketError(str(path), f"cannot be made: {error.strerror or error}") from error
            failed.pop_all()
        return cls(path, line, lock)

    @property
    def fds(self) -> tuple[int, int]:
        """What a forked child must close, and what stays open over a reload."""
        return self._socket.fileno(), self._lock

    def fileno(self) -> int:
        """To be polled."""
        return self._socket.fileno()

    def requests(self) -> Iterator[tuple[dict[str, Any], str | bytes]]:
        """Those that have come, with whom to answer; what is no request is answered here."""
        for _ in range(_PER_TURN):
            try:
                data, client = self._socket.recvfrom(MAX_REQUEST + 1)
            except OSError:
                return
            if not client:
                continue  # a client without an address can be given no answer, and so is asking nothing
            try:
                request = json.loads(data) if len(data) <= MAX_REQUEST else None
            except (ValueError, RecursionError):
                request = None
            if isinstance(request, dict):
                yield request, client
            else:
                self.answer(
                    client, {"ok": False, "error": f"a request is a JSON object of at most {MAX_REQUEST} bytes"}
                )

    def answer(self, client: str | bytes, answer: dict[str, Any]) -> None:
        """Send it without waiting; a client that has gone, or does not read, gets none."""
        data = json.dumps(answer).encode()
        if len(data) > MAX_ANSWER:
            data = json.dumps({"ok": False, "error": "the answer is too long for one datagram"}).encode()
        with contextlib.suppress(OSError):
            self._socket.sendto(data, client)

    def close(self) -> None:
        """Take the socket's file away and let another parent make its own."""
        self.path.unlink(missing_ok=True)
        self._socket.close()
        os.close(self._lock)

    def to_state(self) -> dict[str, Any]:
        """For a parent that executes itself anew."""
        return {"path": str(self.path), "socket": self._socket.fileno(), "lock": self._lock}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> HostSocket:
        """The reverse of to_state."""
        for fd in (state["socket"], state["lock"]):
            os.set_inheritable(fd, False)
        line = socket.socket(fileno=state["socket"])
        line.setblocking(False)
        return cls(Path(state["path"]), line, state["lock"])


def ask_host(path: Path, request: dict[str, Any], timeout: float = 5.0) -> dict[str, Any]:
    """The answer of the node supervisor at `path`, within `timeout` seconds.

    Raises NoHost where none listens, HostSocketError where it cannot be asked or does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(timeout)
        try:
            line.bind("")  # any free abstract name, for the answer
            line.connect(str(path))  # and from now on nobody else can send to it
            line.send(json.dumps(request).encode())
            data = line.recv(MAX_ANSWER)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NoHost(str(path)) from None
        except TimeoutError:
            raise HostSocketError(str(path), f"gives no answer within {timeout:g} s") from None
        except OSError as error:
            raise HostSocketError(str(path), f"cannot be used: {error.strerror or error}") from error
    answer: dict[str, Any] = json.loads(data)
    return answer

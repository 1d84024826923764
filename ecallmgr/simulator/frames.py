"""The wire of the event socket, from the server's side: commands in, answers out. Pure functions and a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_FRAME = 64 * 1024 * 1024  # a command longer than that closes the connection

AUTH_REQUEST = b"Content-Type: auth/request\n\n"
GOODBYE = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUTTING_DOWN = "The system is being shut down.\n"
ACCESS_DENIED = "Access Denied, go away.\n"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its first line, the header lines under it, and a body if Content-Length announced one."""

    line: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    @property
    def verb(self) -> str:
        """The first word, in lower case."""
        return self.line.partition(" ")[0].lower()

    @property
    def rest(self) -> str:
        """What follows the first word."""
        return self.line.partition(" ")[2].strip()


class CommandReader:
    """Cuts a stream of bytes into commands; text that is not UTF-8 is kept as it is (surrogate escapes)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Command]:
        """Add bytes; the commands that are complete now. Raises ValueError when one grows beyond MAX_FRAME."""
        self._buffer += data
        while (command := self._take()) is not None:
            yield command
        if len(self._buffer) > MAX_FRAME:
            raise ValueError(f"a command of more than {MAX_FRAME} bytes")

    def _take(self) -> Command | None:
        while self._buffer and self._buffer[0] in b"\r\n":
            del self._buffer[0]
        end = self._buffer.find(b"\n\n")
        width = 2
        other = self._buffer.find(b"\r\n\r\n")
        if other >= 0 and (end < 0 or other < end):
            end, width = other, 4
        if end < 0:
            return None
        lines = self._buffer[:end].decode("utf-8", "surrogateescape").split("\n")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.rstrip("\r").partition(":")
            if colon:
                headers[name.strip()] = value.strip()
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdigit() else 0
        if len(self._buffer) < end + width + size:
            if size > MAX_FRAME:
                raise ValueError(f"a body of {size} bytes announced")
            return None
        body = self._buffer[end + width : end + width + size].decode("utf-8", "surrogateescape") if size else None
        del self._buffer[: end + width + size]
        return Command(lines[0].rstrip("\r").strip(), headers, body)


def command_reply(text: str, headers: dict[str, str] | None = None) -> bytes:
    """The answer to any command but api."""
    lines = [f"Content-Type: command/reply\nReply-Text: {text}\n"]
    lines += [f"{name}: {value}\n" for name, value in (headers or {}).items()]
    return ("".join(lines) + "\n").encode("utf-8", "surrogateescape")


def api_response(text: str) -> bytes:
    """The answer to api."""
    body = text.encode("utf-8", "surrogateescape")
    return f"Content-Type: api/response\nContent-Length: {len(body)}\n\n".encode() + body


def notice(text: str) -> bytes:
    """The last frame before the server closes a connection."""
    return f"Content-Type: text/disconnect-notice\nContent-Length: {len(text)}\n\n{text}".encode()


def rejection() -> bytes:
    """What a peer outside the access list gets."""
    head = f"Content-Type: text/rude-rejection\nContent-Length: {len(ACCESS_DENIED)}\n\n"
    return head.encode() + ACCESS_DENIED.encode()

"""Bytes to frames: the outer layer of FreeSWITCH's event socket, as a state machine without I/O.

    header: value LF
    header: value LF
    LF
    Content-Length bytes of body, if the block has that header

    framer = Framer()
    for frame in framer.feed(data): ...
    framer.end()                        # at the end of the stream

Facts (mod_event_socket, recordings): lines end with a bare LF; values of this outer layer are not percent-encoded;
`command/reply` has no Content-Length; a body has no terminator, the next frame follows at once.

Text that is not UTF-8 does not break the stream: frames are cut by bytes alone, and header values are decoded with
U+FFFD for each undecodable byte, so that whatever leaves here can be logged, stored and sent on.

Time is linear in the bytes fed, however they are cut: the search for the end of a header block goes on where it
stopped, and a body is awaited by its length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mirliton.ecallmgr.esl.errors import FrameError, MalformedFrame, OversizedFrame, TruncatedFrame

_END: Final = b"\n\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one frame may measure. The largest outer block in the recordings has 5 kB and 141 headers (the answer
    to `connect`); bodies grow with the channels listed (`show channels` at 20,000 channels is about 10 MB)."""

    header_bytes: int = 256 * 1024
    headers: int = 1024
    body_bytes: int = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One frame. Header names are as sent; of a name given twice the last value counts."""

    content_type: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; U+FFFD stands for what is not UTF-8."""
        return self.body.decode("utf-8", "replace")

    @property
    def reply_text(self) -> str:
        """The header Reply-Text, empty if there is none."""
        return self.headers.get("Reply-Text", "")


class Framer:
    """Cuts one stream into frames. Not for two threads at once.

    The first error ends it: a stream whose frame borders are lost cannot be trusted again. What was whole before
    the error is still handed out, so the frames are the same however the stream was cut.
    """

    __slots__ = ("_buffer", "_head", "_limits", "_need", "_searched", "broken", "frames")

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._buffer = bytearray()
        self._searched = 0
        self._head: tuple[str, Mapping[str, str]] | None = None
        """Content type and headers of the frame whose body is awaited."""
        self._need = 0
        self.broken: FrameError | None = None
        """The error that ended this framer."""
        self.frames = 0
        """Frames cut so far."""

    @property
    def waiting(self) -> int:
        """Bytes held that are not a whole frame yet."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Frame]:
        """Take the next bytes of the stream, of any number; return the frames that are whole now.

        Raises MalformedFrame or OversizedFrame when the next frame is bad. If whole frames came before the bad one
        in `data`, they are returned instead, `broken` is set, and the next call raises.
        """
        if self.broken is not None:
            raise self.broken
        self._buffer += data
        cut: list[Frame] = []
        try:
            self._cut(cut)
        except FrameError as error:
            self.broken = error
            self._buffer.clear()
            if not cut:
                raise
        return cut

    def end(self) -> None:
        """The stream has ended. Raises TruncatedFrame when that was inside a frame, or the error that came before."""
        if self.broken is not None:
            raise self.broken
        if self._head is not None:
            raise TruncatedFrame(self.frames, len(self._buffer), self._need)
        if self._buffer:
            raise TruncatedFrame(self.frames, len(self._buffer), None)

    def _cut(self, cut: list[Frame]) -> None:
        buffer = self._buffer
        start = 0
        while True:
            if self._head is None:
                end = buffer.find(_END, max(start, self._searched))
                if end < 0:
                    # An LF at the very end may be the first half of the border.
                    self._check_block_size(len(buffer) - start - 1)
                    self._searched = max(start, len(buffer) - 1)
                    break
                self._check_block_size(end - start)
                self._head = self._parse(bytes(buffer[start:end]))
                start = self._searched = end + len(_END)
            if len(buffer) - start < self._need:
                break
            content_type, headers = self._head
            cut.append(Frame(content_type, headers, bytes(buffer[start : start + self._need])))
            start = self._searched = start + self._need
            self._head = None
            self._need = 0
            self.frames += 1
        # One removal per feed, not one per frame: each moves what is left.
        del buffer[:start]
        self._searched -= start

    def _check_block_size(self, size: int) -> None:
        if size > self._limits.header_bytes:
            raise OversizedFrame(self.frames, "header block (bytes)", size, self._limits.header_bytes)

    def _parse(self, block: bytes) -> tuple[str, Mapping[str, str]]:
        lines = block.split(b"\n")
        if len(lines) > self._limits.headers:
            raise OversizedFrame(self.frames, "header count", len(lines), self._limits.headers)
        headers: dict[str, str] = {}
        length: int | None = None
        content_type = ""
        for line in lines:
            name, colon, raw = line.partition(b":")
            if not colon or not name:
                raise MalformedFrame(self.frames, f"header line without a name and a colon: {line[:80]!r}")
            value = raw.lstrip(b" ").decode("utf-8", "replace")
            headers[name.decode("utf-8", "replace")] = value
            # Compared without case: a length that is overlooked would turn the body into headers.
            lowered = name.lower()
            if lowered == b"content-length":
                length = self._length(raw.strip(b" "), length)
            elif lowered == b"content-type":
                content_type = value
        self._need = length or 0
        return content_type, MappingProxyType(headers)

    def _length(self, text: bytes, earlier: int | None) -> int:
        if not text.isdigit() or len(text) > 18:
            raise MalformedFrame(self.frames, f"Content-Length {text[:40]!r} is not a number of bytes")
        length = int(text)
        if earlier is not None and earlier != length:
            raise MalformedFrame(self.frames, f"Content-Length given twice, as {earlier} and {length}")
        if length > self._limits.body_bytes:
            raise OversizedFrame(self.frames, "body (bytes)", length, self._limits.body_bytes)
        return length

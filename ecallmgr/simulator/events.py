"""Events: what they hold, how they look on the wire in each format, and the bus that numbers them.

Every event has the switch's identity, a sequence number and its time in front; the JSON, plain and XML
forms are made once per event, however many connections take it. The plain form is exactly the switch's
own (including that a percent sign which already looks like an escape is passed on as it is): the tests
compare it with every captured event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Literal

import orjson

from mirliton.ecallmgr.simulator.clock import Clock

Value = str | list[str]
Format = Literal["json", "plain", "xml"]

_UNSAFE = frozenset(b'\r\n "#%&+:;<=>?@[\\]^`{|}')
_ESCAPES = [f"%{code:02X}" if code in _UNSAFE or not 0x20 <= code <= 0x7E else chr(code) for code in range(256)]
_HEX = frozenset(b"0123456789abcdefABCDEF")


def quote(text: str) -> str:
    """`text` as a plain event's header value shows it."""
    raw = text.encode("utf-8", "surrogateescape")
    if b"%" not in raw:
        return "".join([_ESCAPES[code] for code in raw])
    out = []
    for at, code in enumerate(raw):
        escaped_already = code == 0x25 and len(raw) > at + 2 and raw[at + 1] in _HEX and raw[at + 2] in _HEX
        out.append("%" if escaped_already else _ESCAPES[code])
    return "".join(out)


def _one_line(value: Value) -> str:
    return value if isinstance(value, str) else "ARRAY::" + "|:".join(value)


class Event:
    """One event; `headers` must not change after it was made."""

    __slots__ = ("_frames", "body", "headers", "name", "subclass")

    def __init__(self, name: str, headers: dict[str, Value], body: str | None, subclass: str | None) -> None:
        self.name = name
        self.subclass = subclass
        self.headers = headers
        self.body = body
        self._frames: dict[Format, bytes] = {}

    def frame(self, form: Format) -> bytes:
        """The whole frame, with its outer headers, in the format a connection asked for."""
        frame = self._frames.get(form)
        if frame is None:
            body = {"json": self._json, "plain": self._plain, "xml": self._xml}[form]()
            head = f"Content-Length: {len(body)}\nContent-Type: text/event-{form}\n\n"
            frame = self._frames[form] = head.encode() + body
        return frame

    def _json(self) -> bytes:
        document: dict[str, Value] = self.headers if self.body is None else {**self.headers, "_body": self.body}
        try:
            return orjson.dumps(document)
        except (orjson.JSONEncodeError, UnicodeEncodeError):
            # A phone may send bytes that are not UTF-8; the switch prints them as they came.
            return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")

    def _plain(self) -> bytes:
        lines = [f"{name}: {quote(_one_line(value))}\n" for name, value in self.headers.items()]
        text = "".join(lines) + "\n" + (self.body or "")
        return text.encode("utf-8", "surrogateescape")

    def _xml(self) -> bytes:
        lines = [f"    <{name}>{quote(_one_line(value))}</{name}>\n" for name, value in self.headers.items()]
        body = "" if self.body is None else f"  <body>{self.body}</body>\n"
        text = "<event>\n  <headers>\n" + "".join(lines) + "  </headers>\n" + body + "</event>\n"
        return text.encode("utf-8", "surrogateescape")


class EventBus:
    """Makes events and hands them to everybody who asked for their kind.

    `wanted` is asked first, so that an event nobody listens to costs a number and nothing else. A restart
    of the switch makes a new bus: the numbers start again and the Core-UUID differs.
    """

    def __init__(self, clock: Clock, core_uuid: str, name: str, hostname: str) -> None:
        self._clock = clock
        self._identity: dict[str, Value] = {
            "Core-UUID": core_uuid,
            "FreeSWITCH-Hostname": hostname,
            "FreeSWITCH-Switchname": name,
            "FreeSWITCH-IPv4": "127.0.0.1",
            "FreeSWITCH-IPv6": "::1",
        }
        self._second = -1
        self._stamps: tuple[str, str] = ("", "")
        self.sequence = 0
        self.wanted: Callable[[str, str | None], bool] = lambda _name, _subclass: False
        self.deliver: Callable[[Event], None] = lambda _event: None

    def opening(self, name: str, subclass: str | None = None) -> dict[str, Value]:
        """The headers every event starts with; takes the next sequence number."""
        self.sequence += 1
        micros = self._clock.micros()
        second = micros // 1_000_000
        if second != self._second:
            self._second = second
            self._stamps = (
                time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second)),
                time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(second)),
            )
        headers: dict[str, Value] = {"Event-Name": name}
        if subclass is not None:
            headers["Event-Subclass"] = subclass
        headers.update(self._identity)
        headers["Event-Date-Local"], headers["Event-Date-GMT"] = self._stamps
        headers["Event-Date-Timestamp"] = str(micros)
        headers["Event-Sequence"] = str(self.sequence)
        return headers

    def fire(
        self,
        name: str,
        headers: Mapping[str, Value] | Callable[[], Mapping[str, Value]],
        *,
        subclass: str | None = None,
        body: str | None = None,
    ) -> None:
        """Send one event to whom it may concern; `headers` may be a function that makes them when needed."""
        if not self.wanted(name, subclass):
            self.sequence += 1
            return
        full = self.opening(name, subclass)
        full.update(headers() if callable(headers) else headers)
        if body is not None:
            full["Content-Length"] = str(len(body.encode("utf-8", "surrogateescape")))
        self.deliver(Event(name, full, body, subclass))

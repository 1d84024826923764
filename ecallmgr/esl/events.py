"""Frames to events.

We subscribe with `event json`: values travel as they are, arrays as lists, the event's own body under `_body`. The
plain form is read too (the recordings hold it, and a switch may be asked for it by hand), but it is not reversible:
FreeSWITCH passes a percent sign that already looks like an escape through, so text `%0A` typed by a caller comes
out as a newline. Lines are therefore split before anything is decoded, and a decoded value never makes a new line.

The body never becomes headers: it is text that a caller may have written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote

import orjson

from mirliton.ecallmgr.esl.errors import MalformedEvent, NotAnEvent
from mirliton.ecallmgr.esl.framing import Frame
from mirliton.runtime import message

Value = str | tuple[str, ...]
"""A header's value: text, or several where FreeSWITCH keeps an array (`variable_DP_MATCH`)."""

JSON: Final = "text/event-json"
PLAIN: Final = "text/event-plain"
_ARRAY: Final = "ARRAY::"
_ARRAY_BORDER: Final = "|:"
_ALL_TEXT: Final = {str}


@message("esl.event")
class Event:
    """One event of one switch. Immutable; equal when all it says is equal.

    `name` is Event-Name, `subclass` is Event-Subclass of a CUSTOM event (else empty), `body` the event's own body
    (the result of a background job, the text of a SIP INFO). `fields` is how the headers travel: read `headers`.
    """

    name: str
    subclass: str
    fields: dict[str, Value]
    body: str = ""

    @property
    def headers(self) -> Mapping[str, Value]:
        """All headers by name, read-only. Names are exact: `Unique-ID`, `variable_sip_call_id`."""
        return MappingProxyType(self.fields)

    def get(self, header: str, default: str = "") -> str:
        """The header's text (of an array the first), or `default` where it is not there."""
        value = self.fields.get(header, default)
        return value if isinstance(value, str) else value[0] if value else default

    def variable(self, name: str, default: str = "") -> str:
        """The channel variable `name` of the event's leg."""
        return self.get(f"variable_{name}", default)

    @property
    def unique_id(self) -> str:
        """The leg (Unique-ID); empty where the event is about no leg."""
        return self.get("Unique-ID")

    @property
    def core_uuid(self) -> str:
        """The switch's run (Core-UUID). Another value than before means that it restarted: its calls are gone."""
        return self.get("Core-UUID")

    @property
    def sequence(self) -> int | None:
        """Event-Sequence. It rises within one leg only, and shows no gaps: neither an order nor a loss counter."""
        return _number(self.get("Event-Sequence"))

    @property
    def timestamp_us(self) -> int | None:
        """Event-Date-Timestamp: microseconds since 1970 on the switch's clock."""
        return _number(self.get("Event-Date-Timestamp"))

    @property
    def application_uuid(self) -> str:
        """The Event-UUID that the command gave which this CHANNEL_EXECUTE or _COMPLETE is about."""
        return self.get("Application-UUID")

    @property
    def job_uuid(self) -> str:
        """The Job-UUID of the bgapi command whose result this BACKGROUND_JOB is."""
        return self.get("Job-UUID")


def decode(frame: Frame) -> Event:
    """The event that a frame holds. Raises NotAnEvent or MalformedEvent."""
    if frame.content_type == JSON:
        return _from_json(frame.body)
    if frame.content_type == PLAIN:
        return _from_plain(frame.body)
    raise NotAnEvent(frame.content_type)


def _from_json(body: bytes) -> Event:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = _lenient_json(body)
    if not isinstance(fields, dict):
        raise MalformedEvent(f"the JSON is a {type(fields).__name__}, not an object", body)
    text = fields.pop("_body", "")
    if not isinstance(text, str):
        raise MalformedEvent(f"_body is a {type(text).__name__}, not text", body)
    # Nearly all events are text only, and this way of asking costs 2 µs for 200 headers.
    if set(map(type, fields.values())) != _ALL_TEXT:
        for name, value in fields.items():
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                fields[name] = tuple(value)
            elif not isinstance(value, str):
                raise MalformedEvent(f"header {name!r} is neither text nor a list of text", body)
    return _event(fields, text)


def _lenient_json(body: bytes) -> Any:
    """JSON as cJSON prints it from text that is not UTF-8 (it copies the bytes): U+FFFD stands for those bytes."""
    try:
        value = json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"not JSON ({error})", body) from None
    return _without_surrogates(value)


def _without_surrogates(value: Any) -> Any:
    """Replace halves of surrogate pairs, which `\\ud800` in JSON can make and no encoding can carry on."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(item) for name, item in value.items()}
    return value


def _from_plain(raw: bytes) -> Event:
    # The first empty line ends the headers: inside a value, newlines are still %0A here.
    head, border, text = raw.partition(b"\n\n")
    if not border:
        raise MalformedEvent("no empty line after the headers", raw)
    fields: dict[str, Value] = {}
    for line in head.split(b"\n"):
        name, colon, encoded = line.partition(b":")
        if not colon or not name:
            raise MalformedEvent(f"header line without a name and a colon: {line[:80]!r}", raw)
        value = unquote(encoded.lstrip(b" ").decode("utf-8", "replace"), errors="replace")
        fields[name.decode("utf-8", "replace")] = _array(value) if value.startswith(_ARRAY) else value
    length = fields.get("Content-Length")
    if length is None:
        if text:
            raise MalformedEvent(f"{len(text)} bytes of body without an inner Content-Length", raw)
    elif not isinstance(length, str) or not length.isdecimal() or int(length) != len(text):
        raise MalformedEvent(f"inner Content-Length {length!r}, but the body has {len(text)} bytes", raw)
    return _event(fields, text.decode("utf-8", "replace"))


def _array(value: str) -> tuple[str, ...]:
    return tuple(value[len(_ARRAY) :].split(_ARRAY_BORDER))


def _event(fields: dict[str, Value], body: str) -> Event:
    name = fields.get("Event-Name")
    if not isinstance(name, str) or not name:
        raise MalformedEvent("no Event-Name")
    subclass = fields.get("Event-Subclass", "")
    return Event(name, subclass if isinstance(subclass, str) else "", fields, body)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

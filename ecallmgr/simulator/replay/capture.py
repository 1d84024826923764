"""Recordings of event-socket traffic: reading the files and putting plain and JSON together.

A recording is a plain-format file with everything that went over one connection, and beside it the JSON
twin of a second connection that only listened. Events are taken from the twin where it has them, since
plain text cannot always be turned back.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from mirliton.ecallmgr.simulator.events import Value

_BLOCK = re.compile(rb"#### \d+ ([SCX]) t=([\d.]+) head=(\d+) body=(\d+)\n")
_Events = dict[int, tuple[float, dict[str, Value]]]
_TICKERS = ("HEARTBEAT", "RE_SCHEDULE")


@dataclass(frozen=True, slots=True)
class Frame:
    """One block of a file: S from the switch, C to it, X the end."""

    side: str
    at: float
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened, in order: a command, an answer, an event, or the end of the stream.

    `hidden` events reached only the listening connection (the other one had filters).
    """

    kind: str  # command, answer, event, end
    data: bytes = b""
    event: dict[str, Value] = field(default_factory=dict)
    hidden: bool = False


@dataclass(frozen=True)
class Recording:
    """What one scenario recorded."""

    name: str
    items: list[Item]

    def events(self) -> Iterator[dict[str, Value]]:
        """All events, in order."""
        return (item.event for item in self.items if item.kind == "event")


def read_frames(path: Path) -> list[Frame]:
    """The blocks of one file; raises ValueError where it is damaged."""
    data = path.read_bytes()
    at = 0
    while data.startswith(b"# ", at):
        at = data.index(b"\n", at) + 1
    frames = []
    while at < len(data):
        mark = _BLOCK.match(data, at)
        if mark is None:
            raise ValueError(f"{path}: no block at byte {at}")
        head_at, head, body = mark.end(), int(mark[3]), int(mark[4])
        frames.append(
            Frame(
                mark[1].decode(),
                float(mark[2]),
                data[head_at : head_at + head],
                data[head_at + head : head_at + head + body],
            )
        )
        at = head_at + head + body + 1
    return frames


def read_recording(folder: Path, name: str) -> Recording:
    """The recording `name` of a folder, with its twin where there is one."""
    frames = read_frames(folder / f"{name}.txt")
    twin_path = folder / f"{name}.json.txt"
    twin = _events(read_frames(twin_path)) if twin_path.exists() else {}
    plain = _events(frames)
    hidden = _hidden(plain, twin)
    items: list[Item] = []
    for frame in frames:
        while hidden and hidden[0][0] < frame.at:
            _add(items, hidden.pop(0)[1], hidden=True)
        if frame.side == "C":
            items.append(Item("command", frame.head + frame.body))
        elif frame.side == "X":
            items.append(Item("end"))
        elif b"text/event-" not in frame.head:
            items.append(Item("answer", frame.head + frame.body))
        else:
            number = _number(_event(frame))
            _add(items, (twin.get(number) or plain[number])[1], hidden=False)
    for _, event in hidden:
        _add(items, event, hidden=True)
    return Recording(name, items)


def _hidden(plain: _Events, twin: _Events) -> list[tuple[float, dict[str, Value]]]:
    """The events that only the twin has, at their time on the other connection's clock."""
    common = [twin[number][0] - plain[number][0] for number in plain if number in twin]
    offset = statistics.median(common) if common else 0.0
    return [(at - offset, event) for number, (at, event) in twin.items() if number not in plain]


def _add(items: list[Item], event: dict[str, Value], *, hidden: bool) -> None:
    if event["Event-Name"] not in _TICKERS:
        items.append(Item("event", event=event, hidden=hidden))


def _events(frames: list[Frame]) -> _Events:
    """When each event came and what it said, by its number."""
    events: _Events = {}
    for frame in frames:
        if b"text/event-" in frame.head:
            event = _event(frame)
            events[_number(event)] = (frame.at, event)
    return events


def _number(event: dict[str, Value]) -> int:
    return int(str(event["Event-Sequence"]))


def _event(frame: Frame) -> dict[str, Value]:
    if b"event-json" in frame.head:
        event: dict[str, Value] = json.loads(frame.body)
        return event
    if b"event-xml" in frame.head:
        names = re.findall(rb"<([A-Za-z-]+)>([^<]*)</", frame.body)
        return {name.decode(): unquote(value.decode()) for name, value in names}
    return decode_plain(frame.body)


def decode_plain(body: bytes) -> dict[str, Value]:
    """A plain event's headers (and its body as `_body`)."""
    head, _, rest = body.partition(b"\n\n")
    event: dict[str, Value] = {}
    for line in head.decode("utf-8", "surrogateescape").split("\n"):
        name, _, text = line.partition(": ")
        value = unquote(text, errors="surrogateescape")
        event[name] = value[7:].split("|:") if value.startswith("ARRAY::") else value
    if "Content-Length" in event:
        event["_body"] = rest.decode("utf-8", "surrogateescape")
    return event

"""What tests of ecallmgr share: recordings of a real FreeSWITCH, and of mod_kazoo, which knows Kazoo's own words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mirliton.ecallmgr.esl import Event, Framer, decode

Headers = dict[str, Any]


@pytest.fixture(scope="session")
def json_recordings(reference: Path) -> list[str]:
    """The names of the recordings in JSON."""
    return sorted(path.name for path in (reference / "esl-captures").glob("*.json.txt"))


@pytest.fixture(scope="session")
def recorded(reference: Path) -> Callable[[str], list[Event]]:
    """The events of one recording."""
    read: dict[str, list[Event]] = {}

    def events(name: str) -> list[Event]:
        if name not in read:
            frames = Framer().feed(_sent(reference / "esl-captures" / name))
            read[name] = [decode(frame) for frame in frames if frame.content_type == "text/event-json"]
        return read[name]

    return events


@pytest.fixture(scope="session")
def kazoo_events(reference: Path) -> list[Headers]:
    """The events that mod_kazoo made of a bridged call, digits, recordings and a conference, in Kazoo's words."""
    found = []
    for name in ("mod_kazoo_events.erl", "mod_kazoo_fetch_and_events.erl"):
        text = (reference / "esl-captures" / name).read_bytes()
        for start in re.finditer(rb"^\{event,json,", text, re.MULTILINE):
            term, _ = _term(text, start.start())
            found.append(_as_object(term[2]))
    assert len(found) == 61
    return found


def _sent(path: Path) -> bytes:
    """The bytes that the switch sent in a recording."""
    data = path.read_bytes()
    at = 0
    while data.startswith(b"# ", at):
        at = data.index(b"\n", at) + 1
    pieces = []
    while at < len(data):
        end = data.index(b"\n", at)
        block = re.fullmatch(rb"#### \d+ ([SCX]) t=\S+ head=(\d+) body=(\d+)", data[at:end])
        assert block, f"{path.name}: no block at byte {at}"
        size = int(block[2]) + int(block[3])
        if block[1] == b"S":
            pieces.append(data[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return b"".join(pieces)


# Erlang terms, as far as these recordings hold them.

_TOKEN = re.compile(
    rb"""\s*(?:
        <<"(?P<text>(?:[^"\\]|\\.)*)"(?:/utf8)?>> | (?P<empty><<>>) | "(?P<string>(?:[^"\\]|\\.)*)"
        | (?P<float>-?\d+\.\d+(?:e[-+]?\d+)?) | (?P<int>-?\d+) | (?P<atom>[a-z][A-Za-z0-9_@]*|'(?:[^'\\]|\\.)*')
        | (?P<open>[\[{]) )""",
    re.VERBOSE,
)
_ATOMS = {"true": True, "false": False}


def _term(text: bytes, at: int) -> tuple[Any, int]:
    """The term at a place, and where it ends."""
    found = _TOKEN.match(text, at)
    assert found, f"no term at {text[at : at + 60]!r}"
    kind, at = str(found.lastgroup), found.end()
    match kind:
        case "text" | "string":
            return _unescaped(found[kind]), at
        case "empty":
            return "", at
        case "float":
            return float(found[kind]), at
        case "int":
            return int(found[kind]), at
        case "atom":
            return _ATOMS.get(found[kind].decode(), found[kind].decode()), at
    closing = {b"{": b"}", b"[": b"]"}[found["open"]]
    items = []
    while True:
        gap = re.compile(rb"[\s,]*").match(text, at)
        assert gap
        at = gap.end()
        if text[at : at + 1] == closing:
            return (tuple(items) if closing == b"}" else items), at + 1
        item, at = _term(text, at)
        items.append(item)


def _unescaped(text: bytes) -> str:
    named = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
    return re.sub(rb"\\(.)", lambda found: named.get(found[1], found[1]), text, flags=re.DOTALL).decode()


def _as_object(term: Any) -> Any:
    """`{[{Name, Value}]}` is how an object is written."""
    if isinstance(term, tuple) and len(term) == 1 and isinstance(term[0], list):
        return {name: _as_object(value) for name, value in term[0]}
    return [_as_object(item) for item in term] if isinstance(term, list) else term

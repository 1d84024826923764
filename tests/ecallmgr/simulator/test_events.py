"""The form of events on the wire, held to every recorded event."""

from __future__ import annotations

import json
from pathlib import Path

from mirliton.ecallmgr.simulator.events import Event, quote
from mirliton.ecallmgr.simulator.replay.capture import read_frames


def without_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    """An object, or None where the recorded switch printed a header twice (it does so now and then)."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def recorded_events(path: Path) -> dict[str, Event]:
    """The events of a JSON file by their number."""
    events = {}
    for frame in read_frames(path):
        if b"text/event-json" not in frame.head:
            continue
        headers = json.loads(frame.body, object_pairs_hook=without_repeated_keys)
        if headers is not None:
            body = headers.pop("_body", None)
            events[headers["Event-Sequence"]] = Event(headers["Event-Name"], headers, body, None)
    return events


def test_events_look_in_plain_as_the_recorded_switch_wrote_them(reference: Path) -> None:
    compared = 0
    for path in sorted((reference / "esl-captures").glob("*.json.txt")):
        events = recorded_events(path)
        for frame in read_frames(path.with_name(path.name.replace(".json.txt", ".txt"))):
            if b"text/event-plain" in frame.head:
                number = frame.body.partition(b"Event-Sequence: ")[2].partition(b"\n")[0].decode()
                if number in events:
                    assert events[number].frame("plain") == frame.head + frame.body
                    compared += 1
    assert compared > 2000


def test_events_look_in_json_as_the_recorded_switch_wrote_them(reference: Path) -> None:
    compared = 0
    for path in sorted((reference / "esl-captures").glob("*.json.txt")):
        events = recorded_events(path)
        for frame in read_frames(path):
            if b"text/event-json" in frame.head:
                number = frame.body.partition(b'"Event-Sequence":"')[2].partition(b'"')[0].decode()
                if number in events:
                    assert events[number].frame("json") == frame.head + frame.body
                    compared += 1
    assert compared > 2000


def test_a_percent_sign_that_looks_like_an_escape_is_left_alone() -> None:
    assert quote("50% of %0A and %zz") == "50%25%20of%20%0A%20and%20%25zz"


def test_an_event_is_encoded_once_per_format() -> None:
    event = Event("CUSTOM", {"Event-Name": "CUSTOM", "A": ["1", "2"]}, None, None)
    assert event.frame("json") is event.frame("json")
    assert b"A: ARRAY%3A%3A1%7C%3A2\n" in event.frame("plain")

"""Every recording of a real FreeSWITCH's event socket is framed and decoded; plain and JSON say the same."""

import re
from collections import Counter

import pytest

from mirliton.ecallmgr.esl import Event, Framer, NotAnEvent, decode


@pytest.fixture(scope="session")
def read_frames(read_capture):
    """The frames that the switch sent in a recording, cut from pieces of an awkward size."""

    def read(name):
        stream = b"".join(block.data for block in read_capture(name) if block.direction == "S")
        framer = Framer()
        frames = [frame for at in range(0, len(stream), 997) for frame in framer.feed(stream[at : at + 997])]
        framer.end()
        return frames

    return read


@pytest.fixture(scope="session")
def read_events(read_frames):
    """The events of a recording."""
    return lambda name: [
        decode(frame) for frame in read_frames(name) if frame.content_type.startswith(("text/event-j", "text/event-p"))
    ]


@pytest.fixture(scope="session")
def twins(socket_captures):
    """Recordings taken in both formats at once: (plain, json)."""
    return [(name.replace(".json", ""), name) for name in socket_captures if name.endswith(".json.txt")]


def test_the_recordings_are_all_there(socket_captures, twins):
    assert len(socket_captures) == 90
    assert len(twins) == 39


def test_every_recording_is_cut_into_the_frames_that_were_recorded(socket_captures, read_capture, read_frames):
    kinds = Counter()
    for name in socket_captures:
        recorded = [block for block in read_capture(name) if block.direction == "S"]
        frames = read_frames(name)
        assert [frame.body for frame in frames] == [block.body for block in recorded], name
        kinds.update(frame.content_type for frame in frames)
    assert kinds == {
        "text/event-json": 2314,
        "text/event-plain": 2288,
        "command/reply": 268,
        "api/response": 79,
        "auth/request": 86,
        "text/disconnect-notice": 9,
        "text/rude-rejection": 1,
        "text/event-xml": 1,
    }


def test_every_event_of_every_recording_is_decoded(socket_captures, read_events):
    events = [event for name in socket_captures for event in read_events(name)]
    assert len(events) == 2314 + 2288
    for event in events:
        assert event.name == event.headers["Event-Name"]
        assert event.core_uuid
        assert event.sequence is not None
        assert event.timestamp_us is not None
        assert event.timestamp_us > 1_700_000_000_000_000
        assert bool(event.subclass) == (event.name == "CUSTOM")


def test_xml_events_are_cut_and_refused_by_name(read_frames):
    (xml,) = [frame for frame in read_frames("event_xml_all.txt") if frame.content_type == "text/event-xml"]
    with pytest.raises(NotAnEvent, match="text/event-xml"):
        decode(xml)


# What the two formats say differently, and why: the plain one passes `%0A` and the like through as they are, and its
# reader cannot tell them from its own escapes (`hostile_header`, `awkward_values`).
_ESCAPE_LOOKALIKE = re.compile(r"%[0-9A-Fa-f]{2}")


def _differences(plain, json):
    for header in plain.headers.keys() | json.headers.keys():
        ours, theirs = plain.headers.get(header), json.headers.get(header)
        if ours != theirs:
            yield header, ours, theirs


def test_plain_and_json_recordings_of_one_run_say_the_same(twins, read_events):
    compared = 0
    excused = Counter()
    for plain_name, json_name in twins:
        # By sequence: one connection may have been opened a moment earlier, or filtered.
        plain = {event.sequence: event for event in read_events(plain_name)}
        json = {event.sequence: event for event in read_events(json_name)}
        both = plain.keys() & json.keys()
        assert len(both) >= 0.9 * min(len(plain), len(json)), plain_name
        compared += len(both)
        for sequence in both:
            ours, theirs = plain[sequence], json[sequence]
            assert (ours.name, ours.subclass, ours.body) == (theirs.name, theirs.subclass, theirs.body)
            for header, decoded, sent in _differences(ours, theirs):
                assert isinstance(sent, str), (plain_name, sequence, header)
                assert _ESCAPE_LOOKALIKE.search(sent), (plain_name, sequence, header, decoded, sent)
                excused[plain_name] += 1
    assert compared >= 2200
    # Only the recordings that were made to show it.
    assert set(excused) <= {"hostile_header.txt", "awkward_values.txt"}
    assert sum(excused.values()) > 0


def test_several_values_are_a_tuple_in_both_formats(read_events):
    for name in ("bridge_sip.txt", "bridge_sip.json.txt"):
        values = [
            event.headers["variable_DP_MATCH"] for event in read_events(name) if "variable_DP_MATCH" in event.headers
        ]
        assert values
        assert set(values) == {("park", "park")}


@pytest.mark.parametrize(
    "name", [f"hostile_{kind}{form}.txt" for kind in ("header", "info", "sdp") for form in ("", ".json")]
)
def test_hostile_callers_forge_no_event(name, read_events, read_capture):
    """A caller wrote event headers into his SIP; what comes out is the events of his own leg."""
    raw = b"".join(block.data for block in read_capture(name) if block.direction == "S")
    assert b"CHANNEL_DESTROY" in raw
    events = read_events(name)
    legs = {event.unique_id for event in events if event.name.startswith("CHANNEL_")}
    assert len(legs) == 1
    destroyed = [event for event in events if event.name == "CHANNEL_DESTROY"]
    assert len(destroyed) == 1
    assert destroyed == [event for event in events if event.name == "CHANNEL_DESTROY" and event.unique_id in legs]
    assert destroyed[0].get("Event-Calling-File") == "switch_core_session.c"
    # The names of events are exactly those that the switch put at the front of each event.
    assert all("\n" not in str(key) and ": " not in str(key) for event in events for key in event.headers)


def test_the_text_of_a_hostile_info_stays_the_body_of_its_event(read_events):
    for name in ("hostile_info.txt", "hostile_info.json.txt"):
        (info,) = [event for event in read_events(name) if event.name == "RECV_INFO"]
        assert "Event-Name: " in info.body
        assert info.unique_id not in info.body


def test_json_keeps_what_a_hostile_caller_typed_and_plain_cannot(read_events):
    typed = "%0AEvent-Name: CHANNEL_DESTROY%0AUnique-ID: "
    for name, kept in (("hostile_header.json.txt", True), ("hostile_header.txt", False)):
        parked = next(event for event in read_events(name) if event.name == "CHANNEL_PARK")
        values = [value for value in parked.headers.values() if isinstance(value, str) and "CHANNEL_DESTROY" in value]
        assert values
        assert all((typed in value) is kept for value in values)


def test_newlines_in_a_display_name_are_text(read_events):
    """The switch itself decodes a display name, so a real newline can be in it; it stays inside its header."""
    parked = next(event for event in read_events("hostile_header.json.txt") if event.name == "CHANNEL_PARK")
    assert parked.get("Caller-Caller-ID-Name") == "Al\nX-Injected: yes"
    assert "X-Injected" not in parked.headers


def test_results_of_background_jobs_are_bodies(read_events):
    for name in ("bgapi_originate.txt", "bgapi_originate.json.txt"):
        jobs = [event for event in read_events(name) if event.name == "BACKGROUND_JOB"]
        by_id = {job.job_uuid: job.body for job in jobs}
        assert by_id["job-0001"] == "+OK 11111111-aaaa-bbbb-cccc-000000000001\n"
        assert by_id["job-0002"] == "-ERR USER_BUSY\n"


def test_a_finished_application_is_known_by_the_uuid_of_its_command(read_events):
    for name in ("sendmsg_queue.txt", "sendmsg_queue.json.txt"):
        done = [event.application_uuid for event in read_events(name) if event.name == "CHANNEL_EXECUTE_COMPLETE"]
        assert [uuid for uuid in done if uuid.startswith("q-")] == ["q-1", "q-2", "q-3", "q-4", "q-5", "q-6"]


def test_events_are_equal_whoever_cut_them(read_events):
    first, second = read_events("heartbeat.txt"), read_events("heartbeat.txt")
    assert first == second
    assert all(isinstance(event, Event) for event in first)

"""Frames become events; text of callers stays text."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.ecallmgr.esl import Event, Frame, MalformedEvent, NotAnEvent, decode
from mirliton.runtime import decode as from_wire
from mirliton.runtime import encode as to_wire


def json(body: bytes) -> Event:
    return decode(Frame("text/event-json", {}, body))


def plain(body: bytes) -> Event:
    return decode(Frame("text/event-plain", {}, body))


def test_an_event_tells_what_its_consumers_ask():
    event = json(
        b'{"Event-Name":"CHANNEL_EXECUTE_COMPLETE","Unique-ID":"leg-1","Core-UUID":"core-1","Event-Sequence":"42",'
        b'"Event-Date-Timestamp":"1795453620640048","Application-UUID":"cmd-1","variable_foo":"bar"}'
    )
    assert (event.name, event.subclass, event.body) == ("CHANNEL_EXECUTE_COMPLETE", "", "")
    assert (event.unique_id, event.core_uuid, event.application_uuid) == ("leg-1", "core-1", "cmd-1")
    assert (event.sequence, event.timestamp_us) == (42, 1795453620640048)
    assert event.variable("foo") == "bar"
    assert event.get("Absent", "none") == "none"
    assert event.job_uuid == ""


def test_what_is_no_number_is_no_sequence():
    for text in ("", "abc", "-1", "1e3", "\u0663", "9" * 40):
        event = Event("X", "", {"Event-Name": "X", "Event-Sequence": text})
        assert event.sequence is None


def test_a_custom_event_has_its_subclass():
    event = json(b'{"Event-Subclass":"sofia::register","Event-Name":"CUSTOM"}')
    assert (event.name, event.subclass) == ("CUSTOM", "sofia::register")


def test_a_json_body_is_the_body_and_no_header():
    event = json(b'{"Event-Name":"BACKGROUND_JOB","Job-UUID":"j","Content-Length":"7","_body":"+OK a\\n\\n"}')
    assert event.body == "+OK a\n\n"
    assert event.job_uuid == "j"
    assert "_body" not in event.headers


def test_arrays_are_tuples_and_get_gives_their_first():
    ours = json(b'{"Event-Name":"X","variable_a":["1","2"],"variable_b":[]}')
    assert ours.headers["variable_a"] == ("1", "2")
    assert ours.variable("a") == "1"
    assert ours.variable("b", "none") == "none"
    assert plain(b"Event-Name: X\nvariable_a: ARRAY%3A%3A1|%3A2\n\n").headers["variable_a"] == ("1", "2")


def test_plain_lines_are_split_before_they_are_decoded():
    event = plain(
        b"Event-Name: CHANNEL_PARK\nUnique-ID: a\nvariable_x: 1%0AEvent-Name: CHANNEL_DESTROY%0AUnique-ID: b\n\n"
    )
    assert (event.name, event.unique_id) == ("CHANNEL_PARK", "a")
    assert event.variable("x") == "1\nEvent-Name: CHANNEL_DESTROY\nUnique-ID: b"


def test_a_plain_body_is_not_decoded_and_makes_no_headers():
    body = b"Event-Name: CHANNEL_DESTROY\nUnique-ID: b%20c\n\n"
    event = plain(b"Event-Name: RECV_INFO\nUnique-ID: a\nContent-Length: %d\n\n%s" % (len(body), body))
    assert (event.name, event.unique_id, event.body) == ("RECV_INFO", "a", body.decode())


def test_text_that_is_not_utf8_is_replaced():
    assert json(b'{"Event-Name":"X","a":"caf\xe9"}').get("a") == "caf\ufffd"
    assert plain(b"Event-Name: X\na: caf%E9\nb: \xff\n\n").headers == {
        "Event-Name": "X",
        "a": "caf\ufffd",
        "b": "\ufffd",
    }
    assert json(b'{"Event-Name":"X","a":"\\ud800","b":["\\udfff"]}').headers == {
        "Event-Name": "X",
        "a": "\ufffd",
        "b": ("\ufffd",),
    }


def test_megabytes_in_a_header_are_read():
    assert len(json(b'{"Event-Name":"X","a":"%s"}' % (b"x" * 1_000_000)).get("a")) == 1_000_000


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"Event-Name":"X"}}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "the JSON is a list"),
        (b"{}", "no Event-Name"),
        (b'{"Event-Name":""}', "no Event-Name"),
        (b'{"Event-Name":["X"]}', "no Event-Name"),
        (b'{"Event-Name":1}', "'Event-Name' is neither text"),
        (b'{"Event-Name":"X","a":{"b":"c"}}', "'a' is neither text"),
        (b'{"Event-Name":"X","a":["b",1]}', "'a' is neither text"),
        (b'{"Event-Name":"X","_body":1}', "_body is a int"),
    ],
)
def test_json_that_is_no_event_is_refused(body, says):
    with pytest.raises(MalformedEvent, match=says):
        json(body)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no empty line"),
        (b"Event-Name: X\n", "no empty line"),
        (b"nonsense\n\n", "without a name and a colon"),
        (b"a: b\n\n", "no Event-Name"),
        (b"Event-Name: X\n\nbody", "without an inner Content-Length"),
        (b"Event-Name: X\nContent-Length: 3\n\nbody", "'3', but the body has 4 bytes"),
        (b"Event-Name: X\nContent-Length: 4x\n\nbody", "'4x', but the body has 4 bytes"),
    ],
)
def test_plain_text_that_is_no_event_is_refused(body, says):
    with pytest.raises(MalformedEvent, match=says):
        plain(body)


def test_other_content_types_carry_no_event():
    with pytest.raises(NotAnEvent, match="text/event-xml"):
        decode(Frame("text/event-xml", {}, b"<event/>"))


@given(st.binary(max_size=300))
def test_any_bytes_give_an_event_or_an_error(body):
    for read in (json, plain):
        try:
            assert isinstance(read(body), Event)
        except MalformedEvent as error:
            assert str(error)


@given(
    st.dictionaries(
        st.text(alphabet="abc-_", min_size=1),
        st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    )
)
def test_json_headers_arrive_as_they_were_sent(headers):
    import orjson

    headers = {**headers, "Event-Name": "X"}
    assert json(orjson.dumps(headers)).headers == {name: text for name, text in headers.items() if name != "_body"}


def test_an_event_is_immutable_and_travels_between_nodes():
    event = json(b'{"Event-Name":"X","variable_a":["1","2"],"_body":"b"}')
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.name = "Y"
    with pytest.raises(TypeError):
        event.headers["a"] = "b"
    assert not hasattr(event, "__dict__")
    assert from_wire(to_wire(event)) == event

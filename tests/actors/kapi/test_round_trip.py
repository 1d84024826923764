"""A message that leaves and comes back is the same message, over Kazoo's JSON and between our own nodes."""

import orjson
import pytest

from mirliton.actors import kapi
from mirliton.runtime import decode, encode

EVENTS = [definition for definition in kapi.definitions() if issubclass(definition.cls, kapi.call.CallEvent)]


@pytest.mark.parametrize("definition", EVENTS, ids=lambda definition: definition.tag)
def test_an_event_comes_back_as_the_same_kind_of_event(definition: kapi.Definition) -> None:
    event = definition.cls("leg", timestamp=63_900_000_000, msg_id="m", custom_channel_vars={"Account-ID": "a"})
    assert kapi.from_headers(orjson.loads(orjson.dumps(kapi.to_headers(event)))) == event
    assert decode(encode(event)) == event


def test_the_envelope_comes_back_beside_the_message() -> None:
    sent = kapi.Envelope(app_name="ecallmgr", node="one@here", server_id="answers", defer_response=True)
    headers = kapi.to_headers(kapi.call.ChannelAnswered("leg"), sent)
    assert kapi.from_headers(headers) == kapi.call.ChannelAnswered("leg", msg_id=sent.msg_id)
    received = kapi.envelope_of(headers)
    assert (received.app_name, received.node, received.server_id) == ("ecallmgr", "one@here", "answers")
    assert received.msg_id == sent.msg_id
    assert received.defer_response is True
    assert received.call_id == "leg"


def test_each_message_sent_without_a_name_gets_its_own() -> None:
    names = {kapi.to_headers(kapi.dialplan.Answer("leg"))["Msg-ID"] for _ in range(5)}
    assert len(names) == 5
    assert all(len(name) == 32 for name in names)


def test_a_header_of_the_message_wins_over_the_envelopes() -> None:
    envelope = kapi.Envelope(msg_id="envelope", server_id="envelope", call_id="envelope")
    headers = kapi.to_headers(kapi.dialplan.Noop("leg", msg_id="step-3"), envelope)
    assert (headers["Msg-ID"], headers["Call-ID"], headers["Server-ID"]) == ("step-3", "leg", "envelope")


def test_what_is_empty_is_left_out_but_for_what_kazoo_asks_for() -> None:
    headers = kapi.to_headers(kapi.dialplan.Set("leg", custom_channel_vars={}))
    assert headers["Custom-Channel-Vars"] == {}
    assert headers["Custom-Call-Vars"] == {}
    assert "Custom-Application-Vars" not in headers
    assert "Export-All" not in headers


def test_an_absent_header_takes_the_default_and_so_does_an_empty_one() -> None:
    headers = kapi.to_headers(kapi.dialplan.Hangup("leg")) | {"Hangup-Cause": "", "Insert-At": None}
    read = kapi.from_headers(headers)
    assert isinstance(read, kapi.dialplan.Hangup)
    assert (read.hangup_cause, read.insert_at) == (None, "tail")


def test_unlisted_headers_are_dropped_and_counted() -> None:
    endpoint = kapi.dialplan.Endpoint("route", route="sip:a@b")
    headers = kapi.to_headers(kapi.dialplan.Bridge("leg", (endpoint,), msg_id="m"))
    headers["Endpoints"][0]["Sneaked-In"] = 1
    before = kapi.COUNTS.dropped_headers["kapi.dialplan.bridge"]
    read = kapi.from_headers(headers | {"Sneaked-In": 1, "AMQP-Received": 2})
    assert read == kapi.dialplan.Bridge("leg", (endpoint,), msg_id="m")
    assert kapi.COUNTS.dropped_headers["kapi.dialplan.bridge"] == before + 3


def test_a_queued_command_may_leave_its_leg_to_the_queue() -> None:
    headers = kapi.to_headers(kapi.dialplan.Queue("leg", (kapi.dialplan.Answer("leg"),), msg_id="m"))
    del headers["Commands"][0]["Call-ID"]
    assert kapi.from_headers(headers) == kapi.dialplan.Queue("leg", (kapi.dialplan.Answer("leg"),), msg_id="m")

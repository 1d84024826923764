"""FreeSWITCH's events in Kazoo's words: the same names and values as mod_kazoo gives."""

import pytest

from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.call import (
    ChannelBridged,
    ChannelDestroyed,
    ChannelExecuteCompleted,
    DtmfReceived,
    RecordStopped,
    event_name,
)
from mirliton.ecallmgr.call_events import SUBSCRIPTION, call_event, described, result_variables
from mirliton.ecallmgr.mapping import leg_fields
from mirliton.runtime import decode, encode

OF_THE_ENVELOPE = {"App-Name", "App-Version", "Event-Category", "Event-Name", "Msg-ID", "Node", "Event-Timestamp"}
RESPELLED = {"From-Uri": "From-URI", "To-Uri": "To-URI", "Channel-Answer-State": "Answer-State"}
"""Ours (as Kazoo's own schemas spell them) and mod_kazoo's."""
NOT_TOLD = {
    # In Kazoo's cdr report, but in no event of its AMQP API.
    "Caller-Profile",
    "Caller-Context",
    "Caller-Dialplan",
    # Of the routing request; mod_kazoo adds them to CHANNEL_CREATE.
    "To-DID",
    "Destination-Number",
    # In no message of Kazoo's AMQP API.
    "Other-Legs",
    # Of BRIDGE and UNBRIDGE: the leg itself.
    "Bridge-A-Unique-ID",
}
MORE = {
    # mod_kazoo tells these with some events, we with all that know them.
    "Request",
    "To",
    "To-URI",
    "From",
    "From-URI",
    "Custom-SIP-Headers",
    "Presence-ID",
    "User-Agent",
    "Callee-ID-Name",
    "Callee-ID-Number",
    "From-Tag",
    "To-Tag",
    "Media-Server",
    "Other-Leg-Call-ID",
    "Other-Leg-Caller-ID-Name",
    "Other-Leg-Caller-ID-Number",
    "Other-Leg-Destination-Number",
    "Other-Leg-Direction",
    "Switch-URL",
    "Switch-URI",
    # mod_kazoo's comes from a variable that is set with the last events only.
    "Channel-Is-Loopback",
    "Channel-Loopback-Leg",
    "Channel-Loopback-Other-Leg-ID",
    # With the end, where there are such facts.
    "Bridge-Hangup-Cause",
    "Endpoint-Disposition",
    "Hangup-Code",
    "Terminator",
    # DTMF: what the event itself says of its leg.
    "Answer-State",
    "Call-Direction",
    "Caller-Destination-Number",
    "Caller-ID-Name",
    "Caller-ID-Number",
    "Channel-Call-State",
    "Channel-Name",
    "Channel-State",
    "Switch-Hostname",
    "Switch-Nodename",
}
VOLATILE = {
    "Timestamp",
    "Channel-Created-Time",
    "From-Tag",
    "To-Tag",
    "Local-SDP",
    "Remote-SDP",
    # An Erlang node's name there, the switch's own here.
    "Switch-Nodename",
    "Duration-Seconds",
    "Ringing-Seconds",
    "Billing-Seconds",
    "Length",
}


def in_kazoos_words(event):
    """The headers of a captured event, spelled as mod_kazoo does."""
    headers = to_headers(call_event(event.fields), Envelope())
    return {RESPELLED.get(name, name): value for name, value in headers.items() if name not in OF_THE_ENVELOPE}


def as_text(value):
    """Numbers and flags travel as text on Kazoo's AMQP API; in mod_kazoo's stream they do not yet."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else value


def by_name(events, name, of=lambda event: event["Event-Name"]):
    return [event for event in events if of(event) == name]


NAMES = ["CHANNEL_CREATE", "CHANNEL_PROGRESS", "CHANNEL_PROGRESS_MEDIA", "CHANNEL_ANSWER", "CHANNEL_BRIDGE"]
NAMES += ["CHANNEL_UNBRIDGE", "CHANNEL_DESTROY", "DTMF", "RECORD_START", "RECORD_STOP"]


@pytest.mark.parametrize("name", NAMES)
def test_the_headers_have_kazoos_names(name, kazoo_events, json_recordings, recorded):
    ours = set()
    for recording in json_recordings:
        for event in recorded(recording):
            if event.name == name:
                ours |= in_kazoos_words(event).keys()
    theirs = {header for event in by_name(kazoo_events, name) for header in event} - OF_THE_ENVELOPE
    assert theirs - ours - NOT_TOLD == set()
    assert ours - theirs - MORE == set()


def legs_of(events, created, unique_id):
    """The two legs of a bridged call, by what they are called here."""
    first = [unique_id(event) for event in events if created(event)][:2]
    return {first[0]: "A", first[1]: "B"}


def test_a_bridged_call_reads_as_mod_kazoo_tells_it(kazoo_events, recorded):
    """The same parties did the same in both recordings; only ids, tags, times and media differ."""
    captured = [event for event in recorded("bridge_sip.json.txt") if event.name in NAMES]
    kazoo = by_name(kazoo_events, "call_event", lambda event: event["Event-Category"])
    here = legs_of(captured, lambda event: event.name == "CHANNEL_CREATE", lambda event: event.unique_id)
    there = legs_of(kazoo, lambda event: event["Event-Name"] == "CHANNEL_CREATE", lambda event: event["Call-ID"])
    ours = {(event.name, here[event.unique_id]): named(in_kazoos_words(event), here) for event in captured}
    theirs = {
        (event["Event-Name"], there[event["Call-ID"]]): named(event, there)
        for event in kazoo
        if event.get("Call-ID") in there and event["Event-Name"] in NAMES
    }
    assert ours.keys() == theirs.keys()
    assert len(ours) >= 9
    for moment, event in theirs.items():
        for header, value in event.items():
            if header in ours[moment] and header not in VOLATILE:
                assert ours[moment][header] == value, (moment, header)
    compared = {header for moment, event in theirs.items() for header in event.keys() & ours[moment].keys()}
    assert compared - VOLATILE >= {
        "Answer-State",
        "Call-Direction",
        "Caller-ID-Name",
        "Caller-ID-Number",
        "Callee-ID-Name",
        "Callee-ID-Number",
        "Caller-Destination-Number",
        "Channel-Call-State",
        "Channel-State",
        "Custom-Channel-Vars",
        "Disposition",
        "From",
        "Hangup-Cause",
        "Other-Leg-Call-ID",
        "Other-Leg-Direction",
        "Presence-ID",
        "Request",
        "Switch-Hostname",
        "Switch-URI",
        "Switch-URL",
        "To",
        "User-Agent",
    }


def named(headers, legs):
    return {
        name: legs.get(value, as_text(value)) if isinstance(value, str) else as_text(value)
        for name, value in headers.items()
    }


def test_an_update_of_a_call_is_read_as_mod_kazoo_read_the_same_event(kazoo_events):
    """mod_kazoo passes CALL_UPDATE on whole: FreeSWITCH's own headers, and beside them Kazoo's fields made of them."""
    updates = by_name(kazoo_events, "CALL_UPDATE")
    assert len(updates) == 2
    for update in updates:
        fields = {name: value for name, value in update.items() if isinstance(value, str)}
        created = described({**fields, "Call-Direction": update["Call-Direction"]})
        ours = {RESPELLED.get(name, name): value for name, value in to_headers(created, Envelope()).items()}
        compared = (update.keys() & ours.keys()) - OF_THE_ENVELOPE - {"Switch-Nodename", "Timestamp", "Switch-Hostname"}
        assert len(compared) >= 15
        theirs = {name: as_text(value) for name, value in update.items()}
        differing = {name: (ours[name], theirs[name]) for name in compared if as_text(ours[name]) != theirs[name]}
        assert differing == {}


def test_every_event_of_every_recording_becomes_an_event_that_can_travel(json_recordings, recorded):
    seen = set()
    for name in json_recordings:
        for event in recorded(name):
            made = call_event(event.fields)
            assert (made is None) == (event.name not in SUBSCRIPTION[:13] or not event.unique_id), event.name
            if made is not None:
                seen.add(event_name(made))
                assert event_name(made) == event.name
                assert made.call_id == event.unique_id
                assert decode(encode(made)) == made
                to_headers(made, Envelope())
    assert len(seen) == 13


def test_a_command_that_ended_is_known_by_the_id_it_was_given_with(recorded):
    ended = [event for event in recorded("sendmsg_queue.json.txt") if event.name == "CHANNEL_EXECUTE_COMPLETE"]
    played = [call_event(event.fields) for event in ended if event.get("Application") == "playback"]
    assert [event.msg_id for event in played] == [
        event.application_uuid for event in ended if event.get("Application") == "playback"
    ]
    assert {event.application_name for event in played} == {"play"}
    assert {event.raw_application_name for event in played} == {"playback"}
    assert {event.application_response for event in played} == {"FILE PLAYED"}


def test_a_bridges_result_is_its_disposition(recorded):
    bridges = [
        call_event(event.fields)
        for event in recorded("bridge_fail.json.txt")
        if event.name == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application") == "bridge"
    ]
    assert [event.application_response for event in bridges] == [
        "USER_BUSY",
        "ALLOTTED_TIMEOUT",
        "NO_USER_RESPONSE",
        "UNALLOCATED_NUMBER",
        "SUBSCRIBER_ABSENT",
        "NORMAL_TEMPORARY_FAILURE",
    ]


def test_digits_that_were_collected_are_among_the_results(recorded):
    ended = [
        result_variables(event.fields).get("collected_digits") or event.variable("digits")
        for event in recorded("collect_digits_rfc2833.json.txt")
        if event.name == "CHANNEL_EXECUTE_COMPLETE" and event.get("Application") == "play_and_get_digits"
    ]
    assert len(ended) == 1


def test_both_legs_of_a_bridge_name_each_other():
    a, b = "leg-a", "leg-b"
    for own, other in ((a, b), (b, a)):
        event = call_event(
            {"Event-Name": "CHANNEL_BRIDGE", "Unique-ID": own, "Bridge-A-Unique-ID": a, "Bridge-B-Unique-ID": b}
        )
        assert isinstance(event, ChannelBridged)
        assert (event.other_leg_call_id, event.bridge_b_unique_id) == (other, b)


def test_keys_pressed_in_a_conference_are_the_conferences_own():
    pressed = {"Event-Name": "DTMF", "Unique-ID": "leg", "DTMF-Digit": "5", "DTMF-Duration": "2000"}
    event = call_event(pressed)
    assert isinstance(event, DtmfReceived)
    assert (event.dtmf_digit, event.dtmf_duration) == ("5", 2000)
    assert call_event({**pressed, "variable_conference_name": "3000"}) is None


@pytest.mark.parametrize(
    ("headers", "silent"),
    [
        ({"variable_silence_hits_exhausted": "true"}, True),
        ({"variable_silence_hits_exhausted": "false", "variable_record_silence_hits": "0"}, False),
        ({"variable_record_silence_hits": "0"}, True),
        ({}, False),
    ],
)
def test_a_recording_tells_whether_silence_ended_it(headers, silent):
    event = call_event({"Event-Name": "RECORD_STOP", "Unique-ID": "leg", "variable_record_ms": "1500", **headers})
    assert isinstance(event, RecordStopped)
    assert event.silence_terminated is silent
    assert event.length == 1.5


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ({"variable_hangup_cause": "NORMAL_CLEARING"}, "NORMAL_CLEARING"),
        ({"Hangup-Cause": "USER_BUSY"}, "USER_BUSY"),
        ({"variable_hangup_cause": "NORMAL_CLEARING", "variable_bridge_hangup_cause": "LOSE_RACE"}, "NORMAL_CLEARING"),
        (
            {
                "variable_current_application": "bridge",
                "variable_hangup_cause": "NORMAL_CLEARING",
                "variable_bridge_hangup_cause": "LOSE_RACE",
            },
            "LOSE_RACE",
        ),
        (
            {"variable_hangup_cause": "NORMAL_CLEARING", "variable_originate_failed_cause": "NO_ANSWER"},
            "NO_ANSWER",
        ),
        ({}, "NORMAL_UNSPECIFIED"),
    ],
)
def test_the_hangup_cause_is_kazoos_choice_of_several(headers, cause):
    event = call_event({"Event-Name": "CHANNEL_DESTROY", "Unique-ID": "leg", **headers})
    assert isinstance(event, ChannelDestroyed)
    assert event.hangup_cause == cause


# Hostile values


def test_a_callers_x_header_names_no_account():
    """Kazoo trusts its proxy to strip such headers; whoever reaches the switch directly must not name an account."""
    fields = leg_fields(
        {
            "Unique-ID": "leg",
            "variable_sip_h_X-ecallmgr_Account-ID": "somebody",
            "X-ecallmgr_Account-ID": "somebody",
            "variable_ecallmgr_Realm": "ours.test",
        }
    )
    assert fields["custom_channel_vars"] == {"Realm": "ours.test"}
    assert fields["custom_sip_headers"] == {"X-ecallmgr_Account-ID": "somebody"}


@pytest.mark.parametrize(
    "name", ["hostile_header.json.txt", "hostile_info.json.txt", "hostile_sdp.json.txt", "awkward_values.json.txt"]
)
def test_what_a_caller_writes_forges_no_event(name, recorded):
    legs = {event.unique_id for event in recorded(name) if event.name == "CHANNEL_CREATE"}
    for event in recorded(name):
        made = call_event(event.fields)
        if made is not None:
            assert made.call_id in legs
            assert event_name(made) == event.name


@pytest.mark.parametrize(
    "value",
    ["", " ", "0", "x" * 100_000, "\0\n\r", "💥", "ARRAY::a|:b", "{}", "${system(reboot)}", ("a", "b"), ()],
    ids=str,
)
def test_any_value_may_stand_in_any_header(value, recorded):
    template = next(event for event in recorded("bridge_sip.json.txt") if event.name == "CHANNEL_DESTROY")
    for name in (
        "CHANNEL_CREATE",
        "CHANNEL_DESTROY",
        "CHANNEL_EXECUTE_COMPLETE",
        "DTMF",
        "RECORD_STOP",
        "CHANNEL_BRIDGE",
    ):
        headers = dict.fromkeys([*template.fields, "Application", "DTMF-Digit", "Record-File-Path"], value)
        made = call_event({**headers, "Event-Name": name, "Unique-ID": "leg"})
        assert made is not None
        assert decode(encode(made)) == made
        to_headers(made, Envelope())


def test_a_number_that_is_none_is_left_out():
    event = call_event(
        {
            "Event-Name": "CHANNEL_DESTROY",
            "Unique-ID": "leg",
            "variable_duration": "-1",
            "variable_billmsec": "12e3",
            "variable_billsec": "١٢",
            "variable_progresssec": "9" * 30,
            "Event-Date-Timestamp": "soon",
        }
    )
    assert isinstance(event, ChannelDestroyed)
    assert (event.duration_seconds, event.billing_seconds, event.ringing_seconds, event.timestamp) == (None,) * 4


def test_begun_seconds_are_billed_whole():
    event = call_event({"Event-Name": "CHANNEL_DESTROY", "Unique-ID": "leg", "variable_billmsec": "1001"})
    assert isinstance(event, ChannelDestroyed)
    assert event.billing_seconds == 2


def test_what_is_no_event_of_a_leg_is_none():
    assert call_event({}) is None
    assert call_event({"Event-Name": "CHANNEL_ANSWER"}) is None
    assert call_event({"Event-Name": "CHANNEL_STATE", "Unique-ID": "leg"}) is None


def test_who_referred_and_redirected_is_told_as_kazoo_does():
    fields = leg_fields(
        {
            "Unique-ID": "leg",
            "variable_sip_refer_to": "%3Csip:1003@demo.test%3E",
            "variable_sip_redirected_by": "<sip:1002@demo.test>;reason=unconditional",
            "variable_sip_h_Referred-By": "<sip:1001@demo.test>",
            "Caller-Privacy-Hide-Name": "true",
            "Caller-Privacy-Hide-Number": "false",
        }
    )
    assert fields["custom_channel_vars"] == {
        "Referred-To": "sip:1003@demo.test",
        "Redirected-By": "sip:1002@demo.test",
        "Redirected-Reason": "unconditional",
        "Referred-By": "<sip:1001@demo.test>",
        "Privacy-Hide-Name": True,
        "Privacy-Hide-Number": False,
    }


def test_executions_that_nobody_named_have_no_id():
    event = call_event({"Event-Name": "CHANNEL_EXECUTE_COMPLETE", "Unique-ID": "leg", "Application": "park"})
    assert isinstance(event, ChannelExecuteCompleted)
    assert (event.msg_id, event.application_response) == (None, None)

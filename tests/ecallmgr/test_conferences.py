"""Conferences in mod_conference's terms: commands, events, lists, and what must not become syntax."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.kapi.dialplan import Conference, Endpoint, Page
from mirliton.ecallmgr.conferences import api_for, listed, news
from mirliton.ecallmgr.errors import SwitchNotUsable, Untranslatable
from mirliton.ecallmgr.plan import Surroundings
from mirliton.ecallmgr.translate import plan_for

LEG = "a0b1c2d3-0000-4000-8000-000000000001"
AROUND = Surroundings(sounds="/snd/mirliton/en-us")
ID = "one"


@pytest.mark.parametrize(
    ("command", "api"),
    [
        (kapi.MuteParticipant(ID, "2"), "mute 2"),
        (kapi.UnmuteParticipant(ID, "2"), "unmute 2"),
        (kapi.DeafParticipant(ID, "2"), "deaf 2"),
        (kapi.UndeafParticipant(ID, "2"), "undeaf 2"),
        (kapi.Kick(ID), "kick all"),
        (kapi.Kick(ID, "2"), "kick 2"),
        (kapi.Lock(ID), "lock"),
        (kapi.Unlock(ID), "unlock"),
        (kapi.Play(ID, "tone_stream://%(300,0,440)"), "play tone_stream://%(300,0,440)"),
        (kapi.Play(ID, "tone_stream://%(300,0,440)", "2"), "play tone_stream://%(300,0,440) 2"),
        (kapi.StopPlay(ID), "stop current"),
        (kapi.StopPlay(ID, affects="all"), "stop all"),
        (kapi.Record(ID, "mirliton-a.wav"), "record mirliton-a.wav"),
        (kapi.RecordStop(ID, "mirliton-a.wav"), "norecord mirliton-a.wav"),
        (kapi.RelateParticipants(ID, "3", "2", "deaf"), "relate 2 3 nohear"),
        (kapi.RelateParticipants(ID, "3", "2", "mute"), "relate 2 3 nospeak"),
        (kapi.RelateParticipants(ID, "3", "2"), "relate 2 3 clear"),
        (kapi.Set(ID, "Max-Members", 5), "set max_members 5"),
        (kapi.ParticipantVolumeIn(ID, "2", -2), "volume_in 2 -2"),
        (kapi.ParticipantVolumeOut(ID, "2", 4), "volume_out 2 4"),
    ],
    ids=str,
)
def test_a_command_is_one_api_command(command: Any, api: str) -> None:
    assert api_for("room", command, AROUND) == f"conference room {api}"


@pytest.mark.parametrize(
    ("room", "command"),
    [
        ("room", kapi.MuteParticipant(ID, "all")),
        ("room", kapi.MuteParticipant(ID, "2\nhupall")),
        ("room", kapi.Kick(ID, "٢")),
        ("room", kapi.Record(ID, "/etc/passwd")),
        ("room", kapi.Play(ID, "system::reboot")),
        ("room", kapi.Set(ID, "Caller-ID-Name", "x")),
        ("room", kapi.Set(ID, "Max-Members", "5 5")),
        ("room", kapi.ParticipantVolumeIn(ID, "2", 99)),
        ("room x", kapi.Lock(ID)),
        ("room\nhupall", kapi.Lock(ID)),
        ("", kapi.Lock(ID)),
        ("room", "no command"),
    ],
    ids=repr,
)
def test_what_no_switch_should_get_is_refused(room: str, command: Any) -> None:
    with pytest.raises(Untranslatable):
        api_for(room, command, AROUND)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_of_others_becomes_syntax(room: str, profile: str) -> None:
    try:
        plan = plan_for(Conference(LEG, room, profile=profile or None), LEG, AROUND)
    except Untranslatable:
        return
    (joins,) = plan.applications
    assert joins.argument == f"{room}@{profile or 'default'}"
    assert not set(joins.argument) & set(" +{}$'\"\\\n,|;")


def test_a_page_calls_everybody_into_a_room_of_its_own() -> None:
    phones = tuple(Endpoint("route", route=f"sip:{name}@10.0.0.1") for name in ("ann", "bob"))
    plan = plan_for(Page(LEG, phones, timeout=7.0, caller_id_name="Ada", msg_id="one"), LEG, AROUND)
    *called, joins = plan.applications
    assert [each.name for each in called] == ["conference_set_auto_outcall"] * 2
    assert (joins.name, joins.argument.partition("+")[2]) == ("conference", "flags{endconf|mintwo}")
    assert plan.variables["conference_auto_outcall_flags"] == "mute"
    assert plan.variables["conference_auto_outcall_timeout"] == "7"
    again = plan_for(Page(LEG, phones, msg_id="one"), LEG, AROUND)
    other = plan_for(Page(LEG, phones, msg_id="two", page_options={"Two-Way-Audio": True}), LEG, AROUND)
    assert again.applications[-1] == joins != other.applications[-1]
    assert other.variables["conference_auto_outcall_flags"] == "none"


def test_a_page_needs_somebody_who_can_be_called() -> None:
    for phones in ((), (Endpoint("username", to_user="bob", to_realm="nowhere.test"),)):
        with pytest.raises(Untranslatable):
            plan_for(Page(LEG, phones), LEG, AROUND)


ADDED = {
    "Conference-Name": "room",
    "Conference-Unique-ID": "i",
    "Action": "add-member",
    "Unique-ID": LEG,
    "Member-ID": "3",
    "Member-Type": "moderator",
    "Hear": "true",
    "Speak": "false",
    "Caller-Caller-ID-Name": "Ada",
}


def test_an_event_tells_of_a_participant() -> None:
    told = news("fs1", ADDED)
    assert told is not None
    assert (told.room, told.instance, told.action, told.switch) == ("room", "i", "add-member", "fs1")
    one = told.participant
    assert one is not None
    assert (one.id, one.call_id, one.moderator, one.hear, one.speak) == (3, LEG, True, True, False)
    assert one.caller_id_name == "Ada"


@given(st.dictionaries(st.sampled_from([*ADDED]), st.text() | st.lists(st.text(), max_size=2)))
def test_an_event_of_anybody_harms_nobody(headers: dict[str, Any]) -> None:
    news("fs1", {**ADDED, **headers})
    news("fs1", headers)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_an_answer_that_is_no_list_does_not_pass_for_nobody(value: Any) -> None:
    told = value if isinstance(value, str) else json.dumps(value)
    with pytest.raises(SwitchNotUsable):
        listed("room", told)

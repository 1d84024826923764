"""Conferences and their participants over REST."""

import pytest

from mirliton.actors.conferencing import (
    AskConference,
    ConferenceIs,
    Participant,
    ReloadConference,
    conference_name,
    room_of,
)
from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.switching import Accepted, Refused
from mirliton.runtime.testing import Probe


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    made = await world.put(f"/accounts/{account_id}/conferences", {"name": "board"}, token)
    assert made.status == 201
    return account_id, f"/accounts/{account_id}/conferences/{made.data['id']}", token, made.data["id"]


async def actor_of(world, acme, *participants, refuses=False):
    """The conference's actor, with these in the room."""

    def answer(request):
        if isinstance(request, AskConference):
            return ConferenceIs("fs1", False, participants, ())
        return Refused("", "no") if refuses else Accepted("", False)

    return await Probe.start(world.node, name=conference_name(room_of(acme[0], acme[3])), answer=answer)


async def test_a_conference_lives(world, acme):
    _, path, token, _ = acme
    actor = await actor_of(world, acme)
    assert (await world.patch(path, {"max_participants": 3}, token)).data["max_participants"] == 3
    assert await actor.expect(ReloadConference) == ReloadConference()
    assert (await world.patch(path, {"max_participants": "few"}, token)).status == 400
    assert [row["name"] for row in (await world.get(path.rpartition("/")[0], token)).data] == ["board"]
    assert (await world.delete(path, token)).status == 200
    assert (await world.get(path, token)).status == 404


async def test_who_is_in_is_shown(world, acme):
    _, path, token, _ = acme
    assert (await world.get(f"{path}/participants", token)).data == []
    await actor_of(world, acme, Participant(1, "call-1", moderator=True), Participant(2, "call-2", speak=False))
    rows = (await world.get(f"{path}/participants", token)).data
    assert [(row["participant_id"], row["is_moderator"], row["speak"]) for row in rows] == [
        (1, True, True),
        (2, False, False),
    ]
    assert (await world.get(f"{path}/participants/2", token)).data["call_id"] == "call-2"
    assert (await world.get(f"{path}/participants/3", token)).status == 404


async def test_what_is_done_goes_to_the_actor(world, acme):
    _, path, token, id = acme
    actor = await actor_of(world, acme, Participant(1, "call-1"), Participant(2, "call-2"))
    assert (await world.put(path, {"action": "lock"}, token)).status == 200
    tone = "tone_stream://%(300,0,440)"
    assert (await world.put(path, {"action": "play", "data": {"media_id": tone}}, token)).status == 200
    assert (await world.put(f"{path}/participants/2", {"action": "mute"}, token)).status == 200
    assert (await world.put(f"{path}/participants", {"action": "kick"}, token)).status == 200
    commands = [request for request in actor.messages if not isinstance(request, AskConference)]
    assert commands == [
        kapi.Lock(id),
        kapi.Play(id, tone),
        kapi.MuteParticipant(id, "2"),
        kapi.Kick(id, "1"),
        kapi.Kick(id, "2"),
    ]


async def test_what_cannot_be_done_is_told(world, acme):
    _, path, token, _ = acme
    assert (await world.put(path, {"action": "lock"}, token)).status == 404
    await actor_of(world, acme, Participant(1, "call-1"), refuses=True)
    assert (await world.put(path, {"action": "lock"}, token)).status == 503
    for wrong in (
        {},
        {"action": "dance"},
        {"action": []},
        {"action": "play"},
        {"action": "play", "data": {"media_id": "/x"}},
    ):
        assert (await world.put(path, wrong, token)).status == 400, wrong
        assert (await world.put(f"{path}/participants/1", wrong, token)).status == 400, wrong
    assert (await world.put(f"{path}/participants/9", {"action": "mute"}, token)).status == 404

"""`conferences`: rooms where calls meet, and what is done to who is in them. Kazoo: cb_conferences.

    GET, PUT conferences; GET, POST, PATCH, DELETE conferences/{id}
    PUT conferences/{id}                          {"action": "lock" | "unlock" | "play", "data": {"media_id": name}}
    GET conferences/{id}/participants
    PUT conferences/{id}/participants             {"action": …}: all of them
    GET, PUT conferences/{id}/participants/{n}    {"action": "mute" | "unmute" | "deaf" | "undeaf" | "kick" | "play"}

Left out: dialling out, recording, and what participants hear of one another (`relate`).
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.conferencing import (
    AskConference,
    ConferenceIs,
    NoSuchRoom,
    Participant,
    ReloadConference,
    conference_name,
    room_of,
)
from mirliton.actors.kapi.conference import commands as kapi
from mirliton.actors.store import Document
from mirliton.actors.switching import Accepted
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import Documents, required_object
from mirliton.api.errors import BadIdentifier, InvalidData, Unavailable
from mirliton.api.resource import Resource
from mirliton.api.routing import Route
from mirliton.runtime import CallError

_DIRECT: Final = ("tone_stream://", "silence_stream://", "local_stream://", "http://", "https://", "prompt://")
_OF_ONE: Final[dict[str, Any]] = {
    "mute": kapi.MuteParticipant,
    "unmute": kapi.UnmuteParticipant,
    "deaf": kapi.DeafParticipant,
    "undeaf": kapi.UndeafParticipant,
    "kick": kapi.Kick,
}
_OF_ALL: Final[dict[str, Any]] = {"lock": kapi.Lock, "unlock": kapi.Unlock}


async def _changed(context: Context, doc: Document) -> None:
    """Have the conference's actor read its document; one that is not up does when it starts."""
    node, name = context.services.node, _name(context, str(doc["_id"]))
    if node.whereis(name) is not None:
        node.cast(name, ReloadConference())


CONFERENCES: Final = Resource("conferences", id_name="conference_id", type="conference", changed=_changed)
DOCUMENTS: Final = Documents(CONFERENCES)


def _name(context: Context, conference_id: str) -> Any:
    return conference_name(room_of(context.account_id, conference_id))


async def _is(context: Context) -> ConferenceIs:
    """How the conference in the URL is; nobody is in one that has no actor. Raises BadIdentifier."""
    name = _name(context, str((await DOCUMENTS.load(context))["_id"]))
    if context.services.node.whereis(name) is None:
        return ConferenceIs("", False, (), ())
    try:
        told = await context.services.call(name, AskConference())
    except CallError as error:
        raise Unavailable(f"the conference does not answer: {error}", "service_unavailable") from error
    assert isinstance(told, ConferenceIs)
    return told


async def _participants(context: Context) -> Answer:
    return Answer([_shown(one) for one in (await _is(context)).participants])


async def _participant(context: Context) -> Answer:
    return Answer(_shown(await _one(context)))


async def _one(context: Context) -> Participant:
    wanted = parameter(context, "participant_id")
    for one in (await _is(context)).participants:
        if wanted == str(one.id):
            return one
    raise BadIdentifier(wanted)


def _shown(one: Participant) -> dict[str, Any]:
    return {
        "participant_id": one.id,
        "call_id": one.call_id,
        "caller_id_name": one.caller_id_name,
        "caller_id_number": one.caller_id_number,
        "is_moderator": one.moderator,
        "hear": one.hear,
        "speak": one.speak,
        "talking": one.talking,
        "floor": one.floor,
    }


async def _do(context: Context) -> Answer:
    await DOCUMENTS.load(context)
    action, data = _asked(context, (*_OF_ALL, "play"))
    conference_id = parameter(context, "conference_id")
    if action == "play":
        await _tell(context, kapi.Play(conference_id, _medium(data)))
    else:
        await _tell(context, _OF_ALL[action](conference_id))
    return Answer({"action": action})


async def _do_to_all(context: Context) -> Answer:
    participants = (await _is(context)).participants
    action, data = _asked(context, (*_OF_ONE, "play"))
    for one in participants:
        await _tell(context, _command(context, action, data, one))
    return Answer([_shown(one) for one in (await _is(context)).participants])


async def _do_to_one(context: Context) -> Answer:
    one = await _one(context)
    action, data = _asked(context, (*_OF_ONE, "play"))
    await _tell(context, _command(context, action, data, one))
    return Answer({"action": action, "participant_id": one.id})


def _asked(context: Context, known: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """The action of a request and its data. Raises InvalidData."""
    given = required_object(context)
    action, data = given.get("action"), given.get("data")
    if not isinstance(action, str) or action not in known:
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=list(known))
    return action, data if isinstance(data, dict) else {}


def _command(context: Context, action: str, data: dict[str, Any], one: Participant) -> Any:
    conference_id, number = parameter(context, "conference_id"), str(one.id)
    if action == "play":
        return kapi.Play(conference_id, _medium(data), participant_id=number)
    return _OF_ONE[action](conference_id, number)


def _medium(data: dict[str, Any]) -> str:
    """What to play: a stream, a prompt or a URL. Raises InvalidData."""
    medium = data.get("media_id")
    if not isinstance(medium, str) or not medium.startswith(_DIRECT):
        raise InvalidData.of("media_id", "invalid", "must be a stream, a prompt or a URL")
    return medium


async def _tell(context: Context, command: Any) -> None:
    """Have a command carried out in the room. Raises BadIdentifier where nobody is in it, and Unavailable."""
    name = _name(context, command.conference_id)
    if context.services.node.whereis(name) is None:
        raise BadIdentifier(command.conference_id)
    try:
        answer = await context.services.call(name, command, timeout=12.0)
    except CallError as error:
        raise Unavailable(f"the conference does not answer: {error}", "service_unavailable") from error
    if isinstance(answer, NoSuchRoom):
        raise BadIdentifier(command.conference_id)
    if not isinstance(answer, Accepted):
        raise Unavailable(str(getattr(answer, "text", None) or getattr(answer, "reason", answer)), "bad_gateway")
    context.log.info("conference_commanded", conference=command.conference_id, command=type(command).__qualname__)


_ONE: Final = "accounts/{account_id}/conferences/{conference_id}"


def _routes() -> list[Route]:
    made = DOCUMENTS.routes(lists={"GET": "any"})
    return [
        Route(
            route.shape,
            route.resource,
            {**route.methods, "PUT": _do} if route.shape == _ONE else route.methods,
            route.scope,
            plain=route.plain,
            documents=route.documents,
        )
        for route in made
    ]


ROUTES: Final = (
    *_routes(),
    Route(f"{_ONE}/participants", "conferences", {"GET": _participants, "PUT": _do_to_all}),
    Route(f"{_ONE}/participants/{{participant_id}}", "conferences", {"GET": _participant, "PUT": _do_to_one}),
)

"""Coming into a conference: which one, who may, waiting for a moderator, being in it. What the actions of it share.

Kazoo: cf_conference, conf_discovery and conf_participant.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

from mirliton.actors.conferencing import (
    JoinConference,
    LeaveConference,
    ModeratorIsHere,
    TurnedAway,
    Welcome,
    conference_name,
    room_of,
)
from mirliton.actors.kapi.dialplan import Answer, Conference, Hold
from mirliton.actors.store import Document, DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.switching import CallEnded, executor_name
from mirliton.runtime import CallError, Down, Ref
from mirliton.whapps.callflow.errors import CallGone, InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.media import media_name, prompt
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script, is_gone
from mirliton.whapps.callflow.talking import Medium, Prompt, announce, ask_digits, tell

TRIES: Final = 3
"""How often a number, and a PIN, may be entered (Kazoo: 3)."""
LONGEST: Final = 32
COME_AGAIN: Final = 10.0
"""Seconds after which a call that waits for a moderator asks again."""
MOMENT: Final = 0.02
ATTEMPTS: Final = 8
PAUSE: Final = 0.25
_AWAY: Final = {
    "full": "conf-max_participants",
    "locked": "conf-locked",
    "elsewhere": "fault-can_not_be_completed_at_this_time",
}


async def conference(call: Script, data: Data, conference_id: str | None) -> Outcome:
    """Be in a conference until it is left; the call ends with that. Child `_` where the caller does not get in.

    The state is {"id", "moderator"} once the caller may come in, with "in" once it is in.
    """
    if call.state is None:
        await call.execute(Answer(call.id))
        found = await _may(call, data, conference_id)
        if found is None:
            return Next()
        call.mark(found)
    state = call.state
    room = room_of(call.account_id, state["id"])
    try:
        if "in" not in state:
            refused = await _wait(call, state, room)
            if refused is not None:
                await tell(call, _AWAY[refused])
                return Next()
            call.mark({**state, "in": True})
        await call.execute(await _joining(call, data, state, room))
    finally:
        call.process.cast(conference_name(room), LeaveConference(call.id))
    return Done()


async def _may(call: Script, data: Data, conference_id: str | None) -> dict[str, Any] | None:
    """Which conference it is, and whether the caller moderates it; None where the caller may not come in."""
    doc, moderator = None, data.get("moderator") is True
    if conference_id is not None:
        doc = await document_of(call, conference_id)
    else:
        doc, by_number = await _by_number(call)
        moderator = moderator or by_number
    if doc is None:
        await tell(call, "conf-too_many_attempts")
        return None
    welcome = mapping(data, "welcome_prompt")
    if flag(welcome, "play", flag(doc, "play_welcome", True)):
        await announce(call, [await _welcome(call, welcome)])
    asked = await _pin(call, doc, moderator)
    if asked is None:
        await tell(call, "conf-too_many_attempts")
        return None
    return {"id": str(doc["_id"]), "moderator": asked}


async def document_of(call: Script, conference_id: str) -> Document:
    """A conference of the account. Raises InvalidFlow where there is none."""
    try:
        doc = await call.document(conference_id)
    except (DocumentNotFound, InvalidName) as error:
        raise InvalidFlow(f"conference {conference_id[:64]!r}", "there is no such document") from error
    if is_deleted(doc) or doc.get("pvt_type") != "conference":
        raise InvalidFlow(f"conference {conference_id}", "it is no conference")
    return doc


async def _by_number(call: Script) -> tuple[Document | None, bool]:
    """Ask for a conference's number; the conference, and whether the number is a moderator's."""
    for _ in range(TRIES):
        digits = await ask_digits(call, prompt(call, "conf-enter_conf_number"), LONGEST)
        if digits:
            view = "conferences/listing_by_number"
            rows = (await call.store.view(call.account_db, view, key=digits, include_docs=True)).rows
            found = [row for row in rows if row.doc is not None and not is_deleted(row.doc)]
            if found:
                return found[0].doc, any(row.value == "moderator" for row in found)
        await tell(call, "conf-bad_conf")
    return None, False


async def _pin(call: Script, doc: Document, moderator: bool) -> bool | None:
    """Ask for a PIN where there are some: whether the caller is a moderator; None for a caller without the right one.

    Where only moderators have PINs, a member enters none.
    """
    members, moderators = _pins(doc, "member"), _pins(doc, "moderator")
    if not (moderators if moderator else [*members, *moderators]):
        return moderator
    for _ in range(TRIES):
        digits = await ask_digits(call, prompt(call, "conf-enter_conf_pin"), LONGEST)
        if _is_one(digits, moderators):
            return True
        if not moderator and (_is_one(digits, members) or not (members or digits)):
            return False
        await tell(call, "conf-bad_pin")
    return None


def _pins(doc: Document, kind: str) -> list[str]:
    listed = mapping(doc, kind).get("pins")
    return [pin for pin in listed if isinstance(pin, str) and pin] if isinstance(listed, list) else []


def _is_one(digits: str, pins: list[str]) -> bool:
    return sum(hmac.compare_digest(digits.encode(), pin.encode()) for pin in pins) > 0


async def _welcome(call: Script, welcome: dict[str, Any]) -> Prompt | Medium:
    own = text(welcome, "media_id")
    return Medium(await media_name(call, own)) if own is not None else Prompt("conf-welcome")


async def _joining(call: Script, data: Data, state: dict[str, Any], room: str) -> Conference:
    doc = await document_of(call, state["id"])
    part = mapping(doc, "moderator" if state["moderator"] else "member")
    return Conference(
        call.id,
        room,
        profile=text(doc, "profile_name"),
        moderator=state["moderator"] or None,
        mute=flag(part, "join_muted", False) or None,
        deaf=flag(part, "join_deaf", False) or None,
    )


# Waiting to come in


async def _wait(call: Script, state: dict[str, Any], room: str) -> str | None:
    """Wait, with music, until the conference lets the caller in; why it does not. Raises CallGone."""
    request = JoinConference(call.id, call.info.switch, state["moderator"], executor_name(call.id))
    watching: Ref | None = None
    music = False
    while True:
        answer = await _ask(call, state["id"], request)
        if isinstance(answer, Welcome):
            return None
        if isinstance(answer, TurnedAway):
            call.log.info("conference_not_entered", room=room, reason=answer.reason)
            return answer.reason
        if not music:
            music = True
            await announce(call, [Prompt("conf-wait_for_moderator")])
            await call.execute(Hold(call.id))
            continue  # a moderator may have come meanwhile
        if watching is not None:
            call.process.demonitor(watching, flush=True)
        watching = call.process.monitor(conference_name(room))
        try:
            news = await call.process.receive((CallEnded, ModeratorIsHere, Down), COME_AGAIN)
        except TimeoutError:
            if await is_gone(call.process, call.id):
                raise CallGone(call.id, "NORMAL_UNSPECIFIED") from None
            continue
        if isinstance(news, CallEnded):
            raise CallGone(call.id, news.hangup_cause)
        if isinstance(news, Down):
            watching = None
            await call.process.sleep(MOMENT)


async def _ask(call: Script, conference_id: str, request: JoinConference) -> Any:
    """Ask the conference; None when it does not answer."""
    process, name = call.process, conference_name(room_of(call.account_id, conference_id))
    for attempt in range(ATTEMPTS):
        if attempt:
            await process.sleep(PAUSE * attempt)
        try:
            return await process.call(name, request, timeout=10.0)
        except CallError as error:
            call.log.info("conference_asked_again", conference_id=conference_id, error=str(error))
    return None

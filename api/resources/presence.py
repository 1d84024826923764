"""`presence`: what the account's lamps show, setting one by hand, and forgetting what they show. Kazoo: cb_presence.

    GET  presence                 {presence id: [{"state": …, …}]}: each leg or source that lights it
    GET  presence/{extension}     the same of one
    POST presence                 {"reset": true}: of all the account's lamps
    POST presence/{extension}     {"action": "set", "state": "early" | "confirmed" | "terminated"}, {"action": "reset"}

What is set by hand stays until it is set otherwise or reset. Left out: `report-{id}`, a file of the phones that watch,
as every proxy knows them.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors import manual_presence
from mirliton.actors.presence import LAMP_STATES, OMNIPRESENCE, AskPresence, LampChanged, PresenceIs, PresenceReset
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, InvalidData, Unavailable
from mirliton.api.routing import Route
from mirliton.runtime import CallError

BY_HAND: Final = "manual_presence"


async def _list(context: Context) -> Answer:
    return Answer(await _lamps(context))


async def _read(context: Context) -> Answer:
    presence_id = _presence_id(context)
    return Answer({"presence_id": presence_id, "lit_by": (await _lamps(context)).get(presence_id, [])})


async def _reset_all(context: Context) -> Answer:
    if required_object(context).get("reset") is not True:
        raise InvalidData.of("reset", "enum", "must be true", target=[True])
    await _forget(context, "")
    return Answer({"reset": True})


async def _change(context: Context) -> Answer:
    presence_id, given = _presence_id(context), required_object(context)
    action = given.get("action")
    if action == "reset" or given.get("reset") is True:
        await _forget(context, presence_id)
        return Answer({"presence_id": presence_id, "action": "reset"})
    if action != "set":
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=["set", "reset"])
    state = given.get("state")
    if state not in LAMP_STATES:
        raise InvalidData.of("state", "enum", "must be one of the listed values", target=list(LAMP_STATES))
    services = context.services
    try:
        await manual_presence.keep(context.store, context.account_id, presence_id, state, now=services.now())
    except manual_presence.TooManyLamps as error:
        raise InvalidData.of("state", "maxItems", str(error), target=manual_presence.MOST) from error
    services.node.cast(OMNIPRESENCE, LampChanged(context.account_id, (presence_id,), BY_HAND, state, lasting=True))
    return Answer({"presence_id": presence_id, "action": "set", "state": state})


def _presence_id(context: Context) -> str:
    """The presence id in the URL, with its realm: the account's and no other. Raises BadIdentifier."""
    given = parameter(context, "extension").lower()
    realm = (context.account or {}).get("realm")
    if not manual_presence.is_presence_id(given) or not isinstance(realm, str) or not realm:
        raise BadIdentifier(given)
    user, at, own = given.partition("@")
    if at and own != realm.lower():
        raise BadIdentifier(given)
    return f"{user}@{realm.lower()}"


async def _lamps(context: Context) -> dict[str, list[dict[str, Any]]]:
    try:
        told = await context.services.call(OMNIPRESENCE, AskPresence(context.account_id))
    except CallError as error:
        raise Unavailable(f"omnipresence does not answer: {error}", "service_unavailable") from error
    assert isinstance(told, PresenceIs)
    return told.lamps


async def _forget(context: Context, presence_id: str) -> None:
    await manual_presence.forget(context.store, context.account_id, presence_id)
    context.services.node.cast(OMNIPRESENCE, PresenceReset(context.account_id, presence_id))


_PRESENCE: Final = "accounts/{account_id}/presence"

ROUTES: Final = (
    Route(_PRESENCE, "presence", {"GET": _list, "POST": _reset_all}, plain={"GET": "any"}),
    Route(f"{_PRESENCE}/{{extension}}", "presence", {"GET": _read, "POST": _change}, plain={"GET": "any"}),
)

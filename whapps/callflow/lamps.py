"""Lighting lamps from a callflow: at once for those who look now, and in a document for those who come later."""

from __future__ import annotations

from mirliton.actors import manual_presence
from mirliton.actors.manual_presence import is_presence_id
from mirliton.actors.presence import OMNIPRESENCE, LampChanged, LampState
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import mapping, text
from mirliton.whapps.callflow.script import Data, Script

BY_HAND = "manual_presence"
FEATURE_CODES = ("*3", "*4")
"""By which Kazoo's phones park, and watch slots, when nobody says otherwise."""


async def set_by_hand(call: Script, presence_id: str, state: LampState) -> None:
    """Set a lamp until somebody sets it otherwise. May be done twice. Raises InvalidFlow for what is no presence id or
    one too many, and StoreError."""
    if not is_presence_id(presence_id):
        raise InvalidFlow("presence", f"{presence_id[:80]!r} is no presence id")
    presence_id = presence_id.lower()
    if "@" not in presence_id:
        realm = text(await call.known_document(call.account_id) or {}, "realm")
        if realm is None:
            raise InvalidFlow("presence", "the account has no realm")
        presence_id = f"{presence_id}@{realm.lower()}"
    try:
        await manual_presence.keep(call.store, call.account_id, presence_id, state, now=call.process.node.clock.time())
    except manual_presence.TooManyLamps as error:
        raise InvalidFlow("presence", str(error)) from error
    tell(call, (presence_id,), BY_HAND, state, lasting=True)


def tell(
    call: Script, watched: tuple[str, ...], source: str, state: LampState, call_id: str = "", *, lasting: bool = False
) -> None:
    """Tell who lights lamps, if anybody does."""
    if watched:
        word = LampChanged(call.account_id, watched, source, state, call_id, lasting)
        call.process.cast(OMNIPRESENCE, word)


def of_slot(call: Script, data: Data, slot: str) -> tuple[str, ...]:
    """Under what a parking slot is watched: as the action says by `custom_presence_id`, else by the number that was
    dialled to come here and by the feature codes, each with the slot behind it."""
    own = mapping(mapping(data, "slots"), slot)
    if data.get("custom_presence_id") is True:
        named = text(own, "presence_id") or text(data, "presence_id")
        if named is not None:
            return (named,) if is_presence_id(named) else ()
    dialled = (call.leg.to or "").removeprefix("sip:").partition("@")[0] or call.leg.caller_destination_number or ""
    code = dialled.removesuffix(slot)
    found = (f"{each}{slot}" for each in (code, *FEATURE_CODES))
    return tuple(dict.fromkeys(each for each in found if is_presence_id(each)))


def slot_state(data: Data, slot: str) -> LampState:
    """How a slot's lamp shows a call: `presence_type` of the slot, `default_presence_type`, else early."""
    own = mapping(mapping(data, "slots"), slot)
    for wish in (own.get("presence_type"), data.get("default_presence_type")):
        if wish == "confirmed" or wish == "terminated":
            return "confirmed" if wish == "confirmed" else "terminated"
        if wish == "early":
            return "early"
    return "early"

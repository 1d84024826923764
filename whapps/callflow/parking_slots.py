"""Parking slots: which call is in which. Kazoo: the documents `parked_call`.

A slot's document is there while a call is in it, and says which. It is made and taken away by that call's own executor,
or by whoever takes the call out; one whose call is gone counts as free, whoever left it there.
"""

from __future__ import annotations

import re
from typing import Final

from mirliton.actors.presence import LAMP_STATES
from mirliton.actors.store import Conflict, Document, NotFound, update
from mirliton.actors.store.documents import stamp
from mirliton.whapps.callflow import lamps
from mirliton.whapps.callflow.caller_id import caller_id
from mirliton.whapps.callflow.fields import mapping, text
from mirliton.whapps.callflow.script import Data, Script, is_gone

FIRST: Final = 101
"""Where slots begin when nobody names one."""
MOST: Final = 100
"""Slots that are tried when nobody names one."""
_SLOT: Final = re.compile(r"[0-9A-Za-z*#_-]{1,32}")


def is_slot(slot: str) -> bool:
    """Whether a slot can be called so."""
    return _SLOT.fullmatch(slot) is not None


async def occupant(call: Script, slot: str) -> str | None:
    """The call that is in a slot; None when it is free."""
    try:
        doc = await call.document(_id(slot))
    except NotFound:
        return None
    found = text(mapping(doc, "slot"), "Call-ID")
    if found is None or (found != call.id and await is_gone(call.process, found)):
        return None
    return found


async def own_slot(call: Script) -> str | None:
    """The slot that this call is in."""
    rows = (await call.store.view(call.account_db, "parking/parked_call", key=call.id, limit=1)).rows
    return str(rows[0].id).removeprefix(_id("")) if rows else None


async def take(call: Script, slot: str, ringback: str | None, data: Data) -> bool:
    """Put this call into a slot, and light its lamps as the action's `data` says; False when another is in it."""
    if await occupant(call, slot) not in (None, call.id):
        return False
    shown = caller_id(call)
    watched = lamps.of_slot(call, data, slot)
    known = {
        "Call-ID": call.id,
        "Slot-Call-ID": call.id,
        "CID-Name": shown.name,
        "CID-Number": shown.number,
        "Ringback-ID": ringback,
        "Presence-ID": next(iter(watched), None),
        "Presence-IDs": list(watched),
        "Presence-Type": lamps.slot_state(data, slot),
    }
    doc = stamp(
        {"_id": _id(slot), "slot": {name: value for name, value in known.items() if value}},
        type="parked_call",
        account_id=call.account_id,
        now=call.process.node.clock.time(),
    )

    async def put(rev: str | None) -> bool:
        try:
            await call.store.put(call.account_db, {**doc, **({"_rev": rev} if rev else {})})
        except Conflict:
            return await occupant(call, slot) == call.id
        return True

    try:
        left = await call.document(_id(slot))
    except NotFound:
        return await put(None)
    return text(mapping(left, "slot"), "Call-ID") == call.id or await put(str(left["_rev"]))


async def take_any(call: Script, last: int | None, ringback: str | None, data: Data) -> str | None:
    """Put this call into the first free slot, up to `last`: which one; None when all are taken."""
    own = await own_slot(call)
    if own is not None:
        return own
    for number in range(FIRST, min(last, FIRST + MOST) + 1 if last is not None else FIRST + MOST):
        if await take(call, str(number), ringback, data):
            return str(number)
    return None


async def free(call: Script, slot: str, occupant_id: str) -> None:
    """Take the slot's document away, if this call is in it."""

    def gone(doc: Document) -> Document | None:
        return {**doc, "_deleted": True} if text(mapping(doc, "slot"), "Call-ID") == occupant_id else None

    try:
        doc = await update(call.store, call.account_db, _id(slot), gone)
    except NotFound:
        return  # somebody was here before
    if text(mapping(doc, "slot"), "Call-ID") == occupant_id:
        lamps.tell(call, _watched(doc), _id(slot), "terminated", occupant_id)


async def shine(call: Script, slot: str) -> None:
    """Have the lamps of a slot show this call, if it is in there."""
    try:
        doc = await call.document(_id(slot))
    except NotFound:
        return
    kept = mapping(doc, "slot")
    state = kept.get("Presence-Type")
    if text(kept, "Call-ID") == call.id and state in LAMP_STATES:
        lamps.tell(call, _watched(doc), _id(slot), state, call.id)


def _watched(doc: Document) -> tuple[str, ...]:
    listed = mapping(doc, "slot").get("Presence-IDs")
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def _id(slot: str) -> str:
    return f"parking-slot-{slot}"

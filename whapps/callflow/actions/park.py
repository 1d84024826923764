"""park: leave a call in a slot, and take it out of there at another phone. Kazoo: cf_park."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer, CallPickup, Hold
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow import parking_slots as slots
from mirliton.whapps.callflow.endpoints import device_endpoint
from mirliton.whapps.callflow.errors import CallGone
from mirliton.whapps.callflow.fields import mapping, milliseconds, text
from mirliton.whapps.callflow.ringing import picked_up, ring
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import Prompt, Spell, announce, tell

RINGBACK: Final = 120.0
"""Seconds in a slot before the phone that parked the call is rung."""
CALLBACK: Final = 30.0
"""Seconds that it rings."""
LONGEST: Final = 86_400.0


async def run(call: Script, data: Data) -> Outcome:
    """`action` (park, direct_park, retrieve; auto: retrieve, else park), `slot` (else the captured one; else, to park,
    the first that is free, up to `max_slot_number`), `default_ringback_timeout` (120,000 ms),
    `default_callback_timeout` (30,000 ms), `slots` (by slot: `ringback_timeout`, `callback_timeout`, `presence_type`,
    `presence_id`). Lamps show a call in the slot as `default_presence_type` says (early): those of the slot behind the
    number dialled and behind *3 and *4, or with `custom_presence_id` that of `presence_id` alone.

    Children: the slot when the phone that parked the call was rung in vain (without it the call stays parked),
    `MAX_SLOT_EXCEEDED`, `_`. The state is {"take": the call to take out, "slot"}, or {"slot", "ring_at"}: the slot that
    this call is in, and the unix time at which the phone that parked it is rung.
    """
    if call.state is None:
        outcome = await _begin(call, data)
        if outcome is not None:
            return outcome
    state = call.state
    return await _retrieve(call, state) if "take" in state else await _wait(call, data, state["slot"])


async def _begin(call: Script, data: Data) -> Outcome | None:
    """Decide what is to be done, and mark it; or what follows when it cannot be."""
    action, slot = data.get("action", "park"), text(data, "slot") or call.capture_group
    if slot and not slots.is_slot(slot):
        slot = ""
    if action in ("retrieve", "auto"):
        there = await slots.occupant(call, slot) if slot else None
        if there is not None and there != call.id:
            call.mark({"take": there, "slot": slot})
            return None
        if action == "retrieve":
            return await _nobody(call, slot)
    parker = await _parker(call)
    if not slot:
        last = data.get("max_slot_number")
        found = await slots.take_any(call, last if type(last) is int else None, parker, data)
        if found is None:
            return Next("MAX_SLOT_EXCEEDED")
        slot = found
    elif not await slots.take(call, slot, parker, data):
        await tell(call, "park-already_in_use")
        return Next()
    call.mark({"slot": slot, "ring_at": _now(call) + _ringback(data, slot)})
    return None


async def _retrieve(call: Script, state: dict[str, Any]) -> Outcome:
    """Take the call out of its slot."""
    await call.execute(Answer(call.id))
    result = await call.execute(CallPickup(call.id, state["take"], unbridged_only=True))
    if not picked_up(result):
        return await _nobody(call, state["slot"])
    await slots.free(call, state["slot"], state["take"])
    await call.parted()
    return Done()


async def _nobody(call: Script, slot: str) -> Outcome:
    await announce(call, [Prompt("park-there_is_no_call_in_slot_number"), Spell(slot or "0", "name_spelled")])
    return Next()


async def _wait(call: Script, data: Data, slot: str) -> Outcome:
    """Be in the slot until somebody takes the call out, or it ends, or nobody wants it."""
    try:
        while True:
            await call.execute(Answer(call.id))
            await slots.shine(call, slot)
            await call.execute(Hold(call.id))
            outcome = await _rest(call, slot) or await _ring_back(call, data, slot)
            if outcome is not None:
                await slots.free(call, slot, call.id)
                return outcome
            ring_at = _now(call) + _ringback(data, slot)
            call.mark({"slot": slot, "ring_at": ring_at})
    except CallGone:
        await slots.free(call, slot, call.id)
        raise


async def _rest(call: Script, slot: str) -> Outcome | None:
    """Wait until the phone is to be rung; the end of a call that has been taken out."""
    await call.rest(max(0.0, call.state["ring_at"] - _now(call)))
    if await slots.occupant(call, slot) == call.id:
        return None
    await call.parted()
    return Done()


async def _ring_back(call: Script, data: Data, slot: str) -> Outcome | None:
    """Ring the phone that parked the call; None when the call stays in its slot."""
    parker = await _parker(call)
    device = await call.document(parker) if parker is not None else None
    timeout = _callback(data, slot)
    endpoint = await device_endpoint(call, device, timeout=timeout, may_be_self=True) if device is not None else None
    if endpoint is not None:
        # The cause is no child here: whoever parked the call may be busy.
        children, call.children = call.children, frozenset()
        try:
            outcome = await ring(call, (endpoint,), timeout=timeout, strategy="simultaneous", data={})
        finally:
            call.children = children
        if outcome is not None:
            return outcome
    return Next(slot) if slot in call.children else None


async def _parker(call: Script) -> str | None:
    """The phone that sent the call here, by whom the switch says it was referred."""
    referred = str(call.vars.get("Referred-By") or "").strip("<>").removeprefix("sip:")
    username = referred.partition("@")[0].lower()
    if not username:
        return None
    rows = await call.store.view(call.account_db, "devices/sip_credentials", key=username, include_docs=True)
    return next((str(row.doc["_id"]) for row in rows.rows if row.doc is not None and not is_deleted(row.doc)), None)


def _ringback(data: Data, slot: str) -> float:
    """Seconds in the slot before the phone that parked the call is rung."""
    own = mapping(mapping(data, "slots"), slot)
    default = milliseconds(data, "default_ringback_timeout", RINGBACK, LONGEST)
    return milliseconds(own, "ringback_timeout", default, LONGEST)


def _callback(data: Data, slot: str) -> float:
    """Seconds that it rings."""
    own = mapping(mapping(data, "slots"), slot)
    default = milliseconds(data, "default_callback_timeout", CALLBACK, LONGEST)
    return milliseconds(own, "callback_timeout", default, LONGEST)


def _now(call: Script) -> float:
    return float(call.process.node.clock.time())

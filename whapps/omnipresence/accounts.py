"""An account's lamps as its documents have them: what a listener that starts, or hears of an account for the first
time, must know beside the calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors import manual_presence
from mirliton.actors.presence import LAMP_STATES, LampChanged
from mirliton.actors.store import InvalidName, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.whapps.omnipresence.lamps import Lamp
from mirliton.whapps.omnipresence.wording import address
from mirliton.whapps.registrar.lookup import account_of

BY_HAND: Final = "manual_presence"
"""The source of lamps that are set by hand."""
MOST_SLOTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Account:
    """An account, its realm in small letters, and what its documents light."""

    id: str
    realm: str
    lamps: tuple[Lamp, ...]


async def of_realm(store: StoreClient, realm: str) -> Account | None:
    """The account of a realm; None where there is none. Raises StoreError."""
    account_id = await account_of(store, realm)
    return await of_id(store, account_id) if account_id is not None else None


async def of_id(store: StoreClient, account_id: str) -> Account | None:
    """The account of an id; None where there is none, or it has no realm. Raises StoreError."""
    try:
        database = account_db(account_id)
        account, manual = await store.get_many(database, [account_id, manual_presence.DOCUMENT])
        slots = (await store.view(database, "parking/parked_calls", limit=MOST_SLOTS)).rows
    except (NotFound, InvalidName):
        return None
    realm = (account or {}).get("realm")
    if not isinstance(realm, str) or not realm:
        return None
    told = [
        LampChanged(account_id, (presence_id,), BY_HAND, state, lasting=True)
        for presence_id, state in manual_presence.lit(manual or {}).items()
    ]
    told += [word for row in slots if (word := of_slot(account_id, str(row.id), row.value)) is not None]
    return Account(account_id, realm.lower(), tuple(lamp for word in told for lamp in lamps_of(word, realm.lower())))


def of_slot(account_id: str, slot_id: str, slot: Any) -> LampChanged | None:
    """What a parking slot's document lights."""
    if not isinstance(slot, dict):
        return None
    watched, state, call_id = slot.get("Presence-IDs"), slot.get("Presence-Type"), slot.get("Call-ID")
    if not isinstance(watched, list) or state not in LAMP_STATES or not isinstance(call_id, str):
        return None
    known = tuple(each for each in watched if isinstance(each, str))
    return LampChanged(account_id, known, slot_id, state, call_id)


def lamps_of(word: LampChanged, realm: str) -> Iterable[Lamp]:
    """The lamps that somebody spoke of; those that no lamp can be called are passed over."""
    for watched in dict.fromkeys(word.watched):
        found = address(watched if "@" in watched else f"{watched}@{realm}")
        if found is not None and found[1] == realm:
            yield Lamp(found[0].lower(), found[1], word.source, word.state, word.call_id, word.lasting)

"""What may be there once in the whole system, on whichever node it is taken: a document for each that is taken.

A check that a realm is free and the write that takes it are two steps. Within a server a lock holds them together
(`locks.py`); between the servers that share a store the claim does: its id is what is taken, so of two who take it at
once the store refuses one. A claim whose holder does not have the thing (any more) may be taken over, but not within
`GRACE` of its making: its holder may be about to appear.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from mirliton.actors.store import Conflict, NotFound, Store
from mirliton.actors.store.documents import gregorian, stamp

DATABASE: Final = "claims"
GRACE: Final = 60.0
"""Seconds; longer than any request takes."""

StillHas = Callable[[str], Awaitable[bool]]


async def claimed(
    store: Store, thing: str, holder: str, now: float, still_has: StillHas, database: str = DATABASE
) -> bool:
    """Whether `thing` is the holder's from now on. `still_has` says of another holder whether it has it.

    `now` is in unix seconds. Raises StoreError.
    """
    if database == DATABASE:
        await store.create_database(DATABASE)
    doc = {"_id": thing, "holder": holder}
    try:
        await store.put(database, stamp(doc, type="claim", db=database, now=now))
        return True
    except Conflict:
        pass
    try:
        found = await store.get(database, thing)
    except NotFound:
        # Given up this very moment: whoever tries again gets it.
        return False
    mine = found["holder"] == holder
    if not mine and (gregorian(now) - found["pvt_modified"] < GRACE or await still_has(found["holder"])):
        return False
    try:
        await store.put(database, stamp({**found, "holder": holder}, type="claim", db=database, now=now))
    except Conflict:
        return False
    return True


async def given_up(store: Store, thing: str, holder: str, database: str = DATABASE) -> None:
    """The holder does not have it any more; another's claim stays. Raises StoreError."""
    try:
        found = await store.get(database, thing)
        if found["holder"] == holder:
            await store.delete(database, thing, found["_rev"])
    except (NotFound, Conflict):
        return  # Nobody's, or just another's.

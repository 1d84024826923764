"""What one document of an account has and no other may have: usernames, numbers, mailboxes.

The checks of a resource (`unique.py`) find what is taken, and within one server a lock keeps two requests from taking
the same thing between check and write. Between servers a claim does (`claims.py`): a document of the account's database
whose id is made of the thing, so that of two who take it at once the store refuses one.

Claims are made before the document is written and given up after it has changed or gone. What dies in between leaves a
claim whose holder does not have the thing: the next one to want it takes it over. Documents of before, or of a Kazoo,
have no claims; they are found by the checks.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from mirliton.actors.store import Document, NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.api.claims import claimed, given_up
from mirliton.api.errors import InvalidData
from mirliton.api.unique import not_unique

PREFIX: Final = "claim-"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of which there is one: of a kind, with a value, standing at `path` of the document."""

    kind: str
    value: str
    path: tuple[str | int, ...]

    @property
    def id(self) -> str:
        """Of the claim. Values are others' text, of any length."""
        return f"{PREFIX}{self.kind}-{hashlib.sha256(self.value.encode(errors='surrogatepass')).hexdigest()[:40]}"


Things = Callable[[Document], Iterable[Thing]]
"""What a document has; the whole document is given, also one of another resource with things of the same kinds."""


async def take(
    store: Store, database: str, doc: Document, stored: Document | None, things: Things, now: float
) -> list[Thing]:
    """Claim what the document is to have and did not have before; returns that.

    `now` is in unix seconds. Raises InvalidData where something is taken, and then nothing was claimed; StoreError.
    """
    had = {thing.id for thing in things(stored or {})}
    wanted = {thing.id: thing for thing in things(doc) if thing.id not in had}
    holder = str(doc["_id"])

    async def one(thing: Thing) -> bool:
        still_has = partial(_has, store, database, things, thing)
        return await claimed(store, thing.id, holder, now, still_has, database)

    taken = list(wanted.values())
    outcomes = await asyncio.gather(*(one(thing) for thing in taken))
    refused = [thing for thing, outcome in zip(taken, outcomes, strict=True) if not outcome]
    if refused:
        await give_up(store, database, holder, [thing for thing in taken if thing not in refused])
        raise InvalidData([not_unique(thing.path, "is taken", thing.value[:128]) for thing in refused])
    return taken


async def give_up(store: Store, database: str, holder: str, things: Iterable[Thing]) -> None:
    """The document does not have these (any more). Raises StoreError."""
    await asyncio.gather(*(given_up(store, thing.id, holder, database) for thing in things))


def lost(stored: Document | None, doc: Document, things: Things) -> list[Thing]:
    """What the document had before and has no more."""
    has = set() if is_deleted(doc) else {thing.id for thing in things(doc)}
    return [thing for thing in things(stored or {}) if thing.id not in has]


def sip_usernames(doc: Document) -> list[Thing]:
    """The names by which a device, or the servers of a PBX, log in: there once in the account's realm."""
    found = []
    sip, servers = doc.get("sip"), doc.get("servers")
    if isinstance(sip, dict) and isinstance(sip.get("username"), str):
        found.append(Thing("sip_username", sip["username"].lower(), ("sip", "username")))
    for index, server in enumerate(servers if isinstance(servers, list) else ()):
        auth = server.get("auth") if isinstance(server, dict) else None
        if isinstance(auth, dict) and isinstance(auth.get("auth_user"), str):
            found.append(Thing("sip_username", auth["auth_user"].lower(), ("servers", index, "auth", "auth_user")))
    return found


async def _has(store: Store, database: str, things: Things, thing: Thing, holder: str) -> bool:
    try:
        doc = await store.get(database, holder)
    except NotFound:
        return False
    return not is_deleted(doc) and any(each.id == thing.id for each in things(doc))

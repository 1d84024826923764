"""The keys that tokens are signed with: each API server has one of its own, and all know each other's public halves.

The private half never leaves the process. The public half is a document of the database `system_auth`, named by the
key's id, which every token carries; so each node accepts the tokens of all, also of nodes that are gone or have
restarted. A key signs for `KEY_LIFE`, then the server makes another; a public half is deleted when no token that it
could have signed is good any more.

To end the tokens of a node, delete its document; to end all, delete all of them. Within `KEY_TRUSTED` seconds no node
accepts those tokens, and who signed with such a key makes a new one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mirliton.actors.store import Conflict, Document, NotFound, Store
from mirliton.actors.store.documents import gregorian, stamp

DATABASE: Final = "system_auth"
PREFIX: Final = "token_key-"
KEY_LIFE: Final = 86_400.0
"""Seconds that a key signs."""
KEY_TRUSTED: Final = 30.0
"""Seconds after which a key's document is looked at anew."""
SLACK: Final = 60.0
"""Seconds by which the clocks of two nodes may differ."""
MAX_KNOWN: Final = 1000
"""Public halves that are remembered; a hundred nodes that restart hourly do not reach it in a token's life."""
MAX_SWEPT: Final = 200

_KEY_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that this server signs with."""

    id: str
    private: Ed25519PrivateKey
    until: float


class Keys:
    """This server's key and everybody's public halves. `clock` gives unix seconds, `lifetime` is a token's."""

    def __init__(self, store: Store, lifetime: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        self._own: SigningKey | None = None
        self._making = asyncio.Lock()
        self._known: OrderedDict[str, tuple[Ed25519PublicKey, float]] = OrderedDict()
        """Public halves by id, with when their document was read."""

    async def signing(self) -> SigningKey:
        """The key to sign with. Raises StoreError."""
        async with self._making:
            own = self._own
            if own is None or own.until <= self._clock() or await self.public(own.id) is None:
                own = self._own = await self._made()
            return own

    async def public(self, id: str) -> Ed25519PublicKey | None:
        """The public half of a key that is trusted now. Raises StoreError."""
        known = self._known.get(id)
        now = self._clock()
        if known is not None and 0 <= now - known[1] < KEY_TRUSTED:
            return known[0]
        self._known.pop(id, None)
        key = await self._read(id) if _KEY_ID.fullmatch(id) else None
        if key is not None:
            self._known[id] = (key, now)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return key

    async def ids(self) -> list[str]:
        """Of all keys whose public halves are kept. Raises StoreError."""
        try:
            rows = (await self._store.all_docs(DATABASE, startkey=PREFIX, endkey=f"{PREFIX}g", limit=MAX_KNOWN)).rows
        except NotFound:
            return []
        return [str(row.id).removeprefix(PREFIX) for row in rows]

    async def forget(self, ids: Sequence[str]) -> None:
        """Trust these keys no more: here at once, on other nodes within `KEY_TRUSTED`. Raises StoreError."""
        for doc in await self._store.get_many(DATABASE, [f"{PREFIX}{id}" for id in ids]):
            if doc is not None:
                with contextlib.suppress(Conflict, NotFound):  # Another node was faster.
                    await self._store.delete(DATABASE, doc["_id"], doc["_rev"])
        for id in ids:
            self._known.pop(id, None)

    async def _read(self, id: str) -> Ed25519PublicKey | None:
        try:
            doc = await self._store.get(DATABASE, f"{PREFIX}{id}")
        except NotFound:
            return None
        if _expires(doc) <= gregorian(self._clock()):
            return None
        try:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(str(doc.get("public_key")), validate=True))
        except (ValueError, binascii.Error):
            return None

    async def _made(self) -> SigningKey:
        now = self._clock()
        key = SigningKey(secrets.token_hex(16), Ed25519PrivateKey.generate(), now + KEY_LIFE)
        public = key.private.public_key()
        doc = {
            "_id": f"{PREFIX}{key.id}",
            "algorithm": "EdDSA",
            "public_key": base64.b64encode(public.public_bytes_raw()).decode(),
            "pvt_expires": gregorian(key.until + self._lifetime + SLACK),
        }
        await self._store.create_database(DATABASE)
        await self._store.put(DATABASE, stamp(doc, type="public_key", db=DATABASE, now=now))
        self._known[key.id] = (public, now)
        await self._sweep(now)
        return key

    async def _sweep(self, now: float) -> None:
        """Delete what nobody can need any more."""
        found = await self._store.all_docs(
            DATABASE, startkey=PREFIX, endkey=f"{PREFIX}g", limit=MAX_SWEPT, include_docs=True
        )
        for row in found.rows:
            if row.doc is not None and _expires(row.doc) <= gregorian(now):
                try:
                    await self._store.delete(DATABASE, row.doc["_id"], row.doc["_rev"])
                except (Conflict, NotFound):
                    continue  # Another node swept it.


def _expires(doc: Document) -> float:
    expires = doc.get("pvt_expires")
    return expires if isinstance(expires, int | float) else 0

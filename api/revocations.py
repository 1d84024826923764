"""Tokens that were taken back before they expired: a document each in the database `token_auth`.

Its id begins with when the token would have expired, so what is no longer needed is found without a view, and goes when
the next token is taken back.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final

from mirliton.actors.store import Conflict, DatabaseNotFound, NotFound, Store
from mirliton.actors.store.documents import stamp

DATABASE: Final = "token_auth"
MAX_SWEPT: Final = 100


async def revoke(store: Store, claims: dict[str, Any], now: float) -> None:
    """From now on no node takes the token of these claims. `now` is in unix seconds. Raises StoreError."""
    await store.create_database(DATABASE)
    doc = {"_id": _id(claims), "account_id": claims["account_id"]}
    with contextlib.suppress(Conflict):  # It is revoked already.
        await store.put(DATABASE, stamp(doc, type="revoked_token", db=DATABASE, now=now))
    await sweep(store, now)


async def is_revoked(store: Store, claims: dict[str, Any]) -> bool:
    """Whether the token of these claims was taken back. Raises StoreError."""
    try:
        await store.get(DATABASE, _id(claims))
    except NotFound:
        return False
    return True


async def sweep(store: Store, now: float) -> None:
    """Delete the documents of tokens that have expired anyway."""
    try:
        old = await store.all_docs(DATABASE, startkey="0", endkey=f"{int(now):011d}", limit=MAX_SWEPT)
    except DatabaseNotFound:
        return
    for row in old.rows:
        try:
            await store.delete(DATABASE, str(row.id), str(row.value["rev"]))
        except (Conflict, NotFound):
            continue  # Another node swept it.


def _id(claims: dict[str, Any]) -> str:
    return f"{int(claims['exp']):011d}-{claims['jti']}"

"""Reset ids: what lets a user in who has forgotten the password, once.

A reset id is random; the database `token_auth` holds only its SHA-256, with whose it is and until when it is good. It
stands and falls with the password it is to replace.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from mirliton.actors.store import Conflict, DatabaseNotFound, Document, NotFound, Store
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.api.errors import InvalidCredentials
from mirliton.api.identity import load_account, load_user
from mirliton.api.revocations import DATABASE
from mirliton.api.tokens import identity, identity_stands, user_secret

LIFETIME: Final = 3600.0
"""Seconds a reset id is good for."""
MAX_SWEPT: Final = 100
_PREFIX: Final = "recovery-"


async def issued(store: Store, account_id: str, user: Document, now: float) -> str:
    """A new reset id for this user. `now` is in unix seconds. Raises StoreError."""
    reset_id = secrets.token_hex(32)
    owner_id = str(user["_id"])
    doc = {
        "_id": _id(reset_id),
        "account_id": account_id,
        "owner_id": owner_id,
        "identity_sig": identity(user_secret(user), account_id, owner_id),
        "pvt_expires": gregorian(now + LIFETIME),
    }
    await store.create_database(DATABASE)
    await _sweep(store, now)
    await store.put(DATABASE, stamp(doc, type="password_reset", db=DATABASE, now=now))
    return reset_id


async def redeem(store: Store, reset_id: str) -> None:
    """The reset id is worth nothing from now on. Raises InvalidCredentials where it was so already, StoreError."""
    try:
        doc = await store.get(DATABASE, _id(reset_id))
        # Whoever deletes it has it; of two who come at once one does.
        await store.delete(DATABASE, doc["_id"], doc["_rev"])
    except (NotFound, Conflict):
        raise InvalidCredentials from None


async def whose(store: Store, reset_id: str, now: float) -> tuple[Document, Document]:
    """The account and user of a reset id. Raises InvalidCredentials, StoreError."""
    try:
        doc = await store.get(DATABASE, _id(reset_id))
    except NotFound:
        raise InvalidCredentials from None
    account = await load_account(store, doc["account_id"])
    user = await load_user(store, doc["account_id"], doc["owner_id"])
    if account is None or user is None or doc["pvt_expires"] <= gregorian(now):
        raise InvalidCredentials
    if not identity_stands(doc, user_secret(user)):
        raise InvalidCredentials
    return account, user


async def _sweep(store: Store, now: float) -> None:
    try:
        found = await store.all_docs(
            DATABASE, startkey=_PREFIX, endkey=f"{_PREFIX}g", limit=MAX_SWEPT, include_docs=True
        )
    except DatabaseNotFound:
        return
    for row in found.rows:
        if row.doc is not None and row.doc.get("pvt_expires", 0) <= gregorian(now):
            try:
                await store.delete(DATABASE, row.doc["_id"], row.doc["_rev"])
            except (Conflict, NotFound):
                continue  # Somebody else swept it.


def _id(reset_id: str) -> str:
    return _PREFIX + hashlib.sha256(reset_id.lower().encode()).hexdigest()

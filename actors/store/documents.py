"""Kazoo's private fields: what each stored document carries beside what its owner wrote.

Whatever begins with `_` or `pvt_` is private: the API neither shows nor accepts it, and on a write the stored
private values win. Times in documents are gregorian seconds, as Erlang counts them;
everywhere else they are unix seconds, and only this module converts.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any, TypeAlias

from mirliton.actors.store import names

Document: TypeAlias = dict[str, Any]
"""A JSON object with its `_id` and, once stored, `_rev`."""

GREGORIAN_OFFSET = 62_167_219_200
"""Seconds between year 0 and 1970, as Erlang's calendar counts them."""

VERSION = "1"
"""What Kazoo 5 writes into pvt_vsn."""


def gregorian(unix: float) -> int:
    """Whole gregorian seconds of a moment in unix seconds."""
    return int(unix) + GREGORIAN_OFFSET


def unix(gregorian_seconds: float) -> float:
    """Unix seconds of a moment in gregorian seconds."""
    return float(gregorian_seconds - GREGORIAN_OFFSET)


def is_private(field: str) -> bool:
    """Whether a top-level field is kept from the API."""
    return field.startswith(("_", "pvt_"))


def stamp(
    doc: Document,
    *,
    type: str,
    account_id: str | None = None,
    db: str | None = None,
    now: float | None = None,
    node: str | None = None,
) -> Document:
    """A copy of the document with its private fields brought up to date.

    pvt_created is set once; pvt_modified at each call. `now` is in unix seconds (default: the wall clock).
    `db` defaults to the account's own database.
    """
    moment = gregorian(time.time() if now is None else now)
    stamped = {**doc, "pvt_type": type, "pvt_modified": moment, "pvt_vsn": doc.get("pvt_vsn", VERSION)}
    stamped.setdefault("pvt_created", moment)
    if account_id is not None:
        stamped["pvt_account_id"] = account_id
        stamped["pvt_account_db"] = names.encoded(db or names.account_db(account_id))
    elif db is not None:
        stamped["pvt_account_db"] = names.encoded(db)
    if node is not None:
        stamped["pvt_node"] = node
    return stamped


def public(doc: Document) -> Document:
    """What the API may show: a copy without the private fields, with `id` where the document has one."""
    shown = {field: value for field, value in doc.items() if not is_private(field)}
    if "_id" in doc:
        shown["id"] = doc["_id"]
    return shown


def private(doc: Document) -> Document:
    """Only the private fields, with `_id`, `_rev` and `_attachments`."""
    return {field: value for field, value in doc.items() if is_private(field)}


def replace_public(stored: Document, wanted: Document) -> Document:
    """The stored document with its public part replaced by that of `wanted`, whose private fields are ignored.

    `id` is how the API shows `_id`, so it is ignored too.
    """
    kept = {field: value for field, value in wanted.items() if not is_private(field) and field != "id"}
    return kept | private(stored)


def soft_deleted(doc: Document, *, now: float | None = None) -> Document:
    """A copy marked as deleted: hidden from the views and to the API, but still there."""
    return {**doc, "pvt_deleted": True, "pvt_modified": gregorian(time.time() if now is None else now)}


def is_deleted(doc: Document) -> bool:
    """Whether the document is deleted, softly or as a tombstone."""
    return bool(doc.get("pvt_deleted") or doc.get("_deleted"))


def password_hashes(username: str, password: str) -> Document:
    """How a Kazoo keeps a password: hashes of `username:password` with the username in small letters.

    Documents that come from one hold them until their users first log in; nothing of ours writes them, since MD5 and
    SHA-1 protect nothing if the database is read by others.
    """
    credentials = f"{username.lower()}:{password}".encode()
    return {
        "pvt_md5_auth": hashlib.md5(credentials, usedforsecurity=False).hexdigest(),
        "pvt_sha1_auth": hashlib.sha1(credentials, usedforsecurity=False).hexdigest(),
    }

"""Lamps that are set by hand, kept in an account's document `manual_presence`: {presence id: state}. Kazoo: the same
document of cf_manual_presence.

It outlives every process. A lamp that is out is not kept.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mirliton.actors.presence import LAMP_STATES, LampState
from mirliton.actors.store import Document, NotFound, Store, update
from mirliton.actors.store.documents import is_private, stamp
from mirliton.actors.store.names import account_db

DOCUMENT: Final = "manual_presence"
MOST: Final = 1_000
"""Lamps of one account that may be set by hand; more are refused."""
_PRESENCE_ID: Final = re.compile(r"(?!pvt_)[A-Za-z0-9*#+][A-Za-z0-9*#+._~!%-]{0,63}(@[A-Za-z0-9.-]{1,253})?")


class TooManyLamps(Exception):
    """An account has as many lamps set by hand as it may."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        super().__init__(f"account {account_id} has {MOST} lamps set by hand already")


def is_presence_id(text: Any) -> bool:
    """Whether this can be a presence id: a user, with a realm or without."""
    return isinstance(text, str) and _PRESENCE_ID.fullmatch(text) is not None


def lit(doc: Document) -> dict[str, LampState]:
    """What a document says, as far as it can be meant."""
    return {
        name: state
        for name, state in doc.items()
        if not is_private(name) and is_presence_id(name) and state in LAMP_STATES and state != "terminated"
    }


async def read(store: Store, account_id: str) -> dict[str, LampState]:
    """The account's lamps that are lit by hand. Raises StoreError."""
    try:
        return lit(await store.get(account_db(account_id), DOCUMENT))
    except NotFound:
        return {}


async def keep(store: Store, account_id: str, presence_id: str, state: LampState, *, now: float) -> None:
    """Keep that a lamp is in this state. `now` is unix time. Raises TooManyLamps, and StoreError."""

    def change(doc: Document) -> Document | None:
        if doc.get(presence_id, "terminated") == state:
            return None
        if state == "terminated":
            return {name: value for name, value in doc.items() if name != presence_id}
        if len(lit(doc).keys() | {presence_id}) > MOST:
            raise TooManyLamps(account_id)
        return stamp({**doc, presence_id: state}, type=DOCUMENT, account_id=account_id, now=now)

    await update(store, account_db(account_id), DOCUMENT, change, create=True)


async def forget(store: Store, account_id: str, presence_id: str = "") -> None:
    """Put out a lamp that is set by hand; without `presence_id` all of them. Raises StoreError."""

    def change(doc: Document) -> Document | None:
        kept = {name: value for name, value in doc.items() if is_private(name) or (presence_id and name != presence_id)}
        return None if kept == doc else kept

    try:
        await update(store, account_db(account_id), DOCUMENT, change)
    except NotFound:
        return

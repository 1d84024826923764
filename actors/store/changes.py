"""Following what changes in a database: the safety net of caches.

Whoever writes a document tells the caches by message (`news.py`); a message can be lost, and a third party that writes
to the database itself sends none. `follow` asks the database (of CouchDB by long polling `_changes`, unfiltered and not
continuous, which is what every server can do) and calls back once per changed document:

    async def changed(change: Change) -> None:
        cache.forget(change.db, change.id)

    await follow(store, "system_config", changed, since="now", forgotten=cache.forget_all)

A cache that starts empty begins with `since="now"`. Whoever must not miss a change over its own restart names a
checkpoint (`checkpoint="cdr-export"`), which only a CouchDB keeps: the place reached is then in the database itself, as
a local document, which is no change and no part of `all_docs`. Delivery is at least once, in the database's order:
after a restart the changes since the last kept place come again. Several changes of one document may come as one, the
last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, runtime_checkable

import structlog

from mirliton.actors.store import names
from mirliton.actors.store.errors import BadQuery, DatabaseNotFound, StoreError, StoreUnavailable
from mirliton.runtime.messages import message

log = structlog.get_logger()

NOW: Final = "now"
POLL: Final = 25.0
"""Seconds that a poll waits for a change; less than proxies give an answer."""
PAGE: Final = 200
"""Changes in one answer."""
_LONGEST_PAUSE: Final = 10.0


@message("store.change")
class Change:
    """A document of `db` was written: it is at `rev` now, or gone."""

    db: str
    id: str
    rev: str
    deleted: bool = False


@message("store.changes")
class Changes:
    """Some changes, in order, and the place after them."""

    changes: list[Change]
    place: str


class Feed(Protocol):
    """What can be followed: any store."""

    async def changes(self, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
        """As Store.changes."""


@runtime_checkable
class Places(Protocol):
    """A store that keeps how far its followers are."""

    async def place(self, db: str, checkpoint: str) -> str | None:
        """The place kept under this name."""

    async def keep_place(self, db: str, checkpoint: str, place: str) -> None:
        """Keep it. Lost or late it costs a repetition."""


async def follow(
    store: Feed,
    db: str,
    changed: Callable[[Change], Awaitable[None]],
    *,
    since: str = NOW,
    checkpoint: str | None = None,
    forgotten: Callable[[], Awaitable[None]] | None = None,
    poll: float = POLL,
) -> None:
    """Call `changed` for each changed document until cancelled; ends when the database is deleted (DatabaseNotFound).

    `since` counts where there is no kept place. `forgotten` is called when the place is not known any more (the
    database was made anew, or is another one's): anything may have changed, and the feed goes on from now, or with a
    checkpoint from the beginning. While the database is away it is tried again at growing intervals up to 10 s. What
    `changed` raises ends the feed; the change comes again when the database is followed again from its checkpoint.
    Raises BadQuery for a checkpoint where the store keeps none.
    """
    names.check_database(db)
    places = _places(store, checkpoint)
    place: str | None = None
    pause = 0.1
    while True:
        try:
            if place is None:
                place = await _begin(store, places, db, since, checkpoint)
            before = place
            page = await store.changes(db, place, wait=poll)
            if went_back(before, page.place):
                place = await _begin_anew(db, checkpoint, forgotten)
                continue
        except DatabaseNotFound:
            raise
        except StoreUnavailable as error:
            log.warning("changes not read", db=db, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        except StoreError as error:
            if place in (None, "0"):
                raise
            log.warning("the place in the changes is not known", db=db, reason=str(error))
            place = await _begin_anew(db, checkpoint, forgotten)
            continue
        pause = 0.1
        for change in page.changes:
            await changed(change)
        place = page.place
        if places is not None and checkpoint is not None and place != before:
            await places.keep_place(db, checkpoint, place)


def went_back(before: str, now: str) -> bool:
    """Whether a database's counter stands below where it stood: it is another database of the same name."""
    return _count(now) < _count(before)


def _places(store: Feed, checkpoint: str | None) -> Places | None:
    if checkpoint is None:
        return None
    names.check_document(checkpoint)
    if not isinstance(store, Places):
        raise BadQuery("_changes", "this store keeps no checkpoints of those who follow it")
    return store


async def _begin(store: Feed, places: Places | None, db: str, since: str, checkpoint: str | None) -> str:
    kept = await places.place(db, checkpoint) if places is not None and checkpoint is not None else None
    if kept is not None:
        return kept
    # "now" is made a place at once: else what changes before the first poll would be missed.
    return (await store.changes(db, NOW, limit=1)).place if since == NOW else since


async def _begin_anew(db: str, checkpoint: str | None, forgotten: Callable[[], Awaitable[None]] | None) -> str:
    log.warning("changes begin anew", db=db)
    if forgotten is not None:
        await forgotten()
    return "0" if checkpoint else NOW


def _count(place: str) -> int:
    number = place.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0

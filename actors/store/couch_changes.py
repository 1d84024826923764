"""Following what changes in a database: the safety net of caches.

Whoever writes a document tells the caches by message; a message can be lost. `follow` asks CouchDB itself, by long
polling `_changes` (unfiltered and not continuous, which is what every server can do), and calls back once per changed
document:

    async def changed(change: Change) -> None:
        cache.forget(change.db, change.id)

    await follow(store, "system_config", changed, since="now", forgotten=cache.forget_all)

A cache that starts empty begins with `since="now"`. Whoever must not miss a change over its own restart names a
checkpoint (`checkpoint="cdr-export"`): the place reached is then kept in the database itself, as a local document,
which is no change and no part of `all_docs`. Delivery is at least once, in the database's order: after a restart
the changes since the last kept place come again. Several changes of one document may come as one, the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from mirliton.actors.store import names
from mirliton.actors.store.couch_design import not_there
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.errors import DatabaseNotFound, StoreError, StoreUnavailable
from mirliton.runtime.messages import message

if TYPE_CHECKING:
    from mirliton.actors.store.couch import CouchStore

log = structlog.get_logger()

POLL: Final = 25.0
"""Seconds that a poll waits for a change; less than proxies give an answer."""
GRACE: Final = 10.0
"""Seconds beyond them after which the poll is given up."""
PAGE: Final = 200
"""Changes in one answer."""


@message("store.change")
class Change:
    """A document of `db` was written: it is at `rev` now, or gone."""

    db: str
    id: str
    rev: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes, in order, and the place after them."""

    changes: list[Change]
    place: str


async def changes(line: Line, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
    """The changes after a place ("0": all; "now": none), waiting up to `wait` seconds for one.

    Raises DatabaseNotFound, and StoreError for a place that this database does not know.
    """
    query: dict[str, Any] = {"since": since, "limit": limit}
    if wait:
        query |= {"feed": "longpoll", "timeout": int(wait * 1000)}
    timeout = wait + line.tuning.timeout + GRACE
    answer = await line.read("changes", "GET", db, "_changes", query=query, timeout=timeout, poll=wait > 0)
    if not answer.ok:
        raise not_there(line, "changes", db, answer)
    found = [
        Change(db, row["id"], row["changes"][0]["rev"], bool(row.get("deleted")))
        for row in answer.data["results"]
        if not row["id"].startswith("_")
    ]
    return Changes(found, _text(answer.data["last_seq"]))


async def follow(
    store: CouchStore,
    db: str,
    changed: Callable[[Change], Awaitable[None]],
    *,
    since: str = "now",
    checkpoint: str | None = None,
    forgotten: Callable[[], Awaitable[None]] | None = None,
    poll: float = POLL,
) -> None:
    """Call `changed` for each changed document until cancelled; ends when the database is deleted (DatabaseNotFound).

    `since` counts where there is no kept place. `forgotten` is called when the place is not known any more (the
    database was made anew, or is another one's): anything may have changed, and the feed goes on from now, or with a
    checkpoint from the beginning. While the database is away it is tried again at growing intervals up to 10 s. What
    `changed` raises ends the feed; the change comes again when the database is followed again from its checkpoint.
    """
    names.check_database(db)
    if checkpoint is not None:
        names.check_document(checkpoint)
    place: str | None = None
    pause = 0.1
    while True:
        try:
            if place is None:
                place = await _begin(store.line, db, since, checkpoint)
            before = place
            page = await changes(store.line, db, place, wait=poll)
            if _went_back(before, page.place):
                place = await _begin_anew(db, checkpoint, forgotten)
                continue
        except DatabaseNotFound:
            raise
        except StoreUnavailable as error:
            log.warning("changes not read", db=db, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)
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
        if checkpoint and place != before:
            await _keep(store.line, db, checkpoint, place)


async def _begin(line: Line, db: str, since: str, checkpoint: str | None) -> str:
    kept = await _kept(line, db, checkpoint) if checkpoint else None
    if kept is not None:
        return kept
    # "now" is made a place at once: else what changes before the first poll would be missed.
    return (await changes(line, db, since, limit=1)).place if since == "now" else since


async def _begin_anew(db: str, checkpoint: str | None, forgotten: Callable[[], Awaitable[None]] | None) -> str:
    log.warning("changes begin anew", db=db)
    if forgotten is not None:
        await forgotten()
    return "0" if checkpoint else "now"


def _went_back(before: str, now: str) -> bool:
    """Whether a database's counter stands below where it stood: it is another database of the same name."""
    return _count(now) < _count(before)


def _count(place: str) -> int:
    number = place.partition("-")[0]
    return int(number) if number.isdigit() else 0


async def _kept(line: Line, db: str, checkpoint: str) -> str | None:
    answer = await line.read("changes", "GET", db, "_local", f"{_PREFIX}{checkpoint}")
    if answer.ok:
        return str(answer.data["place"])
    if answer.status == 404 and answer.reason in ("missing", "deleted"):
        return None
    raise not_there(line, "changes", db, answer)


async def _keep(line: Line, db: str, checkpoint: str, place: str) -> None:
    """Keep a place. Lost or late it costs a repetition, so nothing is done about a failure but to say so."""
    id = f"{_PREFIX}{checkpoint}"
    try:
        there = await line.read("changes", "GET", db, "_local", id)
        doc = {"_id": f"_local/{id}", "place": place}
        if there.ok:
            doc["_rev"] = there.data["_rev"]
        answer = await line.read("changes", "PUT", db, "_local", id, body=orjson.dumps(doc))
        if not answer.ok:
            raise not_there(line, "changes", db, answer)
    except StoreUnavailable as error:
        log.warning("place in the changes not kept", db=db, checkpoint=checkpoint, reason=str(error))


_PREFIX: Final = "mirliton-"


def _text(place: object) -> str:
    return place if isinstance(place, str) else orjson.dumps(place).decode()

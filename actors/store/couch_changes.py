"""What changed in a database of a CouchDB, and how far those are who follow it (`changes.py`)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
import structlog

from mirliton.actors.store.changes import NOW, PAGE, Change, Changes
from mirliton.actors.store.couch_design import not_there
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.errors import StoreUnavailable

log = structlog.get_logger()

GRACE: Final = 2.0
"""Seconds beyond those that a poll waits after which nothing has come."""
_PREFIX: Final = "mirliton-"


async def changes(line: Line, db: str, since: str, *, wait: float = 0.0, limit: int = PAGE) -> Changes:
    """The changes after a place ("0": all; "now": none), waiting up to `wait` seconds for one.

    Raises DatabaseNotFound, and StoreError for a place that this database does not know.
    """
    if wait and since == NOW:  # a place to go on from, however the wait ends
        since = (await changes(line, db, NOW, limit=1)).place
    query: dict[str, Any] = {"since": since, "limit": limit}
    if wait:
        query |= {"feed": "longpoll", "timeout": int(wait * 1000)}
    timeout = wait + line.tuning.timeout + GRACE
    try:
        async with asyncio.timeout(wait + GRACE if wait else None):
            answer = await line.read("changes", "GET", db, "_changes", query=query, timeout=timeout, poll=wait > 0)
    except TimeoutError:
        return Changes([], since)  # some servers do not keep to the time they are given
    if not answer.ok:
        raise not_there(line, "changes", db, answer)
    found = [
        Change(db, row["id"], row["changes"][0]["rev"], bool(row.get("deleted")))
        for row in answer.data["results"]
        if not row["id"].startswith("_")
    ]
    return Changes(found, _text(answer.data["last_seq"]))


async def place(line: Line, db: str, checkpoint: str) -> str | None:
    """The place that is kept under this name."""
    answer = await line.read("changes", "GET", db, "_local", f"{_PREFIX}{checkpoint}")
    if answer.ok:
        return str(answer.data["place"])
    if answer.status == 404 and answer.reason in ("missing", "deleted"):
        return None
    raise not_there(line, "changes", db, answer)


async def keep_place(line: Line, db: str, checkpoint: str, reached: str) -> None:
    """Keep a place. Lost or late it costs a repetition, so nothing is done about a failure but to say so."""
    id = f"{_PREFIX}{checkpoint}"
    try:
        there = await line.read("changes", "GET", db, "_local", id)
        doc = {"_id": f"_local/{id}", "place": reached}
        if there.ok:
            doc["_rev"] = there.data["_rev"]
        answer = await line.read("changes", "PUT", db, "_local", id, body=orjson.dumps(doc))
        if not answer.ok:
            raise not_there(line, "changes", db, answer)
    except StoreUnavailable as error:
        log.warning("place in the changes not kept", db=db, checkpoint=checkpoint, reason=str(error))


def _text(reached: object) -> str:
    return reached if isinstance(reached, str) else orjson.dumps(reached).decode()

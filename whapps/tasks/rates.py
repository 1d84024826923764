"""Rates of calls: import, export, delete. Kazoo: kt_rates, the database `ratedeck`."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from mirliton.actors.store import Conflict, DatabaseNotFound, Document, DocumentNotFound, InvalidName, update
from mirliton.actors.store.documents import soft_deleted, stamp
from mirliton.actors.store.names import check_database
from mirliton.config import conform
from mirliton.whapps.tasks.action import Action, OutRow, RowFailed, Run
from mirliton.whapps.tasks.table import Row

RATEDECK: Final = "ratedeck"
PAGE: Final = 200
_WHOLE: Final = frozenset({"prefix", "rate_increment", "rate_minimum", "rate_nocharge_time", "weight"})
_AMOUNTS: Final = frozenset({"rate_cost", "internal_rate_cost", "rate_surcharge"})
_LISTS: Final = frozenset({"direction", "options", "routes"})
_TEXTS: Final = (
    "account_id",
    "caller_id_numbers",
    "carrier",
    "description",
    "iso_country_code",
    "rate_name",
    "rate_suffix",
    "rate_version",
)
COLUMNS: Final = ("prefix", "rate_cost", *sorted((_WHOLE | _AMOUNTS | _LISTS) - {"prefix", "rate_cost"}), *_TEXTS)


async def _import(run: Run, number: int, row: Row) -> OutRow:
    """One rate; of one deck, prefix, name and version there is one, so doing it again changes nothing."""
    deck = _deck(row)
    given = {name: _value(name, text) for name, text in row.items() if text.strip() and name != "ratedeck_id"}
    judged = conform("rates", given)
    if not judged.ok:
        raise RowFailed("; ".join(f"{'.'.join(map(str, error.path))}: {error.message}" for error in judged.errors))
    id = _id(deck, given)

    def written(old: Document) -> Document:
        kept = {key: value for key, value in old.items() if key.startswith(("_", "pvt_")) and key != "pvt_deleted"}
        return stamp({**judged.document, **kept, "ratedeck_id": deck}, type="rate", db=deck, now=run.clock())

    await run.store.create_database(deck)
    await update(run.store, deck, id, written, create=True)
    return {"id": id}


async def _delete(run: Run, number: int, row: Row) -> OutRow:
    deck = _deck(row)
    given = {name: _value(name, text) for name, text in row.items() if text.strip() and name != "ratedeck_id"}
    id = _id(deck, given)
    try:
        await update(
            run.store,
            deck,
            id,
            lambda old: None if old.get("pvt_deleted") else soft_deleted(old, now=run.clock()),
        )
    except (DatabaseNotFound, DocumentNotFound):
        raise RowFailed("there is no such rate") from None
    except Conflict:
        raise RowFailed("it is being changed by others") from None
    return {"id": id}


async def _export(run: Run, place: Any) -> AsyncIterator[tuple[Sequence[OutRow], Any]]:
    after = str(place or "")
    while True:
        try:
            rows = (
                await run.store.view(RATEDECK, "rates/crossbar_listing", startkey=after, limit=PAGE, include_docs=True)
            ).rows
        except DatabaseNotFound:
            return
        docs = [row.doc for row in rows if row.doc is not None and row.id != after]
        if docs:
            after = docs[-1]["_id"]
            yield [{**doc, "id": doc["_id"]} for doc in docs], after
        if len(rows) < PAGE:
            return


def _deck(row: Row) -> str:
    deck = row.get("ratedeck_id", "").strip() or RATEDECK
    try:
        check_database(deck)
    except InvalidName as error:
        raise RowFailed(f"ratedeck_id: {error}") from None
    if not deck.startswith(RATEDECK):
        raise RowFailed(f"ratedeck_id: the name of a rate deck begins with {RATEDECK}")
    return deck


def _id(deck: str, given: dict[str, Any]) -> str:
    """Of the rate that the row means."""
    text = "/".join(str(given.get(name, "")) for name in ("prefix", "rate_name", "rate_version", "account_id"))
    return hashlib.sha256(f"{deck}/{text}".encode()).hexdigest()[:32]


def _value(name: str, text: str) -> Any:
    text = text.strip()
    if name in _LISTS:
        return [each.strip() for each in text.split(";") if each.strip()]
    try:
        if name in _WHOLE:
            return int(text.removeprefix("+"))
        if name in _AMOUNTS:
            return float(text)
    except ValueError:
        raise RowFailed(f"{name}: {text[:40]!a} is no number") from None
    return text


ACTIONS: Final = (
    Action(
        "rates",
        "import",
        "Import rates from CSV",
        mandatory=("prefix", "rate_cost"),
        optional=tuple(name for name in (*COLUMNS, "ratedeck_id") if name not in ("prefix", "rate_cost")),
        output=("id",),
        row=_import,
        masters=True,
    ),
    Action(
        "rates",
        "delete",
        "Delete rates obsoleted by CSV",
        mandatory=("prefix",),
        optional=tuple(name for name in (*COLUMNS, "ratedeck_id") if name != "prefix"),
        output=("id",),
        row=_delete,
        masters=True,
    ),
    Action("rates", "export", "Export the rates", output=("id", *COLUMNS), listing=_export, masters=True),
)

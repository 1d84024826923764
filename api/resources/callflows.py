"""`callflows`: what happens to a call, by the number it was for. Kazoo: cb_callflows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mirliton.actors.store import Document, Row
from mirliton.actors.store.names import account_db
from mirliton.api.context import Context
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource
from mirliton.api.taking import Thing
from mirliton.api.unique import not_unique
from mirliton.config import ValidationError
from mirliton.config.validation import is_regex

SHOWN: Final = 10
"""Numbers in use that an error names."""


async def _numbers_are_free(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    """A number or pattern leads to one callflow of an account."""
    return [
        *await _taken(context, doc, "numbers", "callflows/listing_by_number"),
        *await _taken(context, doc, "patterns", "callflows/listing_by_pattern"),
    ]


async def _taken(context: Context, doc: Document, field: str, view: str) -> list[ValidationError]:
    keys = _texts(doc.get(field))
    if not keys:
        return []
    rows = (await context.store.view(account_db(context.account_id), view, keys=keys)).rows
    others = [row for row in rows if row.id != doc.get("_id")]
    if not others:
        return []
    # One error for the field, as Kazoo has it; the message names them all.
    uses = ", ".join(f"{row.key} is used by the callflow {_name(row)}" for row in others[:SHOWN])
    return [not_unique((field,), uses, others[0].key)]


def _name(row: Row) -> str:
    name = row.value.get("name") if isinstance(row.value, dict) else None
    return str(name or row.id)


async def _patterns_compile(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    return [
        ValidationError(("patterns", index), "regexp", "must be a regular expression", {"cause": pattern[:128]})
        for index, pattern in enumerate(_texts(doc.get("patterns")))
        if not is_regex(pattern)
    ]


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, Iterable) else []


def _things(doc: Document) -> list[Thing]:
    return [
        Thing(kind, value, (kind, index))
        for kind in ("numbers", "patterns")
        for index, value in enumerate(_texts(doc.get(kind)))
    ]


CALLFLOWS: Final = Resource(
    "callflows",
    id_name="callflow_id",
    type="callflow",
    checks=(_patterns_compile, _numbers_are_free),
    things=_things,
)

ROUTES: Final = Documents(CALLFLOWS).routes(lists={"GET": "any"}, plain={"GET": "any"})

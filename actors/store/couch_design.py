"""Views as CouchDB has them: design documents, made from the declarations and installed where they are missing.

The views "callflows/…" of one class of databases become one design document, named `_design/callflows-HASH` after its
own content. So a question goes to exactly the declaration it was meant for; processes of different versions have
their indexes side by side and do not take them from each other, as with a document of one name they would; and
Kazoo's own design documents, which an imported database has, stay as they are. `refresh` removes those of ours that
are declared no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mirliton.actors.store.couch_answer import Answer
from mirliton.actors.store.couch_line import Line
from mirliton.actors.store.couch_map import javascript
from mirliton.actors.store.errors import DatabaseNotFound, StoreDamaged, StoreError
from mirliton.actors.store.views import View

MARK: Final = "mirliton"
"""The member that tells our design documents from those of others."""
DESIGNS: Final = {"startkey": "_design/", "endkey": "_design0", "inclusive_end": False}
"""The range of ids of all design documents."""


@dataclass(frozen=True, slots=True)
class Design:
    """One design document."""

    views: tuple[View, ...]
    name: str = field(init=False)
    """What stands after `_design/`."""
    body: dict[str, Any] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        group = self.views[0].name.partition("/")[0]
        views: dict[str, dict[str, str]] = {}
        for view in sorted(self.views, key=lambda view: view.name):
            made = views[view.name.partition("/")[2]] = {"map": javascript(view)}
            if view.reduce:
                made["reduce"] = view.reduce
        content = {"language": "javascript", "views": views, MARK: {"design": group}}
        digest = hashlib.md5(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "name", f"{group}-{digest[:16]}")
        object.__setattr__(self, "body", {"_id": f"_design/{self.name}", **content})


def designs(views: Iterable[View]) -> tuple[Design, ...]:
    """The design documents of these views, one for each design that they name."""
    groups: dict[str, list[View]] = {}
    for view in views:
        groups.setdefault(view.name.partition("/")[0], []).append(view)
    return tuple(Design(tuple(group)) for group in groups.values())


async def install(line: Line, db: str, wanted: Iterable[Design]) -> list[Design]:
    """Put in place those that are not there; returns them. Raises DatabaseNotFound."""
    there = {row["id"] for row in await installed(line, db)}
    missing = [design for design in wanted if design.body["_id"] not in there]
    if missing:
        body = orjson.dumps({"docs": [design.body for design in missing]})
        # Asked again it meets itself as a conflict, and so does another process that installs the same: all is well.
        answer = await line.read("install views", "POST", db, "_bulk_docs", body=body)
        if not answer.ok:
            raise not_there(line, "install views", db, answer)
        for row in answer.data:
            if row.get("error") not in (None, "conflict"):
                raise StoreDamaged(line.path, f"design document {row.get('id')} of {db} is refused: {row}")
    return missing


async def remove_others(line: Line, db: str, wanted: Iterable[Design]) -> int:
    """Remove our design documents that are not wanted any more, and their indexes; returns how many."""
    names = {design.body["_id"] for design in wanted}
    rows = [row for row in await installed(line, db, whole=True) if MARK in row["doc"] and row["id"] not in names]
    if rows:
        gone = [{"_id": row["id"], "_rev": row["doc"]["_rev"], "_deleted": True} for row in rows]
        await line.read("remove views", "POST", db, "_bulk_docs", body=orjson.dumps({"docs": gone}))
        await line.read("remove views", "POST", db, "_view_cleanup", body=b"{}")
    return len(rows)


async def installed(line: Line, db: str, *, whole: bool = False) -> list[dict[str, Any]]:
    """The rows of all design documents, ours and others'. Raises DatabaseNotFound."""
    answer = await line.read("list views", "GET", db, "_all_docs", query={**DESIGNS, "include_docs": whole})
    if not answer.ok:
        raise not_there(line, "list views", db, answer)
    rows: list[dict[str, Any]] = answer.data["rows"]
    return rows


def not_there(line: Line, operation: str, db: str, answer: Answer) -> StoreError:
    """DatabaseNotFound where the answer says so, else what it says."""
    if answer.status == 404 and answer.error == "not_found":
        return DatabaseNotFound(db)
    return line.failure(operation, answer)

"""A view, declared once as data.

    LISTING_BY_NUMBER = View(
        "callflows/listing_by_number",
        databases=("account",),
        emits=(Emit(types=("callflow",), each=Field("numbers"), key=Each(), value=...),),
    )

Each backend makes of it what it needs: SQLite an index kept by the writer, CouchDB a design document. `version` changes
when the declaration does, and then the index is built anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from mirliton.actors.store.errors import InvalidName
from mirliton.actors.store.expressions import Const, Expression, from_data, to_data

FORMAT = 2
"""Raise it when the same declaration comes to mean other rows or other index keys: every view is then built anew."""

Reduce = Literal["_count", "_sum"]

_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Emit:
    """One kind of row that a document may give.

    A document of one of `types` (any, when empty; none of `except_types`) for which every expression of `where` counts
    as true emits one row; with `each`, one for each element of that array (or each member's name of that object).
    A row whose key is missing is not emitted.
    """

    key: Expression
    value: Expression = field(default_factory=lambda: Const(None))
    types: tuple[str, ...] = ()
    except_types: tuple[str, ...] = ()
    where: tuple[Expression, ...] = ()
    each: Expression | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A view "design/name" of all databases of the classes named (see `names.classify`).

    Softly deleted documents are left out, unless `soft_deleted`, which takes only those.
    """

    name: str
    databases: tuple[str, ...]
    emits: tuple[Emit, ...]
    reduce: Reduce | None = None
    soft_deleted: bool = False
    version: str = field(init=False, compare=False)
    """Stands for the declaration: two views with one version have the same rows."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidName("view", self.name, 'it must be "design/name" of a-z, 0-9 and _')
        text = json.dumps(self.to_data(), sort_keys=True, separators=(",", ":"))
        version = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "version", version)

    def to_data(self) -> dict[str, Any]:
        """The declaration as JSON, without the databases it is for: those do not change what a document emits."""
        return {
            "format": FORMAT,
            "name": self.name,
            "reduce": self.reduce,
            "soft_deleted": self.soft_deleted,
            "emits": [
                {
                    "key": to_data(emit.key),
                    "value": to_data(emit.value),
                    "types": list(emit.types),
                    "except_types": list(emit.except_types),
                    "where": to_data(emit.where),
                    "each": to_data(emit.each),
                }
                for emit in self.emits
            ],
        }


def view_from_data(data: dict[str, Any]) -> View:
    """The view of `View.to_data`. Raises ValueError for what this version does not know."""
    if data.get("format") != FORMAT:
        raise ValueError(f"declaration format {data.get('format')!r}, this version knows {FORMAT}")
    emits = tuple(
        Emit(
            key=from_data(emit["key"]),
            value=from_data(emit["value"]),
            types=tuple(emit["types"]),
            except_types=tuple(emit["except_types"]),
            where=from_data(emit["where"]),
            each=from_data(emit["each"]),
        )
        for emit in data["emits"]
    )
    return View(data["name"], (), emits, data["reduce"], data["soft_deleted"])

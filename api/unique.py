"""What must be there only once: a key of a view that no other document may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mirliton.actors.store import DatabaseNotFound, Store
from mirliton.config import ValidationError


async def taken_by(store: Store, database: str, view: str, key: Any, *, but: str | None) -> str | None:
    """The id of another document than `but` that emits `key`; None where there is none. Raises StoreError."""
    try:
        # Two rows are enough: one may be the document itself, which may also emit the key twice.
        rows = (await store.view(database, view, key=key, limit=8)).rows
    except DatabaseNotFound:
        return None
    return next((row.id for row in rows if row.id != but), None)


def not_unique(path: Sequence[str | int], message: str, cause: Any) -> ValidationError:
    """Kazoo's error `unique`; `cause` is the value that is taken."""
    return ValidationError(tuple(path), "unique", message, {"cause": cause})

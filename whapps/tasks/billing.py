"""Records of calls as a table. Kazoo: kt_cdr, category billing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound
from mirliton.actors.store.names import account_db, month_of_db
from mirliton.whapps.tasks.action import Action, OutRow, Run

PAGE: Final = 200
COLUMNS: Final = (
    "account_id",
    "call_id",
    "call_direction",
    "from",
    "to",
    "caller_id_number",
    "callee_id_number",
    "timestamp",
    "duration_seconds",
    "billing_seconds",
    "hangup_cause",
    "other_leg_call_id",
    "owner_id",
)


async def _dump(run: Run, place: Any) -> AsyncIterator[tuple[Sequence[OutRow], Any]]:
    """All records, month by month, the oldest first; what is written to a month that was passed is left out."""
    begun_db, begun_key = place if isinstance(place, list) and len(place) == 2 else ("", None)
    months = [db for db in await run.store.databases(f"{account_db(run.account_id)}-") if month_of_db(db)]
    for db in months:
        if db < str(begun_db):
            continue
        after: Any = begun_key if db == begun_db else None
        while True:
            options: dict[str, Any] = {} if after is None else {"startkey": after}
            try:
                rows = (
                    await run.store.view(db, "cdrs/crossbar_listing", limit=PAGE, include_docs=True, **options)
                ).rows
            except DatabaseNotFound:
                break
            docs = [row.doc for row in rows if row.doc is not None and row.key != after]
            if docs:
                after = rows[-1].key
                yield [{**doc, "account_id": run.account_id} for doc in docs], [db, after]
            if len(rows) < PAGE:
                break


ACTIONS: Final = (Action("billing", "dump", "Export the records of all calls", output=COLUMNS, listing=_dump),)

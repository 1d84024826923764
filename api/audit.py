"""Who used power over processes, accounts and logins: a log line always, and a document in the database `audit`.

Both come before the deed. Where the store does not take the document within a second, the deed goes ahead and the log
line is all there is: a control plane that needs the store could not mend the store.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, StoreError
from mirliton.actors.store.documents import public, stamp
from mirliton.api.context import Context
from mirliton.api.identity import original_of
from mirliton.runtime import RuntimeFault

DATABASE: Final = "audit"
PATIENCE: Final = 1.0
"""Seconds the store has to take the document."""
SHOWN: Final = 100


async def note(context: Context, action: str, **facts: Any) -> None:
    """Note that somebody is about to do `action`."""
    services, who = context.services, context.identity
    entry = {
        "action": action,
        **facts,
        "by_account": who.account_id if who is not None else None,
        "by_user": who.owner_id if who is not None else None,
        **(original_of(who.claims) if who is not None else {}),
        "address": context.address,
        "request_id": context.request_id,
        "node": services.node.name,
    }
    context.log.warning("audit", **{key: value for key, value in entry.items() if key not in ("request_id", "node")})
    now = services.now()
    # Ids order as time does.
    doc = stamp({"_id": f"{int(now * 1000):014d}-{secrets.token_hex(4)}", **entry}, type="audit", db=DATABASE, now=now)
    try:
        async with asyncio.timeout(PATIENCE):
            await context.store.create_database(DATABASE)
            await context.store.put(DATABASE, doc)
    except (StoreError, RuntimeFault, TimeoutError) as error:
        context.log.error("audit_not_stored", action=action, error=str(error) or type(error).__name__)


async def latest(context: Context) -> list[dict[str, Any]]:
    """The last entries, the newest first. Raises StoreError."""
    try:
        rows = (await context.store.all_docs(DATABASE, descending=True, limit=SHOWN, include_docs=True)).rows
    except DatabaseNotFound:
        return []
    return [{**public(row.doc), "when": row.doc.get("pvt_created")} for row in rows if row.doc is not None]

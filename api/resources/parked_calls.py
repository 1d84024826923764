"""`parked_calls`: which calls are parked, and where. Kazoo: cb_parked_calls.

What a call left behind that is gone is not shown.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import NotFound
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.resources.channels import channels_of
from mirliton.api.routing import Route

MAX_SLOTS: Final = 1000


async def _list(context: Context) -> Answer:
    view = "parking/parked_calls"
    try:
        rows = (await context.store.view(account_db(context.account_id), view, limit=MAX_SLOTS)).rows
    except NotFound:
        rows = []
    slots: dict[str, Any] = {}
    if rows:
        up = {row["uuid"] for row in await channels_of(context)}
        for row in rows:
            if isinstance(row.value, dict) and row.value.get("Call-ID") in up:
                slots[str(row.id).removeprefix("parking-slot-")] = row.value
    return Answer({"slots": slots})


ROUTES: Final = (Route("accounts/{account_id}/parked_calls", "parked_calls", {"GET": _list}, plain={"GET": "any"}),)

"""`hotdesks`: who is logged in to which device. Kazoo: cb_hotdesks."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import UNSET
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.routing import Route
from mirliton.api.tables import listed


async def _list(context: Context) -> Answer | Raw:
    return await _page(context, UNSET, None)


async def _list_of_user(context: Context) -> Answer | Raw:
    return await _page(context, parameter(context, "user_id"), None)


async def _list_of_device(context: Context) -> Answer | Raw:
    return await _page(context, UNSET, parameter(context, "device_id"))


async def _page(context: Context, user: Any, device: str | None) -> Answer | Raw:
    source = Listing((account_db(context.account_id),), "hotdesks/crossbar_listing", user, user)
    rows, place = await page(
        context.store,
        source,
        wanted(context.query, context.services.settings.page_size),
        keep=None if device is None else lambda row: row.id == device,
    )
    return listed(context, [row.value for row in rows], place, "hotdesks")


_ACCOUNT: Final = "accounts/{account_id}"

ROUTES: Final = (
    Route(f"{_ACCOUNT}/hotdesks", "hotdesks", {"GET": _list}),
    Route(f"{_ACCOUNT}/users/{{user_id}}/hotdesks", "hotdesks", {"GET": _list_of_user}, plain={"GET": "own"}),
    Route(f"{_ACCOUNT}/devices/{{device_id}}/hotdesks", "hotdesks", {"GET": _list_of_device}),
)

"""What stands around an account: `children`, `descendants`, `parents`, `tree`, and its `api_key`. Kazoo: cb_accounts.

Upwards nobody sees beyond their own account: the ancestors of an account that a token may see are those from the
token's own account down.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.api import audit
from mirliton.api.context import Answer, Context
from mirliton.api.filters import filters_of
from mirliton.api.identity import load_account, tree_of
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.resources.accounts import ACCOUNTS, ACCOUNTS_DB, DOCUMENTS
from mirliton.api.rights import is_master
from mirliton.api.routing import Route


def _below(view: str) -> Callable[[Context], Awaitable[Answer]]:
    async def listing(context: Context) -> Answer:
        account_id = context.account_id
        source = Listing((ACCOUNTS_DB,), view, [account_id], [account_id, {}])
        tests = filters_of(context.query.items())
        rows, place = await page(
            context.store,
            source,
            wanted(context.query, context.services.settings.page_size),
            keep=(lambda row: all(test(row.value) for test in tests)) if tests else None,
        )
        return Answer([row.value for row in rows], page=place)

    return listing


async def _above(context: Context) -> Answer:
    """The ancestors, the oldest first."""
    tree = tree_of(context.account or {})
    who = context.who.account_id
    if who in tree:
        tree = tree[tree.index(who) :]
    elif not await is_master(context.who, context.store):
        tree = []
    found: list[dict[str, Any]] = []
    for ancestor in tree:
        doc = await load_account(context.store, ancestor)
        if doc is not None:
            found.append({"id": ancestor, "name": doc.get("name")})
    return Answer(found)


async def _api_key(context: Context) -> Answer:
    stored = await DOCUMENTS.load(context)
    return Answer({"api_key": stored.get("pvt_api_key")})


async def _new_api_key(context: Context) -> Answer:
    """Another key; the old one, and every token that was made of it, is worth nothing from now on."""
    services = context.services
    async with services.locks.hold(ACCOUNTS.name):
        stored = await DOCUMENTS.load(context)
        doc = stamp(
            {**stored, "pvt_api_key": secrets.token_hex(32)},
            type=ACCOUNTS.type,
            account_id=context.account_id,
            now=services.now(),
        )
        await audit.note(context, "api_key_changed", account=context.account_id)
        doc["_rev"] = await context.store.put(account_db(context.account_id), doc)
        assert ACCOUNTS.changed is not None
        await ACCOUNTS.changed(context, doc)
    return Answer({"api_key": doc["pvt_api_key"]}, 201)


_ACCOUNT: Final = "accounts/{account_id}"

ROUTES: Final = (
    Route(f"{_ACCOUNT}/children", "accounts", {"GET": _below("accounts/listing_by_children")}),
    Route(f"{_ACCOUNT}/descendants", "accounts", {"GET": _below("accounts/listing_by_descendants")}),
    Route(f"{_ACCOUNT}/parents", "accounts", {"GET": _above}),
    Route(f"{_ACCOUNT}/tree", "accounts", {"GET": _above}),
    Route(f"{_ACCOUNT}/api_key", "accounts", {"GET": _api_key, "PUT": _new_api_key}),
)

"""Where an account stands: `move`, `reseller`, `siblings`. Kazoo: cb_accounts.

    POST accounts/{id}/move       {"to": account}   with everything below it; the master account, or, where
                                                    `system_config/crossbar.accounts` says allow_move "tree", whoever
                                                    stands above both
    PUT, DELETE …/reseller                          make it a reseller, or no longer; the master account
    GET …/siblings                                  the accounts beside it

A move and a change of reseller write many documents. One that breaks off is mended by making it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from mirliton.actors.store import Document, NotFound, Row, update
from mirliton.actors.store.names import account_db
from mirliton.api import audit
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, Forbidden, InvalidData
from mirliton.api.filters import filters_of
from mirliton.api.identity import SYSTEM_CONFIG, load_account, master_account_id, tree_of
from mirliton.api.paging import Listing, page, wanted
from mirliton.api.resources.accounts import ACCOUNTS, ACCOUNTS_DB, DOCUMENTS, brought_up_to_date, descendants
from mirliton.api.rights import is_master
from mirliton.api.routing import Reserved, Route

MAX_MOVED: Final = 10_000
"""Accounts below one that is moved, all in all."""


async def _move(context: Context) -> Answer:
    target_id = required_object(context).get("to")
    if not isinstance(target_id, str):
        raise InvalidData.of("to", "required", "is required", value="to")
    account_id, store = context.account_id, context.store
    async with context.services.locks.hold(ACCOUNTS.name):
        account = await load_account(store, account_id)
        target = await load_account(store, target_id)
        if account is None:
            raise BadIdentifier(account_id)
        await _may_move(context, account, target)
        if target is None or target_id == account_id or account_id in tree_of(target):
            raise InvalidData.of(
                "to", "invalid", "must be another account, and not one below this", value=target_id[:64]
            )
        if account_id == await master_account_id(store):
            raise Forbidden("the master account stays where it is")
        await audit.note(context, "account_moved", account=account_id, to=target_id)
        below = await descendants(store, account_id, MAX_MOVED)
        above = [*tree_of(target), target_id]
        # From the bottom, so that none is ever without the account it stands under.
        for row in sorted(below, key=lambda row: -len(row.value["tree"])):
            await _replant(context, str(row.id), above, account_id)
        await _replant(context, account_id, above, None)
        await _settle_resellers(context, [account_id, *(str(row.id) for row in below)])
        moved = await store.get(account_db(account_id), account_id)
    return DOCUMENTS.answer(moved)


async def _may_move(context: Context, account: Document, target: Document | None) -> None:
    who = context.who.account_id
    if await is_master(context.who, context.store):
        return
    tree = await _setting(context, "allow_move") == "tree"
    if not tree or target is None or who not in tree_of(account) or who not in [*tree_of(target), target["_id"]]:
        raise Forbidden


async def _replant(context: Context, id: str, above: Sequence[str], below: str | None) -> Document:
    """Give an account its new ancestors: those of the moved one, and those it has below that."""

    def change(doc: Document) -> Document:
        tree = tree_of(doc)
        kept = tree[tree.index(below) :] if below is not None and below in tree else []
        return {**doc, "pvt_tree": [*above, *kept]}

    return await _changed(context, id, change)


async def _promote(context: Context) -> Answer:
    return await _set_reseller(context, True)


async def _demote(context: Context) -> Answer:
    return await _set_reseller(context, False)


async def _set_reseller(context: Context, reseller: bool) -> Answer:
    account_id, store = context.account_id, context.store
    if account_id == await master_account_id(store) and not reseller:
        raise Forbidden("the master account is a reseller")
    async with context.services.locks.hold(ACCOUNTS.name):
        await audit.note(context, "reseller_set" if reseller else "reseller_unset", account=account_id)
        await _changed(context, account_id, lambda doc: {**doc, "pvt_reseller": reseller})
        below = await descendants(store, account_id, MAX_MOVED)
        await _settle_resellers(context, [account_id, *(str(row.id) for row in below)])
        changed = await store.get(account_db(account_id), account_id)
    return DOCUMENTS.answer(changed)


async def _settle_resellers(context: Context, ids: Sequence[str]) -> None:
    """Have each of these accounts name the reseller nearest above it."""
    store = context.store
    resellers: dict[str, bool] = {}
    master = await master_account_id(store)

    async def is_reseller(id: str) -> bool:
        if id not in resellers:
            doc = await load_account(store, id)
            resellers[id] = id == master or (doc is not None and doc.get("pvt_reseller") is True)
        return resellers[id]

    for id in ids:
        doc = await load_account(store, id)
        if doc is None:
            continue
        nearest = None
        for ancestor in reversed(tree_of(doc)):
            if await is_reseller(ancestor):
                nearest = ancestor
                break
        if doc.get("pvt_reseller_id") != nearest:
            await _changed(context, id, partial(_with_reseller, nearest))


def _with_reseller(reseller_id: str | None, doc: Document) -> Document:
    return {**doc, "pvt_reseller_id": reseller_id}


async def _changed(context: Context, id: str, change: Callable[[Document], Document]) -> Document:
    doc = await update(context.store, account_db(id), id, change)
    await brought_up_to_date(context, doc)
    return doc


async def _siblings(context: Context) -> Answer:
    """Those of one's own account only where the system allows it, which it does unless told otherwise."""
    account = context.account or {}
    tree = tree_of(account)
    above = context.who.account_id in tree or await is_master(context.who, context.store)
    if not above and await _setting(context, "allow_sibling_listing") is False:
        raise Forbidden
    if not tree:
        return Answer([])
    tests = filters_of(context.query.items())

    def keep(row: Row) -> bool:
        return row.id != context.account_id and all(test(row.value) for test in tests)

    source = Listing((ACCOUNTS_DB,), "accounts/listing_by_children", [tree[-1]], [tree[-1], {}])
    asked = wanted(context.query, context.services.settings.page_size)
    rows, place = await page(context.store, source, asked, keep=keep)
    return Answer([row.value for row in rows], page=place)


async def _setting(context: Context, key: str) -> Any:
    try:
        default = (await context.store.get(SYSTEM_CONFIG, "crossbar.accounts")).get("default")
    except NotFound:
        return None
    return default.get(key) if isinstance(default, dict) else None


_ACCOUNT: Final = "accounts/{account_id}"
_MASTERS: Final[dict[str, Reserved]] = {"PUT": "master", "DELETE": "master"}

ROUTES: Final = (
    Route(f"{_ACCOUNT}/move", "accounts", {"POST": _move}),
    Route(f"{_ACCOUNT}/reseller", "accounts", {"PUT": _promote, "DELETE": _demote}, reserved=_MASTERS),
    Route(f"{_ACCOUNT}/siblings", "accounts", {"GET": _siblings}),
)

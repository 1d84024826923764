"""`limits`: how many calls an account may have. Kazoo: cb_limits.

The limits are one document, named `limits`. An account reads its own; only its reseller, or one above that, changes
them. Where it has no reseller, any account above it does.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.admission import ReloadLimits, account_name
from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.documents import is_deleted, replace_public, stamp
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import check_precondition, required_object, shown
from mirliton.api.errors import Forbidden, InvalidData
from mirliton.api.identity import tree_of
from mirliton.api.routing import Route

LIMITS: Final = "limits"


async def _read(context: Context) -> Answer:
    stored = await stored_limits(context)
    if stored is None:
        return Answer((await context.conform("limits", {})).document)
    return Answer(shown(stored), revision=stored["_rev"])


async def _replace(context: Context) -> Answer:
    must_be_reseller(context)
    given = required_object(context)
    conformed = await context.conform("limits", {key: given[key] for key in given if key != "id"})
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    services = context.services
    async with services.locks.hold(f"{context.account_id}/limits"):
        stored = await stored_limits(context)
        if stored is not None:
            check_precondition(context, stored)
        doc = replace_public(stored or {}, conformed.document)
        doc = stamp(
            {**doc, "_id": LIMITS},
            type="limits",
            account_id=context.account_id,
            now=services.now(),
            node=services.node.name,
        )
        doc["_rev"] = await context.store.put(account_db(context.account_id), doc)
    reload_limits(context, context.account_id)
    return Answer(shown(doc), revision=doc["_rev"])


async def stored_limits(context: Context) -> Document | None:
    """The limits document of the account in the URL, if it has one."""
    try:
        doc = await context.store.get(account_db(context.account_id), LIMITS)
    except NotFound:
        return None
    return None if is_deleted(doc) else doc


def reload_limits(context: Context, account_id: str) -> None:
    """Have the account's actor read its limits again; one that is not up reads them when it starts."""
    node = context.services.node
    if node.whereis(account_name(account_id)) is not None:
        node.cast(account_name(account_id), ReloadLimits())


def must_be_reseller(context: Context) -> None:
    """Refuse an account that stands between this one and its reseller, who answers for its money. Raises Forbidden."""
    account, who = context.account or {}, context.who.account_id
    tree, reseller = tree_of(account), account.get("pvt_reseller_id")
    if reseller in tree and who in tree and tree.index(who) > tree.index(reseller):
        raise Forbidden("only the account's reseller changes its limits")


ROUTES: Final = (
    Route(
        "accounts/{account_id}/limits",
        "limits",
        {"GET": _read, "POST": _replace},
        plain={"GET": "any"},
        reserved={"POST": "above"},
    ),
)

"""`accounts`: an account and the accounts below it. Kazoo: cb_accounts.

An account is a document of its own database and a copy in `accounts`, by which it is found. A new account becomes
visible with the copy, the last step: what breaks off before leaves a database that nobody sees. Names and realms are
there once in the whole system, since people log in by them, on whichever node they are taken (`claims.py`).

DELETE hides an account and releases its numbers. One with others below it is refused, as in Kazoo; `?recursive=true`
takes those with it, from the bottom up.

`enabled` and `ips` (see `ip_auth.py`) are for whoever stands above the account: it neither disables nor enables itself.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, Final

from mirliton.actors.store import Document, NotFound, Row, Store, update
from mirliton.actors.store.documents import soft_deleted, stamp
from mirliton.actors.store.names import account_db, new_id
from mirliton.api import audit
from mirliton.api.claims import claimed, given_up
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents, check_precondition, required_object
from mirliton.api.errors import AccountHasDescendants, Forbidden, InvalidData, RangeTooLarge
from mirliton.api.identity import SYSTEM_CONFIG, is_disabled, load_account, master_account_id, tree_of
from mirliton.api.logins import normalised
from mirliton.api.resource import Resource
from mirliton.api.resources.limits import reload_limits
from mirliton.api.routing import Route
from mirliton.api.unique import not_unique, taken_by
from mirliton.config import ValidationError
from mirliton.whapps.numbers.keeping import Numbers

ACCOUNTS_DB: Final = "accounts"
MAX_NUMBERS: Final = 5000
"""Numbers that go with an account."""
MAX_DELETED: Final = 10_000
"""Accounts that one request may delete."""
_SET_FROM_ABOVE: Final = ("enabled", "ips")


async def _create(context: Context) -> Answer:
    """A new account below the one in the URL, or below one's own."""
    if not context.who.is_admin:
        raise Forbidden
    parent = context.account or context.who.account
    services, store = context.services, context.store
    doc, errors = await DOCUMENTS.judged(context, required_object(context), {})
    if not isinstance(doc.get("realm"), str):
        doc["realm"] = await _made_up_realm(context, parent)
    doc["realm"] = doc["realm"].lower()
    async with services.locks.hold(ACCOUNTS.name):
        for check in ACCOUNTS.checks:
            errors += await check(context, doc, None)
        if errors:
            raise InvalidData(errors)
        account_id = new_id()
        await _claim(context, {**doc, "_id": account_id}, {})
        await audit.note(context, "account_created", created=account_id, parent=parent["_id"])
        doc = {**doc, **_private(account_id, parent, doc)}
        doc = stamp(doc, type=ACCOUNTS.type, account_id=account_id, now=services.now(), node=services.node.name)
        await store.create_database(account_db(account_id))
        doc["_rev"] = await store.put(account_db(account_id), doc)
        await _copy(context, doc)
    return DOCUMENTS.answer(doc, status=201, location=f"/v2/accounts/{account_id}")


def _private(account_id: str, parent: Document, doc: Document) -> Document:
    reseller = parent["_id"] if parent.get("pvt_reseller") is True else parent.get("pvt_reseller_id")
    return {
        "_id": account_id,
        "pvt_tree": [*tree_of(parent), parent["_id"]],
        "pvt_api_key": secrets.token_hex(32),
        "pvt_enabled": doc.get("enabled") is not False,
        "pvt_reseller": False,
        "pvt_reseller_id": reseller,
        "pvt_superduper_admin": False,
        "pvt_wnm_allow_additions": False,
    }


async def _made_up_realm(context: Context, parent: Document) -> str:
    """A realm that nobody has: random, below the configured suffix or else below the parent's realm."""
    suffix: Any = None
    try:
        suffix = (await context.store.get(SYSTEM_CONFIG, "crossbar.accounts")).get("default", {})
        suffix = suffix.get("account_realm_suffix")
    except (NotFound, AttributeError):
        suffix = None
    if not isinstance(suffix, str):
        suffix = parent.get("realm")
    return f"{secrets.token_hex(3)}.{suffix if isinstance(suffix, str) else 'sip.invalid'}"


def _prepare(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    before = stored or {}
    realm = doc.get("realm", before.get("realm"))
    if isinstance(realm, str):
        doc["realm"] = realm.lower()
    if context.who.account_id == context.account_id:
        for field in _SET_FROM_ABOVE:
            doc.pop(field, None)
            if field in before:
                doc[field] = before[field]
    else:
        doc["pvt_enabled"] = doc.get("enabled") is not False
    return []


async def _is_unique(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    errors = []
    realm, name = doc.get("realm"), doc.get("name")
    if isinstance(realm, str):
        view = "accounts/listing_by_realm"
        if await taken_by(context.store, ACCOUNTS_DB, view, realm.lower(), but=doc.get("_id")):
            errors.append(not_unique(("realm",), "is the realm of another account", realm))
    if isinstance(name, str) and normalised(name):
        view = "accounts/listing_by_name"
        if await taken_by(context.store, ACCOUNTS_DB, view, normalised(name), but=doc.get("_id")):
            errors.append(not_unique(("name",), "is the name of another account", name))
    return errors


async def _claim_again(context: Context, doc: Document, stored: Document | None) -> Document:
    await _claim(context, doc, stored or {})
    return doc


async def _claim(context: Context, doc: Document, before: Document) -> None:
    """Take the realm and name that the account did not have before. Raises InvalidData where another has one."""
    errors = []
    for field, thing in _things(doc).items():
        if thing == _things(before).get(field):
            continue
        still_has = partial(_still_has, context.store, field, thing)
        if not await claimed(context.store, thing, doc["_id"], context.services.now(), still_has):
            errors.append(not_unique((field,), f"is the {field} of another account", doc[field]))
    if errors:
        raise InvalidData(errors)


def _things(doc: Document) -> dict[str, str]:
    """What an account has that no other may have, as claims name it."""
    realm, name = doc.get("realm"), doc.get("name")
    things = {"realm": f"realm:{realm.lower()}"} if isinstance(realm, str) else {}
    return things | ({"name": f"name:{normalised(name)}"} if isinstance(name, str) and normalised(name) else {})


async def _still_has(store: Store, field: str, thing: str, holder: str) -> bool:
    other = await load_account(store, holder)
    return other is not None and _things(other).get(field) == thing


async def brought_up_to_date(context: Context, doc: Document) -> None:
    """Have all that follow an account know how it is now."""
    await _changed(context, doc)


async def descendants(store: Store, account_id: str, most: int) -> list[Row]:
    """The accounts below one. Raises RangeTooLarge where there are more than `most`."""
    view = "accounts/listing_by_descendants"
    try:
        found = await store.view(ACCOUNTS_DB, view, startkey=[account_id], endkey=[account_id, {}], limit=most + 1)
    except NotFound:
        return []
    if len(found.rows) > most:
        raise RangeTooLarge(most)
    return found.rows


async def _changed(context: Context, doc: Document) -> None:
    await _copy(context, doc)
    reload_limits(context, doc["_id"])


async def _copy(context: Context, doc: Document) -> None:
    """Bring the copy in `accounts` up to date."""
    await context.store.create_database(ACCOUNTS_DB)
    fields = {key: value for key, value in doc.items() if key not in ("_rev", "_attachments")}
    await update(context.store, ACCOUNTS_DB, doc["_id"], lambda _: dict(fields), create=True)


async def _delete(context: Context) -> Answer:
    """Hide the account, with all below it where that is asked for. The master account stays."""
    account_id = context.account_id
    if account_id == await master_account_id(context.store):
        raise Forbidden("the master account cannot be deleted")
    recursive = context.query.get("recursive", "").lower() in ("true", "yes", "1")
    async with context.services.locks.hold(ACCOUNTS.name):
        check_precondition(context, await DOCUMENTS.load(context))
        below = await descendants(context.store, account_id, MAX_DELETED)
        if below and not recursive:
            raise AccountHasDescendants
        await audit.note(context, "account_deleted", deleted=account_id, below=len(below))
        for row in sorted(below, key=lambda row: -len(row.value["tree"])):
            await _hide(context, str(row.id))
        gone = await _hide(context, account_id)
    return DOCUMENTS.answer(gone)


async def _hide(context: Context, account_id: str) -> Document:
    now = context.services.now()
    gone = await update(context.store, account_db(account_id), account_id, lambda doc: soft_deleted(doc, now=now))
    await _changed(context, gone)
    await Numbers(context.store, context.services.now).give_back_all(account_id, MAX_NUMBERS)
    for thing in _things(gone).values():
        await given_up(context.store, thing, account_id)
    return gone


def _facts(doc: Document) -> dict[str, Any]:
    return {
        "enabled": not is_disabled(doc),
        "is_reseller": doc.get("pvt_reseller") is True,
        "reseller_id": doc.get("pvt_reseller_id"),
        "superduper_admin": doc.get("pvt_superduper_admin") is True,
        "wnm_allow_additions": doc.get("pvt_wnm_allow_additions") is True,
    }


ACCOUNTS: Final = Resource(
    "accounts",
    id_name="account_id",
    type="account",
    prepare=_prepare,
    checks=(_is_unique,),
    finish=_claim_again,
    changed=_changed,
    facts=_facts,
    everywhere=True,
)
DOCUMENTS: Final = Documents(ACCOUNTS)

ROUTES: Final = (
    Route("accounts", "accounts", {"PUT": _create}, "token"),
    Route(
        "accounts/{account_id}",
        "accounts",
        {
            "GET": DOCUMENTS.read,
            "PUT": _create,
            "POST": DOCUMENTS.replace,
            "PATCH": DOCUMENTS.merge,
            "DELETE": _delete,
        },
        plain={"GET": "any"},
    ),
)

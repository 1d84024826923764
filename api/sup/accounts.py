"""Accounts. Kazoo: crossbar_maintenance."""

from __future__ import annotations

from typing import Any

from mirliton.actors.store import Document, InvalidName, NotFound, update
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db, check_account
from mirliton.api.logins import normalised
from mirliton.api.sup.commands import Answer, Sup, SupError, command


@command("crossbar_maintenance")
async def find_account_by_name(sup: Sup, name: str) -> Answer:
    """The accounts of a name."""
    return await _by_view(sup, "accounts/listing_by_name", normalised(name), f"account called {name!r}")


@command("crossbar_maintenance")
async def find_account_by_realm(sup: Sup, realm: str) -> Answer:
    """The account of a realm."""
    return await _by_view(sup, "accounts/listing_by_realm", realm.lower(), f"account with the realm {realm!r}")


@command("crossbar_maintenance")
async def find_account_by_id(sup: Sup, account_id: str) -> Answer:
    """The account of an id."""
    return _shown(await _account(sup, account_id))


@command("crossbar_maintenance")
async def find_account_by_number(sup: Sup, number: str) -> Answer:
    """The account that a number belongs to."""
    try:
        doc = await sup.store.get(f"numbers/{number[:5]}", number)
    except (NotFound, InvalidName):
        raise SupError(f"nobody has the number {number!r}") from None
    return _shown(await _account(sup, str(doc.get("pvt_assigned_to"))))


@command("crossbar_maintenance")
async def descendants_count(sup: Sup, account_id: str) -> Answer:
    """How many accounts are below an account."""
    await _account(sup, account_id)
    found = await sup.store.view(
        "accounts", "accounts/listing_by_descendants", startkey=[account_id], endkey=[account_id, {}]
    )
    return str(len(found.rows))


@command("crossbar_maintenance", changes=True)
async def enable_account(sup: Sup, account_id: str) -> Answer:
    """Let an account, its users and its phones in again."""
    return await _set(sup, account_id, True)


@command("crossbar_maintenance", changes=True)
async def disable_account(sup: Sup, account_id: str) -> Answer:
    """Keep an account, its users and its phones out."""
    return await _set(sup, account_id, False)


async def _by_view(sup: Sup, view: str, key: Any, what: str) -> Answer:
    found = await sup.store.view("accounts", view, key=key)
    if not found.rows:
        raise SupError(f"there is no {what}")
    return [_shown(await _account(sup, str(row.id))) for row in found.rows]


async def _account(sup: Sup, account_id: str) -> Document:
    try:
        return await sup.store.get(account_db(account_id), check_account(account_id))
    except (NotFound, InvalidName):
        raise SupError(f"there is no account {account_id!r}") from None


async def _set(sup: Sup, account_id: str, enabled: bool) -> Answer:
    await _account(sup, account_id)
    fields = {"enabled": enabled, "pvt_enabled": enabled}
    for db in (account_db(account_id), "accounts"):
        await update(sup.store, db, account_id, lambda doc: stamp({**doc, **fields}, type="account"))
    return _shown(await _account(sup, account_id))


def _shown(account: Document) -> dict[str, Any]:
    return {
        "id": account["_id"],
        "name": account.get("name"),
        "realm": account.get("realm"),
        "enabled": account.get("pvt_enabled", True),
        "tree": account.get("pvt_tree", []),
    }

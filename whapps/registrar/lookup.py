"""From realm and username to a device, its account and its owner. Kazoo: registrar's reg_authn."""

from __future__ import annotations

from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.errors import InvalidName
from mirliton.actors.store.names import account_db
from mirliton.whapps.registrar.answer import Found, Nobody


async def account_of(store: StoreClient, realm: str) -> str | None:
    """The account that has this realm; None where none has, or several have. Raises StoreError."""
    try:
        rows = (await store.view("accounts", "accounts/listing_by_realm", key=realm, limit=2)).rows
    except NotFound:
        return None
    accounts = {str(row.value.get("account_id")) for row in rows if isinstance(row.value, dict)}
    return accounts.pop() if len(accounts) == 1 else None


async def find(store: StoreClient, account_id: str, username: str) -> Found | Nobody:
    """The device with this SIP username in an account. Raises StoreError."""
    try:
        database = account_db(account_id)
        view = "devices/sip_credentials"
        rows = (await store.view(database, view, key=username, include_docs=True, limit=2)).rows
        devices = [row.doc for row in rows if row.doc is not None and row.doc.get("pvt_type") == "device"]
        if len(devices) != 1:
            return Nobody("several devices have this username" if devices else "no device has this username")
        account, owner = await _account_and_owner(store, database, account_id, devices[0].get("owner_id"))
    except (NotFound, InvalidName) as error:
        return Nobody(str(error))
    return Nobody("the account is gone") if account is None else Found(account, devices[0], owner)


async def _account_and_owner(
    store: StoreClient, database: str, account_id: str, owner_id: object
) -> tuple[Document | None, Document | None]:
    """An owner that is not there is none: the device is the account's."""
    owned = isinstance(owner_id, str) and owner_id != ""
    account, *owner = await store.get_many(database, [account_id, *([str(owner_id)] if owned else [])])
    return account, owner[0] if owner else None

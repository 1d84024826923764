"""`devices`: phones and what else registers. Kazoo: cb_devices.

A SIP username is there once in a realm, which is the account's. A device that names a realm of its own may not name
that of another account.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.registration import RegFlush, RegQuery, RegQueryResp
from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource
from mirliton.api.routing import Route
from mirliton.api.taking import sip_usernames
from mirliton.api.unique import not_unique, taken_by
from mirliton.config import ValidationError
from mirliton.ecallmgr.registrations import REGISTRAR


async def _credentials_are_free(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    sip = doc.get("sip")
    username = sip.get("username") if isinstance(sip, dict) else None
    if not isinstance(username, str):
        return []
    database = account_db(context.account_id)
    view = "devices/sip_credentials"
    other = await taken_by(context.store, database, view, username.lower(), but=doc.get("_id"))
    return [not_unique(("sip", "username"), "is used by another device of this realm", username)] if other else []


async def _realm_is_not_anothers(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    sip = doc.get("sip")
    realm = sip.get("realm") if isinstance(sip, dict) else None
    if not isinstance(realm, str):
        return []
    view = "accounts/listing_by_realm"
    other = await taken_by(context.store, "accounts", view, realm.lower(), but=context.account_id)
    return [not_unique(("sip", "realm"), "is the realm of another account", realm)] if other else []


async def _status(context: Context) -> Answer:
    """Which devices are registered now."""
    account = context.account or {}
    realm = account.get("realm")
    if not isinstance(realm, str):
        return Answer([])
    answer = await context.services.call(REGISTRAR, RegQuery(realm=realm.lower()))
    registered: Any = answer.fields if isinstance(answer, RegQueryResp) else None
    usernames = sorted({str(row["username"]).lower() for row in registered or ()})
    if not usernames:
        return Answer([])
    database = account_db(context.account_id)
    rows = (await context.store.view(database, "devices/sip_credentials", keys=usernames)).rows
    return Answer([{"device_id": row.id, "registered": True} for row in rows])


async def _leave_its_old_name(context: Context, doc: Document, stored: Document | None) -> Document:
    """What proxies know of a username goes when the device takes another."""
    before, after = _username(stored or {}), _username(doc)
    if before is not None and before != after:
        _flush(context, before, cache_only=False)
    return doc


async def _changed(context: Context, doc: Document) -> None:
    """Proxies ask for the password again; one that may not register any more is thrown out."""
    username = _username(doc)
    if username is not None:
        _flush(context, username, cache_only=doc.get("enabled") is not False and not is_deleted(doc))


def _username(doc: Document) -> str | None:
    sip = doc.get("sip")
    username = sip.get("username") if isinstance(sip, dict) else None
    return username.lower() if isinstance(username, str) and username else None


def _flush(context: Context, username: str, *, cache_only: bool) -> None:
    realm = (context.account or {}).get("realm")
    if isinstance(realm, str) and realm:
        context.services.node.cast(REGISTRAR, RegFlush(realm.lower(), username, cache_only=cache_only or None))


DEVICES: Final = Resource(
    "devices",
    id_name="device_id",
    type="device",
    finish=_leave_its_old_name,
    changed=_changed,
    checks=(_credentials_are_free, _realm_is_not_anothers),
    things=sip_usernames,
    owned=True,
    plain_fields=frozenset({"call_forward", "do_not_disturb", "music_on_hold", "name", "ringtones", "timezone"}),
)

ROUTES: Final = (
    *Documents(DEVICES).routes(lists={"GET": "any"}, plain={"GET": "own", "POST": "own", "PATCH": "own"}),
    Route("accounts/{account_id}/devices/status", "devices", {"GET": _status}, plain={"GET": "any"}),
)

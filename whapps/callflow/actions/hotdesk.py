"""hotdesk: make the calling phone a user's own, for a while. Kazoo: cf_hotdesk."""

from __future__ import annotations

import hmac
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.endpoints import some, user_endpoints
from mirliton.whapps.callflow.fields import flag, mapping, milliseconds, text
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.own_documents import own_document, write
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import NEXT_DIGIT, ask_digits, tell

TRIES: Final = 3
ID_LENGTH: Final = 15
PIN_LENGTH: Final = 15


async def run(call: Script, data: Data) -> Outcome:
    """`action` (login, logout, toggle, bridge; toggle), `id` (a user; else the caller is asked for a hotdesk id),
    `interdigit_timeout`. Child: `_`; bridge rings the user's phones and has a bridge's children.

    The state is what is decided: [the user, whether the phone is to be the user's].
    """
    if data.get("action") == "bridge":
        return await _bridge(call, data)
    if call.state is None:
        await call.execute(Answer(call.id))
        device = await own_document(call, "device")
        user = await _user(call, data) if device is not None else None
        if device is None or user is None:
            await tell(call, "hotdesk-abort")
            return Next()
        here = user["_id"] in mapping(mapping(device, "hotdesk"), "users")
        action = data.get("action")
        login = action == "login" or (action != "logout" and not here)
        if login and not await _may_log_in(call, data, user):
            await tell(call, "hotdesk-abort")
            return Next()
        call.mark([user["_id"], login])
    await call.safe()
    user_id, login = call.state
    await _write(call, user_id, login)
    await tell(call, "hotdesk-logged_in" if login else "hotdesk-logged_out")
    return Next()


async def _bridge(call: Script, data: Data) -> Outcome:
    user_id = text(data, "id") or str(call.vars.get("Owner-ID") or "")
    # The user may be at another phone than this one, so the caller's own are meant, too.
    found = await user_endpoints(call, user_id, may_be_self=True) if user_id else []
    endpoints = [endpoint for endpoint in found if endpoint.endpoint_id != call.vars.get("Authorizing-ID")]
    return (
        await ring(
            call,
            some(f"user {user_id}", endpoints),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy="simultaneous",
            data=data,
        )
        or Next()
    )


async def _user(call: Script, data: Data) -> Document | None:
    """The user who is named, or whose hotdesk id the caller enters."""
    named = text(data, "id")
    if named is not None:
        doc = await own_document(call, named=named)
        return doc if doc is not None and _takes_part(doc) else None
    for _ in range(TRIES):
        entered = await _digits(call, data, "hotdesk-enter_id", ID_LENGTH)
        found = await call.store.view(call.account_db, "users/list_by_hotdesk_id", key=entered, include_docs=True)
        users = [row.doc for row in found.rows if row.doc is not None and _takes_part(row.doc)]
        if entered and len(users) == 1:
            return users[0]
        await tell(call, "hotdesk-invalid_entry")
    return None


def _takes_part(user: Document) -> bool:
    return (
        user.get("pvt_type") == "user"
        and not is_deleted(user)
        and user.get("enabled") is not False
        and flag(mapping(user, "hotdesk"), "enabled", False)
    )


async def _may_log_in(call: Script, data: Data, user: Document) -> bool:
    """Whether the caller knows the PIN, where the user has one. It stands in no log."""
    hotdesk = mapping(user, "hotdesk")
    if not flag(hotdesk, "require_pin", False):
        return True
    pin = text(hotdesk, "pin")
    for _ in range(TRIES if pin else 0):
        entered = await _digits(call, data, "hotdesk-enter_pin", PIN_LENGTH)
        if pin is not None and hmac.compare_digest(entered.encode(), pin.encode()):
            return True
        await tell(call, "hotdesk-invalid_entry")
    return False


async def _write(call: Script, user_id: str, login: bool) -> None:
    """Put the user on this phone, and off all others unless the user may be on several; or off this one."""
    here = str(call.vars.get("Authorizing-ID"))
    user = await own_document(call, named=user_id)
    elsewhere = user is not None and flag(mapping(user, "hotdesk"), "keep_logged_in_elsewhere", False)
    if login and not elsewhere:
        owned = await call.store.view(call.account_db, "attributes/owned", key=[user_id, "device"])
        for row in owned.rows:
            if str(row.id) != here:
                await write(call, str(row.id), lambda doc: _with_user(doc, user_id, False))
    await write(call, here, lambda doc: _with_user(doc, user_id, login))


def _with_user(device: Document, user_id: str, there: bool) -> Document:
    hotdesk = mapping(device, "hotdesk")
    users: dict[str, Any] = {name: value for name, value in mapping(hotdesk, "users").items() if name != user_id}
    if there:
        users[user_id] = {}
    if not there and user_id not in mapping(hotdesk, "users"):
        return device
    return {**device, "hotdesk": {**hotdesk, "users": users}}


async def _digits(call: Script, data: Data, prompt_id: str, most: int) -> str:
    between = milliseconds(data, "interdigit_timeout", NEXT_DIGIT)
    return await ask_digits(call, prompt(call, prompt_id), most, between=between)

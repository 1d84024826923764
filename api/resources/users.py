"""`users`: people, and how they log in. Kazoo: cb_users.

A password is never stored, only what it takes to recognise it (`credentials.py`). A username is kept in small letters
and is there once in an account; who gives none gets one made up. Changing the username needs the password, because what
is kept was made of both.
"""

from __future__ import annotations

import secrets
from typing import Final

from mirliton.actors.store import Document
from mirliton.actors.store.names import account_db
from mirliton.api.context import Context
from mirliton.api.credentials import has_password, without_password
from mirliton.api.documents import Documents
from mirliton.api.pictures import card_route, photo_routes
from mirliton.api.resource import Resource
from mirliton.api.taking import Thing
from mirliton.api.unique import not_unique, taken_by
from mirliton.config import ValidationError

MAX_PASSWORD: Final = 256


def _prepare(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    if "username" not in doc and stored is None:
        doc["username"] = f"user_{secrets.token_hex(8)}"
    username = doc.get("username")
    if not isinstance(username, str):
        return []
    doc["username"] = username = username.lower()
    password = doc.get("password")
    if not isinstance(password, str):
        return _needs_password(username, stored)
    if not 0 < len(password) <= MAX_PASSWORD:
        rule, target = ("minLength", 1) if not password else ("maxLength", MAX_PASSWORD)
        message = f"must have 1 to {MAX_PASSWORD} characters"
        return [ValidationError(("password",), rule, message, {"target": target})]
    return []


async def _seal_password(context: Context, doc: Document, stored: Document | None) -> Document:
    """Nothing of the password itself is stored."""
    kept = {name: value for name, value in doc.items() if name != "password"}
    password, username = doc.get("password"), doc.get("username")
    if not isinstance(password, str) or not isinstance(username, str):
        return kept
    if stored is not None:
        context.log.info("password_changed", owner_id=stored["_id"])
    return {**without_password(kept), **await context.services.credentials.of_password(username, password)}


def _needs_password(username: str, stored: Document | None) -> list[ValidationError]:
    """What is kept is of the old name, and only the password makes new."""
    if stored is None or not has_password(stored) or stored.get("username") == username:
        return []
    message = "is required to change the username"
    return [ValidationError(("password",), "required", message, {"value": "password"})]


async def _username_is_free(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    username = doc.get("username")
    if not isinstance(username, str):
        return []
    database = account_db(context.account_id)
    other = await taken_by(context.store, database, "users/list_by_username", username, but=doc.get("_id"))
    return [not_unique(("username",), "is used by another user of this account", username)] if other else []


def _things(doc: Document) -> list[Thing]:
    username = doc.get("username")
    return [Thing("username", username.lower(), ("username",))] if isinstance(username, str) else []


USERS: Final = Resource(
    "users",
    id_name="user_id",
    type="user",
    prepare=_prepare,
    checks=(_username_is_free,),
    things=_things,
    finish=_seal_password,
    plain_fields=frozenset(
        {
            "call_forward",
            "contact_list",
            "do_not_disturb",
            "email",
            "first_name",
            "language",
            "last_name",
            "music_on_hold",
            "password",
            "profile",
            "pronounced_name",
            "require_password_update",
            "ringtones",
            "timezone",
            "vm_to_email_enabled",
            "voicemail",
        }
    ),
)

DOCUMENTS: Final = Documents(USERS)
_ONE: Final = "accounts/{account_id}/users/{user_id}"

ROUTES: Final = (
    *DOCUMENTS.routes(lists={"GET": "any"}, plain={"GET": "own", "POST": "own", "PATCH": "own"}),
    photo_routes(_ONE, DOCUMENTS, {"GET": "own", "POST": "own", "DELETE": "own"}, ("GET", "POST", "DELETE")),
    card_route(_ONE, DOCUMENTS, {"GET": "own"}),
)

"""`auth`: what tokens are signed with, what one says, and ending them. Kazoo: cb_auth, without OAuth providers.

    GET auth/tokeninfo?token=…, POST auth/tokeninfo {"token": …}   whose a token is (one's own where none is named)
    GET auth/keys, GET auth/keys/{id}                              the public keys that signatures are verified with
    PUT auth/keys/{id}      {"action": "reset_private_key"}        ends all tokens of one server: the master account
    PUT auth                {"action": "reset_signature_secret"}   ends all tokens: the master account
    PUT accounts/{id}/auth                     the same         those of the account's API key and addresses
    PUT accounts/{id}/users/{id}/auth          the same         those of a user

What is ended for the whole system is so within 30 seconds (`keys.py`), the rest at once.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mirliton.actors.store import Document, update
from mirliton.actors.store.names import account_db
from mirliton.api import audit
from mirliton.api.context import Answer, Context, Raw, parameter
from mirliton.api.documents import load_document
from mirliton.api.errors import BadIdentifier, Forbidden
from mirliton.api.resources.user_auth import asked_action, token_facts
from mirliton.api.rights import is_master
from mirliton.api.routing import Route
from mirliton.api.tokens import MAX_TOKEN

_RESET_ALL: Final = "reset_signature_secret"
_RESET_KEY: Final = "reset_private_key"
PEM: Final = "application/x-pem-file"


async def _info(context: Context) -> Answer:
    named = context.query.get("token") if context.method == "GET" else context.fields().get("token")
    if isinstance(named, str) and named:
        return Answer(await token_facts(context, named[: MAX_TOKEN + 1]))
    shown = ("iss", "iat", "exp", "jti", "method", "account_id", "owner_id")
    return Answer({name: value for name, value in context.who.claims.items() if name in shown})


async def _keys(context: Context) -> Answer:
    return Answer(await context.services.tokens.keys.ids())


async def _key(context: Context) -> Answer | Raw:
    id = parameter(context, "key_id")
    key = await context.services.tokens.keys.public(id)
    if key is None:
        raise BadIdentifier(id)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    if context.request.headers.get("Accept", "").strip().lower() == PEM:
        return Raw(pem, PEM, f"{id}.pem")
    return Answer({"id": id, "public_key_pem": pem.decode()})


async def _reset_key(context: Context) -> Answer:
    if not (context.who.is_admin and await is_master(context.who, context.store)):
        raise Forbidden
    action, id = asked_action(context, (_RESET_KEY,)), parameter(context, "key_id")
    keys = context.services.tokens.keys
    if await keys.public(id) is None:
        raise BadIdentifier(id)
    await audit.note(context, action, key=id)
    await keys.forget([id])
    return Answer({}, 201)


async def _reset_all(context: Context) -> Answer:
    action = asked_action(context, (_RESET_ALL,))
    await audit.note(context, action)
    keys = context.services.tokens.keys
    await keys.forget(await keys.ids())
    return Answer({}, 201)


async def _reset_account(context: Context) -> Answer:
    action = asked_action(context, (_RESET_ALL,))
    await audit.note(context, action, account=context.account_id)
    await _fresh_secret(context, context.account_id)
    return Answer({}, 201)


async def _reset_user(context: Context) -> Answer:
    action, id = asked_action(context, (_RESET_ALL,)), parameter(context, "user_id")
    await load_document(context, id, "user")
    await audit.note(context, action, account=context.account_id, user=id)
    await _fresh_secret(context, id)
    return Answer({}, 201)


async def _fresh_secret(context: Context, id: str) -> None:
    def change(doc: Document) -> Document:
        return {**doc, "pvt_signature_secret": secrets.token_hex(16)}

    await update(context.store, account_db(context.account_id), id, change)


ROUTES: Final = (
    Route("auth", "auth", {"PUT": _reset_all}, "master"),
    Route("auth/tokeninfo", "auth", {"GET": _info, "POST": _info}, "token"),
    Route("auth/keys", "auth", {"GET": _keys}, "token"),
    Route("auth/keys/{key_id}", "auth", {"GET": _key, "PUT": _reset_key}, "token"),
    Route("accounts/{account_id}/auth", "auth", {"PUT": _reset_account}),
    Route("accounts/{account_id}/users/{user_id}/auth", "auth", {"PUT": _reset_user}),
)

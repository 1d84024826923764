"""`user_auth`: a token for a user's credentials. Kazoo: cb_user_auth.

    PUT user_auth            {"credentials": md5 or sha1 of "username:password", "method": "md5" | "sha",
                              "account_name" | "account_realm" | "phone_number": …}
    GET user_auth/{token}    whose token it is
    PUT accounts/{id}/users/{id}/user_auth   {"action": "impersonate_user"}: a token for the user, for an administrator

The token of an impersonation says whose it is and who got it (`original_account_id`, `original_owner_id`), as does each
entry of the audit that is made with it; it ends as the user's own do. When a second factor is asked for is said in
`letting_in.py`.

The username is hashed in small letters. Anyone may PUT; wrong answers are slow, and few (`logins.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.api import audit
from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, Forbidden, InvalidCredentials, InvalidData, Locked
from mirliton.api.identity import (
    ORIGINAL,
    USER_AUTH,
    Identity,
    identify,
    is_shut,
    load_account,
    load_user,
    original_of,
    tree_of,
)
from mirliton.api.letting_in import failed, let_in
from mirliton.api.logins import UserLogin
from mirliton.api.rights import is_master
from mirliton.api.routing import Route
from mirliton.api.tokens import user_secret

LANGUAGE: Final = "en-us"
IMPERSONATE: Final = "impersonate_user"


async def _login(context: Context) -> Answer:
    conformed = await context.conform("user_auth", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    given = conformed.document
    login = UserLogin(given["credentials"], given["method"], **accounts_named(given))
    logins = context.services.logins

    async def wrong() -> None:
        await failed(context, await logins.named(login), USER_AUTH)

    account, user = await logins.user(login, context.address, wrong)
    token = await let_in(context, account, user, USER_AUTH)
    return Answer(facts(account, user), 201, auth_token=token)


async def _act(context: Context) -> Answer:
    """A token for a user, for whoever has power over the account."""
    action = asked_action(context, (IMPERSONATE,))
    account_id, user_id = context.account_id, parameter(context, "user_id")
    account = await load_account(context.store, account_id)
    user = await load_user(context.store, account_id, user_id)
    if account is None or user is None:
        raise BadIdentifier(user_id)
    if await is_shut(context.store, account):
        raise Locked
    who = context.who
    # Whoever acts as somebody already stays the one who does it.
    mine = {ORIGINAL[0]: who.account_id, **({ORIGINAL[1]: who.owner_id} if who.owner_id is not None else {})}
    original = original_of(who.claims) or mine
    await audit.note(context, action, account=account_id, user=user_id)
    token = await context.services.tokens.make(
        USER_AUTH, account_id, user_id, user_secret(user), lifetime=None, **original
    )
    return Answer({**facts(account, user), **original}, 201, auth_token=token)


def asked_action(context: Context, actions: tuple[str, ...]) -> str:
    """The `action` of the request, which the envelope names beside its data, or in them. Raises InvalidData."""
    action = context.action if context.action is not None else context.fields().get("action")
    if action is None:
        raise InvalidData.of("action", "required", "is required", value="action")
    if action not in actions:
        told = str(action)[:32]
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=list(actions), value=told)
    return str(action)


def accounts_named(given: Mapping[str, Any]) -> dict[str, str]:
    """How the account was named. Raises InvalidData where it was not."""
    named = {key: given[key] for key in ("account_name", "account_realm", "phone_number") if key in given}
    if not named:
        raise InvalidData.of("account_name", "required", "is required", value="account_name")
    return named


async def _whose(context: Context) -> Answer:
    return Answer(await token_facts(context, context.parameters["auth_token"]))


async def token_facts(context: Context, token: str) -> dict[str, Any]:
    """Whose a token is, for who may know that. Raises BadIdentifier, Forbidden, StoreError."""
    services = context.services
    try:
        identity = await identify(token, services.tokens, services.store)
    except InvalidCredentials:
        raise BadIdentifier("the token is not valid") from None
    if not await _may_see(context, identity):
        raise Forbidden
    return {**facts(identity.account, identity.user), "method": identity.claims.get("method"), "id": token}


async def _may_see(context: Context, identity: Identity) -> bool:
    who = context.who
    if who.account_id == identity.account_id:
        return who.is_admin or who.owner_id == identity.owner_id
    if not who.is_admin:
        return False
    account = await load_account(context.store, identity.account_id)
    if account is not None and who.account_id in tree_of(account):
        return True
    return await is_master(who, context.store)


def facts(account: Document, user: Document | None) -> dict[str, Any]:
    """What Crossbar tells whoever has logged in."""
    who = {"owner_id": user["_id"]} if user is not None else {}
    languages = [doc.get("language") for doc in (user or {}, account)]
    return {
        "account_id": account["_id"],
        "account_name": account.get("name"),
        **who,
        "is_reseller": account.get("pvt_reseller") is True,
        "reseller_id": account.get("pvt_reseller_id"),
        "language": next((language for language in languages if isinstance(language, str)), LANGUAGE),
        "apps": [],
    }


ROUTES: Final = (
    Route("user_auth", "user_auth", {"PUT": _login}, "public", cost=LOGIN_COST),
    Route("user_auth/{auth_token}", "user_auth", {"GET": _whose}, "token"),
    Route("accounts/{account_id}/users/{user_id}/user_auth", "user_auth", {"PUT": _act}, cost=LOGIN_COST),
)

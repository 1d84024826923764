"""`user_auth`: a token for a user's credentials. Kazoo: cb_user_auth.

    PUT user_auth            {"credentials": md5 or sha1 of "username:password", "method": "md5" | "sha",
                              "account_name" | "account_realm" | "phone_number": …}
    GET user_auth/{token}    whose token it is

The username is hashed in small letters. Anyone may PUT; wrong answers are slow, and few (`logins.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, Forbidden, InvalidCredentials, InvalidData, Locked
from mirliton.api.identity import USER_AUTH, Identity, identify, is_shut, load_account, tree_of
from mirliton.api.logins import UserLogin
from mirliton.api.rights import is_master
from mirliton.api.routing import Route
from mirliton.api.tokens import user_secret

LANGUAGE: Final = "en-us"


async def _login(context: Context) -> Answer:
    conformed = await context.conform("user_auth", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    given = conformed.document
    login = UserLogin(given["credentials"], given["method"], **accounts_named(given))
    account, user = await context.services.logins.user(login, context.address)
    if await is_shut(context.store, account):
        raise Locked
    context.services.logins.counted(USER_AUTH)
    token = await context.services.tokens.make(USER_AUTH, account["_id"], user["_id"], user_secret(user))
    context.log.info("logged_in", account_id=account["_id"], owner_id=user["_id"], method=USER_AUTH)
    return Answer(facts(account, user), 201, auth_token=token)


def accounts_named(given: Mapping[str, Any]) -> dict[str, str]:
    """How the account was named. Raises InvalidData where it was not."""
    named = {key: given[key] for key in ("account_name", "account_realm", "phone_number") if key in given}
    if not named:
        raise InvalidData.of("account_name", "required", "is required", value="account_name")
    return named


async def _whose(context: Context) -> Answer:
    token = context.parameters["auth_token"]
    services = context.services
    try:
        identity = await identify(token, services.tokens, services.store)
    except InvalidCredentials:
        raise BadIdentifier("the token is not valid") from None
    if not await _may_see(context, identity):
        raise Forbidden
    return Answer({**facts(identity.account, identity.user), "method": identity.claims.get("method"), "id": token})


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
)

"""`api_auth`: a token for an account's API key. Kazoo: cb_api_auth.

The token acts for the whole account, as an administrator's does, until the key changes.
"""

from __future__ import annotations

from typing import Final

from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import InvalidData, Locked
from mirliton.api.identity import API_AUTH, is_shut
from mirliton.api.resources.user_auth import facts
from mirliton.api.routing import Route
from mirliton.api.tokens import account_secret


async def _login(context: Context) -> Answer:
    conformed = await context.conform("api_auth", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    account = await context.services.logins.account(conformed.document["api_key"], context.address)
    if await is_shut(context.store, account):
        raise Locked
    context.services.logins.counted(API_AUTH)
    token = await context.services.tokens.make(API_AUTH, account["_id"], None, account_secret(account))
    context.log.info("logged_in", account_id=account["_id"], method=API_AUTH)
    return Answer(facts(account, None), 201, auth_token=token)


ROUTES: Final = (Route("api_auth", "api_auth", {"PUT": _login}, "public", cost=LOGIN_COST),)

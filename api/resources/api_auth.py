"""`api_auth`: a token for an account's API key. Kazoo: cb_api_auth.

The token acts for the whole account, as an administrator's does, until the key changes.
"""

from __future__ import annotations

from typing import Final

from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import InvalidData
from mirliton.api.identity import API_AUTH
from mirliton.api.letting_in import let_in
from mirliton.api.resources.user_auth import facts
from mirliton.api.routing import Route


async def _login(context: Context) -> Answer:
    conformed = await context.conform("api_auth", required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    account = await context.services.logins.account(conformed.document["api_key"], context.address)
    token = await let_in(context, account, None, API_AUTH)
    return Answer(facts(account, None), 201, auth_token=token)


ROUTES: Final = (Route("api_auth", "api_auth", {"PUT": _login}, "public", cost=LOGIN_COST),)

"""`token_auth`: what a request's own token is good for. Kazoo: cb_token_auth.

GET token_auth       whose it is
DELETE token_auth    take it back: from now on no node accepts it
"""

from __future__ import annotations

from typing import Final

from mirliton.api.context import Answer, Context
from mirliton.api.errors import InvalidData
from mirliton.api.resources.user_auth import facts
from mirliton.api.revocations import revoke
from mirliton.api.routing import Route


async def _token(context: Context) -> Answer:
    who = context.who
    return Answer({**facts(who.account, who.user), "method": who.claims.get("method")})


async def _revoke(context: Context) -> Answer:
    who = context.who
    if who.token is None:
        raise InvalidData.of("auth_token", "required", "a token is required; Basic shows none", value="auth_token")
    await revoke(context.store, who.claims, context.services.now())
    context.log.info("token_revoked", owner_id=who.owner_id)
    return Answer({})


ROUTES: Final = (Route("token_auth", "token_auth", {"GET": _token, "DELETE": _revoke}, "token"),)

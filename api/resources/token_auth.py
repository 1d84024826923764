"""`token_auth` and `auth/tokeninfo`: what the request's own token is good for. Kazoo: cb_token_auth, cb_auth."""

from __future__ import annotations

from typing import Final

from mirliton.api.context import Answer, Context
from mirliton.api.resources.user_auth import facts
from mirliton.api.routing import Route


async def _token(context: Context) -> Answer:
    who = context.who
    return Answer({**facts(who.account, who.user), "method": who.claims.get("method")})


async def _claims(context: Context) -> Answer:
    shown = ("iss", "iat", "exp", "jti", "method", "account_id", "owner_id")
    return Answer({name: value for name, value in context.who.claims.items() if name in shown})


ROUTES: Final = (
    Route("token_auth", "token_auth", {"GET": _token}, "token"),
    Route("auth/tokeninfo", "auth", {"GET": _claims}, "token"),
)

"""`ip_auth`: a token for whoever asks from an account's own address. Kazoo: cb_ip_auth.

An account's addresses are in its document, `"ips": [{"ip": "192.0.2.7", "owner_id": …}]`, and are set by the accounts
above it. Of two accounts that have one address neither is taken. The token ends with the address, too.
"""

from __future__ import annotations

from typing import Final

from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.errors import Locked
from mirliton.api.identity import IP_AUTH, is_shut
from mirliton.api.resources.user_auth import facts
from mirliton.api.routing import Route
from mirliton.api.tokens import account_secret, user_secret


async def _login(context: Context) -> Answer:
    account, user = await context.services.logins.of_address(context.address)
    if await is_shut(context.store, account):
        raise Locked
    secret = account_secret(account) if user is None else user_secret(user)
    owner = None if user is None else str(user["_id"])
    context.services.logins.counted(IP_AUTH)
    token = await context.services.tokens.make(IP_AUTH, account["_id"], owner, secret, ip=context.address)
    context.log.info("logged_in", account_id=account["_id"], owner_id=owner, method=IP_AUTH)
    return Answer(facts(account, user), 201, auth_token=token)


ROUTES: Final = (Route("ip_auth", "ip_auth", {"PUT": _login}, "public", cost=LOGIN_COST),)

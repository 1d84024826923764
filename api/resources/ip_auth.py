"""`ip_auth`: a token for whoever asks from an account's own address. Kazoo: cb_ip_auth.

An account's addresses are in its document, `"ips": [{"ip": "192.0.2.7", "owner_id": …}]`, and are set by the accounts
above it. Of two accounts that have one address neither is taken. The token ends with the address, too.
"""

from __future__ import annotations

from typing import Final

from mirliton.api.buckets import LOGIN_COST
from mirliton.api.context import Answer, Context
from mirliton.api.identity import IP_AUTH
from mirliton.api.letting_in import let_in
from mirliton.api.resources.user_auth import facts
from mirliton.api.routing import Route


async def _login(context: Context) -> Answer:
    account, user = await context.services.logins.of_address(context.address)
    token = await let_in(context, account, user, IP_AUTH, ip=context.address)
    return Answer(facts(account, user), 201, auth_token=token)


ROUTES: Final = (Route("ip_auth", "ip_auth", {"PUT": _login}, "public", cost=LOGIN_COST),)

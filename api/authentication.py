"""Who asks, by what a request shows: a token, or `Authorization: Basic`.

Basic carries `account_id:credentials`, where the credentials are the MD5 or SHA-1 of `username:password`, or the
account's API key (Kazoo: cb_basic_auth). Checking them is slow on purpose, so what was right is remembered for
`REMEMBERED` seconds, by its SHA-256 and in this process only; whose it is, and whether they may still come in, is
looked at with each request as it is for a token. Whoever has a second factor, or has to have one, does not come in so.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import Store
from mirliton.api.auth_config import way_of
from mirliton.api.errors import InvalidCredentials
from mirliton.api.identity import API_AUTH, BASIC_AUTH, USER_AUTH, Identity, Presented, identify, standing
from mirliton.api.logins import Logins
from mirliton.api.second_factor import is_enrolled
from mirliton.api.tokens import Tokens, account_secret, identity, user_secret

REMEMBERED: Final = 300.0
MAX_REMEMBERED: Final = 4096
MAX_BASIC: Final = 512
"""Characters after `Basic`."""


class Authentication:
    """Says who asks. `clock` gives unix seconds."""

    def __init__(self, store: Store, tokens: Tokens, logins: Logins, clock: Callable[[], float]) -> None:
        self._store = store
        self._tokens = tokens
        self._logins = logins
        self._clock = clock
        self._right: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()

    async def identify(self, shown: Presented, address: str) -> Identity:
        """Whose it is. Raises InvalidCredentials, TooManyRequests, Locked, StoreError."""
        if not shown.basic:
            return await identify(shown.text, self._tokens, self._store)
        print_ = hashlib.sha256(shown.text.encode(errors="replace")).digest()
        claims = self._remembered(print_)
        if claims is None:
            claims = await self._checked(shown.text, address)
            self._right[print_] = (self._clock(), claims)
            if len(self._right) > MAX_REMEMBERED:
                self._right.popitem(last=False)
        try:
            found = await standing(None, claims, self._store)
            if found.user is not None and is_enrolled(found.user):
                # There is no place for a code in a header that is sent with each request.
                raise InvalidCredentials
        except InvalidCredentials:
            self._right.pop(print_, None)
            raise
        return found

    def _remembered(self, print_: bytes) -> dict[str, Any] | None:
        since, claims = self._right.get(print_, (0.0, {}))
        if claims and 0 <= self._clock() - since < REMEMBERED:
            return claims
        self._right.pop(print_, None)
        return None

    async def _checked(self, text: str, address: str) -> dict[str, Any]:
        try:
            if len(text) > MAX_BASIC:
                raise InvalidCredentials
            decoded = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, ValueError):
            raise InvalidCredentials from None
        account_id, _, credentials = decoded.partition(":")
        account, user = await self._logins.member(account_id, credentials, address)
        way = await way_of(self._store, account, API_AUTH if user is None else USER_AUTH)
        if not way.enabled or way.second_factor:
            raise InvalidCredentials
        self._logins.counted(BASIC_AUTH)
        secret = account_secret(account) if user is None else user_secret(user)
        owner_id = None if user is None else str(user["_id"])
        claims = {
            "account_id": str(account["_id"]),
            "method": BASIC_AUTH,
            "identity_sig": identity(secret, str(account["_id"]), owner_id),
        }
        return claims if owner_id is None else {**claims, "owner_id": owner_id}

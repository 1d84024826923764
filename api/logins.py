"""Whose credentials are these? Users by the hash of `username:password`, accounts by their API key.

A wrong answer costs the same time whatever was wrong, so that nobody learns which accounts or users there are, and
after too many of them from one address the next are refused unseen. No credential is ever logged.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import Document, InvalidName, NotFound, Store
from mirliton.actors.store.names import account_db
from mirliton.api.counters import Counters
from mirliton.api.errors import InvalidCredentials, TooManyRequests
from mirliton.api.identity import load_account, load_user
from mirliton.api.throttle import Throttle

FAILURE_TIME = 0.3
"""Seconds until a wrong login is answered."""
PER_ACCOUNT: Final = 10
"""Wrong logins of one address to one account before it has to wait."""
PER_ADDRESS: Final = 50
"""Wrong logins of one address to any accounts."""
REFILL: Final = 6.0
"""Seconds after which one more is allowed."""
CANDIDATES: Final = 16
"""Accounts of one name that are looked at."""

_HASH: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}")
_VIEWS: Final = {"md5": "users/creds_by_md5", "sha": "users/creds_by_sha"}


@dataclass(frozen=True, slots=True)
class UserLogin:
    """The data of PUT user_auth."""

    credentials: str
    method: str
    account_name: str | None = None
    account_realm: str | None = None
    phone_number: str | None = None

    @property
    def account(self) -> str:
        """The account as it was named, for counting attempts."""
        named = self.account_realm or self.account_name or self.phone_number or ""
        return normalised(named) if named == self.account_name else named.lower()


class Logins:
    """Checks credentials. `clock` gives seconds."""

    def __init__(self, store: Store, clock: Callable[[], float], counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._per_account = Throttle(PER_ACCOUNT, REFILL, clock)
        self._per_address = Throttle(PER_ADDRESS, REFILL, clock)

    async def user(self, login: UserLogin, address: str) -> tuple[Document, Document]:
        """The account and user that log in. Raises InvalidCredentials, TooManyRequests, StoreError."""
        found: tuple[Document, Document] = await self._guarded(self._user(login), login.account, address)
        return found

    async def account(self, api_key: str, address: str) -> Document:
        """The account of an API key. Raises InvalidCredentials, TooManyRequests, StoreError."""
        found: Document = await self._guarded(self._account(api_key), "", address)
        return found

    async def _guarded(self, looking: Any, account: str, address: str) -> Any:
        try:
            for throttle, key in ((self._per_address, address), (self._per_account, (address, account))):
                wait = throttle.take(key)
                if wait > 0.0:
                    self._counters.logins_throttled += 1
                    raise TooManyRequests(wait)
            loop = asyncio.get_running_loop()
            answer_at = loop.time() + FAILURE_TIME
            try:
                found = await looking
            except InvalidCredentials:
                self._counters.logins_failed += 1
                await asyncio.sleep(max(0.0, answer_at - loop.time()))
                raise
        finally:
            looking.close()
        self._per_address.give_back(address)
        self._per_account.give_back((address, account))
        return found

    async def _user(self, login: UserLogin) -> tuple[Document, Document]:
        credentials = login.credentials.lower()
        if _HASH.fullmatch(credentials):
            for account_id in await self._accounts(login):
                found = await self._user_of(account_id, login.method, credentials)
                if found is not None:
                    return found
        raise InvalidCredentials

    async def _user_of(self, account_id: str, method: str, credentials: str) -> tuple[Document, Document] | None:
        account = await load_account(self._store, account_id)
        if account is None:
            return None
        try:
            rows = (await self._store.view(account_db(account_id), _VIEWS[method], key=credentials, limit=1)).rows
        except NotFound:
            return None
        user = await load_user(self._store, account_id, str(rows[0].id)) if rows else None
        return (account, user) if user is not None else None

    async def _account(self, api_key: str) -> Document:
        try:
            rows = (await self._store.view("accounts", "accounts/listing_by_api", key=api_key, limit=1)).rows
        except NotFound:
            raise InvalidCredentials from None
        account = await load_account(self._store, str(rows[0].value["account_id"])) if rows else None
        # The copy in `accounts` may be older than the account itself.
        if account is None or account.get("pvt_api_key") != api_key:
            raise InvalidCredentials
        return account

    async def _accounts(self, login: UserLogin) -> list[str]:
        """The ids of the accounts that the login may mean."""
        if login.account_realm is not None:
            return await self._listed("accounts/listing_by_realm", login.account_realm.lower())
        if login.account_name is not None:
            name = normalised(login.account_name)
            return await self._listed("accounts/listing_by_name", name) if name else []
        return await self._by_number(login.phone_number or "")

    async def _listed(self, view: str, key: str) -> list[str]:
        try:
            rows = (await self._store.view("accounts", view, key=key, limit=CANDIDATES)).rows
        except NotFound:
            return []
        return [str(row.value["account_id"]) for row in rows]

    async def _by_number(self, number: str) -> list[str]:
        """The account that a number is assigned to (Kazoo keeps numbers in databases by their first five digits)."""
        wanted = "+" + re.sub(r"[^0-9]", "", number)
        try:
            doc = await self._store.get(f"numbers/{wanted[:5]}", wanted)
        except (NotFound, InvalidName):
            return []
        account_id = doc.get("pvt_assigned_to")
        return [account_id] if isinstance(account_id, str) else []


def normalised(name: str) -> str:
    """An account's name as Kazoo compares it: small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())

"""Whose credentials are these? Users by the hash of `username:password`, accounts by their API key or their address.

A wrong answer costs the same time whatever was wrong, so that nobody learns which accounts or users there are, and
after too many of them from one address the next are refused unseen. No credential is ever logged.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import Document, InvalidName, NotFound, Store
from mirliton.actors.store.names import account_db
from mirliton.api.counters import Counters
from mirliton.api.credentials import VIEW, Credentials, is_imported
from mirliton.api.errors import InvalidCredentials, TooManyRequests
from mirliton.api.identity import load_account, load_user, own_addresses
from mirliton.api.recoveries import whose
from mirliton.api.throttle import Throttle

FAILURE_TIME = 0.3
"""Seconds until a wrong login is answered."""
PER_ACCOUNT: Final = 10
"""Wrong logins of one address to one account before it has to wait."""
PER_ADDRESS: Final = 50
"""Wrong logins of one address to any accounts."""
REFILL: Final = 6.0
"""Seconds after which one more is allowed."""
RECOVERIES: Final = 5
"""Reset links that one address may ask for, and that may be asked for one user, at once."""
RECOVERY_REFILL: Final = 600.0
"""Seconds after which one more may."""
CANDIDATES: Final = 16
"""Accounts of one name that are looked at."""

_HASH: Final = {"md5": re.compile(r"[0-9a-f]{32}"), "sha": re.compile(r"[0-9a-f]{40}")}
_IMPORTED: Final = {"md5": "users/creds_by_md5", "sha": "users/creds_by_sha"}


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

    def __init__(self, store: Store, clock: Callable[[], float], counters: Counters, credentials: Credentials) -> None:
        self._store = store
        self._credentials = credentials
        self._counters = counters
        self._per_account = Throttle(PER_ACCOUNT, REFILL, clock)
        self._recoveries = Throttle(RECOVERIES, RECOVERY_REFILL, clock)
        self._per_address = Throttle(PER_ADDRESS, REFILL, clock)

    async def user(
        self, login: UserLogin, address: str, wrong: Callable[[], Awaitable[None]] | None = None
    ) -> tuple[Document, Document]:
        """The account and user that log in. Raises InvalidCredentials, TooManyRequests, StoreError.

        `wrong` is done for credentials that are, within the time in which these are answered.
        """
        found: tuple[Document, Document] = await self._guarded(self._user(login), login.account, address, wrong)
        return found

    async def account(self, api_key: str, address: str) -> Document:
        """The account of an API key. Raises InvalidCredentials, TooManyRequests, StoreError."""
        found: Document = await self._guarded(self._account(api_key), "", address)
        return found

    async def member(self, account_id: str, credentials: str, address: str) -> tuple[Document, Document | None]:
        """The account with this id and, unless `credentials` are its API key, the user whose hash they are.

        Raises InvalidCredentials, TooManyRequests, StoreError.
        """
        found: tuple[Document, Document | None] = await self._guarded(
            self._member(account_id, credentials.lower()), account_id[:64], address
        )
        return found

    async def of_address(self, address: str) -> tuple[Document, Document | None]:
        """The one account that names this address as its own, and the user where it names one.

        Raises InvalidCredentials, TooManyRequests, StoreError.
        """
        found: tuple[Document, Document | None] = await self._guarded(self._of_address(address), "", address)
        return found

    async def by_reset_id(self, reset_id: str, now: float, address: str) -> tuple[Document, Document]:
        """The account and user of a reset id; raises as `user`."""
        found: tuple[Document, Document] = await self._guarded(whose(self._store, reset_id, now), "", address)
        return found

    def may_recover(self, username: str, account: str, address: str) -> None:
        """Count a request for a reset link. Raises TooManyRequests."""
        for key in (("address", address), ("user", account, username)):
            wait = self._recoveries.take(key)
            if wait > 0.0:
                self._counters.logins_throttled += 1
                raise TooManyRequests(wait)

    def counted(self, method: str) -> None:
        """Somebody has logged in by this method."""
        self._counters.logins[method] += 1

    async def named(self, login: UserLogin) -> list[str]:
        """The ids of the accounts that the login may mean. Raises StoreError."""
        return await self._accounts(login)

    async def _guarded(
        self, looking: Any, account: str, address: str, wrong: Callable[[], Awaitable[None]] | None = None
    ) -> Any:
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
                if wrong is not None:
                    await wrong()
                await asyncio.sleep(max(0.0, answer_at - loop.time()))
                raise
        finally:
            looking.close()
        self._per_address.give_back(address)
        self._per_account.give_back((address, account))
        return found

    async def _user(self, login: UserLogin) -> tuple[Document, Document]:
        credentials = login.credentials.lower()
        if _HASH[login.method].fullmatch(credentials):
            for account_id in await self._accounts(login):
                found = await self._user_of(account_id, login.method, credentials)
                if found is not None:
                    return found
        raise InvalidCredentials

    async def _user_of(self, account_id: str, method: str, credentials: str) -> tuple[Document, Document] | None:
        account = await load_account(self._store, account_id)
        if account is None:
            return None
        user = await self._sealed(account_id, method, credentials)
        if user is None:
            user = await self._imported(account_id, method, credentials)
        if user is None:
            return None
        return account, await self._credentials.renewed(user, account_db(account_id), method, credentials)

    async def _sealed(self, account_id: str, method: str, credentials: str) -> Document | None:
        for key in await self._credentials.keys(method, credentials):
            user = await self._hit(account_id, VIEW, key)
            if user is not None and await self._credentials.verified(user, method, credentials):
                return user
        return None

    async def _imported(self, account_id: str, method: str, credentials: str) -> Document | None:
        user = await self._hit(account_id, _IMPORTED[method], credentials)
        return user if user is not None and is_imported(user, method, credentials) else None

    async def _hit(self, account_id: str, view: str, key: str) -> Document | None:
        try:
            rows = (await self._store.view(account_db(account_id), view, key=key, limit=1)).rows
        except NotFound:
            return None
        return await load_user(self._store, account_id, str(rows[0].id)) if rows else None

    async def _member(self, account_id: str, credentials: str) -> tuple[Document, Document | None]:
        account = await load_account(self._store, account_id)
        if account is None:
            raise InvalidCredentials
        key = account.get("pvt_api_key")
        if isinstance(key, str) and key and hmac.compare_digest(key.lower().encode(), credentials.encode()):
            return account, None
        method = next((method for method, form in _HASH.items() if form.fullmatch(credentials)), None)
        found = await self._user_of(account_id, method, credentials) if method is not None else None
        if found is None:
            raise InvalidCredentials
        return found

    async def _of_address(self, address: str) -> tuple[Document, Document | None]:
        try:
            rows = (await self._store.view("accounts", "accounts/listing_by_ip", key=address, limit=2)).rows
        except NotFound:
            raise InvalidCredentials from None
        # Of two accounts that claim one address neither is believed.
        account = await load_account(self._store, str(rows[0].value["account_id"])) if len(rows) == 1 else None
        # The copy in `accounts` may be older than the account itself.
        if account is None or address not in own_addresses(account):
            raise InvalidCredentials
        owner = rows[0].value.get("owner_id")
        if owner is None:
            return account, None
        user = await load_user(self._store, str(account["_id"]), str(owner))
        if user is None:
            raise InvalidCredentials
        return account, user

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

"""Who asks: from a request's token to an account and a user that are there and may still come in.

Nothing is cached: a user who is disabled, or whose password changes, is out with the next request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from mirliton.actors.store import Document, InvalidName, NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.errors import InvalidCredentials, Locked
from mirliton.api.tokens import Tokens, account_secret, identity_stands, user_secret

SYSTEM_CONFIG: Final = "system_config"
USER_AUTH: Final = "cb_user_auth"
API_AUTH: Final = "cb_api_auth"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever holds the token. `user` is None for the token of an API key, which acts for the whole account."""

    token: str
    claims: dict[str, Any]
    account: Document
    user: Document | None

    @property
    def account_id(self) -> str:
        return str(self.account["_id"])

    @property
    def owner_id(self) -> str | None:
        """The user's id."""
        return str(self.user["_id"]) if self.user is not None else None

    @property
    def is_admin(self) -> bool:
        """Whether they may act for the whole account."""
        return self.user is None or self.user.get("priv_level") == "admin"


def token_of(request: web.Request) -> str | None:
    """The token in a request's header or query (Kazoo reference 5.2); the envelope may bring another.

    The order is X-Auth-Token, `auth_token` in the query, Authorization (Bearer or bare).
    """
    header = request.headers.get("X-Auth-Token") or request.query.get("auth_token")
    if header:
        return header.strip()
    scheme, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    if not rest:
        return scheme or None
    # Basic names no token; whatever else it is, it is not one of ours.
    return rest.strip() if scheme.lower() == "bearer" else scheme


async def identify(token: str, tokens: Tokens, store: Store) -> Identity:
    """Whose token this is. Raises InvalidCredentials, Locked, StoreError."""
    claims = await tokens.read(token)
    account = await load_account(store, claims["account_id"])
    if account is None:
        raise InvalidCredentials
    owner = claims.get("owner_id")
    if owner is None:
        user = None
        stands = identity_stands(claims, account_secret(account))
    else:
        user = await load_user(store, claims["account_id"], owner)
        stands = user is not None and identity_stands(claims, user_secret(user))
    if not stands:
        raise InvalidCredentials
    if is_disabled(account):
        raise Locked
    return Identity(token, claims, account, user)


async def load_account(store: Store, account_id: str) -> Document | None:
    """The account's document; None where there is none, or it is deleted."""
    try:
        doc = await store.get(account_db(account_id), account_id)
    except (NotFound, InvalidName):
        return None
    return None if is_deleted(doc) or doc.get("pvt_type") != "account" else doc


async def load_user(store: Store, account_id: str, user_id: str) -> Document | None:
    """The document of a user who may come in; None for one that is not there, deleted or disabled."""
    try:
        doc = await store.get(account_db(account_id), user_id)
    except (NotFound, InvalidName):
        return None
    if is_deleted(doc) or doc.get("pvt_type") != "user" or doc.get("enabled") is False:
        return None
    return doc


def is_disabled(account: Document) -> bool:
    """Whether nobody of this account may come in."""
    return account.get("pvt_enabled") is False or account.get("enabled") is False


async def master_account_id(store: Store) -> str | None:
    """The account that stands above all others (`system_config/accounts`); None where none is named."""
    try:
        doc = await store.get(SYSTEM_CONFIG, "accounts")
    except NotFound:
        return None
    default = doc.get("default")
    found = default.get("master_account_id") if isinstance(default, dict) else None
    return found if isinstance(found, str) and found else None

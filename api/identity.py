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
from mirliton.api.restrictions import DOCUMENT
from mirliton.api.revocations import is_revoked
from mirliton.api.tokens import Tokens, account_secret, identity_stands, user_secret

SYSTEM_CONFIG: Final = "system_config"
USER_AUTH: Final = "cb_user_auth"
API_AUTH: Final = "cb_api_auth"
IP_AUTH: Final = "cb_ip_auth"
BASIC_AUTH: Final = "cb_basic_auth"
RECOVERY: Final = "cb_user_auth_recovery"
ORIGINAL: Final[tuple[str, ...]] = ("original_account_id", "original_owner_id")
"""Claims of a token that somebody else got, who acts as its user: who it was."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows to say who asks: a token, or what stands after `Basic`."""

    text: str
    basic: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever asks. `user` is None where somebody acts for the whole account, as by an API key.

    `token` is None where none was shown.
    """

    token: str | None
    claims: dict[str, Any]
    account: Document
    user: Document | None
    restrictions: Any = None
    """What the account's document `token_restrictions` says (`restrictions.py`)."""

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


def presented(request: web.Request) -> Presented | None:
    """What a request's header or query shows (Kazoo reference 5.2); the envelope may bring another token.

    The order is X-Auth-Token, `auth_token` in the query, Authorization (Bearer, Basic or bare).
    """
    header = request.headers.get("X-Auth-Token") or request.query.get("auth_token")
    if header:
        return Presented(header.strip())
    scheme, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() == "basic":
        return Presented(rest.strip(), basic=True)
    if scheme.lower() == "bearer":
        return Presented(rest.strip()) if rest.strip() else None
    return Presented(scheme)


async def identify(token: str, tokens: Tokens, store: Store) -> Identity:
    """Whose token this is. Raises InvalidCredentials, Locked, StoreError."""
    claims = await tokens.read(token)
    if await is_revoked(store, claims):
        raise InvalidCredentials
    return await standing(token, claims, store)


async def standing(token: str | None, claims: dict[str, Any], store: Store) -> Identity:
    """Whoever these claims are about, if what they were made of still stands. Raises as `identify`."""
    account_id, owner = claims["account_id"], claims.get("owner_id")
    try:
        wanted = [account_id, DOCUMENT, *([owner] if owner is not None else [])]
        found, restrictions, *users = await store.get_many(account_db(account_id), wanted)
    except (NotFound, InvalidName):
        raise InvalidCredentials from None
    account = _account(found)
    if account is None:
        raise InvalidCredentials
    user = _user(users[0]) if users else None
    if owner is None:
        stands = identity_stands(claims, account_secret(account))
    else:
        stands = user is not None and identity_stands(claims, user_secret(user))
    if "ip" in claims:
        stands = stands and claims["ip"] in own_addresses(account)
    if not stands:
        raise InvalidCredentials
    if await is_shut(store, account):
        raise Locked
    restricted = None if restrictions is None or is_deleted(restrictions) else restrictions.get("restrictions")
    return Identity(token, claims, account, user, restricted)


def original_of(claims: dict[str, Any]) -> dict[str, str]:
    """Who got this token to act as its user; empty where it is the user's own."""
    return {name: str(claims[name]) for name in ORIGINAL if name in claims}


async def load_account(store: Store, account_id: str) -> Document | None:
    """The account's document; None where there is none, or it is deleted."""
    try:
        doc = await store.get(account_db(account_id), account_id)
    except (NotFound, InvalidName):
        return None
    return _account(doc)


async def load_user(store: Store, account_id: str, user_id: str) -> Document | None:
    """The document of a user who may come in; None for one that is not there, deleted or disabled."""
    try:
        doc = await store.get(account_db(account_id), user_id)
    except (NotFound, InvalidName):
        return None
    return _user(doc)


def _account(doc: Document | None) -> Document | None:
    return None if doc is None or is_deleted(doc) or doc.get("pvt_type") != "account" else doc


def _user(doc: Document | None) -> Document | None:
    if doc is None or is_deleted(doc) or doc.get("pvt_type") != "user" or doc.get("enabled") is False:
        return None
    return doc


def is_disabled(account: Document) -> bool:
    """Whether nobody of this account may come in."""
    return account.get("pvt_enabled") is False or account.get("enabled") is False


async def is_shut(store: Store, account: Document) -> bool:
    """Whether nobody of this account may come in: it is disabled, or an account above it is. Raises StoreError."""
    if is_disabled(account):
        return True
    ancestors = tree_of(account)
    if not ancestors:
        return False
    # The copies in `accounts`: all in one read, and the writer of an account keeps its copy current.
    try:
        rows = (await store.all_docs("accounts", keys=ancestors, include_docs=True)).rows
    except NotFound:
        return False
    return any(row.doc is not None and is_disabled(row.doc) for row in rows)


def tree_of(account: Document) -> list[str]:
    """The ids of an account's ancestors, the oldest first."""
    tree = account.get("pvt_tree")
    return [ancestor for ancestor in tree if isinstance(ancestor, str)] if isinstance(tree, list) else []


def own_addresses(account: Document) -> list[str]:
    """The addresses from which one may log in as this account without more (ip_auth)."""
    given = account.get("ips")
    entries = given if isinstance(given, list) else []
    return [entry["ip"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("ip"), str)]


async def master_account_id(store: Store) -> str | None:
    """The account that stands above all others (`system_config/accounts`); None where none is named."""
    try:
        doc = await store.get(SYSTEM_CONFIG, "accounts")
    except NotFound:
        return None
    default = doc.get("default")
    found = default.get("master_account_id") if isinstance(default, dict) else None
    return found if isinstance(found, str) and found else None

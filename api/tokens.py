"""Tokens: JSON Web Tokens (RFC 7519) with Kazoo's claims, signed with a secret that lives in the store.

The secret is made when it is first needed (database `system_auth`) and shared by all nodes of a store, so tokens
survive restarts. To end all tokens at once, delete that document: within `KEY_TRUSTED` seconds every node signs with a
new one.

A token also carries a signature of what it was given for (`identity_sig`): the user's password hashes, or the account's
API key. When that changes, the tokens that were made of it are worth nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any, Final

import jwt

from mirliton.actors.store import Conflict, Document, DocumentNotFound, Store
from mirliton.actors.store.documents import stamp
from mirliton.api.errors import InvalidCredentials

DATABASE: Final = "system_auth"
KEY_DOCUMENT: Final = "mirliton_token_key"
ISSUER: Final = "mirliton"
ALGORITHM: Final = "HS256"
KEY_TRUSTED: Final = 30.0
"""Seconds after which the secret is looked up anew."""
MAX_TOKEN: Final = 2048
"""Characters; ours have some 350."""


class Tokens:
    """Makes and reads tokens. `clock` gives unix seconds; `lifetime` is in seconds."""

    def __init__(self, store: Store, lifetime: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        self._key: bytes | None = None
        self._read_at = 0.0

    async def make(self, method: str, account_id: str, owner_id: str | None, secret: bytes) -> str:
        """A token for this account (and user); it stands and falls with `secret`. Raises StoreError."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "iat": now,
            "exp": now + int(self._lifetime),
            "jti": secrets.token_hex(8),
            "method": method,
            "account_id": account_id,
            "identity_sig": _identity(secret, account_id, owner_id),
        }
        if owner_id is not None:
            claims["owner_id"] = owner_id
        return jwt.encode(claims, await self._signing_key(), algorithm=ALGORITHM)

    async def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that is ours and has not expired. Raises InvalidCredentials, StoreError.

        Whether its identity still stands is for `identity_stands`.
        """
        if len(token) > MAX_TOKEN:
            raise InvalidCredentials
        key = await self._signing_key()
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={
                    "require": ["exp", "iss", "account_id", "identity_sig"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, UnicodeError, ValueError):
            raise InvalidCredentials from None
        expires = claims["exp"]
        # Our clock, which a test may hold still.
        if not isinstance(expires, int) or expires <= self._clock():
            raise InvalidCredentials
        owner = claims.get("owner_id")
        if not isinstance(claims["account_id"], str) or not (owner is None or isinstance(owner, str)):
            raise InvalidCredentials
        return claims

    async def _signing_key(self) -> bytes:
        now = self._clock()
        if self._key is None or not 0 <= now - self._read_at < KEY_TRUSTED:
            self._key = await self._stored_key()
            self._read_at = now
        return self._key

    async def _stored_key(self) -> bytes:
        await self._store.create_database(DATABASE)
        try:
            doc = await self._store.get(DATABASE, KEY_DOCUMENT)
        except DocumentNotFound:
            made = base64.b64encode(secrets.token_bytes(32)).decode()
            doc = stamp({"_id": KEY_DOCUMENT, "pvt_secret": made}, type="system_key", db=DATABASE, now=self._clock())
            try:
                await self._store.put(DATABASE, doc)
            except Conflict:
                # Another node was faster.
                doc = await self._store.get(DATABASE, KEY_DOCUMENT)
        return base64.b64decode(doc["pvt_secret"])


def identity_stands(claims: dict[str, Any], secret: bytes) -> bool:
    """Whether the token was made of this secret."""
    wanted = _identity(secret, claims["account_id"], claims.get("owner_id"))
    return hmac.compare_digest(wanted, str(claims["identity_sig"]))


def user_secret(user: Document) -> bytes:
    """What a user's tokens stand and fall with: their password, and Kazoo's own secret where there is one."""
    fields = ("pvt_md5_auth", "pvt_sha1_auth", "pvt_signature_secret")
    return "\0".join(str(user.get(field, "")) for field in fields).encode()


def account_secret(account: Document) -> bytes:
    """What the tokens of an API key stand and fall with."""
    return str(account.get("pvt_api_key", "")).encode()


def _identity(secret: bytes, account_id: str, owner_id: str | None) -> str:
    text = f"{account_id}\0{owner_id or ''}".encode()
    # HMAC would take an empty key; nobody has a token of nothing.
    return hmac.digest(hashlib.sha256(b"identity\0" + secret).digest(), text, hashlib.sha256)[:18].hex()

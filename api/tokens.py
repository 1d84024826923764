"""Tokens: JSON Web Tokens (RFC 7519) with Kazoo's claims, signed with Ed25519 by a key of `keys.py`.

A token also carries a signature of what it was given for (`identity_sig`): the user's password, or the account's API
key. When that changes, the tokens that were made of it are worth nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import jwt

from mirliton.actors.store import Document, Store
from mirliton.api.errors import InvalidCredentials
from mirliton.api.keys import Keys

ISSUER: Final = "mirliton"
ALGORITHM: Final = "EdDSA"
LONGEST: Final = 30 * 86_400
"""Seconds of the longest life that an account may give its tokens."""
MAX_VERIFIED: Final = 10_000
MAX_TOKEN: Final = 2048
"""Characters; ours have some 450."""


class Tokens:
    """Makes and reads tokens. `clock` gives unix seconds; `lifetime` is theirs, in seconds, and `longest` what may be
    asked for instead."""

    def __init__(self, store: Store, lifetime: float, clock: Callable[[], float], longest: float = 0.0) -> None:
        self._lifetime = lifetime
        self._longest = max(lifetime, longest)
        self._clock = clock
        self.keys = Keys(store, self._longest, clock)
        self._verified: OrderedDict[bytes, tuple[str, dict[str, Any]]] = OrderedDict()
        """Tokens whose signature was right, by their SHA-256: with the id of its key, and their claims."""

    async def make(
        self,
        method: str,
        account_id: str,
        owner_id: str | None,
        secret: bytes,
        *,
        lifetime: float | None = None,
        **more: str,
    ) -> str:
        """A token for this account (and user); it stands and falls with `secret`. Raises StoreError.

        Its `lifetime` is the server's unless another is given.
        """
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "iat": now,
            "exp": now + int(self._lifetime if lifetime is None else min(lifetime, self._longest)),
            "jti": secrets.token_hex(8),
            "method": method,
            "account_id": account_id,
            "identity_sig": identity(secret, account_id, owner_id),
            **more,
        }
        if owner_id is not None:
            claims["owner_id"] = owner_id
        key = await self.keys.signing()
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    async def read(self, token: str) -> dict[str, Any]:
        """The claims of a token that is ours and has not expired. Raises InvalidCredentials, StoreError.

        Whether its identity still stands is for `identity_stands`, and whether it was taken back for `is_revoked`.
        """
        if len(token) > MAX_TOKEN:
            raise InvalidCredentials
        print_ = hashlib.sha256(token.encode(errors="replace")).digest()
        id, claims = self._verified.get(print_, ("", {}))
        # The signature was right and stays so; whether its key is still trusted, and the time, are asked anew.
        if not claims or await self.keys.public(id) is None:
            id, claims = await self._verify(token)
            self._verified[print_] = (id, claims)
            if len(self._verified) > MAX_VERIFIED:
                self._verified.popitem(last=False)
        # Our clock, which a test may hold still.
        if claims["exp"] <= self._clock():
            raise InvalidCredentials
        return dict(claims)

    async def _verify(self, token: str) -> tuple[str, dict[str, Any]]:
        """The id of the key that a token is signed with, and its claims. Raises as `read`."""
        try:
            id = jwt.get_unverified_header(token).get("kid")
            key = await self.keys.public(id) if isinstance(id, str) else None
            if key is None:
                raise InvalidCredentials
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                options={
                    "require": ["exp", "iss", "jti", "account_id", "identity_sig"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, UnicodeError, ValueError):
            raise InvalidCredentials from None
        owner = claims.get("owner_id")
        if not isinstance(claims["exp"], int) or not isinstance(claims["account_id"], str):
            raise InvalidCredentials
        if not (owner is None or isinstance(owner, str)):
            raise InvalidCredentials
        return str(id), claims


def identity_stands(claims: dict[str, Any], secret: bytes) -> bool:
    """Whether the token was made of this secret."""
    wanted = identity(secret, claims["account_id"], claims.get("owner_id"))
    return hmac.compare_digest(wanted, str(claims["identity_sig"]))


def user_secret(user: Document) -> bytes:
    """What a user's tokens stand and fall with: a secret that changes with their password, and Kazoo's bare hashes."""
    fields = ("pvt_md5_auth", "pvt_sha1_auth", "pvt_signature_secret")
    return "\0".join(str(user.get(field, "")) for field in fields).encode()


def account_secret(account: Document) -> bytes:
    """What the tokens of the account as such stand and fall with: its API key, and a secret that can be reset."""
    reset = account.get("pvt_signature_secret")
    return str(account.get("pvt_api_key", "")).encode() + (f"\0{reset}".encode() if reset is not None else b"")


def identity(secret: bytes, account_id: str, owner_id: str | None) -> str:
    """The claim `identity_sig`."""
    text = f"{account_id}\0{owner_id or ''}".encode()
    # HMAC would take an empty key; nobody has a token of nothing.
    return hmac.digest(hashlib.sha256(b"identity\0" + secret).digest(), text, hashlib.sha256)[:18].hex()

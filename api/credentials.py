"""How a user's password is kept and recognised.

A Kazoo client does not send the password, nor who logs in: only the MD5 or SHA-1 of `username:password`. So the user is
found by an HMAC of that hash under a secret of the servers, and the one hit is verified with Argon2id. The document
holds, under `pvt_credentials`, for each of the two hashes

    {"key": the HMAC, by which the view users/creds_by_key finds it, "hash": Argon2id of the hash}

Whoever has the documents but not the secret has to try passwords against Argon2id. The secret is the setting
`api.login_secret`. Where it is empty one is made and kept in the store (database `system_auth`), which protects where a
single database leaks, but not against whoever reads the whole store. Several secrets may be given, with spaces between:
the first is used, the others are still recognised, and each login moves its user to the first. The one in the store is
recognised as the last of them.

Documents that come from Kazoo hold the bare hashes (`pvt_md5_auth`, `pvt_sha1_auth`). They are accepted once, at the
user's first login, and replaced by the above.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mirliton.actors.store import Conflict, Document, DocumentNotFound, Store, update
from mirliton.actors.store.documents import stamp
from mirliton.config import Secret

DATABASE: Final = "system_auth"
KEPT: Final = "mirliton_login_secret"
FIELD: Final = "pvt_credentials"
VIEW: Final = "users/creds_by_key"
IMPORTED: Final[Mapping[str, str]] = {"md5": "pvt_md5_auth", "sha": "pvt_sha1_auth"}
"""Kazoo's own fields, by the method of user_auth."""

# OWASP's first recommendation: 19 MiB, 2 passes, 1 lane (some 20 ms). Changed parameters are taken over at each login.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Two threads bound what logins take of memory and processors; more of them wait, within the request's deadline.
_workers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="api-argon2")


class Credentials:
    """Seals and recognises passwords. `clock` gives unix seconds."""

    def __init__(self, store: Store, configured: Secret, clock: Callable[[], float]) -> None:
        self._store = store
        self._configured = configured
        self._clock = clock
        self._kept: bytes | None = None

    async def of_password(self, username: str, password: str) -> Document:
        """What a user's document keeps of a new password; tokens that were given for an older one end with it."""
        text = f"{username.lower()}:{password}".encode()
        return {**await self._sealed(hashes(text)), "pvt_signature_secret": secrets.token_hex(16)}

    async def keys(self, method: str, credentials: str) -> list[str]:
        """The keys under which these credentials may be found. Raises StoreError."""
        return [_key(secret, method, credentials) for secret in await self._secrets()]

    async def verified(self, user: Document, method: str, credentials: str) -> bool:
        """Whether these are the user's credentials, by what is sealed of them."""
        sealed = _sealed_of(user, method).get("hash")
        if not isinstance(sealed, str):
            return False
        return await asyncio.get_running_loop().run_in_executor(_workers, _verify, sealed, credentials)

    async def renewed(self, user: Document, database: str, method: str, credentials: str) -> Document:
        """The user's document, sealed as one of today is; written only where it is not. Raises StoreError.

        The credentials must have been verified, or be those that were imported.
        """
        given = {method: credentials}
        for other, field in IMPORTED.items():
            if isinstance(user.get(field), str):
                given.setdefault(other, user[field].lower())
        sealed = _sealed_of(user, method)
        current = _key((await self._secrets())[0], method, credentials)
        stale = not sealed or sealed.get("key") != current or _hasher.check_needs_rehash(sealed["hash"])
        if not stale and not any(field in user for field in IMPORTED.values()):
            return user
        fresh = await self._sealed(given)

        def change(doc: Document) -> Document | None:
            if any(doc.get(field) != user.get(field) for field in (FIELD, *IMPORTED.values())):
                return None  # The password was changed meanwhile.
            kept = {name: value for name, value in doc.items() if name not in IMPORTED.values()}
            kept.setdefault("pvt_signature_secret", secrets.token_hex(16))
            return {**kept, FIELD: {**doc.get(FIELD, {}), **fresh[FIELD]}}

        return await update(self._store, database, str(user["_id"]), change)

    async def _sealed(self, given: Mapping[str, str]) -> Document:
        secret = (await self._secrets())[0]
        loop = asyncio.get_running_loop()
        sealed = {}
        for method, credentials in given.items():
            made = await loop.run_in_executor(_workers, _hasher.hash, credentials)
            sealed[method] = {"key": _key(secret, method, credentials), "hash": made}
        return {FIELD: sealed}

    async def _secrets(self) -> list[bytes]:
        """The secrets, the one in use first."""
        if self._kept is None:
            self._kept = await self._stored()
        return [*(text.encode() for text in self._configured.reveal().split()), self._kept]

    async def _stored(self) -> bytes:
        await self._store.create_database(DATABASE)
        try:
            doc = await self._store.get(DATABASE, KEPT)
        except DocumentNotFound:
            made = base64.b64encode(secrets.token_bytes(32)).decode()
            doc = {"_id": KEPT, "pvt_secret": made}
            try:
                await self._store.put(DATABASE, stamp(doc, type="system_key", db=DATABASE, now=self._clock()))
            except Conflict:
                # Another node was faster.
                doc = await self._store.get(DATABASE, KEPT)
        return base64.b64decode(doc["pvt_secret"])


def hashes(text: bytes) -> dict[str, str]:
    """What a client sends for `username:password`, by method."""
    return {
        "md5": hashlib.md5(text, usedforsecurity=False).hexdigest(),
        "sha": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
    }


def has_password(user: Document) -> bool:
    """Whether the user can log in with one."""
    return any(field in user for field in (FIELD, *IMPORTED.values()))


def without_password(user: Document) -> Document:
    """A copy without anything that was kept of the password."""
    return {name: value for name, value in user.items() if name not in (FIELD, *IMPORTED.values())}


def is_imported(user: Document, method: str, credentials: str) -> bool:
    """Whether these are the bare hashes that the document came with."""
    kept = user.get(IMPORTED[method])
    return isinstance(kept, str) and hmac.compare_digest(kept.lower().encode(), credentials.encode())


def _key(secret: bytes, method: str, credentials: str) -> str:
    return hmac.digest(secret, f"login\0{method}\0{credentials}".encode(), hashlib.sha256).hex()


def _sealed_of(user: Document, method: str) -> dict[str, Any]:
    kept = user.get(FIELD)
    sealed = kept.get(method) if isinstance(kept, dict) else None
    return sealed if isinstance(sealed, dict) and isinstance(sealed.get("hash"), str) else {}


def _verify(sealed: str, credentials: str) -> bool:
    try:
        return _hasher.verify(sealed, credentials)
    except (VerificationError, InvalidHashError):
        return False

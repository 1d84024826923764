"""The shared secret of a cluster, and how it is changed while all nodes run.

    keys = Keyring("an old secret of many letters") keys.change("an old secret of many letters", "a new secret of many
    letters")    # 1. on each node: know the new one keys.change("a new secret of many letters", "an old secret of many
    letters")    # 2. on each node: sign with it keys.change("a new secret of many letters")
    # 3. on each node: forget the old one

A node signs with the first secret and accepts what either has signed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

KEY_ID_BYTES: Final = 4
SIGNATURE_BYTES: Final = 32
SHORTEST_SECRET: Final = 16
"""Characters; whoever sees a frame can try short ones out."""


class Keyring:
    """One or two secrets. Raises ValueError for none, more than two, the same twice, or one that is too short."""

    def __init__(self, *secrets: str) -> None:
        self._keys: dict[bytes, bytes]
        self._first: bytes
        self.change(*secrets)

    def change(self, *secrets: str) -> None:
        """Sign with the first from now on and accept all of them. Raises as the constructor does."""
        if not 1 <= len(secrets) <= 2:
            raise ValueError(f"a node has one or two secrets, not {len(secrets)}")
        if any(len(secret) < SHORTEST_SECRET for secret in secrets):
            raise ValueError(f"a secret needs {SHORTEST_SECRET} characters")
        # What signs frames is derived, so that the same secret can serve another purpose without helping anybody here.
        keys = [hmac.digest(secret.encode(), b"mirliton frames", "sha256") for secret in secrets]
        named = {hashlib.sha256(b"id" + key).digest()[:KEY_ID_BYTES]: key for key in keys}
        if len(named) != len(keys):
            raise ValueError("the two secrets are the same")
        self._keys = named
        self._first = next(iter(named))

    def sign(self, content: bytes) -> tuple[bytes, bytes]:
        """The id of the key in force, and its signature of `content`."""
        return self._first, hmac.digest(self._keys[self._first], content, "sha256")

    def knows(self, key_id: bytes) -> bool:
        return key_id in self._keys

    def verify(self, key_id: bytes, signature: bytes, content: bytes) -> bool:
        """Whether the key of this id, which is known, signed `content`."""
        return hmac.compare_digest(hmac.digest(self._keys[key_id], content, "sha256"), signature)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key_id.hex() for key_id in self._keys)})"

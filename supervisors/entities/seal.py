"""What lies in a shard's queue is signed: who has the broker, but not the cluster's secret, makes no entity do a thing.

A body is: version (1 byte), id of the key (4), signature (32) of the rest, the shard (4), content. The shard is in it
so that nobody moves a message to another one. One that is put in again is known by the keys of what is in it.
"""

from __future__ import annotations

from typing import Final

from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.keys import KEY_ID_BYTES, SIGNATURE_BYTES

VERSION: Final = b"\x01"
ANY_SHARD: Final = 0xFFFF_FFFF
"""Of a message that was set aside by an entity's node."""
_SIGNED: Final = 1 + KEY_ID_BYTES + SIGNATURE_BYTES
_PURPOSE: Final = b"entities"


def seal(keys: Keyring, shard: int, content: bytes) -> bytes:
    """The body of a message for this shard."""
    signed = shard.to_bytes(4, "big") + content
    key_id, signature = keys.sign(_PURPOSE + signed)
    return VERSION + key_id + signature + signed


def unseal(keys: Keyring, body: bytes) -> tuple[int, bytes] | None:
    """The shard and the content; None for what nobody with a key of ours has made."""
    if len(body) < _SIGNED + 4 or body[:1] != VERSION:
        return None
    key_id, signature, signed = body[1 : 1 + KEY_ID_BYTES], body[1 + KEY_ID_BYTES : _SIGNED], body[_SIGNED:]
    if not keys.knows(key_id) or not keys.verify(key_id, signature, _PURPOSE + signed):
        return None
    return int.from_bytes(signed[:4], "big"), signed[4:]

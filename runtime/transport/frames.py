"""Frames: what travels between nodes as one message of the network. Bytes in, frames out; no I/O.

    version (1 byte) | key id (4) | HMAC-SHA256 over all the rest (32) | msgpack of the frame's fields

The signature is looked at before anything else is read, so nobody without the secret reaches a parser. An envelope is
encoded by itself (runtime/codec.py): one that this node cannot read costs nothing but itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgpack

from mirliton.runtime.errors import FrameRefused
from mirliton.runtime.transport.keys import KEY_ID_BYTES, SIGNATURE_BYTES, Keyring

VERSION: Final = 1
HEADER_BYTES: Final = 1 + KEY_ID_BYTES + SIGNATURE_BYTES
MAX_FRAME: Final = 128 * 1024
"""Bytes of one frame; a longer one is refused unread. A batch has half of it at most (see lane.py)."""
LONGEST_NAME: Final = 255


class Endpoint(NamedTuple):
    """One start of one node: where frames come from and go to."""

    node: str
    incarnation: int

    def __str__(self) -> str:
        return f"{self.node}.{self.incarnation:x}"


EVERYBODY: Final = Endpoint("", 0)
"""Whom an announcement is for."""


class Kind(IntEnum):
    """What a frame is for."""

    ANNOUNCE = 1
    """To everybody: this node is here."""
    HELLO = 2
    """To one node: my epoch, and the last of yours that I know (see session.py)."""
    DATA = 3
    """The next envelopes of a lane, or none: a sign of life."""
    GOODBYE = 4
    """To everybody: this node leaves."""


@dataclass(frozen=True, slots=True)
class Frame:
    """`epoch` is the sender's of this lane, `of` what it holds to be the receiver's; `sequence` counts from 1.

    With `more` the last envelope goes on in the next frame.
    """

    kind: Kind
    sender: Endpoint
    to: Endpoint
    epoch: int = 0
    of: int = 0
    sequence: int = 0
    more: bool = False
    envelopes: tuple[bytes, ...] = ()


def pack(frame: Frame, keys: Keyring) -> bytes:
    """The signed bytes of a frame."""
    fields = (
        int(frame.kind), *frame.sender, *frame.to, frame.epoch, frame.of, frame.sequence, frame.more, frame.envelopes,
    )  # fmt: skip
    body: bytes = msgpack.packb(fields, use_bin_type=True)
    head = bytes((VERSION,))
    key_id, signature = keys.sign(head + body)
    return b"".join((head, key_id, signature, body))


def unpack(data: bytes, keys: Keyring) -> Frame:
    """The frame in these bytes. Raises FrameRefused."""
    if len(data) > MAX_FRAME:
        raise FrameRefused("too_long", f"{len(data)} bytes, {MAX_FRAME} allowed")
    if len(data) <= HEADER_BYTES:
        raise FrameRefused("too_short", f"{len(data)} bytes")
    if data[0] != VERSION:
        raise FrameRefused("version", f"{data[0]}, this node speaks {VERSION}")
    key_id = data[1 : 1 + KEY_ID_BYTES]
    if not keys.knows(key_id):
        raise FrameRefused("unknown_key", f"key {key_id.hex()}")
    body = data[HEADER_BYTES:]
    if not keys.verify(key_id, data[1 + KEY_ID_BYTES : HEADER_BYTES], data[:1] + body):
        raise FrameRefused("signature", f"key {key_id.hex()}")
    try:
        fields = msgpack.unpackb(body, use_list=False, raw=False, strict_map_key=True)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise FrameRefused("malformed", str(error) or type(error).__name__) from error
    return _checked(fields)


def _checked(fields: Any) -> Frame:
    # Its signer knows the secret, and may be of another version or broken all the same.
    match fields:
        case (
            int(kind),
            str(node),
            int(born),
            str(to),
            int(to_born),
            int(epoch),
            int(of),
            int(number),
            bool(more),
            tuple(envelopes),
        ) if (
            kind in _KINDS
            and 0 < len(node) <= LONGEST_NAME
            and len(to) <= LONGEST_NAME
            and min(born, to_born, epoch, of, number) >= 0
            and all(type(envelope) is bytes for envelope in envelopes)
        ):
            return Frame(Kind(kind), Endpoint(node, born), Endpoint(to, to_born), epoch, of, number, more, envelopes)
    raise FrameRefused("malformed", "not the fields of a frame")


_KINDS: Final = frozenset(map(int, Kind))

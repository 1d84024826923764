"""Frames as a stranger sends them: mutated, spliced, inflated, played back. All from a seed.

python -m pytest tests/runtime/transport/test_fuzz.py -m chaos      a million of them
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Final

import msgpack

from mirliton.runtime import Name, Pid, encode
from mirliton.runtime.transport.frames import HEADER_BYTES, MAX_FRAME, VERSION, Endpoint, Frame, Kind, pack
from mirliton.runtime.transport.keys import KEY_ID_BYTES, Keyring

LENGTHS: Final = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
                  b"\xc9\xff\xff\xff\xff\x01", b"\xdc\xff\xff", b"\xde\xff\xff")  # fmt: skip
"""Heads of msgpack's arrays, maps, bytes, texts and extensions that claim the most there can be."""


class Stranger:
    """Has seen frames of the cluster go by, and knows their form, but not the secret."""

    def __init__(self, seen: list[bytes], seed: int) -> None:
        self._seen = seen
        self._known = set(seen)
        self._dice = random.Random(seed)
        self._ways: list[Callable[[], bytes]] = [
            self._bits, self._bits, self._cut, self._longer, self._spliced, self._other_signature, self._other_body,
            self._noise, self._nested, self._inflated, self._other_version, self._truncated, self._too_long,
        ]  # fmt: skip

    def frame(self) -> bytes:
        """The next one: never one that was seen."""
        while True:
            data = self._dice.choice(self._ways)()
            if data not in self._known:
                return data

    def _one(self) -> bytearray:
        return bytearray(self._dice.choice(self._seen))

    def _bits(self) -> bytes:
        data = self._one()
        for _ in range(self._dice.randint(1, 4)):
            data[self._dice.randrange(len(data))] ^= 1 << self._dice.randrange(8)
        return bytes(data)

    def _cut(self) -> bytes:
        data = self._one()
        where = self._dice.randrange(len(data))
        del data[where : where + self._dice.randint(1, 20)]
        return bytes(data)

    def _longer(self) -> bytes:
        data = self._one()
        where = self._dice.randrange(len(data) + 1)
        data[where:where] = self._dice.randbytes(self._dice.randint(1, 20))
        return bytes(data)

    def _spliced(self) -> bytes:
        one, other = self._one(), self._one()
        return bytes(one[: self._dice.randrange(len(one))] + other[self._dice.randrange(len(other)) :])

    def _other_signature(self) -> bytes:
        return bytes(self._one()[:HEADER_BYTES] + self._one()[HEADER_BYTES:])

    def _other_body(self) -> bytes:
        return bytes(self._one()[:HEADER_BYTES]) + self._dice.randbytes(self._dice.randint(1, 200))

    def _noise(self) -> bytes:
        return self._dice.randbytes(self._dice.randint(0, 300))

    def _nested(self) -> bytes:
        return bytes(self._one()[:HEADER_BYTES]) + self._dice.choice(nests)(self._dice.randint(1, 5000))

    def _inflated(self) -> bytes:
        data = self._one()
        where = self._dice.randrange(HEADER_BYTES, len(data))
        data[where : where + 1] = self._dice.choice(LENGTHS)
        return bytes(data)

    def _other_version(self) -> bytes:
        data = self._one()
        data[0] = self._dice.randrange(256)
        return bytes(data)

    def _truncated(self) -> bytes:
        data = self._one()
        return bytes(data[: self._dice.randrange(len(data))])

    def _too_long(self) -> bytes:
        if self._dice.random() > 0.01:
            return self._bits()
        return bytes(self._one()) + bytes(MAX_FRAME)


def _arrays(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def _maps(depth: int) -> bytes:
    return b"\x81\xa1a" * depth + b"\xc0"


def _extensions(depth: int) -> bytes:
    """Each holds the next, so that a reader has to go into it to see the next."""
    data = b"\xc0"
    for _ in range(min(depth, 300)):
        data = b"\xc9" + struct.pack(">Ib", len(data), 4) + data
    return data


nests: Final = (_arrays, _maps, _extensions)


Session = tuple[int, int, int]
"""The two epochs of a session, as its sender says them, and the number of the next batch."""


class Insider:
    """Knows the secret and says nonsense with it: another version, or a broken one."""

    def __init__(
        self, keys: Keyring, seen: list[bytes], me: Endpoint, to: Endpoint, session: Callable[[], Session], seed: int
    ) -> None:
        self._keys = keys
        self._bodies = [data[HEADER_BYTES:] for data in seen]
        self._me = me
        self._to = to
        self._session = session
        self._dice = random.Random(seed)

    def frame(self) -> bytes:
        """The next one, rightly signed."""
        way = self._dice.randrange(6)
        if way == 0:
            return self._signed(self._mutated(self._dice.choice(self._bodies)))
        if way == 1:
            return self._signed(self._dice.choice(nests)(self._dice.randint(1, 5000)))
        if way == 2:
            return self._signed(msgpack.packb([self._anything(2) for _ in range(self._dice.randint(0, 11))]))
        if way == 3:
            return self._signed(self._dice.choice(LENGTHS) + self._dice.randbytes(self._dice.randint(0, 30)))
        return pack(self._fields(), self._keys)

    def _signed(self, body: bytes) -> bytes:
        head = bytes((VERSION,))
        key_id, signature = self._keys.sign(head + body)
        assert len(key_id) == KEY_ID_BYTES
        return head + key_id + signature + body

    def _mutated(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._dice.randint(1, 4)):
            changed[self._dice.randrange(len(changed))] = self._dice.randrange(256)
        return bytes(changed)

    def _fields(self) -> Frame:
        dice = self._dice
        envelopes = tuple(self._envelope() for _ in range(dice.randint(0, 4)))
        kind = dice.choice([Kind.DATA] * 8 + list(Kind))
        sender = self._me if dice.random() < 0.9 else Endpoint(f"x{dice.randrange(3000)}@host", dice.randrange(2**40))
        everybody = kind in (Kind.ANNOUNCE, Kind.GOODBYE)
        to = Endpoint("", 0) if everybody else self._to if dice.random() < 0.9 else Endpoint("nobody@host", 1)
        right = self._session()
        epoch, of, number = right if dice.random() < 0.9 else dice.choice([(1, 1, 1), (2**63, 2**63, 2**63)])
        return Frame(kind, sender, to, epoch, of, number + (dice.random() < 0.01), dice.random() < 0.1, envelopes)

    def _envelope(self) -> bytes:
        """What a connection reads: an operation with fields of the wrong kind, or none."""
        dice = self._dice
        if dice.random() < 0.3:
            return dice.choice(nests)(dice.randint(1, 3000))
        if dice.random() < 0.3:
            return dice.randbytes(dice.randint(0, 60))
        return encode([dice.randrange(-1, 19), *(self._anything(2) for _ in range(dice.randint(0, 6)))])

    def _anything(self, depth: int) -> object:
        dice = self._dice
        if depth and dice.random() < 0.2:
            return [self._anything(depth - 1) for _ in range(dice.randint(0, 4))]
        return dice.choice(
            [
                None,
                True,
                -1,
                2**63 - 1,
                dice.randrange(1000, 2000),
                0.5,
                float("nan"),
                "",
                "text",
                "\x00\ud7ff",
                b"",
                b"\xff",
            ]
            + ([] if depth < 2 else [b"\x91" * 50])
        )


def some_names() -> list[object]:
    """Addresses that travel, for the frames that a stranger sees."""
    return [Name("service", "peer"), Pid("a@host", 1, 7), ("a tuple", 1)]

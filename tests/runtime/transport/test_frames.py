"""Frames: what comes out is what went in, and nobody without the secret gets anything in."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime.errors import FrameRefused
from mirliton.runtime.transport.frames import HEADER_BYTES, MAX_FRAME, Endpoint, Frame, Kind, pack, unpack
from mirliton.runtime.transport.keys import Keyring

KEYS = Keyring("the secret that both nodes know")
A, B = Endpoint("a@host", 1), Endpoint("b@host", 2)
MUTATIONS = 100_000

numbers = st.integers(0, 2**62)
endpoints = st.builds(Endpoint, st.text(min_size=1, max_size=40), numbers)
frames = st.builds(
    Frame,
    st.sampled_from(Kind),
    endpoints,
    endpoints,
    numbers,
    numbers,
    numbers,
    st.booleans(),
    st.lists(st.binary(max_size=100), max_size=5).map(tuple),
)


def a_frame(*envelopes: bytes) -> Frame:
    return Frame(Kind.DATA, A, B, epoch=3, of=4, sequence=5, envelopes=envelopes)


def fault_of(data: bytes, keys: Keyring = KEYS) -> str:
    with pytest.raises(FrameRefused) as refused:
        unpack(data, keys)
    return refused.value.fault


@given(frames)
def test_a_frame_comes_out_as_it_went_in(frame: Frame) -> None:
    assert unpack(pack(frame, KEYS), KEYS) == frame


def test_a_frame_of_another_cluster_is_refused() -> None:
    assert fault_of(pack(a_frame(), Keyring("the secret of another cluster"))) == "unknown_key"


def test_a_frame_that_was_changed_on_the_way_is_refused() -> None:
    data = bytearray(pack(a_frame(b"pay 1"), KEYS))
    data[-1] ^= 1
    assert fault_of(bytes(data)) == "signature"


def test_a_frame_of_another_version_is_refused_by_that_name() -> None:
    assert fault_of(b"\x07" + pack(a_frame(), KEYS)[1:]) == "version"


@pytest.mark.parametrize(("data", "fault"), [(b"", "too_short"), (b"\x01" * HEADER_BYTES, "too_short")])
def test_what_is_too_short_for_a_signature_is_refused(data: bytes, fault: str) -> None:
    assert fault_of(data) == fault


def test_what_is_longer_than_any_frame_is_refused_unread() -> None:
    assert fault_of(bytes(MAX_FRAME + 1)) == "too_long"


@given(st.recursive(st.none() | st.integers() | st.binary() | st.text(), st.lists, max_leaves=12))
def test_a_signed_frame_with_nonsense_in_it_is_refused_as_malformed(nonsense: object) -> None:
    import msgpack

    try:
        body = msgpack.packb(nonsense)
    except (OverflowError, ValueError):
        return
    key_id, signature = KEYS.sign(b"\x01" + body)
    assert fault_of(b"\x01" + key_id + signature + body) == "malformed" if body else "too_short"


def test_a_hundred_thousand_mutations_are_all_refused() -> None:
    dice = random.Random(2024)
    whole = pack(a_frame(b"x" * 60, b"y" * 10), KEYS)
    for _ in range(MUTATIONS):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            what = dice.randrange(4)
            where = dice.randrange(len(data)) if data else 0
            if what == 0 and data:
                data[where] ^= 1 << dice.randrange(8)
            elif what == 1:
                del data[where : where + dice.randint(1, 20)]
            elif what == 2:
                data[where:where] = dice.randbytes(dice.randint(1, 20))
            else:
                data[where : where + 4] = dice.randbytes(4)
        if data != whole:
            assert fault_of(bytes(data)) in {"too_short", "version", "unknown_key", "signature"}

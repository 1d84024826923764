"""Lanes: order, batches, what is too large for one, and bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime.errors import LaneBroken, MessageTooLarge, OutboxFull
from mirliton.runtime.transport.lane import BATCH_BYTES, BATCH_ENVELOPES, MAX_MESSAGE, Batch, Inbound, Outbound

sizes = st.one_of(st.integers(0, 300), st.integers(BATCH_BYTES - 2, 3 * BATCH_BYTES + 2))


def drain(outbound: Outbound) -> list[Batch]:
    """All batches, each confirmed as soon as it is sent."""
    batches = []
    while (batch := outbound.next()) is not None:
        batches.append(batch)
        outbound.confirmed()
    return batches


def content(number: int, size: int) -> bytes:
    return bytes((number % 256,)) * size


@given(st.lists(sizes, max_size=12))
def test_envelopes_of_any_size_arrive_whole_and_in_order(lengths: list[int]) -> None:
    outbound, inbound = Outbound("b"), Inbound("a")
    sent = [content(number, length) for number, length in enumerate(lengths)]
    for envelope in sent:
        outbound.put(envelope)
    batches = drain(outbound)
    assert [envelope for batch in batches for envelope in inbound.take(batch)] == sent
    for batch in batches:
        assert sum(map(len, batch.envelopes)) <= BATCH_BYTES
        assert len(batch.envelopes) <= BATCH_ENVELOPES
    assert outbound.waiting_bytes == 0


def test_one_batch_is_under_way_at_a_time_and_the_next_takes_all_that_came_meanwhile() -> None:
    outbound = Outbound("b")
    outbound.put(b"1")
    first = outbound.next()
    outbound.put(b"2")
    outbound.put(b"3")
    assert first == Batch(1, (b"1",), False)
    assert outbound.next() is None
    outbound.confirmed()
    assert outbound.next() == Batch(2, (b"2", b"3"), False)


def test_a_batch_has_a_bound_in_number_too() -> None:
    outbound = Outbound("b")
    for _ in range(BATCH_ENVELOPES + 1):
        outbound.put(b"")
    assert [len(batch.envelopes) for batch in drain(outbound)] == [BATCH_ENVELOPES, 1]


def test_a_sign_of_life_is_an_empty_batch() -> None:
    outbound, inbound = Outbound("b"), Inbound("a")
    batch = outbound.next(sign_of_life=True)
    assert batch == Batch(1, (), False)
    assert inbound.take(batch) == []
    assert inbound.sequence == 1


def test_a_batch_that_comes_twice_is_read_once() -> None:
    inbound = Inbound("a")
    assert inbound.take(Batch(1, (b"x",), False)) == [b"x"]
    assert inbound.take(Batch(1, (b"x",), False)) == []
    assert inbound.duplicates == 1


def test_a_batch_that_is_missing_breaks_the_lane() -> None:
    inbound = Inbound("a")
    inbound.take(Batch(1, (b"x",), False))
    with pytest.raises(LaneBroken) as broken:
        inbound.take(Batch(3, (b"z",), False))
    assert broken.value.fault == "gap"


def test_beyond_its_bound_the_outbox_refuses_messages_and_takes_signals() -> None:
    outbound = Outbound("b", limit=2)
    outbound.put(b"1")
    outbound.put(b"2")
    with pytest.raises(OutboxFull) as full:
        outbound.put(b"3")
    assert (full.value.node, full.value.waiting) == ("b", 2)
    outbound.put(b"signal", signal=True)
    assert len(outbound) == 3


def test_the_bound_in_bytes_holds_as_well() -> None:
    outbound = Outbound("b", limit_bytes=10)
    outbound.put(b"x" * 10)
    with pytest.raises(OutboxFull):
        outbound.put(b"")


def test_signals_beyond_twice_the_bound_break_the_lane() -> None:
    outbound = Outbound("b", limit=2)
    for _ in range(4):
        outbound.put(b"signal", signal=True)
    with pytest.raises(LaneBroken) as broken:
        outbound.put(b"signal", signal=True)
    assert broken.value.fault == "overrun"


def test_room_comes_back_when_a_batch_is_sent() -> None:
    outbound = Outbound("b", limit=1)
    outbound.put(b"1")
    outbound.next()
    outbound.put(b"2")


def test_a_message_that_no_node_would_take_is_refused_to_its_sender() -> None:
    with pytest.raises(MessageTooLarge):
        Outbound("b").put(bytes(MAX_MESSAGE + 1))


def test_a_peer_cannot_make_this_node_collect_for_ever() -> None:
    inbound = Inbound("a")
    part = bytes(BATCH_BYTES)
    with pytest.raises(LaneBroken) as broken:
        for sequence in range(1, MAX_MESSAGE // BATCH_BYTES + 2):
            assert inbound.take(Batch(sequence, (part,), True)) == []
    assert broken.value.fault == "too_large"


def test_what_was_not_confirmed_is_lost_with_the_session_and_the_next_one_begins_anew() -> None:
    outbound = Outbound("b")
    outbound.put(bytes(BATCH_BYTES + 1))  # half of it is under way, half of it waits: it is one
    outbound.put(b"2")
    outbound.next()
    assert outbound.give_up() == 2
    outbound.put(b"3")
    assert outbound.next() == Batch(1, (b"3",), False)


def test_half_an_envelope_is_forgotten_with_its_session() -> None:
    inbound = Inbound("a")
    inbound.take(Batch(1, (b"half",), True))
    inbound.give_up()
    assert inbound.take(Batch(1, (b"whole",), False)) == [b"whole"]

"""The mail that a selective receive has passed over: it stays in order, and is found again without looking at all."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mirliton.runtime.saved_mail import SavedMail


class A:
    pass


class B:
    pass


class SonOfA(A):
    pass


def _saved(*messages: Any) -> SavedMail:
    saved = SavedMail()
    for message in messages:
        saved.append((message, None))
    return saved


def test_it_stays_in_the_order_it_came() -> None:
    messages = [A(), B(), 1, A(), "x", SonOfA(), 2]
    saved = _saved(*messages)
    assert [item[0] for item in saved] == messages
    assert len(saved) == len(messages)


@pytest.mark.parametrize("match", [A, (A, B), object, int, (int, str), None, lambda m: m == 2, lambda m: False])
def test_it_gives_what_a_look_at_each_in_turn_would_give(match: Any) -> None:
    def accepts(message: Any) -> bool:
        if match is None:
            return True
        return isinstance(message, match) if isinstance(match, type | tuple) else match(message)

    draw = random.Random(7)
    messages = [draw.choice([A, B, SonOfA, lambda: 2, lambda: 1, lambda: "x"])() for _ in range(200)]
    saved = _saved(*messages)
    for expected in [message for message in messages if accepts(message)]:
        item = saved.take(match)
        assert item is not None
        assert item[0] is expected
    assert saved.take(match) is None
    assert [item[0] for item in saved] == [message for message in messages if not accepts(message)]


def test_an_entry_is_taken_out_by_identity() -> None:
    saved = _saved(1, 1, 1)
    second = list(saved)[1]
    saved.remove(second)
    assert len(saved) == 2
    assert all(item is not second for item in saved)


def test_when_all_is_taken_nothing_is_kept() -> None:
    saved = _saved(A(), B())
    assert saved.take(B) is not None
    assert saved.take(A) is not None
    assert not saved
    assert list(saved) == []


def test_a_receive_by_type_does_not_look_at_what_it_cannot_want() -> None:
    class Counted(type):
        looks = 0

        def __instancecheck__(cls, instance: Any) -> bool:
            Counted.looks += 1
            return type(instance) is cls

    class Wanted(metaclass=Counted):
        pass

    saved = _saved(*(A() for _ in range(10_000)), Wanted())
    assert saved.take(Wanted) is not None
    assert Counted.looks <= 2

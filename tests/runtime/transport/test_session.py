"""Sessions: whatever is lost, doubled or late, both sides come to one and the same session."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime.transport.session import Session


class Side:
    """A session with the queue of what is on its way to it."""

    def __init__(self) -> None:
        self.session = Session()
        self.inbox: deque[tuple[int, int]] = deque()
        self.other: Side
        self.lost = 0
        self.ups = 0

    def hello(self) -> None:
        self.other.inbox.append((self.session.mine, self.session.theirs))

    def give_up(self) -> None:
        if self.session.up:
            self.session.give_up()
            self.lost += 1

    def take(self) -> None:
        was_up = self.session.up
        heard = self.session.hello(*self.inbox.popleft())
        assert heard.lost <= was_up
        self.lost += heard.lost
        self.ups += heard.came_up
        if heard.answer:
            self.hello()


def two_sides() -> tuple[Side, Side]:
    a, b = Side(), Side()
    a.other, b.other = b, a
    return a, b


def settle(*sides: Side) -> None:
    """Let all that is on its way arrive; it must come to an end."""
    for _ in range(100):
        waiting = [side for side in sides if side.inbox]
        if not waiting:
            return
        waiting[0].take()
    raise AssertionError("they say hello for ever")


def agree(a: Side, b: Side) -> bool:
    return a.session.up and b.session.up and (a.session.mine, a.session.theirs) == (b.session.theirs, b.session.mine)


def test_one_hello_brings_both_sides_up() -> None:
    a, b = two_sides()
    a.hello()
    settle(a, b)
    assert agree(a, b)
    assert (a.ups, b.ups) == (1, 1)


def test_a_side_that_gave_up_is_found_out_by_its_next_hello() -> None:
    a, b = two_sides()
    a.hello()
    settle(a, b)
    a.give_up()
    a.hello()
    settle(a, b)
    assert agree(a, b)
    assert (a.lost, b.lost) == (1, 1)


def test_a_side_that_gave_up_is_found_out_by_the_hello_of_the_other() -> None:
    a, b = two_sides()
    a.hello()
    settle(a, b)
    a.give_up()
    b.hello()
    settle(a, b)
    assert agree(a, b)
    assert (a.lost, b.lost) == (1, 1)


def test_data_of_an_earlier_session_is_not_of_this_one() -> None:
    a, b = two_sides()
    a.hello()
    settle(a, b)
    old = (a.session.mine, a.session.theirs)
    assert b.session.data(*old) is not None
    a.give_up()
    a.hello()
    settle(a, b)
    assert b.session.data(*old) is None


def test_data_shows_that_the_other_side_is_up() -> None:
    a, b = two_sides()
    a.hello()
    b.take()  # answers
    a.take()  # is up, and its answer is lost
    b.inbox.clear()
    assert (a.session.up, b.session.up) == (True, False)
    heard = b.session.data(a.session.mine, a.session.theirs)
    assert heard is not None
    assert heard.came_up
    assert agree(a, b)


STEPS = st.lists(st.sampled_from(["a hello", "b hello", "a gives up", "b gives up", "a takes", "b takes", "a loses",
                                  "b loses", "a doubles", "b doubles"]), max_size=40)  # fmt: skip


@given(STEPS)
def test_after_any_history_one_more_hello_brings_them_together(steps: list[str]) -> None:
    a, b = two_sides()
    for step in steps:
        name, what = step.split(" ", 1)
        side = a if name == "a" else b
        if what == "hello":
            side.hello()
        elif what == "gives up":
            side.give_up()
        elif side.inbox:
            if what == "takes":
                side.take()
            elif what == "loses":
                side.inbox.popleft()
            else:
                side.inbox.append(side.inbox[0])
    settle(a, b)
    for side in (a, b):
        side.hello()
        settle(a, b)
    assert agree(a, b)

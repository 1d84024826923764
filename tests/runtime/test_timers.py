"""Timers: what they deliver, when, and when they are dropped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.runtime import GenServer, Name, Node, RealClock, TimerFired, TimerRef, VirtualClock, message
from mirliton.runtime.timers import TimerQueue


@message("test.timers.tick")
class Tick:
    n: int = 0


async def test_send_after_delivers_the_bare_message(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.send_after(5, b.pid, Tick(1)))
    await node.advance(4.9)
    assert b.messages == []
    await node.advance(0.1)
    assert b.messages == [Tick(1)]


async def test_start_timer_delivers_the_message_with_its_reference(puppet: Any, node: Any) -> None:
    a = await puppet()
    timer = await a.do(lambda me: me.start_timer(5, Tick(1)))
    await node.advance(5)
    assert a.messages == [TimerFired(timer.ref, Tick(1))]


async def test_shorter_timers_fire_first_and_equal_ones_in_the_order_they_were_set(puppet: Any, node: Any) -> None:
    a = await puppet()

    def act(me: GenServer) -> None:
        for n, delay in enumerate([3, 1, 2, 1, 3]):
            me.send_after(delay, me.pid, Tick(n))

    await a.do(act)
    await node.advance(3)
    assert [m.n for m in a.messages] == [1, 3, 2, 0, 4]


@pytest.mark.parametrize("delay", [0, -1])
async def test_a_delay_of_zero_still_goes_through_the_mailbox(puppet: Any, node: Any, delay: float) -> None:
    a = await puppet()
    await a.do(lambda me: (me.send_after(delay, me.pid, Tick(2)), me.send(me.pid, Tick(1))))
    await node.advance(0)
    assert a.messages == [Tick(1), Tick(2)]


async def test_cancel_and_read_tell_the_seconds_left(puppet: Any, node: Any) -> None:
    a = await puppet()
    timer: TimerRef = await a.do(lambda me: me.send_after(5, me.pid, Tick()))
    await node.advance(2)
    assert await a.do(lambda me: me.read_timer(timer)) == 3.0
    assert await a.do(lambda me: me.cancel_timer(timer)) == 3.0
    await node.advance(10)
    assert a.messages == []


async def test_cancel_and_read_tell_none_when_it_was_cancelled_or_has_fired(puppet: Any, node: Any) -> None:
    a = await puppet()
    cancelled, fired = await a.do(lambda me: [me.send_after(5, me.pid, Tick()), me.send_after(1, me.pid, Tick())])
    await a.do(lambda me: me.cancel_timer(cancelled))
    await node.advance(1)
    for timer in (cancelled, fired):
        assert await a.do(lambda me, t=timer: (me.read_timer(t), me.cancel_timer(t))) == (None, None)


async def test_a_timer_for_a_pid_is_dropped_when_that_process_dies(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    timer = await a.do(lambda me: me.send_after(5, b.pid, Tick()))
    node.exit(b.pid, "kill")
    assert len(node.timers) == 0
    assert await a.do(lambda me: (me.read_timer(timer), me.cancel_timer(timer))) == (None, None)
    await node.advance(5)
    assert node.dead_letters == 0


async def test_a_timer_for_a_pid_that_is_dead_already_is_dropped(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    node.exit(b.pid, "kill")
    timer = await a.do(lambda me: me.send_after(5, b.pid, Tick()))
    assert len(node.timers) == 0
    assert await a.do(lambda me: me.cancel_timer(timer)) is None


async def test_a_timer_for_a_name_is_looked_up_when_it_fires(puppet: Any, node: Any) -> None:
    name = Name("service", "moving")
    a, b, c = await puppet(), await puppet(name=name), await puppet()
    await a.do(lambda me: me.send_after(5, name, Tick()))
    await b.do(lambda me: me.unregister(name))
    await c.do(lambda me: me.register(name))
    await node.advance(5)
    assert b.messages == []
    assert c.messages == [Tick()]


async def test_a_timer_dies_with_who_set_it(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: (me.send_after(5, b.pid, Tick()), me.send_after(5, Name("x", "y"), Tick())))
    node.exit(a.pid, "kill")
    assert len(node.timers) == 0
    assert not b.pid.cell.timers
    await node.advance(5)
    assert b.messages == []


async def test_a_fired_timer_is_held_by_nobody(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: me.send_after(1, b.pid, Tick()))
    await node.advance(1)
    assert not a.pid.cell.timers
    assert not b.pid.cell.timers


async def test_a_timer_whose_message_is_refused_does_not_hold_up_the_others(puppet: Any, node: Any) -> None:
    class Full(GenServer):
        mailbox_limit = 1

    full = await node.start(Full)
    await node.drive(node.sys.suspend(full))
    node.send(full, Tick())
    a = await puppet()
    await a.do(lambda me: (me.send_after(1, full, Tick()), me.send_after(1, me.pid, Tick(7))))
    await node.advance(1)
    assert a.messages == [Tick(7)]


async def test_on_real_time_a_failing_timer_does_not_stop_the_clockwork() -> None:
    async with Node("real") as node:
        done = node.loop.create_future()
        node.loop.set_exception_handler(lambda *_: None)
        node.after(0.001, lambda _: 1 // 0)
        node.after(0.002, done.set_result)
        await done


async def test_on_real_time_no_timer_fires_early() -> None:
    async with Node("real") as node:
        done = node.loop.create_future()
        early: list[float] = []

        def check(due: float) -> None:
            early.append(max(0.0, due - node.clock.now()))
            if len(early) == 50:
                done.set_result(None)

        for n in range(50):
            node.after(n / 5000, check, node.clock.now() + n / 5000)
        await done
    assert early == [0.0] * 50


async def test_on_real_time_a_nearer_deadline_overtakes_a_far_one() -> None:
    async with Node("real") as node:
        node.after(3600, lambda _: None)
        done = node.loop.create_future()
        node.after(0.001, done.set_result)
        await done
        assert len(node.timers) == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans())))
def test_the_queue_yields_what_was_not_cancelled_soonest_first(timers: list[tuple[int, bool]]) -> None:
    queue = TimerQueue()
    added = [(due, keep, queue.add(due, print, n)) for n, (due, keep) in enumerate(timers)]
    for _, keep, timer in added:
        if not keep:
            assert queue.cancel(timer)
            assert not queue.cancel(timer)
    expected = [timer for _, _, timer in sorted((t for t in added if t[1]), key=lambda t: t[0])]
    assert len(queue) == len(expected)
    fired = []
    while (timer := queue.pop_due(20)) is not None:
        fired.append(timer)
    assert fired == expected


def test_cancelled_timers_are_swept_out_when_they_are_the_most() -> None:
    queue = TimerQueue()
    keep = queue.add(1, print)
    for timer in [queue.add(2, print) for _ in range(1000)]:
        queue.cancel(timer)
    assert len(queue) == 1
    assert len(queue._heap) < 200
    assert queue.pop_due(2) is keep


def test_virtual_time_stands_still_until_it_is_set_and_never_goes_back() -> None:
    clock = VirtualClock()
    now, date = clock.now(), clock.time()
    clock.set(now + 5)
    assert (clock.now(), clock.time()) == (now + 5, date + 5)
    with pytest.raises(ValueError, match="back"):
        clock.set(now)


def test_real_time_runs() -> None:
    clock = RealClock()
    assert clock.now() <= clock.now()
    assert clock.time() > 1_700_000_000

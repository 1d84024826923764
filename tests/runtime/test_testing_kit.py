"""The kit that users test their own processes with: virtual time and probes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import (
    CallTimeout,
    CoroutineProcess,
    GenServer,
    Name,
    NotSerialisable,
    Reply,
    StrictModeViolation,
    message,
)
from mirliton.runtime.testing import Probe, virtual_node


@message("test.kit.tick")
class Tick:
    n: Any = 0


class Metronome(GenServer):
    """Ticks every ten seconds; an hour of it takes no time."""

    def init(self, to: Any) -> None:
        self.to = to
        self.count = 0
        self.send_after(10, self.pid, Tick())

    def handle_info(self, received: Any) -> None:
        self.count += 1
        self.send(self.to, Tick(self.count))
        self.send_after(10, self.pid, Tick())


# Virtual time


async def test_advance_lets_every_timer_fire_at_its_own_time(node: Any) -> None:
    probe = await Probe.start(node)
    await node.start(Metronome, probe.pid)
    await node.advance(3600)
    assert probe.messages == [Tick(n) for n in range(1, 361)]


async def test_time_stands_still_while_nobody_moves_it(node: Any) -> None:
    probe = await Probe.start(node)
    await node.start(Metronome, probe.pid)
    now = node.clock.now()
    await node.idle()
    await asyncio.sleep(0.02)
    assert node.clock.now() == now
    assert probe.messages == []


async def test_advance_ends_exactly_where_it_was_told_to(node: Any) -> None:
    now = node.clock.now()
    await node.advance(1.5)
    await node.advance(0)
    assert node.clock.now() == now + 1.5


async def test_time_does_not_move_under_a_handler_that_awaits_something_real(node: Any) -> None:
    class Real(GenServer):
        async def handle_cast(self, request: Any) -> None:
            before = self.node.clock.now()
            await asyncio.sleep(0.02)
            seen.append(self.node.clock.now() - before)

    seen: list[float] = []
    pid = await node.start(Real)
    node.cast(pid, 1)
    await node.advance(60)
    assert seen == [0.0]


async def test_drive_lets_as_much_time_pass_as_it_takes(node: Any) -> None:
    class Slow(GenServer):
        async def handle_call(self, request: Any, sender: Any) -> Any:
            await self.sleep(request)
            return Reply(request)

    pid = await node.start(Slow)
    now = node.clock.now()
    assert await node.drive(node.call(pid, 30, timeout=60)) == 30
    assert node.clock.now() == now + 30


async def test_drive_raises_what_the_awaitable_raises(node: Any) -> None:
    class Never(CoroutineProcess):
        async def run(self) -> None:
            await self.receive(Tick)

    pid = await node.start(Never)
    with pytest.raises(CallTimeout):
        await node.drive(node.call(pid, 1, timeout=7))


async def test_drive_gives_up_on_what_no_amount_of_time_will_bring(node: Any) -> None:
    with pytest.raises(TimeoutError, match="virtual time"):
        await node.drive(asyncio.get_running_loop().create_future())
    node.after(10_000, lambda _: None)
    with pytest.raises(TimeoutError, match="virtual time"):
        await node.drive(asyncio.get_running_loop().create_future(), limit=100)


async def test_drive_goes_through_several_layers_of_foreign_coroutines(node: Any) -> None:
    class Echo(GenServer):
        async def handle_call(self, request: Any, sender: Any) -> Any:
            await self.sleep(1)
            return Reply(request)

    pids = [await node.start(Echo) for _ in range(3)]

    async def layered() -> Any:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.wait_for(node.call(pid, n), 60)) for n, pid in enumerate(pids)]
        return await asyncio.gather(*tasks)

    now = node.clock.now()
    assert await node.drive(layered()) == [0, 1, 2]
    assert node.clock.now() == now + 1


async def test_a_process_that_spins_is_reported_not_waited_for_for_ever(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mirliton.runtime.testing import virtual

    class Spins(GenServer):
        def handle_info(self, received: Any) -> None:
            self.send(self.pid, received)

    monkeypatch.setattr(virtual, "STUCK_AFTER", 0.05)
    pid = await node.start(Spins)
    node.send(pid, Tick())
    with pytest.raises(TimeoutError, match="did not come to rest"):
        await node.idle()
    node.exit(pid, "kill")


async def test_background_work_that_calls_from_outside_does_not_hold_time_up(node: Any) -> None:
    class Slow(GenServer):
        async def handle_call(self, request: Any, sender: Any) -> Any:
            await self.sleep(5)
            return Reply("late")

    class Asks(GenServer):
        def init(self, to: Any) -> None:
            self.background(self.node.call(to, 1, timeout=60), "asked")

        def handle_info(self, received: Any) -> None:
            seen.append(received.value)

    seen: list[Any] = []
    await node.start(Asks, await node.start(Slow))
    await node.advance(5)
    assert seen == ["late"]


# Strict mode


async def test_a_violation_anywhere_in_it_fails_the_test() -> None:
    with pytest.raises(StrictModeViolation):
        async with virtual_node() as node:
            probe = await Probe.start(node)
            with pytest.raises(StrictModeViolation):
                node.send(probe.pid, Tick(float("nan")))


@pytest.mark.lax("it is about that")
async def test_strict_mode_may_be_left_out() -> None:
    async with virtual_node(strict=False) as node:
        probe = await Probe.start(node)
        thing = object()
        node.send(probe.pid, thing)
        assert await probe.expect() is thing


# Probes


async def test_a_probe_notes_messages_casts_and_calls_in_order(node: Any) -> None:
    probe = await Probe.start(node, answer=lambda request: request * 2)
    node.send(probe.pid, Tick(1))
    node.cast(probe.pid, Tick(2))
    assert await node.call(probe.pid, 21) == 42
    assert probe.messages == [Tick(1), Tick(2), 21]


async def test_a_probe_without_an_answer_holds_calls_open_until_it_replies(node: Any) -> None:
    probe = await Probe.start(node, name=Name("service", "probe"))
    calling = asyncio.ensure_future(node.call(Name("service", "probe"), "q"))
    assert await probe.expect("q".__eq__) == "q"
    probe.reply("a")
    assert await calling == "a"


@pytest.mark.parametrize("match", [Tick, (Tick, str), lambda m: m == Tick(7)])
async def test_expect_takes_the_first_match_and_leaves_the_rest(node: Any, match: Any) -> None:
    probe = await Probe.start(node)
    node.send(probe.pid, 5)
    expecting = asyncio.ensure_future(probe.expect(match))
    await node.idle()
    node.send(probe.pid, Tick(7))
    assert await expecting == Tick(7)
    assert probe.messages == [5]


async def test_expect_gives_up_in_real_time(node: Any) -> None:
    probe = await Probe.start(node)
    with pytest.raises(TimeoutError):
        await probe.expect(Tick, timeout=0.01)


async def test_a_probe_is_as_strict_as_its_node(node: Any) -> None:
    probe = await Probe.start(node)
    with pytest.raises(NotSerialisable):
        node.send(probe.pid, object())
    assert len(node.strict_violations) == 1
    node.strict_violations.clear()

"""The run queue: turns, fairness, and that nothing a process does can stop it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from mirliton.runtime import CoroutineProcess, GenServer, Node, Pid, Reply, message
from mirliton.runtime.handler_turn import handle_mail
from mirliton.runtime.scheduler import FLOODED, MESSAGES_PER_SLICE, MESSAGES_PER_TURN


@message("test.scheduler.work")
class Work:
    n: int


class Logger(GenServer):
    def init(self, log: list[Any], name: str) -> None:
        self.notes = log
        self.name = name

    def handle_info(self, received: Any) -> None:
        self.notes.append((self.name, received.n))

    def handle_call(self, request: Any, sender: Any) -> Any:
        return Reply(len(self.notes))


async def test_a_turn_is_bounded_so_that_processes_alternate(node: Any) -> None:
    log: list[Any] = []
    a, b = await node.start(Logger, log, "a"), await node.start(Logger, log, "b")
    for n in range(100):
        node.send(a, Work(n))
    node.send(b, Work(0))
    await node.idle()
    assert 0 < log.index(("b", 0)) <= MESSAGES_PER_TURN
    assert [n for name, n in log if name == "a"] == list(range(100))


async def test_a_flooded_process_does_not_starve_others(node: Any) -> None:
    node.strict = False
    log: list[Any] = []
    flooded, other = await node.start(Logger, log, "flooded"), await node.start(Logger, [], "other")
    for n in range(100_000):
        node.send(flooded, Work(n))
    await node.call(other, "are you there?")
    assert len(log) < 1000


async def test_a_slice_of_slow_handlers_gives_the_loop_its_turn_after_a_few_milliseconds() -> None:
    class Slow(GenServer):
        def handle_info(self, received: Any) -> None:
            ends = time.thread_time() + 0.002
            while time.thread_time() < ends:
                pass
            handled.append(self.pid)

    handled: list[Pid] = []
    async with Node("slow", strict=True) as node:
        pids = [await node.start(Slow) for _ in range(4)]
        for n in range(10):
            for pid in pids:
                node.send(pid, Work(n))
        turns = []
        while len(handled) < 40:
            before = len(handled)
            await asyncio.sleep(0)
            turns.append(len(handled) - before)
    # The clock is read after one, three or four, seven messages: of 2 ms each, the third is beyond the bound of 4 ms.
    assert max(turns) <= 4
    assert {pid: handled.count(pid) for pid in pids} == dict.fromkeys(pids, 10)
    assert handled[:4] != [pids[0]] * 4, "the others had to wait for the first"


async def test_two_that_keep_each_other_busy_do_not_starve_the_loop(node: Any) -> None:
    class Ping(GenServer):
        peer: Pid

        def init(self) -> None:
            self.count = 0

        def handle_info(self, received: Any) -> None:
            self.count += 1
            self.send(self.peer, received)

    a, b = await node.start(Ping), await node.start(Ping)
    a.cell.actor.peer, b.cell.actor.peer = b, a
    node.send(a, Work(0))
    turns = 0
    while a.cell.actor.count < 10_000:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10_000 / MESSAGES_PER_SLICE
    node.exit(a, "kill")


async def test_a_script_that_never_waits_takes_turns_as_well(node: Any) -> None:
    class Greedy(CoroutineProcess):
        async def run(self) -> None:
            while True:
                self.send(self.pid, Work(0))
                await self.receive(Work)

    log: list[Any] = []
    greedy, other = await node.start(Greedy), await node.start(Logger, log, "other")
    assert await node.call(other, 1) == 0
    node.exit(greedy, "kill")


async def test_a_script_that_looks_for_ever_with_a_timeout_of_zero_takes_turns(node: Any) -> None:
    class Greedy(CoroutineProcess):
        async def run(self) -> None:
            while True:
                try:
                    await self.receive(Work, timeout=0)
                except TimeoutError:
                    continue

    greedy, other = await node.start(Greedy), await node.start(Logger, [], "other")
    assert await node.call(other, 1) == 0
    node.exit(greedy, "kill")


async def test_many_flooded_processes_all_come_to_their_turn(node: Any) -> None:
    node.strict = False
    log: list[Any] = []
    pids = [await node.start(Logger, log, str(n)) for n in range(50)]
    for _ in range(200):
        for pid in pids:
            node.send(pid, Work(0))
    await node.call(pids[0], 1, timeout=None)
    first_round = {name for name, _ in log[: 50 * MESSAGES_PER_TURN]}
    assert len(first_round) == 50


async def test_a_crash_in_the_middle_of_a_slice_stops_nobody_else(node: Any) -> None:
    class Crashes(GenServer):
        def handle_info(self, received: Any) -> None:
            raise RuntimeError("no")

    log: list[Any] = []
    pids = [await node.start(Crashes if n % 2 else Logger, *([] if n % 2 else [log, str(n)])) for n in range(20)]
    for pid in pids:
        node.send(pid, Work(0))
    await node.idle()
    assert len(log) == 10


async def test_a_process_killed_while_it_waits_for_its_turn_never_gets_it(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Logger, log, "a")
    node.send(pid, Work(0))
    node.exit(pid, "kill")
    await node.idle()
    assert log == []


async def test_messages_that_come_during_a_turn_are_handled(node: Any) -> None:
    class Chain(GenServer):
        def handle_info(self, received: Any) -> None:
            if received.n:
                self.send(self.pid, Work(received.n - 1))
            else:
                done.set_result(None)

    done = node.loop.create_future()
    pid = await node.start(Chain)
    node.send(pid, Work(MESSAGES_PER_SLICE * 3))
    await done


@pytest.mark.parametrize("error", [KeyboardInterrupt])
async def test_control_c_in_a_handler_is_not_swallowed(error: type[BaseException]) -> None:
    class Interrupted(GenServer):
        def handle_info(self, received: Any) -> None:
            raise error

    async with Node("interrupted") as node:
        pid = await node.start(Interrupted)
        cell = pid.cell
        cell.mailbox = None
        node.send(pid, Work(0))
        cell.queued = False
        node.scheduler.ready.clear()
        with pytest.raises(error):
            handle_mail(node.scheduler, cell)
        node.scheduler._scheduled = False


async def test_the_current_process_is_known_while_it_runs(node: Any) -> None:
    class Curious(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply(self.node.scheduler.current is self.pid.cell)

    pid = await node.start(Curious)
    assert await node.call(pid, 1) is True
    assert node.scheduler.current is None


async def test_many_senders_do_not_outrun_their_receiver(node: Any) -> None:
    class Source(GenServer):
        def init(self, sink: Pid, bursts: int) -> None:
            self.sink, self.bursts = sink, bursts

        def handle_info(self, received: Any) -> None:
            for _ in range(10):
                self.send(self.sink, received)
            self.bursts -= 1
            if self.bursts:
                self.send(self.pid, received)

    class Sink(GenServer):
        def init(self) -> None:
            self.handled = self.longest = 0

        def handle_info(self, received: Any) -> None:
            self.handled += 1
            self.longest = max(self.longest, len(self.pid.cell))

    node.strict = False
    sink = await node.start(Sink)
    node.strict = False
    for source in [await node.start(Source, sink, 40) for _ in range(50)]:
        node.send(source, Work(0))
    await node.idle()
    assert sink.cell.actor.handled == 50 * 40 * 10
    assert sink.cell.actor.longest < 3 * FLOODED


async def test_two_flooded_processes_leave_every_other_turn_to_the_rest(node: Any) -> None:
    node.strict = False
    log: list[Any] = []
    flooded = [await node.start(Logger, log, name) for name in ("a", "b")]
    others = [await node.start(Logger, log, f"other {number}") for number in range(10)]
    for n in range(20 * FLOODED):
        for pid in flooded:
            node.send(pid, Work(n))
    for pid in others:
        node.send(pid, Work(0))
    await node.idle()
    last = max(log.index((f"other {number}", 0)) for number in range(10))
    assert last < 10 * 2 * MESSAGES_PER_SLICE + MESSAGES_PER_SLICE
    for name in "ab":
        assert [n for who, n in log if who == name] == list(range(20 * FLOODED))

"""A thread notices who holds the loop, and ends exactly that handler. Real time, short bounds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import structlog

from eventually import until
from mirliton.runtime import (
    CoroutineProcess,
    Crash,
    GenServer,
    HandlerTooSlow,
    Name,
    Node,
    Pid,
    Reply,
    ServerDied,
    Watchdog,
)
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.runtime.watchdog import Watch

QUICK = Watchdog(slow=0.02, stalled=0.06)
HUNG = 20.0
"""Seconds after which a handler that nobody ended gives up, so that the test fails instead of hanging."""


def spin() -> None:
    """A busy loop."""
    ends = time.monotonic() + HUNG
    while time.monotonic() < ends:
        pass


def backtrack(text: str = "a" * 40 + "b") -> bool:
    """A matcher of (a+)+$ that tries every way to split the text: two to the power of forty."""
    runs = len(text) - len(text.lstrip("a"))
    return not text or any(backtrack(text[length:]) for length in range(runs, 0, -1))


class Spins(GenServer):
    """Does for ever what it is cast."""

    def handle_call(self, request: Any, sender: Any) -> Any:
        return Reply(request)

    def handle_cast(self, request: Any) -> Any:
        HOLDS[request]()


class SpinsInTask(GenServer):
    async def handle_cast(self, request: Any) -> Any:
        await asyncio.sleep(0)
        HOLDS[request]()


class SpinningScript(CoroutineProcess):
    async def run(self) -> None:
        message = await self.receive()
        HOLDS[message.request]()


class SpinsInIo(CoroutineProcess):
    async def run(self) -> None:
        message = await self.receive()

        async def foreign() -> None:
            HOLDS[message.request]()

        await self.io(foreign())


class SpinsInPredicate(CoroutineProcess):
    async def run(self) -> None:
        def match(message: Any) -> bool:
            HOLDS[message.request]()
            return True

        await self.receive(match)


def deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=HUNG)


HOLDS = {"spin": spin, "sleep": lambda: time.sleep(HUNG), "lock": deadlock, "backtrack": backtrack}


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node("watched", strict=True, watchdog=QUICK) as started:
        started.log = structlog.wrap_logger(structlog.ReturnLogger())
        yield started


async def death_of(node: Node, pid: Pid) -> Crash:
    reason = await node.wait_exit(pid, HUNG / 2)
    assert type(reason) is Crash, reason
    return reason


@pytest.mark.parametrize("cls", [Spins, SpinsInTask, SpinningScript, SpinsInIo, SpinsInPredicate])
async def test_a_busy_loop_is_ended_wherever_a_process_may_run_one(node: Node, cls: Any) -> None:
    pid = await node.start(cls)
    node.cast(pid, "spin")
    reason = await death_of(node, pid)
    assert reason.kind == "HandlerTooSlow"
    assert reason.frames[-1][2] == "spin"


@pytest.mark.parametrize("held", ["sleep", "lock", "backtrack"])
async def test_a_blocking_call_and_a_deep_recursion_are_ended_too(node: Node, held: str) -> None:
    pid = await node.start(Spins)
    node.cast(pid, held)
    assert (await death_of(node, pid)).kind == "HandlerTooSlow"


async def test_the_dossier_shows_where_it_was_and_what_it_handled(node: Node) -> None:
    pid = await node.start(Spins, name=Name("service", "spins"))
    node.cast(pid, "spin")
    await death_of(node, pid)
    dossier = node.dossiers.of(pid)
    assert dossier is not None
    assert "HandlerTooSlow: held the event loop for 0." in dossier.traceback
    assert "in handle_cast" in dossier.traceback
    assert "in spin" in dossier.traceback
    assert "scheduler.py" not in dossier.traceback
    assert "spin" in dossier.last_message


async def test_a_caller_learns_what_its_server_died_of(node: Node) -> None:
    class Slow(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            spin()

    pid = await node.start(Slow)
    with pytest.raises(ServerDied) as died:
        await node.call(pid, "spin", timeout=HUNG / 2)
    assert isinstance(died.value.exit_reason, Crash)
    assert died.value.exit_reason.kind == "HandlerTooSlow"


async def test_terminate_runs_after_it_and_has_as_long_again(node: Node) -> None:
    class Cleans(Spins):
        def terminate(self, reason: Any) -> None:
            time.sleep(0.03)
            seen.append(reason.kind)
            spin()

    seen: list[str] = []
    pid = await node.start(Cleans)
    node.cast(pid, "spin")
    assert (await death_of(node, pid)).frames[-2][2] == "terminate"
    assert seen == ["HandlerTooSlow"]
    assert node.watch is not None
    assert sum(node.watch.ended.values()) == 2


async def test_one_that_catches_everything_is_ended_again(node: Node) -> None:
    class Stubborn(GenServer):
        def handle_cast(self, request: Any) -> None:
            try:
                spin()
            except BaseException as error:  # noqa: BLE001 - the point of the test
                seen.append(error)
            spin()

    seen: list[BaseException] = []
    pid = await node.start(Stubborn)
    node.cast(pid, "go")
    assert (await death_of(node, pid)).kind == "HandlerTooSlow"
    assert [type(error) for error in seen] == [HandlerTooSlow]


async def test_a_loop_of_sends_is_ended_and_every_receiver_gets_what_was_sent(node: Node) -> None:
    """It is in the runtime's own code most of the time, where nothing may be interrupted."""

    class Floods(GenServer):
        def init(self, to: list[Pid]) -> None:
            self.to = to
            self.sent = 0

        def handle_cast(self, request: Any) -> None:
            ends = time.monotonic() + HUNG
            while time.monotonic() < ends:
                self.sent += 1
                sent.append(self.sent)
                self.send(self.to[self.sent % len(self.to)], self.sent)

    sent: list[int] = []
    probes = [await Probe.start(node) for _ in range(3)]
    pid = await node.start(Floods, [probe.pid for probe in probes])
    node.cast(pid, "go")
    assert (await death_of(node, pid)).kind == "HandlerTooSlow"
    for probe in probes:
        assert probe.pid.cell is not None
    await until(lambda: not (sum(len(probe.messages) for probe in probes) < len(sent) - 1))
    arrived = sorted(message for probe in probes for message in probe.messages)
    assert arrived in (sent, sent[:-1])  # the last may not have been sent yet


async def test_a_slow_handler_is_counted_and_logged_with_its_stack_and_lives_on(node: Node) -> None:
    class Slow(GenServer):
        def handle_cast(self, request: Any) -> None:
            time.sleep(0.045)

        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply("well")

    lines: list[dict[str, Any]] = []
    node.log = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[lambda _l, _m, line: lines.append(dict(line)) or line]
    )
    pid = await node.start(Slow)
    async with asyncio.timeout(HUNG):
        while not lines:
            node.cast(pid, "slow")
            assert await node.call(pid, "how") == "well"
    (line,) = lines
    assert line["event"] == "slow_handler"
    assert line["kind"].endswith("Slow")
    assert line["message_type"] == "str"
    assert line["stack"].endswith("handle_cast")
    assert node.watch is not None
    assert node.watch.slow[line["kind"], "str"] >= 1
    assert node.watch.lag >= 0.0


async def test_many_short_handlers_are_no_slow_one(node: Node) -> None:
    class Short(GenServer):
        def handle_info(self, message: Any) -> None:
            ends = time.perf_counter() + 0.001
            while time.perf_counter() < ends:
                pass

    pid = await node.start(Short)
    for n in range(300):
        node.send(pid, n)
    await until(lambda: pid.cell is None or not pid.cell.mailbox)
    assert pid.cell is not None
    assert node.watch is not None
    assert not node.watch.ended


async def test_a_callback_that_belongs_to_no_process_is_reported_and_left_alone(node: Node) -> None:
    done = asyncio.Event()

    def foreign() -> None:
        time.sleep(0.15)
        done.set()

    asyncio.get_running_loop().call_soon(foreign)
    await done.wait()
    assert node.watch is not None
    assert not node.watch.ended
    assert ("(callback)", "") in node.watch.slow


async def test_of_a_loop_in_another_thread_it_only_reports() -> None:
    ended: list[Any] = []

    class Slow(GenServer):
        def handle_cast(self, request: Any) -> None:
            time.sleep(0.2)

        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply("alive")

    async def live() -> None:
        async with Node("aside", strict=True, watchdog=QUICK) as node:
            pid = await node.start(Slow)
            node.cast(pid, "go")
            ended.append(await node.call(pid, "how"))
            assert node.watch is not None
            ended.append(sum(node.watch.slow.values()))

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    await asyncio.to_thread(thread.join, HUNG)
    assert ended == ["alive", 1]


async def test_a_hundred_times_it_hits_the_guilty_one_and_nobody_else(node: Node) -> None:
    """Between the victims others work without a pause, so that a late hit would find them running."""

    class Works(GenServer):
        def init(self, peer: Pid | None) -> None:
            self.peer = peer

        def handle_info(self, message: Any) -> None:
            if self.peer is not None:
                self.send(self.peer, (message[0] + 1, self.pid))
            else:
                self.send(message[1], (message[0] + 1, self.pid))

    class Borderline(GenServer):
        """Ends by itself at about the moment when it would be ended."""

        def handle_cast(self, request: Any) -> None:
            ends = time.monotonic() + request
            while time.monotonic() < ends:
                pass

    bystanders = [await node.start(Works, None) for _ in range(4)]
    bystanders += [await node.start(Works, bystanders[n]) for n in range(4)]
    for pid in bystanders[4:]:
        node.send(pid, (0, pid))
    tried = 0
    victims: set[Pid] = set()
    for n in range(100):
        pid = await node.start(Borderline)
        victims.add(pid)
        node.cast(pid, 0.04 + n % 10 * 0.008)
        node.cast(pid, 0.0)
        tried += 1
        # Wait for its end, or for it to have handled both.
        await until(lambda pid=pid: pid.cell is None or not (pid.cell.mailbox or pid.cell.queued))
    assert tried == 100
    assert all(pid.cell is not None for pid in bystanders)
    assert {dossier.pid for dossier in node.dossiers} <= victims
    assert node.watch is not None
    assert sum(node.watch.ended.values()) == node.dossiers.total
    assert 0 < node.dossiers.total < 100, "the test is about those that end at about the same moment"
    before = [pid.cell.handled for pid in bystanders if pid.cell]
    await asyncio.sleep(0.02)
    after = [pid.cell.handled for pid in bystanders if pid.cell]
    assert all(then < now for then, now in zip(before, after, strict=True)), "somebody stopped working"


async def test_a_pause_of_the_whole_os_process_is_not_held_against_the_handler(node: Node) -> None:
    watch = Watch(node, Watchdog(slow=0.5, stalled=1.0))
    watch.look(0.0)
    pause = watch.look(3600.0)  # stopped for an hour in the middle of this test's own step
    assert pause == watch.interval
    assert not watch.slow
    assert not watch.ended
    await asyncio.sleep(0)
    assert watch.look(0.25) == watch.interval, "the loop has turned since: all is forgiven"


async def test_a_node_without_one_starts_no_thread() -> None:
    async with Node("plain", strict=True) as plain, virtual_node() as virtual:
        assert plain.watch is None
        assert virtual.watch is None


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="slow must be above 0"):
        Watchdog(slow=0.0)
    with pytest.raises(ValueError, match="stalled not below slow"):
        Watchdog(slow=1.0, stalled=0.5)


async def test_the_thread_ends_with_the_last_node() -> None:
    async with Node("one", strict=True, watchdog=QUICK), Node("two", strict=True, watchdog=QUICK):
        assert _threads() == 1
    await until(lambda: not _threads())


def _threads() -> int:
    return sum(thread.name == "mirliton-watchdog" for thread in threading.enumerate())

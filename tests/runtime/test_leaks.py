"""What a process leaves behind at its end: nothing, and no reference cycle either."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from mirliton.runtime import (
    Call,
    CallError,
    CoroutineProcess,
    Exit,
    GenServer,
    Name,
    Node,
    NoReply,
    Reply,
    StartError,
    Stop,
)

COUNT = 10_000

pytestmark = pytest.mark.lax("strict mode keeps what was sent, to look at it again")


class Busy(GenServer):
    """Has some of everything a process can have."""

    def init(self, hub: Any, number: int) -> None:
        self.link(hub)
        self.monitor(hub)
        self.register(Name("busy", str(number)))
        self.send_after(3600, self.pid, "later")
        self.send_after(3600, hub, "later")
        self.start_timer(3600, "later")
        self.background(self.call(hub, "never answered", timeout=3600), "call")


class Script(CoroutineProcess):
    """A script that waits in one of the ways it can."""

    async def init(self, hub: Any, number: int) -> None:
        self.hub = hub
        self.number = number
        self.monitor(hub)

    async def run(self) -> None:
        match self.number % 4:
            case 0:
                await self.receive(Call, timeout=3600)
            case 1:
                await self.call(self.hub, "never answered", timeout=3600)
            case 2:
                await self.sleep(3600)
            case 3:
                await self.io(asyncio.get_running_loop().create_future())


class Hub(GenServer):
    def init(self) -> None:
        self.trap_exit()

    def handle_call(self, request: Any, sender: Any) -> Any:
        return NoReply()

    def handle_info(self, received: Any) -> None:
        pass


@pytest.fixture
def no_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("cls", [Busy, Script])
async def test_ten_thousand_processes_leave_nothing_behind(cls: Any) -> None:
    async with Node("leaks") as node:
        hub = await node.start(Hub)
        pids = [node.spawn(cls, hub, n) for n in range(COUNT)]
        await _quiet(node)
        assert len(node) == COUNT + 1
        for pid in pids:
            node.exit(pid, "kill")
        await _quiet(node)
        cell = hub.cell
        assert len(node) == 1
        assert len(node.calls) == 0
        assert len(node.timers) == 0
        assert len(node.registry) == 0
        assert not cell.links
        assert not cell.monitors
        assert not cell.monitored_by
        assert not cell.callers
        assert not cell.timers
        assert cell.mailbox is None
        assert not node.scheduler.tasks
        assert node.scheduler.tasks.working == 0
        assert len(node.dossiers) <= 256


class Crashes(GenServer):
    def handle_info(self, received: Any) -> None:
        raise ValueError(received)


class CrashesLater(GenServer):
    async def handle_info(self, received: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError(received)


class Stops(GenServer):
    def handle_info(self, received: Any) -> Any:
        return Stop("normal")


class ScriptCrashes(CoroutineProcess):
    async def run(self) -> None:
        await self.receive()
        raise ValueError("no")


class ScriptCatches(CoroutineProcess):
    """Catches what a failed call, a failed start and a timeout raise, then ends."""

    async def init(self, hub: Any) -> None:
        self.hub = hub

    async def run(self) -> None:
        self.trap_exit()
        with contextlib.suppress(CallError):
            await self.call(Name("nobody", "here"), 1)
        with contextlib.suppress(StartError):
            await self.start_link(Stillborn)
        with contextlib.suppress(TimeoutError):
            await self.receive(Call, timeout=0)
        with contextlib.suppress(CallError):
            await self.call(self.hub, "die")


class Stillborn(GenServer):
    def init(self) -> None:
        raise Exit("stillborn")


class Mortal(GenServer):
    def handle_call(self, request: Any, sender: Any) -> Any:
        raise Exit("boom")


class Linked(GenServer):
    def init(self) -> None:
        self.spawn_link(Hub)
        self.raising = False

    async def handle_info(self, received: Any) -> None:
        with contextlib.suppress(CallError):
            await self.call(self.pid, 1)
        raise Exit("done")


@pytest.mark.parametrize("cls", [Crashes, CrashesLater, Stops, ScriptCrashes, Linked, Hub])
async def test_no_garbage_needs_collecting_however_a_process_ends(no_gc: None, cls: Any) -> None:
    async with Node("garbage") as node:
        for _ in range(2):
            before = _tracked()
            for _ in range(300):
                pid = node.spawn(cls)
                node.send(pid, "go")
            await _quiet(node)
            for cell in list(node.processes()):
                node.exit(cell.pid, "kill")
            await _quiet(node)
            node.dossiers = type(node.dossiers)()
            grown = _tracked() - before
        assert grown < 100, f"{grown} objects stay behind after 300 processes"


async def test_no_garbage_needs_collecting_after_failed_calls_and_starts(no_gc: None) -> None:
    async with Node("garbage") as node:
        for _ in range(2):
            before = _tracked()
            for _ in range(300):
                node.spawn(ScriptCatches, node.spawn(Mortal))
            await _quiet(node)
            for cell in list(node.processes()):
                node.exit(cell.pid, "kill")
            await _quiet(node)
            node.dossiers = type(node.dossiers)()
            grown = _tracked() - before
        assert grown < 100, f"{grown} objects stay behind after 300 processes"


async def test_no_garbage_needs_collecting_after_calls_from_outside_that_fail(no_gc: None) -> None:
    async with Node("garbage") as node:
        for _ in range(2):
            before = _tracked()
            for _ in range(300):
                pid = await node.start(Mortal)
                with pytest.raises(CallError):
                    await node.call(pid, 1)
                with pytest.raises(StartError):
                    await node.start(Stillborn)
            await _quiet(node)
            node.dossiers = type(node.dossiers)()
            grown = _tracked() - before
        assert grown < 100, f"{grown} objects stay behind after 300 failed calls and starts"


async def test_an_actor_object_is_gone_with_its_process(no_gc: None, node: Any) -> None:
    pid = await node.start(Hub)
    actor, address = weakref.ref(pid.cell.actor), weakref.ref(pid)
    node.exit(pid, "shutdown")
    node.exit(pid, "kill")
    node.dossiers = type(node.dossiers)()
    assert actor() is None
    await node.idle()
    del pid
    assert address() is None


async def test_an_idle_process_is_small() -> None:
    import tracemalloc

    async with Node("small") as node:
        for _ in range(100):
            node.spawn(Hub)
        await _quiet(node)
        tracemalloc.start()
        for _ in range(1000):
            node.spawn(Hub)
        await _quiet(node)
        each = tracemalloc.get_traced_memory()[0] / 1000
        tracemalloc.stop()
    assert each < 1024


async def test_answered_calls_leave_nothing(node: Any) -> None:
    class Echo(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply(request)

    pid = await node.start(Echo)
    for n in range(100):
        assert await node.call(pid, n) == n
    assert len(node.calls) == 0
    assert len(node.timers) == 0
    assert not pid.cell.callers


def _tracked() -> int:
    return len(gc.get_objects())


async def _quiet(node: Node) -> None:
    """Wait until no process is ready for a few turns of the loop."""
    calm = 0
    while calm < 10:
        calm = 0 if node.scheduler.ready else calm + 1
        await asyncio.sleep(0)

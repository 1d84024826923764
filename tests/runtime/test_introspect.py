"""Looking into live processes: state, status, suspend and resume, code change, an ordered stop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import (
    CallTimeout,
    CoroutineProcess,
    Exit,
    GenServer,
    Name,
    NoProc,
    Reply,
    ServerDied,
    Stop,
    SystemRequestFailed,
    message,
)


@message("test.introspect.note")
class Note:
    n: int


class Counter(GenServer):
    def init(self, log: list[Any] | None = None, trap: bool = False) -> None:
        self.value = 0
        self.notes = log if log is not None else []
        self.trap_exit(trap)

    def handle_call(self, request: Any, sender: Any) -> Any:
        self.notes.append(request)
        return Reply(request)

    def handle_cast(self, request: Any) -> Any:
        self.notes.append(request)
        if request == "slowly":
            return self.take_long()
        return Stop("normal") if request == "stop" else None

    async def take_long(self) -> None:
        await self.sleep(10)

    def handle_info(self, received: Any) -> None:
        self.notes.append(received)

    def code_change(self, old_version: Any, extra: Any) -> None:
        if extra == "crash":
            raise ValueError("cannot")
        self.value = (old_version, extra)

    def terminate(self, reason: Any) -> None:
        self.notes.append(("terminate", reason))


class Script(CoroutineProcess):
    async def init(self, log: list[Any]) -> None:
        self.notes = log

    async def run(self) -> None:
        try:
            while True:
                self.notes.append(await self.receive(timeout=60))
        except TimeoutError:
            self.notes.append("timeout")
        finally:
            self.notes.append("finally")


@pytest.fixture(params=["server", "script"])
async def process(request: Any, node: Any) -> Any:
    """(pid, log) of a GenServer and of a coroutine process."""
    log: list[Any] = []
    return await node.start(Counter if request.param == "server" else Script, log), log


async def test_get_state_shows_the_attributes(node: Any) -> None:
    pid = await node.start(Counter)
    assert await node.sys.get_state(pid) == {"value": 0, "notes": []}


async def test_a_process_may_say_what_its_state_is(node: Any) -> None:
    class Own(GenServer):
        def init(self) -> None:
            self.n = 1

        def state(self) -> int:
            return self.n

        def set_state(self, state: int) -> None:
            self.n = state

    pid = await node.start(Own)
    assert await node.sys.get_state(pid) == 1
    assert await node.sys.replace_state(pid, lambda n: n + 1) == 2
    assert await node.sys.get_state(pid) == 2


async def test_a_state_that_raises_is_told_and_the_process_lives(node: Any) -> None:
    class Broken(GenServer):
        def state(self) -> Any:
            raise ValueError("no")

    pid = await node.start(Broken)
    answer = await node.sys.get_state(pid)
    assert isinstance(answer, SystemRequestFailed)
    assert answer.reason.kind == "ValueError"
    assert pid.cell is not None


async def test_replace_state_changes_it(process: Any, node: Any) -> None:
    pid, _ = process
    await node.sys.replace_state(pid, lambda state: {**state, "value": 7})
    assert (await node.sys.get_state(pid))["value"] == 7


async def test_a_replacement_that_raises_leaves_the_state_and_is_told(process: Any, node: Any) -> None:
    pid, _ = process
    before = await node.sys.get_state(pid)
    answer = await node.sys.replace_state(pid, lambda _: 1 // 0)
    assert isinstance(answer, SystemRequestFailed)
    assert (answer.operation, answer.reason.kind) == ("replace_state", "ZeroDivisionError")
    assert await node.sys.get_state(pid) == before


async def test_work_is_run_by_the_process_behind_earlier_mail(process: Any, node: Any) -> None:
    pid, log = process
    node.send(pid, Note(1))
    assert await node.sys.run(pid, lambda: len(log)) == 1

    def wrong() -> None:
        raise LookupError("nothing there")

    failed = await node.sys.run(pid, wrong)
    assert (failed.operation, failed.reason.kind) == ("run", "LookupError")
    assert node.find(pid) is not None


async def test_a_look_waits_its_turn_behind_earlier_mail(process: Any, node: Any) -> None:
    pid, log = process
    for n in range(50):
        node.send(pid, Note(n))
    await node.sys.get_state(pid)
    assert len(log) == 50


async def test_a_suspended_process_takes_no_messages_and_serves_looks(process: Any, node: Any) -> None:
    pid, log = process
    await node.sys.suspend(pid)
    node.send(pid, Note(1))
    await node.idle()
    assert log == []
    status = await node.sys.status(pid)
    assert (status.status, status.mailbox_length) == ("suspended", 1)
    await node.sys.get_state(pid)
    await node.sys.suspend(pid)
    assert log == []


async def test_resume_hands_over_what_came_meanwhile_once_and_in_order(process: Any, node: Any) -> None:
    pid, log = process
    await node.sys.suspend(pid)
    for n in range(40):
        node.send(pid, Note(n))
    resuming = asyncio.ensure_future(node.sys.resume(pid))
    await asyncio.sleep(0)
    for n in range(40, 80):
        node.send(pid, Note(n))
    await resuming
    await node.idle()
    assert log == [Note(n) for n in range(80)]
    assert (await node.sys.status(pid)).status != "suspended"


async def test_calls_to_a_suspended_process_may_time_out_and_are_handled_all_the_same(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Counter, log)
    await node.sys.suspend(pid)
    with pytest.raises(CallTimeout):
        await node.drive(node.call(pid, "impatient", timeout=1))
    patient = asyncio.ensure_future(node.call(pid, "patient", timeout=60))
    await node.idle()
    await node.sys.resume(pid)
    assert await node.drive(patient) == "patient"
    assert log == ["impatient", "patient"]


async def test_a_suspended_server_that_traps_obeys_its_parent(puppet: Any, node: Any) -> None:
    parent = await puppet()
    child = await puppet(trap=True, parent=parent)
    await node.sys.suspend(child.pid)
    await parent.let(lambda _: _raise(Exit("boom")))
    assert child.terminated == ["boom"]


async def test_a_suspended_server_that_traps_does_not_hear_a_stranger(puppet: Any, node: Any) -> None:
    parent, stranger = await puppet(), await puppet()
    child = await puppet(trap=True, parent=parent)
    await node.sys.suspend(child.pid)
    await stranger.do(lambda me: me.exit(child.pid, "boom"))
    assert child.messages == []
    await node.sys.resume(child.pid)
    await node.idle()
    assert child.exits == [(stranger.pid, "boom")]


async def test_a_timeout_that_runs_out_while_suspended_comes_after_resume(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Script, log)
    await node.sys.suspend(pid)
    await node.advance(100)
    assert log == []
    await node.sys.resume(pid)
    await node.idle()
    assert log == ["timeout", "finally"]


async def test_status_tells_what_a_process_does(puppet: Any, node: Any) -> None:
    name = Name("service", "seen")
    a, b = await puppet(trap=True, name=name), await puppet()
    await a.do(lambda me: (me.link(b.pid), me.monitor(b.pid)))
    await b.do(lambda me: me.monitor(a.pid))
    status = await node.sys.status(a.pid)
    assert status.pid == str(a.pid)
    assert status.names == ("service:seen",)
    assert status.class_name == "Stringed"
    assert status.parent == str(node.root)
    assert status.links == (str(b.pid),)
    assert (status.monitors, status.monitored_by) == (1, 1)
    assert status.trap_exit
    assert status.handled == 2
    assert set(status.state) == {"puppet"}


async def test_a_process_that_awaits_is_looked_at_when_it_is_done(node: Any) -> None:
    from mirliton.runtime.introspect import status

    pid = await node.start(Counter)
    node.cast(pid, "slowly")
    await node.idle()
    assert status(pid.cell).status == "awaiting"
    with pytest.raises(CallTimeout):
        await node.drive(node.sys.status(pid, timeout=1))
    assert (await node.drive(node.sys.status(pid, timeout=20))).status in ("running", "waiting")


async def test_code_change_wants_a_suspended_process(node: Any) -> None:
    pid = await node.start(Counter)
    assert isinstance(await node.sys.change_code(pid, "v1", "x"), SystemRequestFailed)
    await node.sys.suspend(pid)
    assert await node.sys.change_code(pid, "v1", "x") is None
    failed = await node.sys.change_code(pid, "v1", "crash")
    assert failed.reason.kind == "ValueError"
    await node.sys.resume(pid)
    assert (await node.sys.get_state(pid))["value"] == ("v1", "x")


async def test_terminate_stops_a_server_in_order_and_waits_for_its_end(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Counter, log)
    node.cast(pid, "before")
    await node.sys.terminate(pid)
    assert pid.cell is None
    assert log == ["before", ("terminate", "normal")]


async def test_terminate_stops_a_script_through_its_finally(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Script, log)
    await node.sys.terminate(pid, "enough")
    assert log == ["finally"]
    assert node.dossiers.of(pid).reason == "enough"


async def test_terminate_acts_on_a_suspended_process(process: Any, node: Any) -> None:
    pid, _ = process
    await node.sys.suspend(pid)
    await node.sys.terminate(pid, "shutdown")
    assert pid.cell is None


async def test_terminate_tells_when_it_ended_otherwise_or_was_gone(node: Any) -> None:
    pid = await node.start(Counter)
    node.cast(pid, "stop")
    with pytest.raises(ServerDied) as caught:
        await node.sys.terminate(pid, "shutdown")
    assert caught.value.exit_reason == "normal"
    with pytest.raises(NoProc):
        await node.sys.terminate(pid)


async def test_terminate_that_takes_too_long_times_out_and_goes_on(node: Any) -> None:
    class Slow(GenServer):
        async def terminate(self, reason: Any) -> None:
            await self.sleep(10)

    pid = await node.start(Slow)
    with pytest.raises(CallTimeout):
        await node.drive(node.sys.terminate(pid, timeout=1))
    assert pid.cell is not None
    await node.advance(10)
    assert pid.cell is None


@pytest.mark.parametrize("look", ["get_state", "suspend", "resume", "status"])
async def test_a_look_at_a_dead_process_raises_noproc(puppet: Any, node: Any, look: str) -> None:
    a = await puppet()
    node.exit(a.pid, "kill")
    with pytest.raises(NoProc):
        await getattr(node.sys, look)(a.pid)


def _raise(error: BaseException) -> None:
    raise error

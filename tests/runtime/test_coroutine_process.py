"""CoroutineProcess: one script with selective receive, driven without a Task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mirliton.runtime import (
    IGNORE,
    Call,
    Cast,
    CoroutineProcess,
    Exit,
    ExitSignal,
    GenServer,
    StartError,
    Stop,
    message,
)


@message("test.coroutine.number")
class Number:
    value: int


@message("test.coroutine.word")
class Word:
    text: str


class Script(CoroutineProcess):
    """Runs the coroutine function it is given; what it returns is noted."""

    async def init(self, script: Callable[[Any], Any], log: list[Any]) -> None:
        self.script = script
        self.notes = log

    async def run(self) -> None:
        self.notes.append(await self.script(self))


@pytest.fixture
def script(node: Any) -> Any:
    """`pid, log = await script(async def …)`."""

    async def start(body: Callable[[Any], Any]) -> Any:
        log: list[Any] = []
        return await node.start(Script, body, log), log

    return start


# Receive


async def test_receive_takes_messages_in_their_order(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        return [await me.receive(), await me.receive()]

    pid, log = await script(body)
    node.send(pid, Number(1))
    node.send(pid, Number(2))
    await node.idle()
    assert log == [[Number(1), Number(2)]]


@pytest.mark.parametrize(
    "match",
    [Word, (Word, Exit), lambda m: isinstance(m, Word)],
    ids=["type", "tuple", "predicate"],
)
async def test_receive_takes_the_first_that_matches_and_leaves_the_others_in_place(
    node: Any, script: Any, match: Any
) -> None:
    async def body(me: CoroutineProcess) -> Any:
        first = await me.receive(match)
        return [first, *[await me.receive() for _ in range(3)]]

    pid, log = await script(body)
    for sent in (Number(1), Number(2), Word("x"), Number(3)):
        node.send(pid, sent)
    await node.idle()
    assert log == [[Word("x"), Number(1), Number(2), Number(3)]]


async def test_mail_that_was_passed_over_is_found_by_a_later_receive(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        word = await me.receive(Word)
        second = await me.receive(lambda m: m == Number(2))
        return [word, second, await me.receive()]

    pid, log = await script(body)
    for sent in (Number(1), Number(2), Word("x")):
        node.send(pid, sent)
        await node.idle()
    assert log == [[Word("x"), Number(2), Number(1)]]


async def test_more_passed_over_mail_than_fits_a_turn_is_all_received(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        await me.receive(Word)
        return [(await me.receive()).value for _ in range(100)]

    pid, log = await script(body)
    for n in range(100):
        node.send(pid, Number(n))
    node.send(pid, Word("go"))
    await node.idle()
    assert log == [list(range(100))]


async def test_receive_gives_up_after_its_timeout_and_loses_nothing(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        with pytest.raises(TimeoutError):
            await me.receive(Word, timeout=2)
        return me.node.clock.now() - begun, await me.receive()

    begun = node.clock.now()
    pid, log = await script(body)
    node.send(pid, Number(1))
    await node.advance(2)
    assert log == [(2.0, Number(1))]


async def test_a_message_that_came_in_time_wins_over_the_timeout(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        return await me.receive(Word, timeout=2)

    pid, log = await script(body)
    node.after(2, lambda _: node.send(pid, Word("just in time")))
    await node.advance(1)
    # Its timer and the message come up at the same moment, the timer first.
    await node.advance(1)
    assert log == [Word("just in time")]


@pytest.mark.parametrize("waiting", [0, 1])
async def test_a_timeout_of_zero_only_looks(node: Any, script: Any, waiting: int) -> None:
    async def body(me: CoroutineProcess) -> Any:
        await me.receive(Word)
        try:
            return await me.receive(Number, timeout=0)
        except TimeoutError:
            return "nothing"

    pid, log = await script(body)
    for n in range(waiting):
        node.send(pid, Number(n))
    node.send(pid, Word("go"))
    await node.idle()
    assert log == [Number(0) if waiting else "nothing"]
    assert len(node.timers) == 0


async def test_a_satisfied_receive_leaves_no_timer(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        return await me.receive(timeout=3600)

    pid, log = await script(body)
    node.send(pid, Number(1))
    await node.idle()
    assert log == [Number(1)]
    assert len(node.timers) == 0


async def test_a_killed_receive_leaves_no_timer(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        return await me.receive(timeout=3600)

    pid, _ = await script(body)
    await node.idle()
    assert len(node.timers) == 1
    node.exit(pid, "kill")
    assert len(node.timers) == 0


async def test_a_predicate_that_raises_raises_in_receive_and_the_message_stays(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        with pytest.raises(AttributeError):
            await me.receive(lambda m: m.text == "x")
        return await me.receive()

    pid, log = await script(body)
    node.send(pid, Number(1))
    await node.idle()
    assert log == [Number(1)]


async def test_receive_in_a_task_beside_the_script_is_refused_at_once(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        with pytest.raises(RuntimeError, match="own coroutine"):
            await me.io(me.receive(timeout=1))
        return "refused"

    _, log = await script(body)
    await node.idle()
    assert log == ["refused"]
    assert len(node.timers) == 0


async def test_calls_and_casts_are_received_as_they_are(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        call = await me.receive(Call)
        me.reply(call.sender, call.request * 2)
        return await me.receive(Cast)

    pid, log = await script(body)
    assert await node.call(pid, 21) == 42
    node.cast(pid, "c")
    await node.idle()
    assert log == [Cast("c")]


# Life


async def test_the_end_of_the_script_is_a_normal_end(node: Any, script: Any) -> None:
    async def body(_: Any) -> None:
        return None

    pid, _ = await script(body)
    assert await node.wait_exit(pid) in ("normal", "noproc")
    assert node.exited["Script", "normal"] == 1


async def test_an_exception_crashes_it(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> None:
        await me.receive()
        raise ValueError("wrong")

    pid, _ = await script(body)
    node.send(pid, Number(1))
    await node.idle()
    dossier = node.dossiers.of(pid)
    assert (dossier.reason.kind, dossier.reason.text) == ("ValueError", "wrong")
    assert "Number" in dossier.last_message


async def test_exit_ends_it_with_a_reason(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> None:
        await me.receive()
        raise Exit("enough")

    pid, _ = await script(body)
    node.send(pid, Number(1))
    assert await node.wait_exit(pid) == "enough"


async def test_the_start_returns_when_init_is_done(node: Any) -> None:
    order: list[str] = []

    class Slow(CoroutineProcess):
        async def init(self) -> None:
            await self.sleep(5)
            order.append("init")

        async def run(self) -> None:
            order.append("run")
            await self.receive()

    await node.drive(node.start(Slow))
    order.append("started")
    await node.idle()
    assert order[0] == "init"
    assert sorted(order[1:]) == ["run", "started"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Stop("boom"), "boom"), (Stop(), "normal"), ("junk", ("bad_return_value", "junk")), (IGNORE, "ignore")],
)
async def test_init_may_stop_ignore_or_answer_junk(node: Any, answer: Any, reason: Any) -> None:
    class Starts(CoroutineProcess):
        async def init(self) -> Any:
            return answer

        async def run(self) -> None:
            raise AssertionError("must not run")

    with pytest.raises(StartError) as caught:
        await node.drive(node.start(Starts))
    assert caught.value.reason == reason


@pytest.mark.parametrize("end", ["raise", "kill"])
async def test_an_init_that_ends_badly_fails_the_start(node: Any, end: str) -> None:
    class Starts(CoroutineProcess):
        async def init(self) -> None:
            await self.sleep(1)
            if end == "kill":
                self.node.exit(self.pid, "kill")
                await self.sleep(1)
            raise Exit("boom")

        async def run(self) -> None:
            raise AssertionError("must not run")

    with pytest.raises(StartError) as caught:
        await node.drive(node.start(Starts))
    assert caught.value.reason == ("killed" if end == "kill" else "boom")


async def test_a_kill_runs_finally_but_lets_it_wait_for_nothing(node: Any, script: Any) -> None:
    steps: list[str] = []

    async def body(me: CoroutineProcess) -> None:
        try:
            await me.receive()
        finally:
            steps.append("finally")
            await me.sleep(1)
            steps.append("never")

    pid, log = await script(body)
    node.exit(pid, "kill")
    await node.advance(10)
    assert steps == ["finally"]
    assert log == []


@pytest.mark.parametrize("where", ["receive", "sleep", "call", "io", "start"])
async def test_a_kill_acts_wherever_the_script_waits(node: Any, script: Any, where: str) -> None:
    class Never(GenServer):
        async def init(self) -> None:
            await asyncio.get_running_loop().create_future()

    async def body(me: CoroutineProcess) -> None:
        match where:
            case "receive":
                await me.receive(Word)
            case "sleep":
                await me.sleep(3600)
            case "call":
                await me.call(silent, 1, timeout=3600)
            case "io":
                await me.io(asyncio.get_running_loop().create_future())
            case "start":
                await me.start(Never, timeout=3600)

    async def quiet(me: CoroutineProcess) -> None:
        await me.receive(Word)

    silent, _ = await script(quiet)
    pid, log = await script(body)
    for _ in range(5):
        await asyncio.sleep(0)
    node.exit(pid, "kill")
    assert pid.cell is None
    for cell in list(node.processes()):
        node.exit(cell.pid, "kill")
    await node.idle()
    assert log == []
    assert len(node.timers) == 0
    assert len(node.calls) == 0
    assert not node.scheduler.tasks


async def test_one_that_traps_receives_exits_and_decides_itself(puppet: Any, node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        me.trap_exit()
        return await me.receive(ExitSignal)

    pid, log = await script(body)
    node.exit(pid, "shutdown", node.root)
    await node.idle()
    assert log == [ExitSignal(node.root, "shutdown")]


async def test_sleep_takes_no_messages(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        await me.sleep(5)
        return me.node.clock.now() - begun, await me.receive()

    begun = node.clock.now()
    pid, log = await script(body)
    node.send(pid, Number(1))
    await node.advance(4)
    assert log == []
    await node.advance(1)
    assert log == [(5.0, Number(1))]


# The foreign world


async def test_io_awaits_something_foreign(node: Any, script: Any) -> None:
    async def foreign() -> str:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return "fetched"

    async def body(me: CoroutineProcess) -> Any:
        return await me.io(foreign())

    _, log = await script(body)
    await node.idle()
    assert log == ["fetched"]


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), Exit("left"), SystemExit(1)])
async def test_what_foreign_work_raises_is_raised_in_the_script(node: Any, script: Any, error: BaseException) -> None:
    async def foreign() -> None:
        raise error

    async def body(me: CoroutineProcess) -> Any:
        with pytest.raises(type(error)):
            await me.io(foreign())
        return "caught"

    _, log = await script(body)
    await node.idle()
    assert log == ["caught"]


async def test_foreign_work_is_cancelled_with_the_process(node: Any, script: Any) -> None:
    steps: list[str] = []

    async def foreign() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            steps.append("cancelled")

    async def body(me: CoroutineProcess) -> None:
        await me.io(foreign())

    pid, _ = await script(body)
    for _ in range(5):
        await asyncio.sleep(0)
    node.exit(pid, "kill")
    await node.idle()
    assert steps == ["cancelled"]


@pytest.mark.filterwarnings("error")
async def test_foreign_work_that_never_began_leaves_no_warning(node: Any, script: Any) -> None:
    async def foreign() -> None:
        raise AssertionError("must not begin")

    async def body(me: CoroutineProcess) -> None:
        await me.receive()
        await me.io(foreign())

    pid, _ = await script(body)
    node.send(pid, Number(1))
    node.loop.call_soon(lambda: node.exit(pid, "kill"))
    await node.idle()
    assert pid.cell is None


async def test_a_foreign_await_without_io_gets_a_clear_error(node: Any, script: Any) -> None:
    async def body(me: CoroutineProcess) -> Any:
        with pytest.raises(RuntimeError, match=r"self\.io"):
            await asyncio.sleep(0)
        return "told"

    _, log = await script(body)
    await node.idle()
    assert log == ["told"]


async def test_what_the_process_offers_works_in_foreign_work_too(node: Any, script: Any) -> None:
    async def echo(me: CoroutineProcess) -> None:
        call = await me.receive(Call)
        me.reply(call.sender, "echo")

    server, _ = await script(echo)

    async def body(me: CoroutineProcess) -> Any:
        return await me.io(asyncio.wait_for(me.call(server, 1), 5))

    _, log = await script(body)
    await node.idle()
    assert log == ["echo"]


async def test_background_work_comes_back_as_a_message(node: Any, script: Any) -> None:
    from mirliton.runtime import Completed

    async def work(error: BaseException | None) -> str:
        if error is not None:
            raise error
        return "done"

    async def body(me: CoroutineProcess) -> Any:
        me.background(work(None), "a")
        me.background(work(Exit("left")), "b")
        me.background(work(ValueError("no")), "c")
        got = [await me.receive(Completed) for _ in range(3)]
        return sorted((m.tag, m.value, getattr(m.error, "kind", m.error)) for m in got)

    _, log = await script(body)
    await node.idle()
    assert log == [[("a", "done", None), ("b", None, "left"), ("c", None, "ValueError")]]


async def test_background_work_is_cancelled_with_the_process(node: Any, script: Any) -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("begun")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            steps.append("cancelled")

    async def body(me: CoroutineProcess) -> None:
        me.background(work(), "w")
        await me.receive(Word)

    pid, _ = await script(body)
    for _ in range(5):
        await asyncio.sleep(0)
    node.exit(pid, "kill")
    await node.idle()
    assert steps == ["begun", "cancelled"]
    assert not node.scheduler.tasks

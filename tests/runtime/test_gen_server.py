"""GenServer: what each answer of a callback does, and when terminate runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from mirliton.runtime import (
    IGNORE,
    TIMEOUT,
    AlreadyStarted,
    Continue,
    Crash,
    Exit,
    ExitSignal,
    From,
    GenServer,
    Idle,
    Name,
    NoReply,
    Pid,
    Reply,
    ServerDied,
    Shutdown,
    StartError,
    Stop,
    message,
)


@message("test.gen_server.add")
class Add:
    amount: int


@message("test.gen_server.do")
class Do:
    what: str


class Recorder(GenServer):
    """Notes each callback in `log` and answers by `script[request]`."""

    def init(self, log: list[Any], script: dict[str, Any] | None = None, trap: bool = False, begin: Any = None) -> Any:
        self.notes = log
        self.script = script or {}
        self.trap_exit(trap)
        return begin

    def play(self, callback: str, what: Any) -> Any:
        self.notes.append((callback, what))
        answer = self.script.get(what.what if isinstance(what, Do) else what if isinstance(what, str) else None)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def handle_call(self, request: Any, sender: From) -> Any:
        return self.play("call", request)

    def handle_cast(self, request: Any) -> Any:
        return self.play("cast", request)

    def handle_info(self, received: Any) -> Any:
        return self.play("info", received)

    def handle_continue(self, argument: Any) -> Any:
        return self.play("continue", argument)

    def terminate(self, reason: Any) -> None:
        self.notes.append(("terminate", reason))


class Asynchronous(Recorder):
    """The same with async callbacks."""

    async def handle_call(self, request: Any, sender: From) -> Any:
        await asyncio.sleep(0)
        return self.play("call", request)

    async def handle_cast(self, request: Any) -> Any:
        await asyncio.sleep(0)
        return self.play("cast", request)

    async def handle_info(self, received: Any) -> Any:
        await asyncio.sleep(0)
        return self.play("info", received)

    async def handle_continue(self, argument: Any) -> Any:
        await asyncio.sleep(0)
        return self.play("continue", argument)

    async def terminate(self, reason: Any) -> None:
        await asyncio.sleep(0)
        self.notes.append(("terminate", reason))


@pytest.fixture(params=[Recorder, Asynchronous], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> type[Recorder]:
    return request.param


# What the callbacks answer


async def test_messages_are_handled_one_at_a_time_in_the_order_they_came(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply("a")})
    node.cast(pid, "c")
    node.send(pid, "i")
    assert await node.drive(node.call(pid, "q")) == "a"
    assert log == [("cast", "c"), ("info", "i"), ("call", "q")]


async def test_noreply_leaves_the_caller_waiting(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": NoReply()})
    calling = asyncio.ensure_future(node.call(pid, "q", timeout=60))
    await node.advance(30)
    assert not calling.done()
    calling.cancel()


@pytest.mark.parametrize("callback", ["call", "cast", "info"])
@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("x"), "boom"])
async def test_stop_runs_terminate_and_ends_with_the_reason(node: Any, kind: Any, callback: str, reason: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"stop": Stop(reason)})
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    if callback == "call":
        with pytest.raises(ServerDied) as caught:
            await node.drive(node.call(pid, "stop"))
        assert caught.value.exit_reason == reason
    else:
        (node.cast if callback == "cast" else node.send)(pid, "stop")
    assert await ended == reason
    assert log == [(callback, "stop"), ("terminate", reason)]


async def test_stop_with_a_reply_terminates_then_answers_then_ends(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"stop": Stop("boom", reply="bye")})
    node.on_exit.append(lambda *_: log.append("ended"))
    answer = asyncio.ensure_future(node.call(pid, "stop"))
    answer.add_done_callback(lambda _: log.append("answered"))
    assert await node.drive(answer) == "bye"
    assert log == [("call", "stop"), ("terminate", "boom"), "ended", "answered"]


@pytest.mark.parametrize("callback", ["call", "cast", "info", "continue"])
async def test_any_other_answer_is_a_bad_return_value(node: Any, kind: Any, callback: str) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"junk": ["junk"], "go": Reply(1, then=Continue("junk"))})
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    if callback == "call":
        with pytest.raises(ServerDied):
            await node.drive(node.call(pid, "junk"))
    elif callback == "continue":
        await node.drive(node.call(pid, "go"))
    else:
        (node.cast if callback == "cast" else node.send)(pid, "junk")
    assert await ended == ("bad_return_value", ["junk"])
    assert log[-2:] == [(callback, "junk"), ("terminate", ("bad_return_value", ["junk"]))]


async def test_a_call_handler_that_answers_nothing_has_a_bad_return_value(node: Any) -> None:
    pid = await node.start(Recorder, [])
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, "q"))
    assert caught.value.exit_reason == ("bad_return_value", None)


async def test_reply_is_no_answer_to_a_cast(node: Any, kind: Any) -> None:
    pid = await node.start(kind, [], {"c": Reply(1)})
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    node.cast(pid, "c")
    assert (await ended)[0] == "bad_return_value" if not node.strict else (await ended).kind == "NotSerialisable"
    node.strict_violations.clear()


@pytest.mark.parametrize("callback", ["call", "cast", "info", "continue"])
async def test_an_exception_runs_terminate_with_the_crash_and_ends_with_it(node: Any, kind: Any, callback: str) -> None:
    log: list[Any] = []
    script = {"crash": ValueError("no"), "go": Reply(1, then=Continue("crash"))}
    pid = await node.start(kind, log, script)
    ended = asyncio.ensure_future(node.wait_exit(pid))
    await asyncio.sleep(0)
    if callback == "call":
        with pytest.raises(ServerDied):
            await node.drive(node.call(pid, "crash"))
    elif callback == "continue":
        await node.drive(node.call(pid, "go"))
    else:
        (node.cast if callback == "cast" else node.send)(pid, "crash")
    reason = await ended
    assert isinstance(reason, Crash)
    assert (reason.kind, reason.text) == ("ValueError", "no")
    assert log[-1] == ("terminate", reason)


async def test_exit_in_a_callback_runs_terminate_with_its_reason(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"x": Exit("boom")})
    node.cast(pid, "x")
    await node.idle()
    assert log[-1] == ("terminate", "boom")
    assert node.dossiers.of(pid).reason == "boom"


async def test_systemexit_ends_only_that_process(node: Any, kind: Any) -> None:
    pid = await node.start(kind, [], {"x": SystemExit(3)})
    node.cast(pid, "x")
    await node.idle()
    assert node.dossiers.of(pid).reason.kind == "SystemExit"


@pytest.mark.parametrize("send", ["call", "cast"])
async def test_a_missing_call_or_cast_handler_is_a_crash(node: Any, send: str) -> None:
    pid = await node.start(GenServer)
    if send == "call":
        with pytest.raises(ServerDied):
            await node.drive(node.call(pid, 1))
    else:
        node.cast(pid, 1)
        await node.idle()
    assert node.dossiers.of(pid).reason.kind == "NotImplementedError"


async def test_a_missing_info_handler_is_none(node: Any) -> None:
    pid = await node.start(GenServer)
    node.send(pid, Do("whatever"))
    await node.idle()
    assert pid.cell is not None


# Timeout


async def test_timeout_comes_when_nothing_else_does(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply(1, timeout=2)})
    await node.drive(node.call(pid, "q"))
    await node.advance(1.9)
    assert log == [("call", "q")]
    await node.advance(0.1)
    assert log == [("call", "q"), ("info", TIMEOUT)]
    await node.advance(10)
    assert len(log) == 2


async def test_any_message_cancels_the_timeout(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply(1, timeout=2)})
    await node.drive(node.call(pid, "q"))
    await node.advance(1)
    node.send(pid, "other")
    await node.advance(10)
    assert log == [("call", "q"), ("info", "other")]
    assert len(node.timers) == 0


async def test_a_message_that_comes_at_the_same_moment_wins_over_the_timeout(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Recorder, log, {"q": Reply(1, timeout=2)})
    node.after(2, lambda _: node.send(pid, "just in time"))
    await node.drive(node.call(pid, "q"))
    await node.advance(5)
    assert log == [("call", "q"), ("info", "just in time")]


async def test_a_timeout_of_zero_comes_at_once_on_an_empty_mailbox(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply(1, timeout=0)})
    await node.drive(node.call(pid, "q"))
    await node.idle()
    assert log == [("call", "q"), ("info", TIMEOUT)]


async def test_a_timeout_of_zero_does_not_come_when_mail_waits(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"c": NoReply(timeout=0)})
    node.cast(pid, "c")
    node.cast(pid, "d")
    await node.idle()
    assert log == [("cast", "c"), ("cast", "d")]


async def test_looking_into_a_process_does_not_cancel_its_timeout(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Recorder, log, {"q": Reply(1, timeout=2)})
    await node.drive(node.call(pid, "q"))
    await node.drive(node.sys.get_state(pid))
    await node.advance(2)
    assert log[-1] == ("info", TIMEOUT)


async def test_init_may_ask_for_a_timeout(node: Any) -> None:
    log: list[Any] = []
    await node.start(Recorder, log, begin=NoReply(timeout=1))
    await node.advance(1)
    assert log == [("info", Idle())]


# Continue


async def test_continue_runs_after_the_reply_and_before_any_queued_message(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply("a", then=Continue("go"))})
    await node.drive(node.sys.suspend(pid))
    answer = asyncio.ensure_future(node.call(pid, "q"))
    answer.add_done_callback(lambda _: log.append("answered"))
    await node.idle()
    node.cast(pid, "queued")
    await node.drive(node.sys.resume(pid))
    await node.drive(answer)
    assert [entry for entry in log if entry != "answered"] == [("call", "q"), ("continue", "go"), ("cast", "queued")]


async def test_continues_chain(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"c": NoReply(then=Continue("1")), "1": NoReply(then=Continue("2"))})
    node.cast(pid, "c")
    node.cast(pid, "d")
    await node.idle()
    assert log == [("cast", "c"), ("continue", "1"), ("continue", "2"), ("cast", "d")]


async def test_init_may_continue_and_that_runs_before_any_message(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = node.spawn(kind, log, begin=NoReply(then=Continue("go")))
    node.cast(pid, "c")
    await node.idle()
    assert log == [("continue", "go"), ("cast", "c")]


async def test_a_chain_of_a_hundred_thousand_continues_neither_recurses_nor_starves_others(node: Any) -> None:
    class Loop(GenServer):
        def init(self) -> Any:
            self.left = 100_000
            return NoReply(then=Continue())

        def handle_continue(self, argument: Any) -> Any:
            self.left -= 1
            return NoReply(then=Continue()) if self.left else None

    class Other(GenServer):
        def handle_call(self, request: Any, sender: From) -> Any:
            return Reply((loop.cell.actor.left,))

    loop, other = node.spawn(Loop), node.spawn(Other)
    (left,) = await node.call(other, 1)
    assert left > 90_000
    await node.idle()
    assert loop.cell.actor.left == 0


async def test_a_continue_that_stops_does_so_after_the_reply(node: Any, kind: Any) -> None:
    log: list[Any] = []
    pid = await node.start(kind, log, {"q": Reply("a", then=Continue("x")), "x": Stop("boom")})
    assert await node.drive(node.call(pid, "q")) == "a"
    await node.idle()
    assert log == [("call", "q"), ("continue", "x"), ("terminate", "boom")]


# Start


class Starts(GenServer):
    """Starts as `how` says."""

    def init(self, how: str) -> Any:
        match how:
            case "ignore":
                return IGNORE
            case "stop":
                return Stop("boom")
            case "stop normal":
                return Stop("normal")
            case "exit":
                raise Exit("boom")
            case "error":
                raise ValueError("wrong")
            case "junk":
                return "junk"
        return None

    def terminate(self, reason: Any) -> None:
        raise AssertionError("terminate after a failed init")


class StartsLater(Starts):
    async def init(self, how: str) -> Any:
        await self.sleep(1)
        return super().init(how)


STARTS = [
    ("stop", "boom", "boom"),
    ("stop normal", "normal", "normal"),
    ("exit", "boom", "boom"),
    ("junk", ("bad_return_value", "junk"), ("bad_return_value", "junk")),
]


@pytest.mark.parametrize("cls", [Starts, StartsLater])
async def test_a_good_init_starts_the_process(puppet: Any, cls: Any) -> None:
    a = await puppet()
    child = await a.do(lambda me: me.start_link(cls, "well"))
    assert child.cell is not None


@pytest.mark.parametrize("cls", [Starts, StartsLater])
@pytest.mark.parametrize("link", [False, True])
async def test_ignore_starts_nothing_and_is_no_error(puppet: Any, cls: Any, link: bool) -> None:
    a = await puppet(trap=True)
    assert await a.do(lambda me: (me.start_link if link else me.start)(cls, "ignore")) is None
    assert [reason for _, reason in a.exits] == (["normal"] if link else [])


@pytest.mark.parametrize("cls", [Starts, StartsLater])
@pytest.mark.parametrize(("how", "error", "ends_with"), STARTS)
@pytest.mark.parametrize("link", [False, True])
async def test_a_failed_init_is_told_to_the_starter(
    puppet: Any, cls: Any, how: str, error: Any, ends_with: Any, link: bool
) -> None:
    a = await puppet(trap=True)
    with pytest.raises(StartError) as caught:
        await a.do(lambda me: (me.start_link if link else me.start)(cls, how))
    assert caught.value.reason == error
    assert [reason for _, reason in a.exits] == ([ends_with] if link else [])


@pytest.mark.parametrize("cls", [Starts, StartsLater])
async def test_an_error_in_init_is_told_as_a_crash(puppet: Any, cls: Any) -> None:
    a = await puppet(trap=True)
    with pytest.raises(StartError) as caught:
        await a.do(lambda me: me.start_link(cls, "error"))
    assert (caught.value.reason.kind, caught.value.reason.text) == ("ValueError", "wrong")
    assert [reason for _, reason in a.exits] == [caught.value.reason]


async def test_terminate_does_not_run_after_a_failed_init_of_a_spawned_process(node: Any) -> None:
    pid = node.spawn(Starts, "error")
    await node.idle()
    assert node.dossiers.of(pid).reason.kind == "ValueError"


@pytest.mark.parametrize("link", [False, True])
async def test_an_init_that_takes_too_long_is_killed_and_its_starter_hears_only_timeout(
    puppet: Any, node: Any, link: bool
) -> None:
    a = await puppet(trap=True)
    with pytest.raises(StartError) as caught:
        await a.do(lambda me: (me.start_link if link else me.start)(StartsLater, "well", timeout=0.5))
    assert caught.value.reason == "timeout"
    assert a.exits == []
    assert node.exited["StartsLater", "killed"] == 1


async def test_a_taken_name_is_told_with_its_holder(puppet: Any) -> None:
    name = Name("service", "taken")
    holder, a = await puppet(name=name), await puppet()
    with pytest.raises(AlreadyStarted) as caught:
        await a.do(lambda me: me.start_link(Starts, "well", name=name))
    assert caught.value.pid == holder.pid


@pytest.mark.parametrize("how", ["ignore", "stop", "exit", "error", "junk"])
async def test_the_name_is_free_again_when_the_starter_hears_of_a_failed_start(puppet: Any, how: str) -> None:
    name = Name("service", "again")
    a = await puppet(trap=True)

    async def act(me: GenServer) -> Any:
        with contextlib.suppress(StartError):
            assert await me.start(Starts, how, name=name) is None
        return me.whereis(name)

    assert await a.do(act) is None


async def test_a_linked_starter_that_does_not_trap_dies_of_the_failed_start(puppet: Any, node: Any) -> None:
    a = await puppet()
    a.begin(lambda me: me.start_link(Starts, "exit"))
    await node.idle()
    assert not a.alive
    assert node.dossiers.of(a.pid).reason == "boom"


async def test_the_starter_may_be_outside_all_processes(node: Any) -> None:
    with pytest.raises(StartError, match="ignore"):
        await node.start(Starts, "ignore")
    with pytest.raises(StartError, match="boom"):
        await node.start(Starts, "stop")
    with pytest.raises(StartError, match="timeout"):
        await node.drive(node.start(StartsLater, "well", timeout=0.5))


async def test_a_start_whose_outcome_comes_as_a_message(puppet: Any, node: Any) -> None:
    from mirliton.runtime import Completed

    a = await puppet(trap=True)
    well = await a.do(lambda me: me.start_link_later(Starts, "well", tag="1"))
    await a.do(lambda me: me.start_link_later(Starts, "ignore", tag="2"))
    bad = await a.do(lambda me: me.start_link_later(Starts, "stop", tag="3"))
    slow = await a.do(lambda me: me.start_link_later(StartsLater, "well", tag="4", timeout=0.5))
    await node.advance(1)
    assert [m for m in a.messages if isinstance(m, Completed)] == [
        Completed("1", well, None),
        Completed("2", None, None),
        Completed("3", None, "boom"),
        Completed("4", None, "timeout"),
    ]
    assert (bad, "boom") in a.exits
    assert slow.cell is None
    assert len(node.calls) == 0
    assert len(node.timers) == 0


# Terminate and the parent


@pytest.mark.parametrize("reason", ["normal", "shutdown", "boom", "killed"])
async def test_a_server_that_traps_obeys_its_parent_with_terminate(puppet: Any, node: Any, reason: str) -> None:
    parent = await puppet()
    child = await puppet(trap=True, parent=parent)
    ended = asyncio.ensure_future(node.wait_exit(child.pid))
    await asyncio.sleep(0)
    await parent.let(lambda _: _raise(Exit(reason)))
    assert await ended == reason
    assert child.terminated == [reason]


async def test_a_server_that_traps_obeys_an_exit_that_its_parent_sends(puppet: Any, node: Any) -> None:
    parent = await puppet(trap=True)
    child = await puppet(trap=True, parent=parent)
    await parent.do(lambda me: me.exit(child.pid, "boom"))
    assert child.terminated == ["boom"]
    assert parent.exits == [(child.pid, "boom")]


async def test_a_server_that_does_not_trap_ends_without_terminate(puppet: Any) -> None:
    parent = await puppet()
    child = await puppet(parent=parent)
    await parent.let(lambda _: _raise(Exit("boom")))
    assert not child.alive
    assert child.terminated == []


async def test_a_server_that_does_not_trap_survives_the_normal_end_of_its_parent(puppet: Any) -> None:
    parent = await puppet()
    child = await puppet(parent=parent)
    await parent.let(lambda _: _raise(Exit("normal")))
    assert child.alive


async def test_an_exit_from_a_stranger_is_a_message_to_a_server_that_traps(puppet: Any) -> None:
    parent, stranger = await puppet(), await puppet()
    child = await puppet(trap=True, parent=parent)
    await stranger.do(lambda me: me.exit(child.pid, "boom"))
    assert child.alive
    assert child.messages == [ExitSignal(stranger.pid, "boom")]


async def test_who_started_it_without_a_link_is_a_stranger_to_it(puppet: Any, node: Any) -> None:
    log: list[Any] = []
    a = await puppet()
    child = await a.do(lambda me: me.start(Recorder, log, trap=True))
    await a.do(lambda me: me.exit(child, "boom"))
    assert log == [("info", ExitSignal(a.pid, "boom"))]
    assert child.cell.parent == node.root


async def test_terminate_does_not_run_at_a_kill(puppet: Any, node: Any) -> None:
    a = await puppet(trap=True)
    node.exit(a.pid, "kill")
    assert a.terminated == []


@pytest.mark.parametrize(("error", "reason"), [(Exit("late"), "late"), (ValueError("late"), None)])
async def test_an_error_in_terminate_replaces_the_reason(node: Any, kind: Any, error: Any, reason: Any) -> None:
    if kind is Asynchronous:

        class Server(Asynchronous):
            async def terminate(self, _: Any) -> None:
                raise error
    else:

        class Server(Recorder):
            def terminate(self, _: Any) -> None:
                raise error

    pid = await node.start(Server, [], {"stop": Stop("normal", reply="never")})
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(pid, "stop"))
    died_of = caught.value.exit_reason
    assert died_of == reason if reason else died_of.kind == "ValueError"


async def test_an_async_terminate_may_wait_and_a_kill_cuts_it_short(node: Any) -> None:
    log: list[str] = []

    class Slow(GenServer):
        def handle_cast(self, request: Any) -> Any:
            return Stop("normal")

        async def terminate(self, reason: Any) -> None:
            log.append("begun")
            await self.sleep(60)
            log.append("done")

    pid, other = await node.start(Slow), await node.start(Slow)
    node.cast(pid, 1)
    node.cast(other, 1)
    await node.idle()
    node.exit(other, "kill")
    await node.advance(60)
    assert log == ["begun", "begun", "done"]
    assert node.exited[Slow.__qualname__, "normal"] == 1
    assert node.exited[Slow.__qualname__, "killed"] == 1


# Async handlers


async def test_an_async_handler_holds_the_mailbox_but_nobody_else(node: Any) -> None:
    log: list[Any] = []

    class Slow(GenServer):
        async def handle_cast(self, request: Any) -> None:
            log.append(("begun", request))
            await self.sleep(10)
            log.append(("done", request))

    pid, other = await node.start(Slow), await node.start(Recorder, log)
    node.cast(pid, 1)
    node.cast(pid, 2)
    node.cast(other, "meanwhile")
    await node.advance(20)
    assert [entry for entry in log if entry[0] != "cast"] == [("begun", 1), ("done", 1), ("begun", 2), ("done", 2)]
    assert log.index(("cast", "meanwhile")) < log.index(("done", 1))


async def test_foreign_timeouts_work_in_an_async_handler(node: Any) -> None:
    class Patient(GenServer):
        async def handle_call(self, request: Any, sender: From) -> Any:
            try:
                async with asyncio.timeout(0.001):
                    await asyncio.get_running_loop().create_future()
            except TimeoutError:
                return Reply("timed out")

    pid = await node.start(Patient)
    assert await node.drive(node.call(pid, 1)) == "timed out"


async def test_cancelled_from_a_foreign_library_is_a_crash_not_a_hang(node: Any) -> None:
    class Cancelled(GenServer):
        async def handle_call(self, request: Any, sender: From) -> Any:
            raise asyncio.CancelledError

    pid = await node.start(Cancelled)
    with pytest.raises(ServerDied, match="CancelledError"):
        await node.drive(node.call(pid, 1))


async def test_the_running_example_of_the_module(node: Any) -> None:
    @message("test.gen_server.get")
    class Get:
        pass

    @message("test.gen_server.divide")
    class Divide:
        by: int

    class Counter(GenServer):
        def init(self, start: int = 0) -> None:
            self.value = start

        def handle_call(self, request: Any, sender: From) -> Any:
            match request:
                case Get():
                    return Reply(self.value)
                case Divide(by):
                    return Reply(self.value // by)

        def handle_cast(self, request: Any) -> Any:
            match request:
                case Add(amount):
                    self.value += amount

    pid: Pid = await node.start(Counter, 5, name=Name("service", "counter"))
    node.cast(pid, Add(2))
    assert await node.call(Name("service", "counter"), Get()) == 7
    with pytest.raises(ServerDied, match="ZeroDivisionError"):
        await node.call(pid, Divide(0))


def _raise(error: BaseException) -> None:
    raise error

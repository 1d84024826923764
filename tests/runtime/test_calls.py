"""Calls: every row of the table of how a call can fail, in gen_server's terms."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import (
    CallError,
    CallingSelf,
    CallTimeout,
    CoroutineProcess,
    Crash,
    Exit,
    From,
    GenServer,
    MailboxFull,
    Name,
    Node,
    NoProc,
    NoReply,
    Pid,
    PreviousIncarnation,
    Reply,
    ServerDied,
    Shutdown,
    Stop,
    message,
)


@message("test.calls.ask")
class Ask:
    what: str


class Server(GenServer):
    """Answers as the request says."""

    def init(self) -> None:
        self.open: list[From] = []
        self.seen: list[str] = []

    def handle_call(self, request: Ask, sender: From) -> Any:
        self.seen.append(request.what)
        match request.what:
            case "echo":
                return Reply("echo")
            case "hold":
                self.open.append(sender)
                return NoReply()
            case "die":
                raise Exit("boom")
            case "crash":
                raise ValueError("wrong")
            case "stop":
                return Stop("normal")
            case "stop and reply":
                return Stop("normal", reply="last words")
            case "planned":
                return Stop(Shutdown("maintenance"))
        return Reply(len(self.seen))

    def handle_cast(self, request: Any) -> None:
        for sender in self.open:
            self.reply(sender, request)
        self.open.clear()


@pytest.fixture
async def server(node: Any) -> Any:
    return await node.start(Server)


async def test_a_call_brings_the_answer(puppet: Any, server: Pid) -> None:
    a = await puppet()
    assert await a.do(lambda me: me.call(server, Ask("echo"))) == "echo"


@pytest.mark.parametrize("address", ["pid", "name"])
async def test_a_call_to_nobody_raises_noproc(puppet: Any, node: Any, server: Pid, address: str) -> None:
    a = await puppet()
    node.exit(server, "kill")
    to = server if address == "pid" else Name("service", "nobody")
    with pytest.raises(NoProc) as caught:
        await a.do(lambda me: me.call(to, Ask("echo")))
    assert caught.value.target == to
    assert caught.value.reason == "noproc"


async def test_a_call_to_a_pid_of_an_earlier_start_of_the_node_says_so(node: Any, puppet: Any) -> None:
    a = await puppet()
    stale = Pid(node.name, node.incarnation - 1, a.pid.serial)
    with pytest.raises(PreviousIncarnation, match="previous incarnation"):
        await a.do(lambda me: me.call(stale, Ask("echo")))


async def test_no_answer_in_time_is_a_timeout_and_the_server_is_not_disturbed(
    puppet: Any, node: Any, server: Pid
) -> None:
    a = await puppet()
    before = node.clock.now()
    with pytest.raises(CallTimeout) as caught:
        await a.do(lambda me: me.call(server, Ask("hold"), timeout=2.5))
    assert node.clock.now() - before == 2.5
    assert (caught.value.timeout, caught.value.reason) == (2.5, "timeout")
    assert await a.do(lambda me: me.call(server, Ask("count"))) == 2


async def test_the_default_patience_is_five_seconds(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    before = node.clock.now()
    with pytest.raises(CallTimeout):
        await a.do(lambda me: me.call(server, Ask("hold")))
    assert node.clock.now() - before == 5.0


async def test_a_call_without_a_timeout_waits_for_ever(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    a.begin(lambda me: _note(a, me.call(server, Ask("hold"), timeout=None)))
    await node.advance(1e6)
    assert a.messages == []
    node.cast(server, "at last")
    await node.idle()
    assert a.messages == ["at last"]


async def test_a_timed_out_request_is_still_handled(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    await node.drive(node.sys.suspend(server))
    with pytest.raises(CallTimeout):
        await a.do(lambda me: me.call(server, Ask("echo"), timeout=1))
    await node.drive(node.sys.resume(server))
    assert (await node.drive(node.sys.get_state(server)))["seen"] == ["echo"]
    assert node.calls.late_replies == 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [("die", "boom"), ("stop", "normal"), ("planned", Shutdown("maintenance"))],
)
async def test_a_server_that_ends_before_answering_fails_the_call_with_its_reason(
    puppet: Any, server: Pid, request_: str, reason: Any
) -> None:
    a = await puppet()
    with pytest.raises(ServerDied) as caught:
        await a.do(lambda me: me.call(server, Ask(request_)))
    assert caught.value.exit_reason == reason
    assert caught.value.reason == reason


async def test_a_server_that_crashes_fails_the_call_with_the_crash(puppet: Any, server: Pid) -> None:
    a = await puppet()
    with pytest.raises(ServerDied, match="ValueError") as caught:
        await a.do(lambda me: me.call(server, Ask("crash")))
    assert isinstance(caught.value.exit_reason, Crash)


async def test_a_server_that_is_killed_fails_every_call_on_it(puppet: Any, node: Any, server: Pid) -> None:
    callers = [await puppet() for _ in range(3)]
    for caller in callers:
        caller.begin(lambda me, to=caller: _note(to, me.call(server, Ask("hold"))))
    await node.idle()
    node.exit(server, "kill")
    await node.idle()
    assert [caller.messages for caller in callers] == [["killed"]] * 3


async def test_a_call_that_waits_in_the_mailbox_fails_when_the_server_ends(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    await node.drive(node.sys.suspend(server))
    a.begin(lambda me: _note(a, me.call(server, Ask("echo"))))
    await node.idle()
    node.exit(server, "boom")
    await node.idle()
    assert a.messages == ["boom"]


@pytest.mark.parametrize("by", ["pid", "name"])
async def test_a_process_that_calls_itself_is_told_at_once(puppet: Any, by: str) -> None:
    name = Name("service", "narcissus")
    a = await puppet(name=name)
    with pytest.raises(CallingSelf) as caught:
        await a.do(lambda me: me.call(a.pid if by == "pid" else name, Ask("echo")))
    assert caught.value.reason == "calling_self"


async def test_a_full_mailbox_refuses_a_call(puppet: Any, node: Any) -> None:
    class Bounded(Server):
        mailbox_limit = 1

    a = await puppet()
    server = await node.start(Bounded)
    await node.drive(node.sys.suspend(server))
    node.cast(server, 1)
    with pytest.raises(MailboxFull) as caught:
        await a.do(lambda me: me.call(server, Ask("echo")))
    assert caught.value.limit == 1


@pytest.mark.parametrize("timeout", [0, -1])
async def test_a_call_without_any_patience_still_sends_the_request(
    puppet: Any, node: Any, server: Pid, timeout: float
) -> None:
    a = await puppet()
    with pytest.raises(CallTimeout):
        await a.do(lambda me: me.call(server, Ask("hold"), timeout=timeout))
    assert (await node.drive(node.sys.get_state(server)))["seen"] == ["hold"]


async def test_an_uncaught_call_error_is_what_the_caller_dies_of(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    a.begin(lambda me: me.call(server, Ask("hold"), timeout=1))
    await node.advance(1)
    assert node.dossiers.of(a.pid).reason.kind == "CallTimeout"


# Replies


async def test_a_late_reply_is_dropped_and_counted(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    with pytest.raises(CallTimeout):
        await a.do(lambda me: me.call(server, Ask("hold"), timeout=1))
    node.cast(server, "too late")
    await node.idle()
    assert a.messages == []
    assert node.calls.late_replies == 1


async def test_only_the_first_answer_counts(puppet: Any, node: Any) -> None:
    class Twice(GenServer):
        def handle_call(self, request: Any, sender: From) -> Any:
            self.reply(sender, "first")
            return Reply("second")

    a = await puppet()
    server = await node.start(Twice)
    assert await a.do(lambda me: me.call(server, 1)) == "first"
    assert await a.do(lambda me: me.call(server, 1)) == "first"
    assert a.messages == []
    assert node.calls.late_replies == 2


async def test_answering_a_dead_caller_is_harmless(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    a.begin(lambda me: me.call(server, Ask("hold")))
    await node.idle()
    node.exit(a.pid, "kill")
    assert len(node.calls) == 0
    node.cast(server, "anyone?")
    await node.idle()
    assert node.calls.late_replies == 1


async def test_the_answer_may_come_from_another_process(puppet: Any, node: Any, server: Pid) -> None:
    a, helper = await puppet(), await puppet()
    a.begin(lambda me: _note(a, me.call(server, Ask("hold"))))
    await node.idle()
    (sender,) = (await node.drive(node.sys.get_state(server)))["open"]
    await helper.do(lambda me: me.reply(sender, "from a helper"))
    assert a.messages == ["from a helper"]


async def test_stop_with_a_reply_answers_before_the_end(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    assert await a.do(lambda me: me.call(server, Ask("stop and reply"))) == "last words"
    assert server.cell is None


async def test_other_mail_waits_while_a_call_is_pending(puppet: Any, node: Any, server: Pid) -> None:
    a = await puppet()
    a.begin(lambda me: _note(a, me.call(server, Ask("hold"))))
    await node.idle()
    node.send(a.pid, Ask("unrelated"))
    await node.idle()
    assert a.messages == []
    node.cast(server, "answer")
    await node.idle()
    assert a.messages == ["answer", Ask("unrelated")]


async def test_two_servers_that_call_each_other_end_in_a_timeout_not_in_a_hang(puppet: Any, node: Any) -> None:
    class Deadlocked(GenServer):
        async def handle_call(self, to: Pid, sender: From) -> Any:
            return Reply(await self.call(to, self.pid, timeout=1))

    a, b = await node.start(Deadlocked), await node.start(Deadlocked)
    with pytest.raises(ServerDied) as caught:
        await node.drive(node.call(a, b))
    # The inner call times out after the same second as the outer one: either server may be the one that dies first.
    assert caught.value.exit_reason.kind in ("CallTimeout", "ServerDied")


async def test_a_call_that_fails_from_outside_all_processes_leaves_nothing_behind(node: Any, server: Pid) -> None:
    with pytest.raises(CallTimeout):
        await node.drive(node.call(server, Ask("hold"), timeout=1))
    calling = asyncio.ensure_future(node.call(server, Ask("hold")))
    await node.idle()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert len(node.calls) == 0
    assert len(node.timers) == 0
    assert not server.cell.callers


async def test_every_call_error_is_one(server: Pid) -> None:
    for error in (NoProc(server), CallTimeout(server, 1), ServerDied(server, "x"), CallingSelf(server)):
        assert isinstance(error, CallError)
        assert error.target == server
        assert str(server) in str(error)


async def test_coroutine_processes_call_without_a_task(node: Any, server: Pid) -> None:
    class Script(CoroutineProcess):
        async def init(self, log: list[Any]) -> None:
            self.notes = log

        async def run(self) -> None:
            tasks = len(asyncio.all_tasks())
            self.notes.append(await self.call(server, Ask("echo")))
            self.notes.append(len(asyncio.all_tasks()) - tasks)
            try:
                await self.call(server, Ask("die"))
            except ServerDied as died:
                self.notes.append(died.exit_reason)

    log: list[Any] = []
    await node.start(Script, log)
    await node.idle()
    assert log == ["echo", 0, "boom"]


async def test_a_node_that_has_not_been_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="has not been started"):
        await Node("cold").call(Pid("cold", 1, 1), 1)


async def _note(puppet: Any, call: Any) -> None:
    """Await the call and keep its outcome where the puppet keeps its messages."""
    try:
        puppet.messages.append(await call)
    except CallError as error:
        puppet.messages.append(error.reason)


async def test_calls_that_are_answered_at_once_set_no_timer(node: Any, server: Pid, monkeypatch: Any) -> None:
    class Asks(CoroutineProcess):
        async def run(self) -> None:
            for _ in range(20):
                await self.call(server, Ask("echo"))
            done.set_result(timers)

    timers: list[float] = []
    after = node.after
    monkeypatch.setattr(node, "after", lambda delay, *rest: timers.append(delay) or after(delay, *rest))
    done = node.loop.create_future()
    await node.start(Asks, timeout=None)
    assert await node.drive(done) == []


async def test_a_scripts_call_that_is_not_answered_at_once_ends_when_its_patience_does(node: Any, server: Pid) -> None:
    class Asks(CoroutineProcess):
        async def run(self) -> None:
            began = self.node.clock.now()
            try:
                await self.call(server, Ask("hold"), timeout=3)
            except CallTimeout:
                done.set_result(self.node.clock.now() - began)

    done = node.loop.create_future()
    await node.start(Asks)
    assert await node.drive(done) == pytest.approx(3)
    assert len(node.timers) == 0

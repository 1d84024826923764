"""A node: starting, sending, bounded mailboxes, stopping."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
import structlog
from thespian.actors import Actor

from mirliton.runtime import (
    Call,
    CoroutineProcess,
    Down,
    ExitSignal,
    GenServer,
    MailboxFull,
    Name,
    Node,
    NodeDown,
    Pid,
    Reply,
    Stop,
    message,
)
from mirliton.runtime.testing import virtual_node


@message("test.node.note")
class Note:
    n: int


class Bounded(GenServer):
    """Takes at most three messages."""

    mailbox_limit = 3

    def init(self, log: list[Any]) -> None:
        self.notes = log

    def handle_info(self, received: Any) -> None:
        self.notes.append(received)

    def handle_cast(self, request: Any) -> None:
        self.notes.append(request)

    def handle_call(self, request: Any, sender: Any) -> Any:
        self.notes.append(request)
        return Reply(request)


class Oldest(Bounded):
    mailbox_overflow = "drop_oldest"


class Newest(Bounded):
    mailbox_overflow = "drop_newest"


# Bounded mailboxes


async def test_a_mailbox_at_its_bound_refuses_its_sender(puppet: Any, node: Any) -> None:
    log: list[Any] = []
    pid, a = await node.start(Bounded, log), await puppet()

    def act(me: GenServer) -> None:
        for n in range(3):
            me.send(pid, Note(n))
        with pytest.raises(MailboxFull) as caught:
            me.send(pid, Note(3))
        assert caught.value.limit == 3
        with pytest.raises(MailboxFull):
            me.cast(pid, 4)

    await a.do(act)
    await node.idle()
    assert log == [Note(0), Note(1), Note(2)]
    node.send(pid, Note(5))
    await node.idle()
    assert log[-1] == Note(5)


@pytest.mark.parametrize(("cls", "kept"), [(Oldest, [7, 8, 9]), (Newest, [0, 1, 2])])
async def test_a_mailbox_at_its_bound_drops_what_it_says_and_counts(node: Any, cls: Any, kept: list[int]) -> None:
    log: list[Any] = []
    pid = await node.start(cls, log)
    for n in range(10):
        node.send(pid, Note(n))
    await node.idle()
    assert log == [Note(n) for n in kept]
    assert node.dropped == 7


@pytest.mark.parametrize(("cls", "kept"), [(Bounded, [0, 1, 2]), (Oldest, [7, 8, 9]), (Newest, [0, 1, 2])])
async def test_a_bound_holds_whoever_sends(node: Any, puppet: Any, cls: Any, kept: list[int]) -> None:
    """Timers, casts of processes, Thespian's own send and mail that waited for a successor: the rule is the same."""
    ways: list[Any] = [
        lambda me, to, n: me.send_after(1, to, Note(n)),
        lambda me, to, n: me.node.send(Name("service", "bounded"), Note(n)),
        lambda me, to, n: Actor.send(me, to, Note(n)),
    ]
    for way in ways:
        log: list[Any] = []
        pid, a = await node.start(cls, log, name=Name("service", "bounded")), await puppet()
        await node.sys.suspend(pid)

        def send_all(me: GenServer, way: Any = way, pid: Any = pid) -> None:
            for n in range(10):
                with contextlib.suppress(MailboxFull):
                    way(me, pid, n)

        await a.do(send_all)
        await node.advance(2)
        await node.sys.resume(pid)
        await node.idle()
        assert log == [Note(n) for n in kept]
        node.exit(pid, "kill")
    assert node.overflow.lost == {(cls.__qualname__, cls.mailbox_overflow): 21}


@pytest.mark.parametrize(("cls", "kept"), [(Bounded, [0, 1, 2]), (Oldest, [7, 8, 9]), (Newest, [0, 1, 2])])
async def test_mail_kept_for_a_successor_keeps_to_its_bound(node: Any, puppet: Any, cls: Any, kept: list[int]) -> None:
    name = Name("service", "kept")
    a = await puppet()
    first = await a.do(lambda me: me.spawn(cls, [], name=name, keep_mail=True))
    node.exit(first, "kill")
    for n in range(10):
        node.send(name, Note(n))
    calling = asyncio.ensure_future(node.call(name, "q", timeout=None)) if cls is not Oldest else None
    await node.idle()
    log: list[Any] = []
    await node.start(cls, log, name=name)
    await node.idle()
    assert log == [Note(n) for n in kept]
    if calling is not None:
        with pytest.raises(MailboxFull):
            await calling


async def test_a_full_mailbox_is_logged_once_and_counted_each_time(node: Any) -> None:
    lines: list[Any] = []
    node.log = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[lambda _l, _m, line: lines.append(line["event"]) or line]
    )
    pid = await node.start(Newest, [])
    for n in range(100):
        node.send(pid, Note(n))
    assert lines == ["mailbox_full"]
    assert node.overflow.lost == {("Newest", "drop_newest"): 97}


def test_a_bound_that_means_nothing_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="mailbox_overflow 'drop_all' one of"):
        type("Wrong", (GenServer,), {"mailbox_limit": 3, "mailbox_overflow": "drop_all"})


async def test_a_call_that_is_dropped_fails_at_once(node: Any) -> None:
    log: list[Any] = []
    pid = await node.start(Oldest, log)
    await node.sys.suspend(pid)
    calling = asyncio.ensure_future(node.call(pid, "q", timeout=None))
    await node.idle()
    for n in range(3):
        node.send(pid, Note(n))
    with pytest.raises(MailboxFull):
        await calling


async def test_a_call_to_a_full_mailbox_that_drops_the_newest_does_not_wait_for_its_timeout(node: Any) -> None:
    pid = await node.start(Newest, [])
    for n in range(3):
        node.send(pid, Note(n))
    with pytest.raises(MailboxFull):
        await node.call(pid, "q", timeout=None)


@pytest.mark.parametrize("cls", [Bounded, Oldest, Newest])
async def test_no_bound_keeps_signals_and_looks_out_or_drops_them(puppet: Any, node: Any, cls: Any) -> None:
    log: list[Any] = []
    a = await puppet()
    pid = await node.start(cls, log)
    actor = pid.cell.actor
    actor.trap_exit()
    ref = actor.monitor(a.pid)
    actor.start_timer(0, Note(0))
    for n in range(3):
        node.send(pid, Note(n))
    node.exit(pid, "boom")
    node.exit(a.pid, "kill")
    await node.advance(0)
    assert ExitSignal(Pid(node.name, node.incarnation, -1), "boom") in log
    assert Down(ref, a.pid, "killed") in log
    assert (await node.sys.status(pid)).mailbox_length == 0


async def test_a_bound_holds_for_passed_over_mail_too(node: Any) -> None:
    class Script(CoroutineProcess):
        mailbox_limit = 3
        mailbox_overflow = "drop_oldest"

        async def run(self) -> None:
            await self.receive(Call)
            log.extend([await self.receive() for _ in range(3)])

    log: list[Any] = []
    pid = await node.start(Script)
    for n in range(10):
        node.send(pid, Note(n))
        await node.idle()
    node.spawn(_Asker, pid)
    await node.idle()
    assert log == []
    assert node.dropped == 8


class _Asker(GenServer):
    def init(self, to: Pid) -> None:
        self.background(self.call(to, "go"), "asked")

    def handle_info(self, received: Any) -> None:
        """The answer never comes."""


# Sending and starting


async def test_mail_to_nobody_is_counted(puppet: Any, node: Any) -> None:
    a, b = await puppet(), await puppet()
    node.exit(b.pid, "kill")
    await a.do(lambda me: (me.send(b.pid, Note(1)), me.cast(Name("x", "y"), 1)))
    assert node.dead_letters == 2


async def test_messages_between_a_pair_keep_their_order_through_pid_and_name(puppet: Any, node: Any) -> None:
    name = Name("service", "b")
    a, b = await puppet(), await puppet(name=name)

    def act(me: GenServer) -> None:
        for n in range(100):
            me.send(b.pid if n % 2 else name, Note(n))

    await a.do(act)
    assert b.messages == [Note(n) for n in range(100)]


async def test_a_spawned_process_has_a_pid_before_it_runs(node: Any) -> None:
    log: list[Any] = []
    pid = node.spawn(Bounded, log)
    node.send(pid, Note(1))
    assert log == []
    await node.idle()
    assert log == [Note(1)]


async def test_serials_are_never_used_twice(puppet: Any, node: Any) -> None:
    seen = set()
    for _ in range(50):
        a = await puppet()
        seen.add(a.pid.serial)
        node.exit(a.pid, "kill")
    assert len(seen) == 50


async def test_two_starts_of_a_node_have_different_incarnations() -> None:
    async with Node("same") as first, Node("same") as second:
        assert first.incarnation != second.incarnation


async def test_a_pid_that_came_through_the_codec_still_reaches_its_process(puppet: Any, node: Any) -> None:
    from mirliton.runtime import decode, encode

    a = await puppet()
    copy = decode(encode(a.pid))
    assert copy.cell is None
    node.send(copy, Note(1))
    await node.idle()
    assert a.messages == [Note(1)]


async def test_two_nodes_on_one_loop_keep_their_processes_apart(puppet: Any, node: Any) -> None:
    a = await puppet()
    async with virtual_node("other@localhost") as other:
        log: list[Any] = []
        stranger = await other.start(Bounded, log)
        await a.do(lambda me: me.send(stranger, Note(1)))
        with pytest.raises(NodeDown):
            await a.do(lambda me: me.call(stranger, "q"))
        await other.idle()
        assert log == []
        assert node.dead_letters == 1
        carried = []
        node.elsewhere = lambda *mail: bool(carried.append(mail)) or True
        await a.do(lambda me: me.send(stranger, Note(2)))
        assert carried == [(stranger, Note(2), a.pid)]
        assert node.dead_letters == 1


async def test_a_broken_constructor_fails_its_starter_and_leaves_nothing(node: Any) -> None:
    class Broken(GenServer):
        def __init__(self) -> None:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        node.spawn(Broken)
    with pytest.raises(ValueError, match="no"):
        await node.start(Broken, name=Name("service", "broken"))
    assert len(node) == 0
    assert len(node.calls) == 0
    assert node.whereis(Name("service", "broken")) is None


async def test_wait_exit_gives_up_and_leaves_no_monitor(puppet: Any, node: Any) -> None:
    a = await puppet()
    with pytest.raises(TimeoutError):
        await node.wait_exit(a.pid, timeout=0.001)
    assert not a.pid.cell.monitored_by
    node.exit(a.pid, "kill")
    assert await node.wait_exit(a.pid) == "noproc"


# Stopping


class Orderly(GenServer):
    def init(self, log: list[Any], name: str, patience: float = 0.0) -> None:
        self.trap_exit()
        self.notes = log
        self.name = name
        self.patience = patience

    async def terminate(self, reason: Any) -> None:
        await self.sleep(self.patience)
        self.notes.append((self.name, reason))


async def test_stop_shuts_processes_down_newest_first() -> None:
    log: list[Any] = []
    async with virtual_node() as node:
        for name in ("first", "second", "third"):
            await node.start(Orderly, log, name, 1.0)
    assert log == [("third", "shutdown"), ("second", "shutdown"), ("first", "shutdown")]
    assert len(node) == 0


async def test_stop_kills_what_takes_too_long() -> None:
    log: list[Any] = []
    async with virtual_node() as node:
        await node.start(Orderly, log, "quick", 1.0)
        await node.start(Orderly, log, "slow", 3600.0)
        begun = node.clock.now()
    assert log == []
    assert node.clock.now() - begun == 10.0
    assert node.exited["Orderly", "killed"] == 2


async def test_stop_leaves_children_to_their_parents() -> None:
    log: list[Any] = []

    class Parent(Orderly):
        async def init(self, log: list[Any], name: str) -> None:
            super().init(log, name)
            self.child = await self.start_link(Orderly, log, "child")

        async def terminate(self, reason: Any) -> None:
            self.unlink(self.child)
            self.exit(self.child, "told by the parent")
            await self.sleep(1)
            await super().terminate(reason)

    async with virtual_node() as node:
        await node.start(Parent, log, "parent")
    assert log == [("child", "told by the parent"), ("parent", "shutdown")]


async def test_stop_on_real_time_ends_tasks_too() -> None:
    steps: list[str] = []

    class Busy(GenServer):
        async def handle_cast(self, request: Any) -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                steps.append("left")

    async with Node("real") as node:
        pid = await node.start(Busy)
        node.cast(pid, 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert steps == ["left"]
    assert not node.scheduler.tasks


async def test_a_process_may_stop_while_the_node_stops() -> None:
    class Quick(GenServer):
        def handle_info(self, received: Any) -> Any:
            return Stop("normal")

    async with virtual_node() as node:
        pids = [await node.start(Quick) for _ in range(3)]
        for pid in pids:
            node.send(pid, Note(1))
    assert len(node) == 0

"""Local names, and mail that outlives its reader."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mirliton.runtime import (
    AlreadyStarted,
    CallTimeout,
    Exit,
    GenServer,
    Name,
    NameNotRegistered,
    NameTaken,
    NoProc,
    NoReply,
    Reply,
    ServerDied,
    message,
)
from mirliton.runtime.registry import PARKED_FOR, PARKED_LIMIT

NAME = Name("service", "keeper")


@message("test.registry.note")
class Note:
    n: int


@message("test.registry.poison")
class Poison:
    pass


class Keeper(GenServer):
    """Notes what it handles in `log`; dies of Poison."""

    def init(self, log: list[Any]) -> None:
        self.notes = log

    def handle_info(self, received: Any) -> None:
        if isinstance(received, Poison):
            raise Exit("poisoned")
        self.notes.append(received)

    def handle_cast(self, request: Any) -> None:
        self.notes.append(request)

    def handle_call(self, request: Any, sender: Any) -> Any:
        self.notes.append(request)
        return NoReply() if request == "hold" else Reply(request)


# Names


async def test_a_registered_name_leads_to_its_holder(puppet: Any, node: Any) -> None:
    a = await puppet()
    await a.do(lambda me: me.register(NAME))
    assert node.whereis(NAME) == a.pid
    node.send(NAME, Note(1))
    await node.idle()
    assert a.messages == [Note(1)]


async def test_a_taken_name_is_refused_with_its_holder(puppet: Any) -> None:
    a, b = await puppet(name=NAME), await puppet()
    with pytest.raises(NameTaken) as caught:
        await b.do(lambda me: me.register(NAME))
    assert (caught.value.name, caught.value.holder) == (NAME, a.pid)


async def test_a_process_may_hold_several_names(puppet: Any, node: Any) -> None:
    other = Name("service", "other")
    a = await puppet(name=NAME)
    await a.do(lambda me: me.register(other))
    assert node.whereis(NAME) == node.whereis(other) == a.pid
    assert node.registry.names() == [NAME, other]
    assert node.registry.names("call") == []


async def test_a_dead_process_cannot_be_given_a_name(puppet: Any, node: Any) -> None:
    a = await puppet()
    cell = a.pid.cell
    node.exit(a.pid, "kill")
    with pytest.raises(NoProc):
        node.registry.register(NAME, cell)


async def test_a_name_is_free_as_soon_as_its_holder_is_gone(puppet: Any, node: Any) -> None:
    a, b = await puppet(name=NAME), await puppet()
    node.exit(a.pid, "kill")
    assert node.whereis(NAME) is None
    await b.do(lambda me: me.register(NAME))
    assert node.whereis(NAME) == b.pid


async def test_only_the_holder_gives_a_name_back(puppet: Any) -> None:
    a, b = await puppet(name=NAME), await puppet()
    with pytest.raises(NameNotRegistered):
        await b.do(lambda me: me.unregister(NAME))
    await a.do(lambda me: me.unregister(NAME))
    with pytest.raises(NameNotRegistered) as caught:
        await a.do(lambda me: me.unregister(NAME))
    assert caught.value.name == NAME


async def test_mail_to_a_free_name_is_a_dead_letter(puppet: Any, node: Any) -> None:
    a = await puppet()
    await a.do(lambda me: (me.send(NAME, Note(1)), me.cast(NAME, 1)))
    assert node.dead_letters == 2


async def test_start_under_a_taken_name_leaves_nothing_behind(puppet: Any, node: Any) -> None:
    await puppet(name=NAME)
    before = len(node)
    with pytest.raises(AlreadyStarted):
        node.spawn(GenServer, name=NAME)
    assert len(node) == before


# Kept mail


async def a_keeper(node: Any, log: list[Any]) -> Any:
    return node.create(Keeper, (log,), {}, name=NAME, keep_mail=True).pid


async def test_mail_to_the_name_outlives_a_restart(node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.idle()
    node.send(NAME, Note(0))
    node.send(pid, Note(1))
    node.exit(pid, "kill")
    node.send(NAME, Note(2))
    node.cast(NAME, 3)
    assert node.registry.parked() == {NAME: 4}
    await a_keeper(node, log)
    await node.idle()
    assert log == [Note(0), Note(1), Note(2), 3]
    assert node.registry.parked() == {}


async def test_mail_to_the_pid_of_the_dead_is_lost(node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.idle()
    node.exit(pid, "kill")
    node.send(pid, Note(1))
    await a_keeper(node, log)
    await node.idle()
    assert log == []
    assert node.dead_letters == 1


async def test_the_message_that_the_handler_died_on_is_not_kept(node: Any) -> None:
    log: list[Any] = []
    await a_keeper(node, log)
    await node.idle()
    node.send(NAME, Poison())
    node.send(NAME, Note(1))
    await node.idle()
    await a_keeper(node, log)
    await node.idle()
    assert log == [Note(1)]


async def test_signals_to_the_dead_are_not_for_its_successor(puppet: Any, node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.idle()
    actor = pid.cell.actor
    a = await puppet()
    actor.trap_exit()
    actor.monitor(a.pid)
    actor.start_timer(0, Note(9))
    await node.drive(node.sys.suspend(pid))
    node.exit(pid, "boom")
    node.exit(a.pid, "kill")
    node.exit(pid, "kill")
    await a_keeper(node, log)
    await node.idle()
    assert log == []


async def test_a_kept_call_is_answered_by_the_successor(node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.drive(node.sys.suspend(pid))
    calling = asyncio.ensure_future(node.call(NAME, "q", timeout=60))
    await node.idle()
    node.exit(pid, "kill")
    later = asyncio.ensure_future(node.call(NAME, "r", timeout=60))
    await node.idle()
    await a_keeper(node, log)
    assert await node.drive(asyncio.gather(calling, later)) == ["q", "r"]


async def test_a_call_that_was_being_handled_fails_with_the_death(node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    calling = asyncio.ensure_future(node.call(NAME, "hold", timeout=60))
    await node.idle()
    node.exit(pid, "kill")
    with pytest.raises(ServerDied):
        await node.drive(calling)


async def test_a_kept_call_whose_caller_has_gone_or_timed_out_is_dropped(puppet: Any, node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.drive(node.sys.suspend(pid))
    a = await puppet()
    a.begin(lambda me: me.call(NAME, "of the dead", timeout=60))
    timed_out = asyncio.ensure_future(node.call(NAME, "of the impatient", timeout=1))
    await node.idle()
    node.exit(pid, "kill")
    node.exit(a.pid, "kill")
    with pytest.raises(CallTimeout):
        await node.drive(timed_out)
    await a_keeper(node, log)
    await node.idle()
    assert log == []


async def test_a_released_name_keeps_nothing_and_its_callers_learn_it(node: Any) -> None:
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.idle()
    node.exit(pid, "kill")
    node.send(NAME, Note(1))
    calling = asyncio.ensure_future(node.call(NAME, "q", timeout=60))
    await node.idle()
    assert node.registry.release(NAME) == 2
    with pytest.raises(NoProc):
        await node.drive(calling)
    node.send(NAME, Note(2))
    assert node.dead_letters == 1
    assert node.registry.release(NAME) == 0


async def test_parked_mail_is_bounded_oldest_out_and_counted(node: Any) -> None:
    node.strict = False
    log: list[Any] = []
    pid = await a_keeper(node, log)
    await node.idle()
    node.exit(pid, "kill")
    for n in range(PARKED_LIMIT + 5):
        node.send(NAME, Note(n))
    assert node.registry.parked() == {NAME: PARKED_LIMIT}
    assert node.registry.parked_dropped == 5
    await a_keeper(node, log)
    await node.idle()
    assert log[0] == Note(5)


async def test_a_call_that_parked_mail_pushes_out_fails_at_once(node: Any) -> None:
    node.strict = False
    pid = await a_keeper(node, [])
    await node.idle()
    node.exit(pid, "kill")
    calling = asyncio.ensure_future(node.call(NAME, "q", timeout=None))
    await node.idle()
    for n in range(PARKED_LIMIT):
        node.send(NAME, Note(n))
    with pytest.raises(NoProc):
        await calling


async def test_a_reservation_that_nobody_takes_up_runs_out(node: Any) -> None:
    pid = await a_keeper(node, [])
    await node.idle()
    node.exit(pid, "kill")
    calling = asyncio.ensure_future(node.call(NAME, "q", timeout=None))
    await node.advance(PARKED_FOR - 1)
    assert not calling.done()
    await node.advance(1)
    with pytest.raises(NoProc):
        await calling
    assert node.registry.parked() == {}


async def test_a_reservation_that_is_taken_up_leaves_no_timer(node: Any) -> None:
    pid = await a_keeper(node, [])
    await node.idle()
    node.exit(pid, "kill")
    assert len(node.timers) == 1
    await a_keeper(node, [])
    assert len(node.timers) == 0


async def test_a_process_that_does_not_keep_its_mail_leaves_no_reservation(puppet: Any, node: Any) -> None:
    a = await puppet(name=NAME)
    node.exit(a.pid, "kill")
    assert node.registry.parked() == {}

"""What every process can do beside messages and signals: background work, sleep, logs, its state, its parent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from mirliton.runtime import Completed, GenServer, Name, message


@message("test.process.note")
class Note:
    n: int


async def test_background_work_comes_back_as_a_message_and_the_process_stays_responsive(puppet: Any, node: Any) -> None:
    gate = asyncio.get_running_loop().create_future()
    a = await puppet()
    a.begin(lambda me: me.background(asyncio.wait_for(gate, 5), "fetch"))
    node.send(a.pid, Note(1))
    # The node is not at rest while the work goes on: a few turns of the loop instead.
    for _ in range(10):
        await asyncio.sleep(0)
    assert a.messages == [Note(1)]
    gate.set_result("fetched")
    await node.idle()
    assert a.messages == [Note(1), Completed("fetch", "fetched")]
    assert a.pid.cell.beside is None


async def test_background_work_that_fails_tells_why_and_harms_nobody(puppet: Any, node: Any) -> None:
    async def fails() -> None:
        raise ValueError("no")

    a = await puppet()
    await a.do(lambda me: me.background(fails(), "x"))
    await node.idle()
    (done,) = a.messages
    assert (done.tag, done.value, done.error.kind) == ("x", None, "ValueError")
    assert a.alive


async def test_what_background_brings_need_not_be_able_to_travel(puppet: Any, node: Any) -> None:
    thing = object()

    async def fetch() -> object:
        return thing

    a = await puppet()
    await a.do(lambda me: me.background(fetch(), "x"))
    await node.idle()
    assert a.messages[0].value is thing


@pytest.mark.filterwarnings("error")
async def test_background_work_that_never_began_leaves_no_warning(puppet: Any, node: Any) -> None:
    async def never() -> None:
        raise AssertionError("must not begin")

    a = await puppet()

    def act(me: GenServer) -> None:
        me.background(never(), "x")
        me.exit(me.pid, "boom")

    await a.let(act)
    assert not a.alive
    assert not node.scheduler.tasks


async def test_sleep_in_a_handler_lets_signals_act(puppet: Any, node: Any) -> None:
    a = await puppet()
    a.begin(lambda me: me.sleep(3600))
    await node.idle()
    assert len(node.timers) == 1
    node.exit(a.pid, "boom")
    await node.idle()
    assert len(node.timers) == 0


async def test_log_lines_know_who_speaks_and_on_what(puppet: Any, node: Any) -> None:
    a = await puppet(name=Name("call", "c1"))

    def act(me: GenServer) -> None:
        me.trace_id = "call-1"
        me.log.info("something")

    with structlog.testing.capture_logs() as lines:
        node.log = structlog.get_logger().bind(node=node.name)
        await a.do(act)
    (line,) = lines
    assert (line["event"], line["node"], line["pid"]) == ("something", node.name, str(a.pid))
    assert (line["name"], line["call_id"]) == ("call:c1", "call-1")


async def test_the_parent_is_who_started_it_with_a_link(puppet: Any, node: Any) -> None:
    a = await puppet()
    linked, free = await a.do(lambda me: (me.spawn_link(GenServer), me.spawn(GenServer)))
    await node.idle()
    assert linked.cell.actor.parent == a.pid
    assert free.cell.actor.parent == node.root
    assert a.pid.cell.parent == node.root


async def test_a_process_knows_itself(puppet: Any, node: Any) -> None:
    a = await puppet(name=Name("call", "c1"))
    assert await a.do(lambda me: (me.pid, me.node is node, me.whereis(Name("call", "c1")))) == (a.pid, True, a.pid)


async def test_what_is_disowned_is_not_closed_at_the_end(puppet: Any, node: Any) -> None:
    closed: list[str] = []
    keep, give_back = (lambda: closed.append("kept")), (lambda: closed.append("given back"))
    a = await puppet()
    await a.do(lambda me: (me.own(give_back), me.own(keep), me.disown(give_back), me.disown(give_back)))
    node.exit(a.pid, "kill")
    assert closed == ["kept"]

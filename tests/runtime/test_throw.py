"""Throw: leaving a callback from deep inside, with its answer."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import IGNORE, CoroutineProcess, Crash, GenServer, Reply, ServerDied, StartError, Stop, Throw
from mirliton.runtime.introspect import SystemRequestFailed
from mirliton.runtime.testing import VirtualNode


class Thrower(GenServer):
    """Throws what it is told."""

    def init(self, first: Any = None) -> None:
        self.ended: list[Any] = []
        if first is not None:
            raise Throw(first)

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "async":
            return self.later()
        raise Throw(Reply("caught") if request == "reply" else request)

    async def later(self) -> None:
        await self.sleep(1)
        raise Throw(Reply("thrown later"))

    def handle_cast(self, request: Any) -> None:
        try:
            raise Throw(Stop(request))
        except Exception:  # noqa: BLE001 - that this does not catch it is what is tried
            raise AssertionError("a throw is no error") from None

    def terminate(self, reason: Any) -> None:
        raise Throw("ignored")

    def state(self) -> Any:
        raise Throw("state")


async def test_a_thrown_value_is_what_the_callback_answers(node: VirtualNode) -> None:
    pid = await node.start(Thrower)
    assert await node.call(pid, "reply") == "caught"
    assert await node.drive(node.call(pid, "async")) == "thrown later"
    assert pid.cell is not None
    node.cast(pid, "shutdown")
    assert await node.wait_exit(pid) == "shutdown"


async def test_a_thrown_value_that_is_no_answer_is_a_bad_one(node: VirtualNode) -> None:
    pid = await node.start(Thrower)
    with pytest.raises(ServerDied) as died:
        await node.call(pid, "junk")
    assert died.value.exit_reason == ("bad_return_value", "junk")


async def test_init_may_throw_its_answer(node: VirtualNode, puppet: Any) -> None:
    with pytest.raises(StartError) as refused:
        await node.start(Thrower, Stop("not today"))
    assert refused.value.reason == "not today"
    a = await puppet()
    assert await a.do(lambda me: me.start(Thrower, IGNORE)) is None


async def test_uncaught_elsewhere_it_is_a_crash(node: VirtualNode) -> None:
    class Script(CoroutineProcess):
        async def run(self) -> None:
            await self.receive()
            raise Throw("ball")

    pid = await node.start(Script)
    node.send(pid, "go")
    reason = await node.wait_exit(pid)
    assert isinstance(reason, Crash)
    assert reason.kind == "mirliton.runtime.errors.Throw"
    assert reason.text == "ball"


async def test_a_look_that_throws_harms_nobody(node: VirtualNode) -> None:
    pid = await node.start(Thrower)
    assert isinstance(await node.sys.get_state(pid), SystemRequestFailed)
    assert await node.call(pid, "reply") == "caught"

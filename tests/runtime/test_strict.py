"""Strict mode: what passes tests on one node works between nodes, and nobody changes what is on its way."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any

import pytest

from mirliton.runtime import (
    CoroutineProcess,
    Exit,
    GenServer,
    Name,
    Node,
    NoReply,
    NotSerialisable,
    Reply,
    StrictModeViolation,
    message,
)
from mirliton.runtime.strict import WATCHED
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node


@message("test.strict.box")
class Box:
    content: Any


class Unregistered:
    """No message type."""


class Sub(dict[str, int]):
    """A dict, and yet not one that arrives as what it is."""


@pytest.mark.parametrize(
    "value",
    [
        Unregistered(),
        {"x": [Unregistered()]},
        Sub(a=1),
        bytearray(b"x"),
        (1, [bytearray(b"x")]),
        {1, 2},
        Box(Box({"deep": (float("nan"),)})),
        range(3),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_would_arrive_as_something_else_is_refused_on_every_way(node: VirtualNode, value: Any) -> None:
    class Server(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return Reply(value)

        def handle_cast(self, request: Any) -> None:
            self.send_after(1, self.pid, value)

        def handle_info(self, received: Any) -> None:
            raise Exit(value)

    name = Name("service", "strict")
    ways: list[Any] = [
        lambda pid: node.send(pid, value),
        lambda pid: node.cast(pid, value),
        lambda pid: node.call(pid, value),
        lambda pid: node.call(pid, "reply"),
        lambda pid: node.cast(pid, "timer"),
        lambda pid: node.send(pid, "exit"),
        lambda pid: (node.registry.reserve(name, []), node.send(name, value)),
        lambda pid: (node.registry.reserve(name, []), node.call(name, value))[1],
    ]
    for number, way in enumerate(ways):
        pid = await node.start(Server)
        try:
            outcome = way(pid)
            if inspect.isawaitable(outcome):
                await node.drive(outcome)
        except Exception as error:  # noqa: BLE001 - how the sender is told differs; that it is noted is what counts
            assert isinstance(error, NotSerialisable) or "cannot be sent" in str(error) or "Violation" in str(error)
        await node.idle()
        assert node.strict_violations, f"way {number} let it pass"
        node.strict_violations.clear()
        node.registry.release(name)


@pytest.mark.parametrize(
    "value", [1, True, 1.0, (), [], ((1,), [2]), {"a": (1, {"b": None})}, {True: 1}, b"x"], ids=repr
)
async def test_what_arrives_as_it_was_passes_with_its_types(node: VirtualNode, value: Any) -> None:
    probe = await Probe.start(node, answer=lambda request: request)
    node.send(probe.pid, Box(value))
    assert await node.call(probe.pid, value) == value
    assert not node.strict_violations


class Keeps(GenServer):
    """Answers with what it goes on changing."""

    def init(self) -> None:
        self.list: list[int] = []

    def handle_call(self, request: Any, sender: Any) -> Any:
        self.list.append(len(self.list))
        return Reply(self.list)


async def test_a_reply_that_the_server_changes_later_is_found() -> None:
    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            pid = await node.start(Keeps)
            await node.call(pid, "first")
            await node.call(pid, "second")


@pytest.mark.parametrize("who", ["sender", "receiver"])
async def test_a_message_that_either_side_changes_long_after_it_arrived_is_found(who: str) -> None:
    class Receives(GenServer):
        def handle_info(self, received: Any) -> None:
            if who == "receiver":
                received.content["changed"] = True

    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            pid = await node.start(Receives)
            content: dict[str, Any] = {}
            node.send(pid, Box(content))
            await node.idle()
            if who == "sender":
                content["changed"] = True


async def test_what_a_timer_will_send_must_not_change_meanwhile() -> None:
    class Waits(GenServer):
        def init(self) -> None:
            later = {"a": 1}
            self.send_after(10, self.pid, later)
            later["a"] = 2

        def handle_info(self, received: Any) -> None:
            pass

    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            await node.start(Waits)


async def test_a_call_that_is_kept_for_a_successor_must_not_change_meanwhile() -> None:
    class Server(GenServer):
        def handle_call(self, request: Any, sender: Any) -> Any:
            return NoReply()

    name = Name("service", "late")
    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            node.registry.reserve(name, [])
            request = [1]
            calling = asyncio.ensure_future(node.call(name, request, timeout=None))
            await node.idle()
            request.append(2)
            await node.start(Server, name=name)
            with pytest.raises(Exception, match="StrictModeViolation"):
                await node.drive(calling)


async def test_arguments_must_not_change_between_the_start_and_init() -> None:
    class Takes(CoroutineProcess):
        async def init(self, items: list[int]) -> None:
            self.items = items

        async def run(self) -> None:
            await self.receive()

    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            items = [1]
            node.spawn(Takes, items)
            items.append(2)
            await node.idle()


async def test_arguments_may_be_anything_and_belong_to_the_process_from_its_init_on(node: VirtualNode) -> None:
    class Takes(GenServer):
        def init(self, items: list[Any], thing: Any = None) -> None:
            items.append(thing)

    await node.start(Takes, [1])
    await node.start(Takes, [2], Unregistered())
    assert not node.strict_violations


async def test_no_more_than_a_bounded_number_is_watched_and_none_of_them_gets_away() -> None:
    with pytest.raises(StrictModeViolation, match="changed after the send"):
        async with virtual_node() as node:
            probe = await Probe.start(node)
            first = [0]
            node.send(probe.pid, first)
            await node.idle()
            first.append(1)
            for n in range(WATCHED):
                node.send(probe.pid, [n])
            assert node.strict_violations, "it is looked at when it leaves the watched"


def test_every_suite_runs_strict(request: pytest.FixtureRequest) -> None:
    """The fixture of tests/conftest.py holds every test to it."""
    assert "every_node_is_strict" in request.fixturenames


@pytest.mark.lax("it is about that")
@pytest.mark.parametrize("path", ["tests/runtime/test_x.py::test_x", "tests/bench/test_x.py::test_x"])
async def test_a_node_that_is_not_strict_fails_its_test(request: pytest.FixtureRequest, path: str) -> None:
    plugins = request.config.pluginmanager.get_plugins()
    ours = str(request.config.rootpath / "tests" / "conftest.py")
    conftest = next(plugin for plugin in plugins if getattr(plugin, "__file__", "") == ours)
    test = SimpleNamespace(node=SimpleNamespace(nodeid=path, get_closest_marker=lambda _: None))
    with pytest.MonkeyPatch.context() as patch:
        guard = conftest.every_node_is_strict.__wrapped__(test, patch)
        next(guard)
        assert Node("usual").strict == ("bench" not in path)
        if "bench" in path:
            assert not Node("lax", strict=False).strict
        else:
            with pytest.raises(AssertionError, match="lax is not strict"):
                Node("lax", strict=False)
        assert next(guard, None) is None

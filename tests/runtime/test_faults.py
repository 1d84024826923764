"""Faults on purpose: the n-th call or message fails, is late or is lost, and everything is as it was afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.runtime import CallTimeout, GenServer, Name, Pid, Reply, message
from mirliton.runtime.testing import Probe, VirtualNode, virtual_node


@message("test.faults.note")
class Note:
    n: int


class Store:
    """Something that processes use and that is no process."""

    def __init__(self) -> None:
        self.saved: list[int] = []

    def save(self, n: int) -> str:
        self.saved.append(n)
        return "saved"

    async def load(self, n: int) -> int:
        return self.saved[n]

    @staticmethod
    def check() -> None:
        pass


class Keeper(GenServer):
    def init(self, store: Store) -> None:
        self.store = store

    def handle_call(self, request: Any, sender: Any) -> Any:
        return Reply(self.store.save(request))

    async def handle_cast(self, request: Any) -> None:
        self.send(request, Note(await self.store.load(0)))


async def test_the_nth_call_of_a_method_fails_and_only_that() -> None:
    store, other = Store(), Store()
    async with virtual_node() as node:
        rule = node.faults.method(store, "save", nth=2, times=2, fail=OSError("disk full"))
        pid = await node.start(Keeper, store)
        assert await node.call(pid, 1) == "saved"
        for _ in range(2):
            with pytest.raises(Exception, match="disk full"):
                await node.call(pid, 2)
            pid = await node.start(Keeper, store)
        assert await node.call(pid, 3) == "saved"
        assert (rule.seen, rule.happened) == (4, 2)
        other.save(9)
    assert store.saved == [1, 3]
    assert "save" not in vars(store), "all is undone at the end"


async def test_a_method_of_a_class_fails_for_all_its_objects_until_the_end_of_the_node() -> None:
    original = vars(Store)["save"]
    async with virtual_node() as node:
        node.faults.method(Store, "save", times=None, drop=True)
        assert Store().save(1) is None
        assert Store().save(1) is None
    assert vars(Store)["save"] is original
    assert Store().save(1) == "saved"


async def test_a_coroutine_method_is_late_by_virtual_time(node: VirtualNode) -> None:
    store = Store()
    store.save(7)
    node.faults.method(store, "load", delay=30.0)
    probe = await Probe.start(node)
    pid = await node.start(Keeper, store)
    node.cast(pid, probe.pid)
    await node.advance(29)
    assert probe.messages == []
    await node.advance(1)
    assert probe.messages == [Note(7)]


@pytest.mark.parametrize("nth", [1, 3])
async def test_the_nth_message_is_lost(node: VirtualNode, nth: int) -> None:
    probe = await Probe.start(node)
    node.faults.message(Note, to=probe.pid, nth=nth, drop=True)
    for n in range(1, 5):
        node.send(probe.pid, Note(n))
    await node.idle()
    assert probe.messages == [Note(n) for n in range(1, 5) if n != nth]


async def test_a_request_is_known_by_its_type_and_a_receiver_by_name_or_class(node: VirtualNode) -> None:
    name = Name("service", "probe")
    await Probe.start(node, name=name, answer=lambda request: request)
    keeper = await node.start(Keeper, Store())
    node.faults.message(Note, to=name, drop=True)
    node.faults.message(int, to=Keeper, drop=True)
    with pytest.raises(CallTimeout):
        await node.drive(node.call(name, Note(1)))
    assert await node.call(name, Note(1)) == Note(1)
    with pytest.raises(CallTimeout):
        await node.drive(node.call(keeper, 1))
    assert await node.call(keeper, 1) == "saved"


async def test_a_message_may_fail_in_its_sender(node: VirtualNode, puppet: Any) -> None:
    a, b = await puppet(), await puppet()
    node.faults.message(Note, to=b.pid, nth=2, fail=ConnectionError("cut"))

    def act(me: GenServer) -> None:
        me.send(b.pid, Note(1))
        with pytest.raises(ConnectionError, match="cut"):
            me.send(b.pid, Note(2))
        me.send(b.pid, Note(3))

    await a.do(act)
    await node.idle()
    assert b.messages == [Note(1), Note(3)]


async def test_a_late_message_keeps_its_place_among_those_of_its_sender(node: VirtualNode, puppet: Any) -> None:
    a, b, c = await puppet(), await puppet(), await puppet()
    node.faults.message(Note, to=c.pid, nth=2, delay=2.0)
    node.faults.message(Note, to=c.pid, nth=2, delay=5.0)  # counts those that the first has not taken

    def act(me: GenServer) -> None:
        for n in range(1, 6):
            me.send(c.pid, Note(n))

    await a.do(act)
    await b.do(lambda me: me.send(c.pid, Note(100)))
    await node.idle()
    assert c.messages == [Note(1), Note(100)]
    await node.advance(2)
    assert c.messages == [Note(1), Note(100), Note(2)]
    await node.advance(3)
    assert c.messages == [Note(1), Note(100), Note(2), Note(3), Note(4), Note(5)]


async def test_a_rule_that_never_came_into_effect_fails_the_test() -> None:
    with pytest.raises(AssertionError, match=r"never happened: Store.save, matched 1 times"):
        async with virtual_node() as node:
            store = Store()
            node.faults.method(store, "save", nth=2, fail=OSError())
            store.save(1)
    assert "save" not in vars(store)


async def test_rules_that_mean_nothing_are_refused() -> None:
    async with virtual_node() as node:
        faults = node.faults
        for wrong in ({}, {"drop": True, "delay": 1.0}, {"fail": OSError(), "drop": True}):
            with pytest.raises(ValueError, match="exactly one of"):
                faults.message(Note, **wrong)
        with pytest.raises(ValueError, match="count from 1"):
            faults.message(Note, nth=0, drop=True)
        with pytest.raises(ValueError, match="cannot be delayed"):
            faults.method(Store, "save", delay=1.0)
        with pytest.raises(ValueError, match="no plain method"):
            faults.method(Store, "check", drop=True)
        with pytest.raises(AttributeError, match="missing"):
            faults.method(Store, "missing", drop=True)


async def test_a_monitor_and_an_exit_are_no_messages(node: VirtualNode, puppet: Any) -> None:
    a, b = await puppet(trap=True), await puppet()
    node.faults.message(None, to=a.pid, drop=True, times=None)

    def watch(me: GenServer) -> Any:
        me.link(b.pid)
        return me.monitor(b.pid)

    pids: list[Pid] = [a.pid, b.pid]
    node.faults._messages.clear()
    await a.do(watch)
    node.faults.message(None, to=a.pid, drop=True, times=None)
    node.exit(b.pid, "boom")
    node.send(a.pid, Note(1))
    await node.idle()
    assert a.exits == [(pids[1], "boom")]
    assert len(a.downs) == 1
    assert Note(1) not in a.messages
    node.faults._rules.pop(0)

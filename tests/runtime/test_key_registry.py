"""KeyRegistry: who is registered under a key (Elixir: Registry), and Via addresses that lead through it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.runtime import (
    AlreadyStarted,
    CallingSelf,
    CallTimeout,
    Down,
    GenServer,
    KeyRegistered,
    KeyRegistry,
    KeyUnregistered,
    MalformedFrame,
    Name,
    NameNotRegistered,
    NameTaken,
    NoProc,
    NoReply,
    Pid,
    Reply,
    StartError,
    Via,
    decode,
    encode,
    key_registry,
)
from mirliton.runtime.testing import VirtualNode, virtual_node

LINES = Name("service", "lines")

Puppeteer = Callable[..., Awaitable[Any]]


class Echo(GenServer):
    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "me":
            return Reply(self.pid)
        return Reply(1 // request) if type(request) is int else NoReply()

    def handle_cast(self, request: Any) -> None:
        self.cast_was = request

    def handle_info(self, received: Any) -> None:
        self.info_was = received


@pytest.fixture
async def lines(node: VirtualNode) -> Pid:
    return await node.start(KeyRegistry, "unique", name=LINES)


@pytest.fixture
async def topics(node: VirtualNode) -> Pid:
    return await node.start(KeyRegistry, "duplicate")


# The table


async def test_a_key_leads_to_the_process_and_its_value(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, ("floor", 2), "idle"))
    assert key_registry.lookup(node, LINES, ("floor", 2)) == [(a.pid, "idle")]
    assert key_registry.lookup(node, LINES, "other") == []
    assert key_registry.keys(node, LINES, a.pid) == [("floor", 2)]


async def test_a_unique_key_has_one_holder(lines: Pid, puppet: Puppeteer) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201"))
    for taker in (a, b):
        with pytest.raises(NameTaken) as caught:
            await taker.do(lambda me: key_registry.register(me, LINES, "201"))
        assert (caught.value.name, caught.value.holder) == (Via(LINES, "201"), a.pid)


async def test_a_duplicate_key_keeps_every_registration_in_order(
    node: VirtualNode, topics: Pid, puppet: Puppeteer
) -> None:
    a, b = await puppet(), await puppet()
    for who, value in ((a, 1), (b, 2), (a, 3)):
        await who.do(lambda me, value=value: key_registry.register(me, topics, "rings", value))
    assert key_registry.lookup(node, topics, "rings") == [(a.pid, 1), (b.pid, 2), (a.pid, 3)]
    assert key_registry.values(node, topics, "rings", a.pid) == [1, 3]
    assert key_registry.keys(node, topics, a.pid) == ["rings", "rings"]
    assert key_registry.match(node, topics, "rings", lambda value: value > 1) == [(b.pid, 2), (a.pid, 3)]
    assert key_registry.select(node, topics, lambda key, pid, value: pid == b.pid) == [("rings", b.pid, 2)]
    assert key_registry.count(node, topics) == 3
    await a.do(lambda me: key_registry.unregister(me, topics, "rings"))
    assert key_registry.lookup(node, topics, "rings") == [(b.pid, 2)]


async def test_entries_go_with_their_process_before_anybody_hears_of_it(
    node: VirtualNode, lines: Pid, puppet: Puppeteer
) -> None:
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201"))
    seen: list[Any] = []
    node.on_exit.append(lambda *_: seen.append(key_registry.lookup(node, LINES, "201")))
    node.exit(a.pid, "kill")
    assert key_registry.lookup(node, LINES, "201") == []
    assert seen == [[]]
    assert key_registry.count(node, LINES) == 0


async def test_unregistering_gives_the_key_back_and_twice_is_nothing(lines: Pid, puppet: Puppeteer) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201"))
    await b.do(lambda me: key_registry.unregister(me, LINES, "201"))  # not its own: nothing happens
    assert await b.do(lambda me: me.whereis(Via(LINES, "201"))) == a.pid
    for _ in range(2):
        await a.do(lambda me: key_registry.unregister(me, LINES, "201"))
    assert not a.pid.cell.owned
    await b.do(lambda me: key_registry.register(me, LINES, "201"))


async def test_a_holder_changes_its_value(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    a, b = await puppet(), await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201", 1))
    assert await a.do(lambda me: key_registry.update_value(me, LINES, "201", lambda value: value + 1)) == (2, 1)
    assert key_registry.lookup(node, LINES, "201") == [(a.pid, 2)]
    with pytest.raises(NameNotRegistered):
        await b.do(lambda me: key_registry.update_value(me, LINES, "201", lambda value: value))
    with pytest.raises(ZeroDivisionError):
        await a.do(lambda me: key_registry.update_value(me, LINES, "201", lambda value: value // 0))
    assert key_registry.lookup(node, LINES, "201") == [(a.pid, 2)]


async def test_dispatch_is_not_called_for_nobody(node: VirtualNode, topics: Pid, puppet: Puppeteer) -> None:
    calls: list[Any] = []
    key_registry.dispatch(node, topics, "rings", calls.append)
    assert calls == []
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, topics, "rings", 1))
    key_registry.dispatch(node, topics, "rings", calls.append)
    assert calls == [[(a.pid, 1)]]


async def test_what_needs_unique_keys_says_so(topics: Pid, puppet: Puppeteer) -> None:
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, topics, "rings"))
    with pytest.raises(TypeError, match="unique keys"):
        await a.do(lambda me: key_registry.update_value(me, topics, "rings", lambda value: value))
    with pytest.raises(TypeError, match="unique keys"):
        await a.do(lambda me: me.send(Via(topics, "rings"), "x"))


async def test_a_registry_that_is_not_there_is_told_apart(node: VirtualNode, puppet: Puppeteer) -> None:
    echo = await node.start(Echo)
    for address in (LINES, echo):
        with pytest.raises(NoProc, match="registry"):
            key_registry.lookup(node, address, "x")
    with pytest.raises(StartError, match="invalid_keys"):
        await node.start(KeyRegistry, "sometimes")


async def test_listeners_hear_who_comes_and_goes(node: VirtualNode, puppet: Puppeteer) -> None:
    ear = Name("service", "ear")
    listener = await puppet(name=ear)
    registry = await node.start(KeyRegistry, "duplicate", [ear], name=LINES)
    a = await puppet()
    await a.do(lambda me: [key_registry.register(me, registry, key, 7) for key in ("x", "x", "y")])
    await a.do(lambda me: key_registry.unregister(me, registry, "y"))
    node.exit(a.pid, "kill")
    await node.idle()
    assert listener.messages == [
        KeyRegistered(LINES, "x", a.pid, 7),
        KeyRegistered(LINES, "x", a.pid, 7),
        KeyRegistered(LINES, "y", a.pid, 7),
        KeyUnregistered(LINES, "y", a.pid),
        KeyUnregistered(LINES, "x", a.pid),
    ]


async def test_a_listener_that_is_full_or_gone_harms_nobody(node: VirtualNode, puppet: Puppeteer) -> None:
    class Full(Echo):
        mailbox_limit = 1

    full = await node.start(Full, name=Name("service", "full"))
    await node.sys.suspend(full)
    await node.start(KeyRegistry, "unique", [Name("service", "full"), Name("service", "gone")], name=LINES)
    a = await puppet()
    await a.do(lambda me: [key_registry.register(me, LINES, str(n)) for n in range(5)])
    node.exit(a.pid, "kill")
    assert key_registry.count(node, LINES) == 0


# The registry's own end


async def test_a_registry_takes_the_registered_with_it(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    plain, traps, left = await puppet(), await puppet(trap=True), await puppet()
    for number, each in enumerate((plain, traps, left)):
        await each.do(lambda me, number=number: key_registry.register(me, LINES, number))
    await left.do(lambda me: key_registry.unregister(me, LINES, 2))
    node.exit(lines, "kill")
    await node.idle()
    assert (plain.alive, traps.alive, left.alive) == (False, True, True)
    assert traps.exits == [(lines, "killed")]
    again = await node.start(KeyRegistry, "unique", name=LINES)
    assert key_registry.count(node, again) == 0
    await traps.do(lambda me: key_registry.register(me, LINES, "anew"))
    node.exit(traps.pid, "kill")
    assert key_registry.count(node, LINES) == 0


async def test_a_registry_that_stops_normally_leaves_them_alone(
    node: VirtualNode, lines: Pid, puppet: Puppeteer
) -> None:
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201"))
    await node.sys.terminate(lines)
    assert a.alive
    with pytest.raises(NoProc, match="no registry"):
        await node.call(Via(LINES, "201"), "me")


# Via


async def test_a_via_stands_for_a_pid_everywhere(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    via = Via(LINES, "201")
    echo = await node.start(Echo, name=via)
    assert await node.call(via, "me") == echo
    a = await puppet()
    assert await a.do(lambda me: me.call(via, "me")) == echo
    await a.do(lambda me: (me.send(via, "info"), me.cast(via, "cast")))
    await node.idle()
    state = await node.sys.get_state(via)
    assert (state["info_was"], state["cast_was"]) == ("info", "cast")
    ref = await a.do(lambda me: me.monitor(via))
    await a.do(lambda me: me.send_after(5.0, via, "later"))
    await node.advance(6)
    assert (await node.sys.get_state(via))["info_was"] == "later"
    node.exit(echo, "kill")
    await node.idle()
    assert a.messages == [Down(ref, via, "killed")]


async def test_the_errors_of_a_call_by_via_are_those_of_any_call(
    node: VirtualNode, lines: Pid, puppet: Puppeteer
) -> None:
    via = Via(LINES, "201")
    with pytest.raises(NoProc):
        await node.call(via, "me")
    await node.start(Echo, name=via)
    with pytest.raises(CallTimeout):
        await node.drive(node.call(via, "no answer", timeout=3.0))
    a = await puppet()
    await a.do(lambda me: me.register(Via(LINES, "a")))
    with pytest.raises(CallingSelf):
        await a.do(lambda me: me.call(Via(LINES, "a"), "me"))
    before = node.dead_letters
    await a.do(lambda me: me.send(Via(LINES, "nobody"), "lost"))
    assert node.dead_letters == before + 1


async def test_a_taken_via_is_already_started_and_a_failed_start_gives_it_back(
    node: VirtualNode, lines: Pid, puppet: Puppeteer
) -> None:
    class Fails(GenServer):
        def init(self) -> None:
            raise RuntimeError("no")

    via = Via(LINES, "201")
    with pytest.raises(StartError):
        await node.start(Fails, name=via)
    echo = await node.start(Echo, name=via)
    with pytest.raises(AlreadyStarted) as caught:
        await node.start(Echo, name=via)
    assert caught.value.pid == echo
    a = await puppet(trap=True)
    with pytest.raises(AlreadyStarted):
        await a.do(lambda me: me.start_link(Echo, name=via))


async def test_without_its_registry_nothing_starts_and_nothing_is_left(node: VirtualNode, puppet: Puppeteer) -> None:
    before = len(node)
    echo = await node.start(Echo)
    for registry in (LINES, echo):
        with pytest.raises(StartError) as caught:
            await node.start(Echo, name=Via(registry, "201"))
        assert caught.value.reason == ("no_registry", registry)
    a = await puppet()
    with pytest.raises(StartError):
        await a.do(lambda me: me.start_link_later(Echo, tag="t", name=Via(LINES, "201")))
    with pytest.raises(NoProc, match="no registry"):
        await a.do(lambda me: me.register(Via(LINES, "201")))
    with pytest.raises(NameNotRegistered):
        await a.do(lambda me: me.unregister(Via(LINES, "201")))
    assert len(node) == before + 2
    assert len(node.calls) == 0


async def test_a_process_may_take_and_give_back_a_via_itself(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    a = await puppet()
    via = Via(LINES, "201")
    await a.do(lambda me: me.register(via))
    assert node.whereis(via) == a.pid
    with pytest.raises(NameTaken):
        await a.do(lambda me: me.register(via))
    await a.do(lambda me: me.unregister(via))
    assert node.whereis(via) is None


def test_a_via_travels_and_is_compared_by_what_it_says() -> None:
    via = Via(LINES, ("floor", 2))
    assert decode(encode(via)) == via
    assert hash(decode(encode(via))) == hash(via)
    assert via != Via(LINES, ("floor", 3))
    assert via != LINES
    assert str(via) == "service:lines[('floor', 2)]"
    frame = encode(Via(LINES, "xy")).replace(b"\xa2xy", b"\x92\x01\x02")  # a list as its key
    with pytest.raises(MalformedFrame):
        decode(frame)


async def test_its_state_can_be_looked_at_and_not_replaced(node: VirtualNode, lines: Pid, puppet: Puppeteer) -> None:
    a = await puppet()
    await a.do(lambda me: key_registry.register(me, LINES, "201", "idle"))
    state = await node.sys.get_state(LINES)
    assert state["entries"] == {"201": [(a.pid, "idle")]}
    refused = await node.sys.replace_state(LINES, lambda state: state)
    assert "register and unregister" in str(refused.reason)


# A model


class Model:
    """The registry as a list of (key, process, value)."""

    def __init__(self, unique: bool) -> None:
        self.unique = unique
        self.rows: list[tuple[str, int, int]] = []

    def register(self, p: int, key: str, value: int) -> bool:
        if self.unique and any(row[0] == key for row in self.rows):
            return False
        self.rows.append((key, p, value))
        return True

    def unregister(self, p: int, key: str) -> None:
        self.rows = [row for row in self.rows if row[:2] != (key, p)]

    def end(self, p: int) -> None:
        self.rows = [row for row in self.rows if row[1] != p]


KEYS = ("x", "y", "z")
steps = st.lists(
    st.tuples(
        st.sampled_from(["register", "register", "register", "unregister", "end", "kill"]),
        st.integers(0, 3),
        st.sampled_from(KEYS),
        st.integers(0, 9),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(unique=st.booleans(), program=steps)
def test_random_programs_agree_with_a_list(unique: bool, program: list[Any]) -> None:
    asyncio.run(_agrees(unique, program))


class Member(GenServer):
    """Somebody who can be registered."""


async def _agrees(unique: bool, program: list[Any]) -> None:
    async with virtual_node() as node:
        registry = await node.start(KeyRegistry, "unique" if unique else "duplicate", name=LINES)
        pids = [await node.start(Member) for _ in range(4)]
        model = Model(unique)
        for what, p, key, value in program:
            cell = pids[p].cell
            assert cell is not None
            if what == "register":
                try:
                    key_registry.register(cell.actor, registry, key, value)
                    registered = True
                except NameTaken:
                    registered = False
                assert registered == model.register(p, key, value)
            elif what == "unregister":
                key_registry.unregister(cell.actor, registry, key)
                model.unregister(p, key)
            else:
                if what == "kill":
                    node.exit(pids[p], "kill")
                else:
                    await node.sys.terminate(pids[p])
                model.end(p)
                pids[p] = await node.start(Member)
            for key in KEYS:
                assert key_registry.lookup(node, registry, key) == [(pids[p], v) for k, p, v in model.rows if k == key]
                if unique:
                    assert node.whereis(Via(registry, key)) == next(
                        (pids[p] for k, p, _ in model.rows if k == key), None
                    )
            for p, pid in enumerate(pids):
                assert key_registry.keys(node, registry, pid) == [k for k, q, _ in model.rows if q == p]
            assert key_registry.count(node, registry) == len(model.rows)

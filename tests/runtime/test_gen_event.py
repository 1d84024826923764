"""GenEvent: handlers in one manager (OTP: gen_event; facts measured on OTP 25)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mirliton.runtime import (
    CallTimeout,
    Crash,
    EventHandler,
    EventHandlerError,
    Exit,
    ExitSignal,
    GenEvent,
    GenEventExit,
    MailboxFull,
    NoProc,
    Pid,
    Remove,
    Reply,
    Stop,
    Swap,
    Throw,
    gen_event,
)
from mirliton.runtime.testing import VirtualNode

Puppeteer = Callable[..., Awaitable[Any]]


class H(EventHandler):
    """Notes what it is called with and does what it is told."""

    log: ClassVar[list[Any]] = []

    def note(self, what: Any) -> None:
        self.log.append((self.name, what))

    def init(self, name: str, argument: Any) -> Any:
        self.name = name
        if argument == "fail":
            self.note("init_fail")
            return Stop("nope")
        if argument == "crash":
            self.note("init_crash")
            raise RuntimeError("oops")
        self.note(("init", argument))
        return None

    def take_over(self, result: Any, name: str, argument: Any) -> Any:
        self.name = name
        if argument == "fail":
            return Stop("nope")
        self.note(("init_swap", argument, result))
        return None

    def handle_event(self, event: Any) -> Any:
        answer = self.obey(event)
        if answer is None:
            self.note(("event", event))
        return answer

    def handle_info(self, message: Any) -> Any:
        self.note(("info", message))
        return self.obey(message)

    def obey(self, order: Any) -> Any:
        if not isinstance(order, tuple) or order[0] != self.name:
            return None
        match order[1:]:
            case ("crash",):
                raise RuntimeError("oops")
            case ("exit",):
                raise Exit("gone")
            case ("throw",):
                raise Throw(Remove())
            case ("remove",):
                return Remove()
            case ("junk",):
                return "junk"
            case ("unsendable",):
                return object()
            case ("swap", to, argument):
                return Swap("sw_args", H, to, argument, id=to)
        raise AssertionError(order)

    def handle_call(self, request: Any) -> Any:
        match request:
            case "crash":
                raise RuntimeError("oops")
            case "remove":
                return Remove("removed_reply")
            case "swap":
                return Swap("sw_args", H, "n", "swarg", id="n", reply="swapped")
            case "junk":
                return None
        self.note(("call", request))
        return Reply(("reply", self.name, request))

    def terminate(self, reason: Any) -> Any:
        self.note(("terminate", reason))
        if reason == "crash":
            raise RuntimeError("oops")
        return ("terminated", self.name)

    def code_change(self, old_version: Any, extra: Any) -> None:
        self.note(("code_change", old_version, extra))


@pytest.fixture(autouse=True)
def log() -> list[Any]:
    H.log.clear()
    return H.log


@pytest.fixture
async def manager(node: VirtualNode) -> Pid:
    return await node.start(GenEvent)


def take(log: list[Any]) -> list[Any]:
    taken = list(log)
    log.clear()
    return taken


async def add(node: Any, manager: Any, *ids: str) -> None:
    for id in ids:
        await gen_event.add_handler(node, manager, H, id, "x", id=id)


# What OTP does


def from_erlang(term: Any) -> Any:
    if isinstance(term, dict):
        return tuple(from_erlang(part) for part in term["t"]) if "t" in term else "PID"
    return [from_erlang(part) for part in term] if isinstance(term, list) else term


def to_erlang(term: Any) -> Any:
    """Ours in the words of the facts: a handler is {ev_h, Id}, a crash {oops, STACK}."""
    match term:
        case Crash():
            return (term.text, "STACK")
        case GenEventExit(handler, reason):
            return ("gen_event_EXIT", ("ev_h", handler), to_erlang(reason))
        case ExitSignal():
            return ("EXIT", "PID", term.reason)
        case Pid():
            return "PID"
        case tuple():
            return tuple(to_erlang(part) for part in term)
        case list():
            return [to_erlang(part) for part in term]
    return term


async def result_of(asking: Awaitable[Any], *, bare: bool = False) -> Any:
    try:
        answer = await asking
    except EventHandlerError as error:
        # add_handler alone passes a crash of init on as it is.
        return error.reason if bare and type(error.reason) is tuple else ("error", error.reason)
    except NoProc:
        return ("EXIT", "noproc")
    return "ok" if answer is None else answer


class Replay:
    """The questions of the facts, each as an action of ours, asked by one process that traps exits."""

    def __init__(self, me: Any, node: VirtualNode, puppet: Puppeteer) -> None:
        self.me = me
        self.node = node
        self.puppet = puppet
        self.manager: Pid

    async def do(self, action: Any, **how: Any) -> Any:
        return await result_of(self.me.do(action), **how)

    async def add(self, id: str, argument: str = "x") -> Any:
        return await self.do(lambda me: gen_event.add_handler(me, self.manager, H, id, argument, id=id), bare=True)

    async def add_sup(self, id: str, by: Any = None) -> Any:
        return await result_of(
            (by or self.me).do(lambda me: gen_event.add_sup_handler(me, self.manager, H, id, "x", id=id))
        )

    async def notify(self, event: Any) -> Any:
        answer = await self.do(lambda me: gen_event.notify(me, self.manager, event))
        await self.node.idle()
        return answer

    async def sync(self, event: Any) -> Any:
        return await self.do(lambda me: gen_event.sync_notify(me, self.manager, event))

    async def info(self, received: Any) -> Any:
        await self.me.do(lambda me: me.send(self.manager, received))
        await self.node.idle()
        return "ok"

    async def call(self, id: str, question: str) -> Any:
        return await self.do(lambda me: gen_event.call(me, self.manager, id, question))

    async def delete(self, id: str, why: str) -> Any:
        return await self.do(lambda me: gen_event.delete_handler(me, self.manager, id, why))

    async def swap(self, old: str, why: str, new: str, argument: str) -> Any:
        return await self.do(lambda me: gen_event.swap_handler(me, self.manager, old, why, H, new, argument, id=new))

    async def which(self) -> Any:
        answer = await self.do(lambda me: gen_event.which_handlers(me, self.manager))
        return [("ev_h", id) for id in answer]

    async def add_then_swap(self) -> Any:
        await self.add("a")
        return await self.sync(("a", "swap", "n", "swarg"))

    async def adder_dies(self) -> Any:
        adder = await self.puppet()
        await self.add_sup("s", by=adder)

        def end(_: Any) -> None:
            raise Exit("gone")

        await adder.let(end)
        return await self.which()

    async def stop_with_supervised(self) -> Any:
        await self.add_sup("s2")
        answer = await self.do(lambda me: gen_event.stop(me, self.manager))
        await self.node.idle()
        return answer

    def actions(self) -> list[tuple[str, Any]]:
        return [
            ("add handler a", lambda: self.add("a")),
            ("add handler b", lambda: self.add("b")),
            ("add handler c", lambda: self.add("c")),
            ("which_handlers", self.which),
            ("notify: newest handler first", lambda: self.notify("hello")),
            ("sync_notify returns ok after all handlers ran", lambda: self.sync("hello2")),
            ("plain message goes to handle_info of all", lambda: self.info("info1")),
            ("call one handler", lambda: self.call("b", "q")),
            ("call an unknown handler", lambda: self.call("zzz", "q")),
            ("delete a handler: result of its terminate", lambda: self.delete("c", "why")),
            ("delete unknown", lambda: self.delete("zzz", "why")),
            ("add with failing init", lambda: self.add("f", "fail")),
            ("add with crashing init", lambda: self.add("f", "crash")),
            ("handler a crashes on an event: only a goes", lambda: self.notify(("a", "crash"))),
            ("which_handlers", self.which),
            ("call that makes the handler remove itself", lambda: self.call("b", "remove")),
            ("add_sup_handler a", lambda: self.add_sup("a")),
            ("supervised handler removed by delete_handler", lambda: self.delete("a", "bye")),
            ("add_sup_handler a", lambda: self.add_sup("a")),
            ("supervised handler crashes", lambda: self.sync(("a", "crash"))),
            ("add_sup_handler a", lambda: self.add_sup("a")),
            ("supervised handler returns remove_handler", lambda: self.sync(("a", "remove"))),
            ("add_sup_handler a", lambda: self.add_sup("a")),
            ("supervised handler returns junk", lambda: self.sync(("a", "junk"))),
            ("add a, then swap it for n by return value", self.add_then_swap),
            ("swap n for b by API", lambda: self.swap("n", "args1", "b", "y")),
            ("swap unknown for d: d is added with error as old result", lambda: self.swap("zzz", "args1", "d", "y")),
            ("crashing call", lambda: self.call("b", "crash")),
            ("sup handler whose adder dies", self.adder_dies),
            ("add_sup_handler s2, then stop the manager", self.stop_with_supervised),
            ("notify a dead manager", lambda: self.notify("x")),
            ("sync_notify a dead manager", lambda: self.sync("x")),
        ]


async def test_every_measured_answer_of_otp_is_ours(
    reference: Path, node: VirtualNode, puppet: Puppeteer, log: list[Any]
) -> None:
    facts = json.loads((reference / "otp-traces" / "facts-gen_event.json").read_text())["rows"]
    me = await puppet(trap=True)
    replay = Replay(me, node, puppet)
    replay.manager = await me.do(lambda process: process.start_link(GenEvent))
    actions = replay.actions()
    assert [fact["q"] for fact in facts] == [question for question, _ in actions]
    for fact, (question, ask) in zip(facts, actions, strict=True):
        result = to_erlang(await ask())
        await node.idle()
        messages = [to_erlang(message) for message in me.messages]
        me.messages.clear()
        # The one event that the facts call crash_a is our ("a", "crash").
        ours = [
            (who, ("event", "crash_a") if what == ("event", ("a", "crash")) else to_erlang(what))
            for who, what in take(log)
        ]
        expected = (from_erlang(fact["log"]), from_erlang(fact["messages"]), from_erlang(fact["result"]))
        assert (ours, messages, result) == expected, question


# And what the facts do not ask


async def test_an_id_is_used_once(node: VirtualNode, manager: Pid) -> None:
    await add(node, manager, "a")
    with pytest.raises(EventHandlerError) as caught:
        await add(node, manager, "a")
    assert (caught.value.handler, caught.value.reason) == ("a", "already_present")
    await add(node, manager, "b")
    with pytest.raises(EventHandlerError, match="already_present"):
        await gen_event.swap_handler(node, manager, "a", "why", H, "b", "x", id="b")
    assert await gen_event.which_handlers(node, manager) == ["b", "a"]


async def test_without_an_id_a_handler_has_the_name_of_its_class(node: VirtualNode, manager: Pid) -> None:
    await gen_event.add_handler(node, manager, H, "a", argument="x")
    assert await gen_event.which_handlers(node, manager) == ["H"]


@pytest.mark.parametrize(
    ("order", "why"),
    [("exit", ("EXIT", "gone")), ("junk", "junk")],
)
async def test_however_a_handler_fails_the_others_go_on(
    node: VirtualNode, manager: Pid, log: list[Any], order: str, why: Any
) -> None:
    await add(node, manager, "a", "b")
    take(log)
    await gen_event.sync_notify(node, manager, ("b", order))
    await gen_event.sync_notify(node, manager, "next")
    assert log[0] == ("b", ("terminate", ("error", why)))
    assert log[-1] == ("a", ("event", "next"))


async def test_a_thrown_value_is_the_callbacks_answer(node: VirtualNode, manager: Pid, log: list[Any]) -> None:
    await add(node, manager, "a")
    await gen_event.sync_notify(node, manager, ("a", "throw"))
    assert log[-1] == ("a", ("terminate", "remove_handler"))


async def test_a_crash_on_a_plain_message_or_junk_for_a_call_takes_the_handler_out(
    node: VirtualNode, manager: Pid
) -> None:
    await add(node, manager, "a", "b")
    node.send(manager, ("a", "crash"))
    with pytest.raises(EventHandlerError) as caught:
        await gen_event.call(node, manager, "b", "junk")
    assert caught.value.reason is None
    assert await gen_event.which_handlers(node, manager) == []


async def test_a_terminate_that_crashes_stops_nothing(node: VirtualNode, manager: Pid) -> None:
    await add(node, manager, "a", "b")
    with pytest.raises(EventHandlerError) as caught:
        await gen_event.delete_handler(node, manager, "a", "crash")
    assert caught.value.reason[0] == "EXIT"
    await gen_event.sync_notify(node, manager, "still here")
    assert await gen_event.which_handlers(node, manager) == ["b"]


async def test_what_a_faulty_handler_answers_is_told_in_words_when_it_cannot_be_sent(
    node: VirtualNode, manager: Pid, puppet: Puppeteer
) -> None:
    me = await puppet()
    await me.do(lambda process: gen_event.add_sup_handler(process, manager, H, "a", "x", id="a"))
    await gen_event.sync_notify(node, manager, ("a", "unsendable"))
    await node.idle()
    assert me.messages[0].reason.startswith("<object object")


async def test_a_swap_keeps_the_place_and_the_supervision(
    node: VirtualNode, manager: Pid, puppet: Puppeteer, log: list[Any]
) -> None:
    me = await puppet(trap=True)
    await add(node, manager, "old")
    await me.do(lambda process: gen_event.add_sup_handler(process, manager, H, "a", "x", id="a"))
    await add(node, manager, "new")
    assert await gen_event.call(node, manager, "a", "swap") == "swapped"
    assert await gen_event.which_handlers(node, manager) == ["new", "n", "old"]
    await gen_event.sync_notify(node, manager, ("n", "junk"))
    await node.idle()
    assert me.messages == [
        GenEventExit("a", ("swapped", "n", me.pid), manager),
        GenEventExit("n", "junk", manager),
    ]


async def test_a_swap_whose_new_handler_fails_leaves_neither(
    node: VirtualNode, manager: Pid, puppet: Puppeteer
) -> None:
    me = await puppet(trap=True)
    await me.do(lambda process: gen_event.add_sup_handler(process, manager, H, "a", "x", id="a"))
    await gen_event.sync_notify(node, manager, ("a", "swap", "n", "fail"))
    await node.idle()
    assert await gen_event.which_handlers(node, manager) == []
    assert me.messages == [
        GenEventExit("a", ("swapped", "n", me.pid), manager),
        GenEventExit("n", "nope", manager),
    ]


async def test_a_supervised_swap_links_the_new_supervisor(node: VirtualNode, manager: Pid, puppet: Puppeteer) -> None:
    me = await puppet()
    await add(node, manager, "a")
    await me.do(lambda process: gen_event.swap_sup_handler(process, manager, "a", "why", H, "b", "y", id="b"))
    node.exit(me.pid, "kill")
    assert await gen_event.which_handlers(node, manager) == []


async def test_the_link_goes_with_the_last_supervised_handler(
    node: VirtualNode, manager: Pid, puppet: Puppeteer
) -> None:
    me = await puppet()
    for id in ("a", "b"):
        await me.do(lambda process, id=id: gen_event.add_sup_handler(process, manager, H, id, "x", id=id))
    await gen_event.delete_handler(node, manager, "a")
    assert manager.cell is not None
    assert me.pid.cell in manager.cell.links
    await gen_event.delete_handler(node, manager, "b")
    assert not manager.cell.links
    node.exit(manager, "kill")
    assert me.alive


async def test_a_killed_manager_takes_those_who_supervise_handlers_along(
    node: VirtualNode, manager: Pid, puppet: Puppeteer, log: list[Any]
) -> None:
    me = await puppet()
    await me.do(lambda process: gen_event.add_sup_handler(process, manager, H, "a", "x", id="a"))
    take(log)
    node.exit(manager, "kill")
    assert not me.alive
    assert log == []


async def test_a_handler_whose_supervisor_dies_during_its_init_goes_too(
    node: VirtualNode, manager: Pid, puppet: Puppeteer, log: list[Any]
) -> None:
    me = await puppet()
    await node.sys.suspend(manager)
    me.begin(lambda process: gen_event.add_sup_handler(process, manager, H, "a", "x", id="a"))
    await node.idle()
    node.exit(me.pid, "kill")
    await node.sys.resume(manager)
    assert await gen_event.which_handlers(node, manager) == []
    assert log[:2] == [("a", ("init", "x")), ("a", ("terminate", ("stop", "noproc")))]


async def test_the_parents_exit_terminates_all_handlers(node: VirtualNode, puppet: Puppeteer, log: list[Any]) -> None:
    parent = await puppet()
    manager = await parent.do(lambda process: process.start_link(GenEvent))
    await add(node, manager, "a", "b")
    take(log)
    node.exit(parent.pid, "boom")
    await node.idle()
    assert log == [("b", ("terminate", "stop")), ("a", ("terminate", "stop"))]
    assert manager.cell is None


async def test_a_handler_that_ends_the_manager_ends_it(node: VirtualNode, manager: Pid) -> None:
    class Assassin(EventHandler):
        def handle_event(self, event: Any) -> None:
            self.manager.exit(self.manager.pid, "kill")

    await gen_event.add_handler(node, manager, Assassin)
    gen_event.notify(node, manager, "now")
    await node.idle()
    assert manager.cell is None


async def test_sync_notify_waits_as_any_call(node: VirtualNode, manager: Pid) -> None:
    await node.sys.suspend(manager)
    with pytest.raises(CallTimeout):
        await node.drive(gen_event.sync_notify(node, manager, "x", timeout=2.0))


async def test_a_bounded_manager_refuses_events(node: VirtualNode) -> None:
    class Bounded(GenEvent):
        mailbox_limit = 2

    manager = await node.start(Bounded)
    await node.sys.suspend(manager)
    with pytest.raises(MailboxFull):
        for event in range(3):
            gen_event.notify(node, manager, event)


async def test_an_async_callback_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match="cannot be async"):

        class Slow(EventHandler):
            async def handle_event(self, event: Any) -> None: ...


async def test_its_state_is_that_of_its_handlers(node: VirtualNode, manager: Pid, log: list[Any]) -> None:
    await add(node, manager, "a", "b")
    assert await node.sys.get_state(manager) == {"handlers": {"b": {"name": "b"}, "a": {"name": "a"}}}
    await node.sys.replace_state(manager, lambda state: {"handlers": {"a": {"name": "renamed"}}})
    take(log)
    await gen_event.sync_notify(node, manager, "x")
    assert log == [("b", ("event", "x")), ("renamed", ("event", "x"))]
    await node.sys.suspend(manager)
    await node.sys.change_code(manager, "v1", "extra")
    assert log[-1] == ("renamed", ("code_change", "v1", "extra"))

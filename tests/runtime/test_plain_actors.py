"""Plain Thespian actors on a node of ours: Thespian's API, with Erlang's failures or with Thespian's own."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorTypeDispatcher,
    ChildActorExited,
    DeadEnvelope,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    PoisonMessage,
    Thespian_ActorStatus,
    Thespian_StatusReq,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
    requireCapability,
)

from mirliton.runtime import Exit, ExitSignal, GenServer, Name, Pid, message
from mirliton.runtime.testing import Probe


@message("test.plain.order")
class Order:
    what: str
    detail: Any = None


class Obedient(Actor):
    """Does what an Order says, and notes everything else in `seen`."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.child: Any = None

    def receiveMessage(self, received: Any, sender: Any) -> Any:
        match received:
            case Order("create", cls):
                self.child = self.createActor(CLASSES.get(cls, cls))
            case Order("named", name):
                self.child = self.createActor(Obedient, globalName=name)
            case Order("raise"):
                self.seen.append("raising")
                raise ValueError("no")
            case Order("raise once"):
                self.seen.append("raising")
                if self.seen.count("raising") == 1:
                    raise ValueError("no")
            case Order("sys.exit"):
                raise SystemExit(1)
            case Order("exit"):
                raise Exit("enough")
            case Order("wake", seconds):
                self.wakeupAfter(timedelta(seconds=seconds), "payload")
            case Order("forward", message):
                self.send(self.child, message)
            case Order("keep", on):
                self.handleDeadLetters(on)
            case Order("capability", (name, value)):
                self.updateCapability(name, value)
            case Order("not recursive"):
                self.spare_children = True
            case ActorExitRequest():
                self.seen.append(received)
                if getattr(self, "spare_children", False):
                    received.notRecursive()
            case Order("answer"):
                self.send(sender, Order("answered"))
            case _:
                self.seen.append(received)
        return None


class Broken(Actor):
    def __init__(self) -> None:
        raise ValueError("not today")


@requireCapability("Region", "eu")
class European(Obedient):
    pass


class FailsAtExit(Obedient):
    def receiveMessage(self, received: Any, sender: Any) -> None:
        if isinstance(received, ActorExitRequest):
            raise ValueError("I stay")
        super().receiveMessage(received, sender)


class Later(Actor):
    """Awaits in its handler."""

    async def receiveMessage(self, received: Any, sender: Any) -> None:
        self.count = getattr(self, "count", 0) + 1
        await asyncio.sleep(0)
        if received == Order("raise"):
            raise ValueError("no")
        self.send(sender, Order("answered", self.count))


class Server(GenServer):
    def init(self) -> None:
        self.seen: list[Any] = []

    def handle_info(self, received: Any) -> None:
        self.seen.append(received)


CLASSES: dict[Any, Any] = {
    cls.__name__: cls for cls in (Obedient, Broken, European, FailsAtExit, Later, Server, Actor, ActorTypeDispatcher)
}


def a_plain(node: Any, cls: Any = Obedient) -> Pid:
    return node.thespian.create(cls, None, None, None, None)


def inside(pid: Pid) -> Any:
    """The Thespian actor object of a living process."""
    assert pid.cell is not None
    return pid.cell.actor.actor


async def tell(node: Any, pid: Pid, *messages: Any) -> None:
    for each in messages:
        node.send(pid, each)
    await node.idle()


# Messages and names


async def test_an_actor_gets_messages_with_their_sender(node: Any) -> None:
    pid, probe = a_plain(node), await Probe.start(node)
    node.send(pid, Order("answer"), node.find(probe.pid))
    assert await probe.expect() == Order("answered")


async def test_actors_and_processes_talk_to_each_other(puppet: Any, node: Any) -> None:
    a, pid = await puppet(), a_plain(node)
    await a.do(lambda me: me.send(pid, Order("answer")))
    await node.idle()
    assert a.messages == [Order("answered")]


async def test_an_async_handler_holds_the_mailbox_until_it_is_done(puppet: Any, node: Any) -> None:
    a, pid = await puppet(), a_plain(node, Later)
    await a.do(lambda me: [me.send(pid, Order("x")) for _ in range(3)])
    await node.idle()
    assert a.messages == [Order("answered", n) for n in (1, 2, 3)]


async def test_a_global_name_gives_the_same_actor_again(node: Any) -> None:
    a, b = a_plain(node), a_plain(node)
    await tell(node, a, Order("named", "one"))
    await tell(node, b, Order("named", "one"))
    assert inside(a).child == inside(b).child == node.whereis(Name("global", "one"))
    assert inside(inside(a).child).globalName == "one"


async def test_wakeups_come_with_their_period_and_payload_and_die_with_the_actor(node: Any) -> None:
    a, b = a_plain(node), a_plain(node)
    await tell(node, a, Order("wake", 5))
    await tell(node, b, Order("wake", 5))
    node.exit(b, "kill")
    assert len(node.timers) == 1
    await node.advance(5)
    (woken,) = inside(a).seen
    assert isinstance(woken, WakeupMessage)
    assert (woken.delayPeriod, woken.payload) == (timedelta(seconds=5), "payload")


# Children and exits


async def test_a_child_has_its_address_at_once_and_works(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"), Order("forward", Order("hello")))
    assert inside(inside(parent).child).seen == [Order("hello")]


@pytest.mark.parametrize("cls", ["Broken", "European", "no.such.module.Class", "nodots"])
async def test_a_child_that_cannot_be_made_is_told_as_its_exit_with_the_reason(node: Any, cls: str) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", cls))
    (told,) = inside(parent).seen
    assert isinstance(told, ChildActorExited)
    assert isinstance(told, ExitSignal)
    assert told.childAddress == inside(parent).child
    assert told.reason.kind.rpartition(".")[2] in (
        "ValueError",
        "NoCompatibleSystemForActor",
        "ModuleNotFoundError",
        "InvalidActorSpecification",
    )


@pytest.mark.parametrize(
    ("cls", "error"),
    [
        (Broken, ValueError),
        (European, NoCompatibleSystemForActor),
        ("nodots", InvalidActorSpecification),
        ("os.path", InvalidActorSpecification),
        ("no.such.Class", ImportError),
        (int, InvalidActorSpecification),
    ],
)
def test_an_actor_without_a_parent_that_cannot_be_made_raises(cls: Any, error: type[Exception]) -> None:
    from mirliton.runtime import Node

    with pytest.raises(error):
        a_plain(Node("cold"), cls)


async def test_an_exit_request_ends_the_children_first_and_the_parent_is_told(node: Any) -> None:
    order = []
    node.on_exit.append(lambda cell, *_: order.append(cell.pid))
    top = a_plain(node)
    await tell(node, top, Order("create", "Obedient"))
    middle = inside(top).child
    await tell(node, middle, Order("create", "Obedient"))
    bottom = inside(middle).child
    await tell(node, middle, ActorExitRequest())
    assert order == [bottom, middle]
    assert [m.childAddress for m in inside(top).seen] == [middle]
    assert node.exited["Obedient", "normal"] == 2


async def test_an_exit_that_is_not_recursive_leaves_the_children(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"))
    child = inside(parent).child
    await tell(node, parent, ActorExitRequest(recursive=False))
    assert parent.cell is None
    assert child.cell is not None


async def test_an_actor_may_spare_its_children_in_its_exit_handler(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"), Order("not recursive"))
    child = inside(parent).child
    await tell(node, parent, ActorExitRequest())
    assert parent.cell is None
    assert child.cell is not None


@pytest.mark.parametrize("retries", [False, True])
async def test_an_error_in_the_exit_handler_does_not_keep_it_alive(node: Any, retries: bool) -> None:
    node.thespian.retries = retries
    pid = a_plain(node, FailsAtExit)
    await tell(node, pid, ActorExitRequest())
    assert pid.cell is None
    assert node.dossiers.total == 0


async def test_a_leaving_actor_takes_nothing_but_news_of_its_children(node: Any) -> None:
    keeper, parent = a_plain(node), a_plain(node)
    await tell(node, keeper, Order("keep", True))
    await tell(node, parent, Order("create", "Obedient"))
    child = inside(parent).child
    await node.sys.suspend(child)
    await tell(node, parent, ActorExitRequest(), Order("too late"), Order("create", "Obedient"))
    assert [m.deadMessage for m in inside(keeper).seen] == [Order("too late"), Order("create", "Obedient")]
    await node.sys.resume(child)
    await node.idle()
    assert parent.cell is None


async def test_killing_a_parent_ends_its_children(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"))
    child = inside(parent).child
    node.exit(parent, "kill")
    assert child.cell is None


async def test_a_process_of_ours_may_be_a_child_and_a_parent(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Server"), Order("forward", Order("hello")))
    server = inside(parent).child
    assert server.cell.actor.seen == [Order("hello")]
    child = server.cell.actor.createActor(Obedient)
    node.exit(child, "kill")
    await node.idle()
    assert server.cell.actor.seen[1:] == [ExitSignal(child, "killed")]
    node.exit(server, "boom")
    await node.idle()
    assert inside(parent).seen == [ExitSignal(server, "boom")]


# Failures


async def test_by_default_an_exception_ends_the_actor_and_its_parent_learns_why(node: Any) -> None:
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"), Order("forward", Order("raise")))
    (told,) = inside(parent).seen
    assert (told.reason.kind, told.reason.text) == ("ValueError", "no")
    dossier = node.dossiers.of(told.sender)
    assert dossier.class_name == "Obedient"
    assert dossier.state["seen"] == "['raising']"


@pytest.mark.parametrize(("order", "reason"), [("exit", "enough"), ("sys.exit", None)])
@pytest.mark.parametrize("retries", [False, True])
async def test_exit_and_sys_exit_end_that_actor_only(node: Any, order: str, reason: Any, retries: bool) -> None:
    node.thespian.retries = retries
    parent = a_plain(node)
    await tell(node, parent, Order("create", "Obedient"), Order("forward", Order(order)))
    (told,) = inside(parent).seen
    assert told.reason == reason if reason else told.reason.kind == "SystemExit"


async def test_with_retries_a_failed_message_is_handled_once_more_in_its_place(node: Any) -> None:
    node.thespian.retries = True
    pid = a_plain(node)
    await tell(node, pid, Order("raise once"), Order("next"))
    assert inside(pid).seen == ["raising", "raising", Order("next")]


async def test_with_retries_a_second_failure_poisons_the_sender_and_the_actor_lives(puppet: Any, node: Any) -> None:
    node.thespian.retries = True
    a, pid = await puppet(), a_plain(node)
    await a.do(lambda me: me.send(pid, Order("raise")))
    await node.idle()
    (poison,) = a.messages
    assert isinstance(poison, PoisonMessage)
    assert poison.poisonMessage == Order("raise")
    assert "ValueError: no" in poison.details
    assert inside(pid).seen == ["raising", "raising"]


async def test_poison_that_fails_again_is_not_poisoned_again(puppet: Any, node: Any) -> None:
    class Allergic(Actor):
        def receiveMessage(self, received: Any, sender: Any) -> None:
            raise ValueError("no")

    node.thespian.retries = True
    a, pid = await puppet(), a_plain(node, Allergic)
    await a.do(lambda me: me.send(pid, PoisonMessage(Order("x"))))
    await node.idle()
    assert a.messages == []
    assert pid.cell is not None


async def test_with_retries_an_async_handler_is_not_tried_again(puppet: Any, node: Any) -> None:
    node.thespian.retries = True
    a, pid = await puppet(), a_plain(node, Later)
    await a.do(lambda me: me.send(pid, Order("raise")))
    await node.idle()
    assert [type(m) for m in a.messages] == [PoisonMessage]
    assert inside(pid).count == 1


# Dead letters, capabilities, status, watches


async def test_dead_letters_go_to_the_last_who_asked_until_it_gives_up_or_dies(node: Any) -> None:
    first, second, dead = a_plain(node), a_plain(node), a_plain(node)
    node.exit(dead, "kill")
    await tell(node, first, Order("keep", True))
    await tell(node, dead, Order("1"))
    await tell(node, second, Order("keep", True))
    await tell(node, dead, Order("2"))
    await tell(node, first, Order("keep", False))
    await tell(node, dead, Order("3"))
    assert inside(first).seen == [DeadEnvelope(dead, Order("1"))]
    assert inside(second).seen == [DeadEnvelope(dead, Order("2")), DeadEnvelope(dead, Order("3"))]
    node.exit(second, "kill")
    await tell(node, dead, Order("4"))
    assert node.dead_letters == 4
    assert inside(first).seen == [DeadEnvelope(dead, Order("1"))]


async def test_an_actor_whose_capability_goes_is_asked_to_exit(node: Any) -> None:
    node.thespian.capabilities["Region"] = "eu"
    a, european = a_plain(node), a_plain(node, European)
    await tell(node, a, Order("capability", ("Colour", "red")))
    assert european.cell is not None
    await tell(node, a, Order("capability", ("Region", "us")))
    assert european.cell is None
    await tell(node, a, Order("capability", ("Region", None)))
    assert "Region" not in node.thespian.capabilities
    assert a.cell is not None


async def test_constructors_are_offered_capabilities_requirements_and_name(node: Any) -> None:
    class Curious(Actor):
        def __init__(self, capabilities: Any, requirements: Any, globalName: Any) -> None:  # noqa: N803 - Thespian's
            self.got = capabilities["Region"], requirements, globalName

        def receiveMessage(self, received: Any, sender: Any) -> None:
            pass

    node.thespian.capabilities["Region"] = "eu"
    pid = node.thespian.create(Curious, None, {"fast": True}, "curious", None)
    assert inside(pid).got == ("eu", {"fast": True}, "curious")


async def test_status_is_answered_for_the_actor(puppet: Any, node: Any) -> None:
    a, pid = await puppet(), a_plain(node)
    await tell(node, pid, Order("create", "Obedient"), Order("wake", 60))
    await a.do(lambda me: me.send(pid, Thespian_StatusReq()))
    await node.idle()
    (status,) = a.messages
    assert isinstance(status, Thespian_ActorStatus)
    assert (status.actorAddress, status.actorClass, status.childActors) == (pid, "Obedient", [inside(pid).child])
    assert len(status.pendingWakeups) == 1


async def test_an_actor_can_watch_a_file(node: Any) -> None:
    reader, writer = os.pipe()
    got: list[Any] = []

    class Watcher(Actor):
        def receiveMessage(self, received: Any, sender: Any) -> Any:
            if isinstance(received, WatchMessage):
                got.append((received.ready, os.read(reader, 100)))
                ready.set()
            return ThespianWatch([reader]) if received != Order("stop") else None

    ready = asyncio.Event()
    pid = a_plain(node, Watcher)
    await tell(node, pid, Order("go"))
    for text in (b"one", b"two"):
        os.write(writer, text)
        await asyncio.wait_for(ready.wait(), 5)
        ready.clear()
        await node.idle()
    await tell(node, pid, Order("stop"))
    os.write(writer, b"unseen")
    await node.idle()
    assert got == [([reader], b"one"), ([reader], b"two")]
    await tell(node, pid, Order("go"))
    node.exit(pid, "kill")
    assert node.loop.remove_reader(reader) is False
    os.close(reader)
    os.close(writer)


async def test_sources_want_an_actor_system(node: Any) -> None:
    pid = a_plain(node)
    with pytest.raises(Exception, match="ActorSystem"):
        inside(pid).loadActorSource("x.zip")


async def test_plain_actors_leave_nothing_behind(node: Any) -> None:
    node.strict = False
    top = a_plain(node)
    for _ in range(1000):
        node.send(top, Order("create", "Obedient"))
        node.send(top, Order("forward", Order("wake", 60)))
    await node.idle()
    assert len(node) == 1001
    await tell(node, top, ActorExitRequest())
    assert len(node) == 0
    assert len(node.timers) == 0
    assert node.thespian.children(top) == ()

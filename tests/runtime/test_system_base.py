"""Thespian programs on our node: ActorSystem with our base, from outside and from other threads."""

from __future__ import annotations

import io
import queue
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystem,
    InvalidActorSourceHash,
    LoadedSource,
    NoCompatibleSystemForActor,
    PoisonMessage,
    Thespian_StatusReq,
    Thespian_SystemStatus,
    UnloadedSource,
    ValidatedSource,
    ValidateSource,
    requireCapability,
)
from thespian.troupe import troupe

from mirliton.runtime import GenServer, Pid
from mirliton.runtime import system_base as module
from mirliton.runtime.system_base import ActorSystemBase, install

WAIT = 10.0
"""Seconds an answer may take on a busy machine; none is waited for in full but in tests that fail."""


class Echo(Actor):
    def receiveMessage(self, received: Any, sender: Any) -> None:
        if received == "fail":
            raise ValueError("no")
        if isinstance(received, tuple):
            self.send(received[0], received[1])
        elif not isinstance(received, ActorExitRequest):
            self.send(sender, received)


class Boss(Actor):
    def receiveMessage(self, received: Any, sender: Any) -> None:
        if received == "create":
            self.send(sender, self.createActor(Echo))
        elif received == "shutdown":
            self.actorSystemShutdown()
        elif received == "ask within":
            try:
                BASE.get_nowait().ask(self.myAddress, "x", 1)
            except RuntimeError as error:
                self.send(sender, str(error))


BASE: queue.SimpleQueue[ActorSystemBase] = queue.SimpleQueue()


@troupe(max_count=3)
class Crew(Actor):
    """Made again by its dotted name, so it stands in the module."""

    def receiveMessage(self, received: Any, sender: Any) -> None:
        if isinstance(received, int):
            self.send(sender, received * 2)


class Server(GenServer):
    def handle_info(self, received: Any) -> None:
        self.node.log.debug("got", received=received)


@pytest.fixture
def base() -> Iterator[ActorSystemBase]:
    made = ActorSystemBase(capabilities={"Region": "eu"})
    yield made
    made.shutdown()


@pytest.fixture
def system(base: ActorSystemBase) -> Iterator[ActorSystem]:
    made = ActorSystem(systemBase=base, transientUnique=True)
    yield made
    if made._systemBase is not None:
        made.shutdown()


def test_an_actor_answers(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    assert isinstance(echo, Pid)
    assert system.ask(echo, "hello", WAIT) == "hello"
    assert system.ask(echo, "hello", timedelta(seconds=WAIT)) == "hello"


def test_the_base_is_found_by_name_once_installed() -> None:
    name = install("mirlitonNamed")
    system = ActorSystem(systemBase=name, capabilities={"Colour": "red"}, transientUnique=True)
    try:
        assert system.ask(system.createActor(Echo), 1, WAIT) == 1
        assert system.capabilities["Colour"] == "red"
        assert system.capabilities["Thespian ActorSystem Name"] == "mirliton"
        status = system.ask(system.systemAddress, Thespian_StatusReq(), WAIT)
        assert isinstance(status, Thespian_SystemStatus)
        assert status.capabilities["Colour"] == "red"
    finally:
        system.shutdown()


def test_an_actor_may_be_named_by_its_dotted_name(system: ActorSystem) -> None:
    assert system.createActor("thespian.actors.Actor")


def test_tell_and_listen(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    for n in range(10):
        system.tell(echo, n)
    assert [system.listen(WAIT) for _ in range(10)] == list(range(10))
    assert system.listen(0) is None
    assert system.listen(0.01) is None


def test_a_failing_handler_is_poison_to_its_sender(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    poison = system.ask(echo, "fail", WAIT)
    assert isinstance(poison, PoisonMessage)
    assert poison.poisonMessage == "fail"
    assert system.ask(echo, "still there", WAIT) == "still there"


def test_what_keeps_an_actor_from_being_made_is_raised(system: ActorSystem) -> None:
    @requireCapability("Region", "mars")
    class Martian(Actor):
        pass

    class Broken(Actor):
        def __init__(self) -> None:
            raise ValueError("not today")

    with pytest.raises(NoCompatibleSystemForActor, match="No compatible ActorSystem"):
        system.createActor(Martian)
    with pytest.raises(ValueError, match="not today"):
        system.createActor(Broken)
    system.updateCapability("Region", "mars")
    assert system.createActor(Martian)


def test_a_private_context_has_a_mailbox_of_its_own(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    with system.private() as mine:
        mine.tell(echo, "for me")
        system.tell(echo, "for all")
        assert system.listen(WAIT) == "for all"
        assert mine.listen(WAIT) == "for me"
        assert mine.ask(mine.createActor(Echo), 7, WAIT) == 7


def test_many_threads_ask_at_once(system: ActorSystem) -> None:
    echo = system.createActor(Echo)
    wrong: list[Any] = []

    def work(thread: int) -> None:
        with system.private() as mine:
            for n in range(50):
                if mine.ask(echo, f"{thread}/{n}", WAIT) != f"{thread}/{n}":
                    wrong.append((thread, n))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_an_actor_that_waits_for_an_answer_as_if_it_were_outside_is_told_why_it_cannot(
    base: ActorSystemBase, system: ActorSystem
) -> None:
    BASE.put(base)
    assert "all actors would wait" in system.ask(system.createActor(Boss), "ask within", WAIT)


def test_a_thread_that_asks_a_blocked_system_gets_an_error_in_time(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thespian.actors import ActorSystemRequestTimeout

    held, release = threading.Event(), threading.Event()

    class Blocks(Actor):
        def receiveMessage(self, received: Any, sender: Any) -> None:
            if received == "block":
                held.set()
                release.wait(WAIT)

    blocks = system.createActor(Blocks)
    system.tell(blocks, "block")
    assert held.wait(WAIT)
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.05)
    try:
        with pytest.raises(ActorSystemRequestTimeout, match="blocking"):
            system.createActor(Echo)
    finally:
        release.set()


def test_two_systems_in_one_program_reach_each_others_actors(system: ActorSystem) -> None:
    other = ActorSystem(systemBase=ActorSystemBase(node="other"), transientUnique=True)
    try:
        here, there = system.createActor(Echo), other.createActor(Echo)
        system.tell(here, (there, "passed on"))
        assert other.ask(there, "own", WAIT) == "own"
        system.tell(there, "from outside")
        assert system.listen(WAIT) == "from outside"
    finally:
        other.shutdown()


def test_troupes_work(system: ActorSystem) -> None:
    crew = system.createActor(Crew)
    for n in range(1, 21):
        system.tell(crew, n)
    assert sorted(system.listen(WAIT) for _ in range(20)) == [n * 2 for n in range(1, 21)]


def test_a_process_of_ours_lives_in_an_actor_system(base: ActorSystemBase, system: ActorSystem) -> None:
    server = system.createActor(Server)
    system.tell(server, "hello")
    assert base.run(base.node.find, server) is not None


def test_shutdown_ends_all_actors_and_the_thread(base: ActorSystemBase, system: ActorSystem) -> None:
    boss = system.createActor(Boss)
    system.ask(boss, "create", WAIT)
    ended: list[str] = []
    base.run(base.node.on_exit.append, lambda cell, reason, *_: ended.append(cell.kind))
    system.shutdown()
    assert ended[:2] == ["Echo", "Boss"]
    assert not base._thread.is_alive()
    with pytest.raises(RuntimeError, match="shut down"):
        base.tell(boss, "anyone?")
    base.shutdown()


def test_shutdown_kills_what_will_not_go(
    base: ActorSystemBase, system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stays(Actor):
        async def receiveMessage(self, received: Any, sender: Any) -> None:
            import asyncio

            await asyncio.sleep(3600)

    monkeypatch.setattr(module, "SHUTDOWN_TIMEOUT", 0.1)
    system.tell(system.createActor(Stays), "hold on")
    begun = time.monotonic()
    system.shutdown()
    assert time.monotonic() - begun < WAIT


def test_an_actor_may_shut_the_system_down_and_whoever_waits_is_let_go(
    base: ActorSystemBase, system: ActorSystem
) -> None:
    system.tell(system.createActor(Boss), "shutdown")
    assert system.listen(WAIT) is None
    base._thread.join(WAIT)
    assert not base._thread.is_alive()


# Loaded sources


class Authority(Actor):
    """Approves every source that is a zip file, and tells who asked what was loaded."""

    def receiveMessage(self, received: Any, sender: Any) -> None:
        if received == "enable":
            self.registerSourceAuthority()
            self.notifyOnSourceAvailability()
            self.asker = sender
            self.send(sender, "enabled")
        elif isinstance(received, ValidateSource):
            good = zipfile.is_zipfile(io.BytesIO(received.sourceData))
            data = received.sourceData if good else None
            self.send(sender, ValidatedSource(received.sourceHash, data))
        elif isinstance(received, LoadedSource | UnloadedSource):
            self.send(self.asker, (type(received).__name__, received.sourceHash))


def a_zip(**files: str) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    packed.seek(0)
    return packed


GREETER = """
from thespian.actors import Actor

class Greeter(Actor):
    def receiveMessage(self, message, sender):
        if isinstance(message, str):
            self.send(sender, "GREETING " + message)
"""


@pytest.fixture
def load(system: ActorSystem) -> Callable[[io.BytesIO], str]:
    assert system.ask(system.createActor(Authority), "enable", WAIT) == "enabled"
    return system.loadActorSource


def test_a_source_that_the_authority_approves_can_be_used_until_it_is_unloaded(
    system: ActorSystem, load: Callable[[Any], str]
) -> None:
    source = load(a_zip(greeter=GREETER.replace("GREETING", "hello")))
    assert system.listen(WAIT) == ("LoadedSource", source)
    greeter = system.createActor("greeter.Greeter", sourceHash=source)
    assert system.ask(greeter, "you", WAIT) == "hello you"
    system.unloadActorSource(source)
    assert system.listen(WAIT) == ("UnloadedSource", source)
    with pytest.raises(InvalidActorSourceHash):
        system.createActor("greeter.Greeter", sourceHash=source)


def test_two_versions_of_a_source_live_side_by_side(system: ActorSystem, load: Callable[[Any], str]) -> None:
    sources = [load(a_zip(greeter=GREETER.replace("GREETING", word))) for word in ("hello", "goodbye")]
    assert [system.listen(WAIT) for _ in sources] == [("LoadedSource", source) for source in sources]
    greeters = [system.createActor("greeter.Greeter", sourceHash=source) for source in sources]
    assert [system.ask(greeter, "you", WAIT) for greeter in greeters] == ["hello you", "goodbye you"]


@pytest.mark.parametrize("data", [b"no zip", b""])
def test_a_source_that_the_authority_rejects_is_not_loaded(
    system: ActorSystem, load: Callable[[Any], str], data: bytes
) -> None:
    source = load(io.BytesIO(data))
    with pytest.raises(InvalidActorSourceHash):
        system.createActor("greeter.Greeter", sourceHash=source)


def test_without_an_authority_nothing_is_valid(system: ActorSystem) -> None:
    source = system.loadActorSource(a_zip(greeter=GREETER))
    with pytest.raises(InvalidActorSourceHash):
        system.createActor("greeter.Greeter", sourceHash=source)

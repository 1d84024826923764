"""A Thespian system base: plain Thespian programs on a node of ours.

    base = ActorSystemBase(capabilities={"Region": "eu"})
    system = ActorSystem(systemBase=base)                    # as an object
    system = ActorSystem(systemBase=install())               # or by name, as Thespian's examples and tests do

    greeter = system.createActor(Greeter)
    system.ask(greeter, "hello", timeout=1)

The node runs on an event loop in a thread of its own, with Thespian's semantics for plain actors (an exception is
retried once, then the sender gets a PoisonMessage). Processes of ours (GenServer …) may be created and messaged like
any actor. All actors share that loop: a handler that blocks, blocks them all. One base is one node: there is no
convention of several systems.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging.config
import queue
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, ParamSpec, TypeVar

from thespian.actors import (
    ActorExitRequest,
    ActorSystem,
    ActorSystemRequestTimeout,
    InvalidActorAddress,
    Thespian_StatusReq,
    Thespian_SystemStatus,
    ThespianGeneration,
)
from thespian.system import isInternalActorSystemMessage

from mirliton.runtime.actor_sources import ActorSources
from mirliton.runtime.addresses import Pid
from mirliton.runtime.hosted import Endpoint, Hosted
from mirliton.runtime.node import Node

P = ParamSpec("P")
R = TypeVar("R")

NAME: Final = "mirlitonBase"
REQUEST_TIMEOUT: Final = 60.0
"""Seconds that the node's thread has to do what another thread asks of it."""
SHUTDOWN_TIMEOUT: Final = 10.0
"""Seconds that actors have to exit at a shutdown before they are killed."""

_CLOSED: Final = object()

_systems: dict[tuple[str, int], ActorSystemBase] = {}
"""The open systems of this OS process: their actors may hold each other's addresses."""


def _pass_on(to: Pid, message: Any, sender: Pid | None) -> bool:
    system = _systems.get((to.node, to.incarnation))
    if system is None:
        return False
    system.post(system.arrive, to, message, sender)
    return True


def install(name: str = NAME) -> str:
    """Let `ActorSystem(systemBase=name)` find this base. Returns `name`."""
    sys.modules[f"thespian.system.{name}"] = sys.modules[__name__]
    return name


class Mailbox:
    """A place outside the node where messages from actors arrive: what `ask` and `listen` read."""

    def __init__(self, base: ActorSystemBase) -> None:
        self._base = base
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cell = base.run(_Receiver, base.node, self._inbox).cell

    # What ActorSystem.private() hands out

    def newPrimaryActor(self, *arguments: Any) -> Pid:
        return self._base.newPrimaryActor(*arguments)

    def tell(self, to: Any, message: Any) -> None:
        """Send a message; answers come to this mailbox."""
        self._base.post(self._send, self._base.address(to), message)

    def ask(self, to: Any, message: Any, timeout: Any = None) -> Any:
        """`tell`, then the next message from any actor; None when none came within `timeout`."""
        self.tell(to, message)
        return self.listen(timeout)

    def listen(self, timeout: Any = None) -> Any:
        """The next message from any actor; None when none came within `timeout` (seconds or a timedelta)."""
        if self._base.in_loop():
            raise RuntimeError("an actor cannot wait for a message: all actors would wait with it")
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                message = self._inbox.get(timeout=left)
            except queue.Empty:
                return None
            if message is _CLOSED:
                return None
            if not isInternalActorSystemMessage(message):
                return message

    def exit_context(self) -> None:
        """Give the mailbox up."""
        self._base.run(self._base.node.exit, self._cell.pid, "kill")
        self._base.forget(self)
        self.close()

    def close(self) -> None:
        """Let whoever waits here go."""
        self._inbox.put(_CLOSED)

    def _send(self, to: Any, message: Any) -> None:
        self._base.node.send(to, message, self._cell)


class ActorSystemBase:
    """What Thespian's ActorSystem calls. `system` is given when Thespian makes the base by name."""

    def __init__(
        self,
        system: ActorSystem | None = None,
        logDefs: Any = None,  # noqa: N803 - Thespian's name
        *,
        capabilities: dict[str, Any] | None = None,
        node: str = "thespian",
    ) -> None:
        if logDefs:
            logging.config.dictConfig(logDefs)
        self.node = Node(node)
        """The node; use it on its own loop only (`run`)."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name=f"actors of {node}", daemon=True)
        self._shutting_down = threading.Lock()
        self._open = True
        self._mailboxes: list[Mailbox] = []
        self._thread.start()
        _systems[self.node.name, self.node.incarnation] = self
        offered = system.capabilities if system is not None else {}
        self.run(self._begin, {**offered, **(capabilities or {})})
        if system is not None:
            system.capabilities = self.node.thespian.capabilities
            system.systemAddress = self.admin
        self._mailbox = self._new_mailbox()

    def _begin(self, capabilities: dict[str, Any]) -> None:
        self.node.elsewhere = _pass_on
        thespian = self.node.thespian
        thespian.retries = True
        thespian.on_shutdown = self._shutdown_from_within
        thespian.capabilities = {
            **capabilities,
            "Python Version": tuple(sys.version_info),
            "Thespian Generation": ThespianGeneration,
            "Thespian Version": str(self.node.incarnation),
            "Thespian ActorSystem Name": "mirliton",
            "Thespian ActorSystem Version": 1,
            "Thespian Watch Supported": True,
            "AllowRemoteActorSources": "No",
        }
        thespian.sources = ActorSources(self.node)
        self.admin = _Admin(self.node).cell.pid

    # The thread

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.node.attach(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def in_loop(self) -> bool:
        """Whether this is the node's own thread."""
        return threading.current_thread() is self._thread

    def post(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call it on the node's loop, without waiting. Calls from one thread keep their order."""
        if not self._open:
            raise RuntimeError("this actor system has been shut down")
        if self.in_loop():
            function(*args, **kwargs)
        else:
            self._loop.call_soon_threadsafe(lambda: function(*args, **kwargs))

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call it on the node's loop and wait for what it returns or raises."""
        if self.in_loop():
            return function(*args, **kwargs)
        outcome: concurrent.futures.Future[R] = concurrent.futures.Future()

        def call() -> None:
            try:
                outcome.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                outcome.set_exception(error)

        self.post(call)
        try:
            return outcome.result(REQUEST_TIMEOUT)
        except concurrent.futures.TimeoutError:
            if not outcome.done():
                raise ActorSystemRequestTimeout(
                    f"the actors' thread did not answer within {REQUEST_TIMEOUT:g} s: is a handler blocking it?"
                ) from None
            raise

    # What ActorSystem calls

    def newPrimaryActor(self, spec: Any, requirements: Any, global_name: str | None, source: str | None) -> Pid:
        """Make an actor that no actor is the parent of. Raises what keeps it from being made."""
        return self.run(self.node.thespian.create, spec, None, requirements, global_name, source)

    def tell(self, to: Any, message: Any) -> None:
        self._mailbox.tell(to, message)

    def ask(self, to: Any, message: Any, timeout: Any = None) -> Any:
        return self._mailbox.ask(to, message, timeout)

    def listen(self, timeout: Any = None) -> Any:
        return self._mailbox.listen(timeout)

    def external_clone(self) -> Mailbox:
        """A mailbox of its own, for another thread."""
        return self._new_mailbox()

    def updateCapability(self, name: str, value: Any = None) -> None:
        self.run(self.node.thespian.update_capability, name, value)

    def loadActorSource(self, file: Any) -> str:
        return self.run(self.node.thespian.with_sources().load, file)

    def unloadActorSource(self, source: str) -> None:
        self.run(self.node.thespian.with_sources().unload, source)

    def _handleDeadLetters(self, address: Any, enable: bool) -> None:
        self.run(self.node.thespian.handle_dead_letters, address, enable)

    def shutdown(self) -> None:
        """Ask all actors to exit, kill those that do not within ten seconds, and end the thread."""
        with self._shutting_down:
            if not self._open:
                return
            stopping = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
            try:
                stopping.result(SHUTDOWN_TIMEOUT * 3)
            finally:
                self._open = False
                _systems.pop((self.node.name, self.node.incarnation), None)
                for mailbox in self._mailboxes:
                    mailbox.close()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(SHUTDOWN_TIMEOUT)

    async def _stop(self) -> None:
        node = self.node
        ends_at = node.clock.now() + SHUTDOWN_TIMEOUT
        primary = [cell for cell in node.processes() if cell.parent == node.root and isinstance(cell.actor, Hosted)]
        for cell in reversed(primary):
            node.send(cell.pid, ActorExitRequest())
            left = max(0.0, ends_at - node.clock.now())
            try:
                await node.wait_exit(cell.pid, left)
            except TimeoutError:
                node.log.warning("killed_at_shutdown", pid=str(cell.pid), name=cell.label)
        node.thespian.with_sources().unload_all()
        await node.stop(max(0.1, ends_at - node.clock.now()))

    def _shutdown_from_within(self) -> None:
        # An actor asks for it: its own thread cannot wait for its own end.
        threading.Thread(target=self.shutdown, name="actor system shutdown", daemon=True).start()

    # Addresses

    def address(self, to: Any) -> Any:
        """Where a message really goes: Thespian's stock name of the system is our admin actor."""
        if getattr(to, "addressDetails", None) == "/ActorSys":
            return self.admin
        if to is None:
            raise InvalidActorAddress(to, "no address")
        return to

    def arrive(self, to: Pid, message: Any, sender: Pid | None) -> None:
        """A message from an actor of another system in this OS process."""
        cell = self.node.find(to)
        if cell is None:
            self.node.post.dead_letter(to, message)
        else:
            self.node.deliver(cell, message, sender)

    def forget(self, mailbox: Mailbox) -> None:
        """The mailbox is given up."""
        self._mailboxes.remove(mailbox)

    def _new_mailbox(self) -> Mailbox:
        mailbox = Mailbox(self)
        self._mailboxes.append(mailbox)
        return mailbox


class _Receiver(Endpoint):
    """The inner end of a Mailbox."""

    def __init__(self, node: Node, inbox: queue.SimpleQueue[Any]) -> None:
        super().__init__(node)
        self.inbox = inbox

    def receiveMessage(self, message: Any, sender: Any) -> None:
        self.inbox.put(message)


class _Admin(Endpoint):
    """Answers for the system."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Thespian_StatusReq):
            self.node.send(sender, self._status(), self.cell)

    def _status(self) -> Thespian_SystemStatus:
        node = self.node
        status = Thespian_SystemStatus(self.cell.pid, capabilities=dict(node.thespian.capabilities))
        for cell in node.processes():
            if cell.parent == node.root and not isinstance(cell.actor, Endpoint):
                status.addChild(cell.pid)
        for name in node.registry.names("global"):
            status.addGlobalActor(name.key, node.whereis(name))
        status.setDeadLetterHandler(node.thespian.dead_letter_handler)
        status.addReceived(node.messages_sent)
        return status

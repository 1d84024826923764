"""Plain Thespian actors as processes of a node: createActor, wakeupAfter, dead letters, capabilities.

By default they have Erlang's failures: an exception ends the actor, and its parent gets a ChildActorExited that carries
the reason (an ExitSignal). With `retries` they have Thespian's: the message is handled once more, and when that fails
too its sender gets a PoisonMessage and the actor lives on. A handler that is tried again repeats its side effects,
therefore it is not the default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from thespian.actors import (
    Actor,
    ActorExitRequest,
    ActorSystemMessage,
    DeadEnvelope,
    InvalidActorSpecification,
    NoCompatibleSystemForActor,
    WakeupMessage,
)
from thespian.system.utilis import actualActorClass

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.errors import NoProc
from mirliton.runtime.hosted import Hosted
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import LOCAL, Call, Cast, ExitSignal, Local
from mirliton.runtime.reasons import NORMAL, reason_of
from mirliton.runtime.timers import TimerRef

if TYPE_CHECKING:
    from mirliton.runtime.actor_sources import ActorSources
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class PlainActors:
    """What the node does for Thespian's own API."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._children: dict[Pid, dict[Pid, None]] = {}
        self._dead_letters: Address | None = None
        self.retries = False
        """Thespian's failures instead of Erlang's."""
        self.capabilities: dict[str, Any] = {}
        self.sources: ActorSources | None = None
        """What an actor system has loaded; a node alone loads nothing."""
        self.on_shutdown: Callable[[], None] | None = None
        """What an actor's actorSystemShutdown does, where a system stands around the node."""

    def in_codec(self, message: Any) -> bool:
        """Whether strict mode concerns the message: some never leave their node."""
        if isinstance(message, LOCAL) or (isinstance(message, Call | Cast) and isinstance(message.request, Local)):
            return False
        return not isinstance(message, ActorSystemMessage) or isinstance(message, ExitSignal)

    # Children

    def create(
        self, spec: Any, parent: Cell | None, requirements: Any, global_name: str | None, source: str | None
    ) -> Pid:
        """Thespian's createActor. `spec` is a class or the dotted name of one.

        An actor gets an address at once, and a ChildActorExited when its child did not come into being. Without a
        parent the error is raised.
        """
        name = Name("global", global_name) if global_name else None
        if name is not None and (holder := self._node.whereis(name)) is not None:
            return holder
        if parent is None:
            return self._make(spec, None, requirements, name, source)
        creator = parent.actor
        if isinstance(creator, Hosted):
            if creator.exiting:
                return self._node.unborn()
            source = source or creator.source
        try:
            child = self._make(spec, parent, requirements, name, source)
        except Exception as error:  # noqa: BLE001 - the parent hears of it
            child = self._node.unborn()
            self._node.deliver(parent, ExitSignal(child, reason_of(error)), child)
        else:
            self._children.setdefault(parent.pid, {})[child] = None
        return child

    def _make(self, spec: Any, parent: Cell | None, requirements: Any, name: Name | None, source: str | None) -> Pid:
        cls = self._class(spec, source)
        check = getattr(cls, "actorSystemCapabilityCheck", None)
        if check is not None and not check(self.capabilities, requirements or {}):
            raise NoCompatibleSystemForActor(cls, "No compatible ActorSystem could be found")
        if issubclass(cls, Process):
            process = self._node.create(cls, (), {}, name=name)
            if parent is not None:
                process.parent = parent.pid
            return process.pid
        hosted = Hosted(self._instance(cls, requirements, name), requirements, source)
        cell = hosted.cell = self._node.new_cell(hosted, parent, cls.__qualname__)
        hosted.actor._myRef = cell
        self._node.spawned[cls.__qualname__] += 1
        if name is not None:
            self._node.registry.register(name, cell)
        return cell.pid

    def _class(self, spec: Any, source: str | None) -> type[Actor]:
        loader = self.sources.loader(source) if source and self.sources is not None else None
        cls = actualActorClass(spec, loader)
        if not (isinstance(cls, type) and issubclass(cls, Actor)):
            raise InvalidActorSpecification(spec, "it is no Actor class")
        return cls

    def _instance(self, cls: type[Actor], requirements: Any, name: Name | None) -> Actor:
        if cls.__init__ is Actor.__init__:
            return cls()
        offered = {
            "capabilities": self.capabilities,
            "requirements": requirements,
            "globalName": name.key if name is not None else None,
        }
        wanted = inspect.signature(cls.__init__).parameters
        return cls(**{key: value for key, value in offered.items() if key in wanted})

    def children(self, parent: Pid) -> tuple[Pid, ...]:
        return tuple(self._children.get(parent, ()))

    def disown(self, parent: Pid) -> None:
        """Let the children of `parent` live when it ends."""
        self._children.pop(parent, None)

    def ended(self, cell: Cell) -> None:
        """A process is gone: tell the actor that created it, and end those it created."""
        if type(cell.actor) is Hosted:
            cell.actor.ended()
        if self._children:
            self._part(cell)
        if self._dead_letters is not None and self._dead_letters == cell.pid:
            self._dead_letters = None

    def _part(self, cell: Cell) -> None:
        for child in self._children.pop(cell.pid, ()):
            found = self._node.find(child)
            if found is not None:
                self._node.signals.die(found, NORMAL)
        siblings = self._children.get(cell.parent)
        if siblings is not None and siblings.pop(cell.pid, self) is not self:
            if not siblings:
                del self._children[cell.parent]
            keeper = self._node.find(cell.parent)
            if keeper is not None:
                self._node.deliver(keeper, ExitSignal(cell.pid, cell.reason), cell.pid)

    # What an actor asks of its system

    def wakeup(self, cell: Cell, period: Any, payload: Any) -> None:
        seconds = period.total_seconds() if isinstance(period, timedelta) else float(period)
        message = WakeupMessage(period, payload)
        TimerRef.arm(cell, seconds, lambda: self._node.deliver(cell, message, cell.pid), cell)

    def handle_dead_letters(self, address: Address, enable: bool) -> None:
        """The last one who asks for them gets them; who does not have them cannot give them up."""
        if enable:
            self._dead_letters = address
        elif self._dead_letters == address:
            self._dead_letters = None

    @property
    def dead_letter_handler(self) -> Address | None:
        return self._dead_letters

    def dead_letter(self, to: Address, message: Any) -> None:
        keeper = self._node.find(self._dead_letters) if self._dead_letters is not None else None
        if keeper is not None and not isinstance(message, DeadEnvelope | ExitSignal):
            self._node.deliver(keeper, DeadEnvelope(to, message), None)

    def update_capability(self, name: str, value: Any) -> None:
        """Set a capability, or remove it (None). Actors that cannot live with that are asked to exit."""
        if value is None:
            self.capabilities.pop(name, None)
        else:
            self.capabilities[name] = value
        for cell in self._node.processes():
            hosted = cell.actor
            check = getattr(hosted.actor, "actorSystemCapabilityCheck", None) if isinstance(hosted, Hosted) else None
            if check is not None and not check(self.capabilities, hosted.requirements or {}):
                self._node.send(cell.pid, ActorExitRequest())

    def with_sources(self) -> ActorSources:
        if self.sources is None:
            raise NoProc(self._node.name, "actor sources belong to an ActorSystem, and there is none")
        return self.sources

    def shutdown(self) -> None:
        if self.on_shutdown is not None:
            self.on_shutdown()
        else:
            self._node.loop.create_task(self._node.stop())

"""Plain Thespian actors as processes of a node: `receiveMessage(message, sender)`, createActor, wakeupAfter.

They follow Thespian's API with Erlang's failures: an exception ends the actor, and its parent gets a
ChildActorExited that carries the reason (an ExitSignal).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from thespian.actors import ActorExitRequest, ActorSystemMessage, DeadEnvelope, WakeupMessage

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.errors import NameTaken
from mirliton.runtime.protocol import LOCAL, ExitSignal
from mirliton.runtime.reasons import NORMAL, reason_of

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class PlainActors:
    """What the node does for Thespian's own API."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._children: dict[Pid, list[Pid]] = {}
        self._dead_letters: Address | None = None

    def in_codec(self, message: Any) -> bool:
        """Whether strict mode concerns the message: some never leave their node."""
        if isinstance(message, LOCAL):
            return False
        return not isinstance(message, ActorSystemMessage) or isinstance(message, ExitSignal)

    def create(self, cls: Any, parent: Cell | None, global_name: str | None) -> Pid:
        """Thespian's createActor: the address at once, a failing child as ChildActorExited."""
        cell = self._node.new_cell(cls(), parent)
        if global_name is not None:
            try:
                self._node.registry.register(Name("global", global_name), cell)
            except NameTaken as taken:
                self._node.signals.die(cell, NORMAL)
                return taken.holder  # type: ignore[return-value] # a Pid: names belong to processes
        self._node.spawned[cls.__qualname__] += 1
        if parent is not None:
            self._children.setdefault(parent.pid, []).append(cell.pid)
        return cell.pid

    def wakeup(self, cell: Cell, period: Any, payload: Any) -> None:
        seconds = period.total_seconds() if isinstance(period, timedelta) else float(period)
        message = WakeupMessage(period, payload)
        self._node.after(seconds, lambda _: self._node.deliver(cell, message, cell.pid))

    def failed(self, cell: Cell, error: BaseException) -> None:
        """An exception came out of receiveMessage."""
        if cell.last is not None and isinstance(cell.last[0], ActorExitRequest):
            self._node.signals.die(cell, NORMAL)
        else:
            self._node.signals.die(cell, reason_of(error))

    def ended(self, cell: Cell) -> None:
        """Tell the parent, and end the children, of an actor that was made by createActor."""
        for child in self._children.pop(cell.pid, ()):
            found = self._node.find(child)
            if found is not None:
                self._node.signals.die(found, NORMAL)
        parent = cell.parent
        if parent is not None and cell.pid in self._children.get(parent, ()):
            self._children[parent].remove(cell.pid)
            keeper = self._node.find(parent)
            if keeper is not None:
                self._node.deliver(keeper, ExitSignal(cell.pid, cell.reason), cell.pid)

    def handle_dead_letters(self, address: Address, enable: bool) -> None:
        self._dead_letters = address if enable else None

    def dead_letter(self, to: Address, message: Any) -> None:
        keeper = self._node.find(self._dead_letters) if self._dead_letters is not None else None
        if keeper is not None:
            self._node.deliver(keeper, DeadEnvelope(to, message), None)

    def update_capability(self, name: str, value: Any) -> None:
        raise NotImplementedError("capabilities belong to an ActorSystem")

    def shutdown(self) -> None:
        self._node.loop.create_task(self._node.stop())

"""One plain Thespian actor on our node: Thespian's own semantics around its `receiveMessage`.

An ActorExitRequest is answered by leaving: the children are asked first, and the actor goes when the last of them is
gone. What happens to an exception is the node's choice (plain_actors.py): let it crash, or Thespian's retry and poison.
"""

from __future__ import annotations

import traceback
from collections.abc import Coroutine
from datetime import timedelta
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from thespian.actors import (
    Actor,
    ActorExitRequest,
    ChildActorExited,
    PoisonMessage,
    Thespian_ActorStatus,
    Thespian_StatusReq,
    ThespianWatch,
    WatchMessage,
)
from thespian.system.timing import ExpirationTimer

from mirliton.runtime.dossier import state_of
from mirliton.runtime.errors import Exit
from mirliton.runtime.reasons import NORMAL, reason_of

if TYPE_CHECKING:
    from mirliton.runtime.addresses import Pid
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class Endpoint:
    """The node's end of something that is no actor (a mailbox outside, the actor system itself). Subclass it."""

    mailbox_limit = 0
    mailbox_overflow = "refuse"

    def __init__(self, node: Node) -> None:
        self.node = node
        self.cell = node.new_cell(self, None, type(self).__qualname__)

    def receiveMessage(self, message: Any, sender: Any) -> None:
        raise NotImplementedError

    def _runtime_failed(self, error: BaseException) -> None:
        if isinstance(error, Exit):
            self.node.signals.die(self.cell, error.reason)
        else:
            self.node.log.error("endpoint_failed", name=self.cell.kind, error=repr(error))


class Hosted:
    """Stands in the cell in the actor's place and hands it its messages."""

    __slots__ = ("actor", "cell", "exiting", "requirements", "source", "watched")

    mailbox_limit = 0
    mailbox_overflow = "refuse"

    def __init__(self, actor: Actor, requirements: Any, source: str | None) -> None:
        self.actor = actor
        self.cell: Cell
        self.exiting = False
        """Was told to exit, and waits for its children to be gone."""
        self.requirements = requirements
        self.source = source
        """Hash of the loaded source that its class came from; its children's classes come from there too."""
        self.watched: frozenset[int] = frozenset()

    @property
    def children(self) -> tuple[Pid, ...]:
        return self.cell.node.thespian.children(self.cell.pid)

    def state(self) -> dict[str, Any]:
        return state_of(self.actor)

    def set_state(self, state: dict[str, Any]) -> None:
        vars(self.actor).update(state)

    def _runtime_attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = vars(self.actor)
        return attributes

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        if isinstance(message, Thespian_StatusReq):
            self.cell.node.send(sender, self._status(), self.cell)
            return None
        if self.exiting and not isinstance(message, ActorExitRequest | ChildActorExited):
            self.cell.node.post.dead_letter(self.cell.pid, message)
            return None
        try:
            result = self.actor.receiveMessage(message, sender)
        except Exception as error:  # noqa: BLE001 - what it means is decided in one place
            if not self._may_retry(message):
                self._failed(error, message, sender)
                return None
            try:
                result = self.actor.receiveMessage(message, sender)
            except Exception as again:  # noqa: BLE001
                self._failed(again, message, sender)
                return None
        if type(result) is CoroutineType:
            return self._later(result, message, sender)
        self._done(message, result)
        return None

    async def _later(self, handler: Coroutine[Any, Any, Any], message: Any, sender: Any) -> None:
        try:
            result = await handler
        except Exception as error:  # noqa: BLE001 - not tried again: half of it may have happened
            self._failed(error, message, sender)
        else:
            self._done(message, result)

    def _may_retry(self, message: Any) -> bool:
        return self.cell.node.thespian.retries and self.cell.alive and not isinstance(message, ActorExitRequest)

    def _failed(self, error: Exception, message: Any, sender: Any) -> None:
        cell = self.cell
        if not cell.alive:
            return
        if isinstance(message, ActorExitRequest):
            self._done(message, None)
        elif not cell.node.thespian.retries:
            cell.node.signals.die(cell, reason_of(error))
        else:
            details = "".join(traceback.format_exception(error))
            cell.node.log.warning("message_poisoned", pid=str(cell.pid), name=cell.label, error=repr(error))
            if sender is not None and not isinstance(message, PoisonMessage):
                cell.node.send(sender, PoisonMessage(message, details), cell)
            self._done(message, None)

    def _done(self, message: Any, result: Any) -> None:
        """The actor has handled the message."""
        if not self.cell.alive:
            return
        if isinstance(message, ActorExitRequest):
            self.leave(message.isRecursive)
        elif self.exiting and not self.children:
            self.cell.node.signals.die(self.cell, NORMAL)
        elif isinstance(result, ThespianWatch):
            self._watch(frozenset(result.filenos))
        elif self.watched:
            self._watch(frozenset())

    def leave(self, recursive: bool) -> None:
        """Exit, after the children when `recursive`, else without them."""
        cell = self.cell
        if self.exiting:
            return
        self.exiting = True
        if not recursive:
            cell.node.thespian.disown(cell.pid)
        for child in self.children:
            cell.node.send(child, ActorExitRequest(), cell)
        if not self.children:
            cell.node.signals.die(cell, NORMAL)

    def _watch(self, files: frozenset[int]) -> None:
        loop = self.cell.node.loop
        for file in self.watched - files:
            loop.remove_reader(file)
        for file in files - self.watched:
            loop.add_reader(file, self._readable, file)
        self.watched = files

    def _readable(self, file: int) -> None:
        # One message per readiness: the actor asks again with its next answer.
        self._watch(self.watched - {file})
        self.cell.node.deliver(self.cell, WatchMessage([file]), self.cell.pid)

    def _runtime_failed(self, error: BaseException) -> None:
        """Something else than an Exception came out of a handler (sys.exit, say): this actor ends, and no other."""
        self.cell.node.signals.die(self.cell, reason_of(error))

    def ended(self) -> None:
        """The process is gone."""
        if self.watched:
            self._watch(frozenset())

    def _status(self) -> Thespian_ActorStatus:
        cell = self.cell
        status = Thespian_ActorStatus(
            cell.pid, cell.kind, cell.node.root, cell.parent, sourceHash=self.source, exiting=self.exiting or None
        )
        for child in self.children:
            status.addChild(child)
        for item in cell.all_mail():
            status.addReceivedMessage(item[1], cell.pid, item[0])
        status.addReceived(cell.handled)
        now = cell.node.clock.now()
        left = [timedelta(seconds=max(0.0, made.due - now)) for made in cell.timers or ()]
        status.addWakeups([(cell.pid, ExpirationTimer(period)) for period in left])
        return status

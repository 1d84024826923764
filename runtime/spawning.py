"""How a process comes into being on a node: made, linked, named, and put in the run queue with its `init` to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirliton.runtime import via
from mirliton.runtime.addresses import Name, Pid, ProcessName
from mirliton.runtime.errors import AlreadyStarted, StartError
from mirliton.runtime.protocol import Completed, Init, Ref
from mirliton.runtime.reasons import KILL, reason_of
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


def create(
    node: Node,
    cls: type,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    name: ProcessName | None = None,
    parent: Cell | None = None,
    link: bool = False,
    keep_mail: bool = False,
    starter: int = 0,
) -> Cell:
    """Make a process; its init is what it does first.

    Its parent is who started it with a link; otherwise it belongs to the node, which shuts it down at its own end.
    `starter` is the tag of the call that waits for its init. Raises AlreadyStarted, or StartError for a Via whose
    registry does not run.
    """
    cell = _make(node, cls, args, kwargs, name, parent, link, keep_mail, starter)
    node.scheduler.enqueue(cell)
    return cell


def _make(
    node: Node,
    cls: type,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    name: ProcessName | None,
    parent: Cell | None,
    link: bool,
    keep_mail: bool,
    starter: int,
) -> Cell:
    kind = cls.__qualname__
    if name is not None:
        holder = node.registry.find(name) if type(name) is Name else via.taken_by(node, name, kind)
        if holder is not None:
            raise AlreadyStarted(kind, holder.pid)
    actor = cls()
    cell = node.new_cell(actor, parent if link else None, kind)
    actor._myRef = cell
    cell.init = Init(args, kwargs)
    if starter:
        cell.starter = starter
    if keep_mail:
        cell.keep_mail = True
    if actor.mailbox_limit:
        cell.limit = actor.mailbox_limit
    if name is not None:
        node.registry.register(name, cell)
    if link and parent is not None:
        parent.join(cell)
    node.spawned[kind] += 1
    if node.strict:
        node.strictness.note_start(cell)
    return cell


class Start(Wait):
    """What came of `start_at_once`, once it is `done`: `value` and `error` are those of Completed."""

    __slots__ = ("_later", "child", "error", "tag", "value")

    cell: Cell

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell)
        self._later = False
        self.child: Cell
        self.value: Any = None
        self.error: Any = None
        self.tag: Ref

    def wait(self) -> None:
        """What comes of it arrives as a Completed(tag, value, error)."""
        self._later = True
        self.tag = self.cell.node.new_ref()

    def _settle(self, value: Any, error: BaseException | None) -> None:
        reason = error.reason if isinstance(error, StartError) else error and reason_of(error)
        if self._later:
            self.cell.node.deliver(self.cell, Completed(self.tag, value, reason), None)
        else:
            self.done = True
            self.value = value
            self.error = reason


def start_at_once(
    parent: Cell,
    cls: type,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    name: ProcessName | None,
    keep_mail: bool,
    timeout: float | None,
) -> Start:
    """Make a linked process and let it run its init now, if it can be done in the turn of `parent`.

    Saves the messages and the changes of process that are half of what a start costs. Raises as `create` does.
    """
    node = parent.node
    start = Start(parent)
    tag = node.calls.enter(cls, parent, start)
    try:
        start.child = child = _make(node, cls, args, kwargs, name, parent, True, keep_mail, tag)
    except BaseException:
        node.calls.forget(tag)
        raise
    if node.scheduler.may_begin(parent):
        node.scheduler.begin(child)
    else:
        node.scheduler.enqueue(child)
    if not start.done:
        start.wait()
        if timeout is not None:
            node.calls.deadline(tag, node.after(timeout, give_up, child))
    return start


async def begin(
    node: Node,
    cls: type,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    name: ProcessName | None = None,
    parent: Cell | None = None,
    link: bool = False,
    keep_mail: bool = False,
    timeout: float | None = None,
) -> Pid | None:
    """Make a process and wait until its init is done; None when it answered IGNORE. See Process.start_link."""
    sender, wait = node.calls.open(cls.__qualname__, parent)
    try:
        cell = create(node, cls, args, kwargs, name, parent, link, keep_mail, sender.tag)
        if timeout is not None:
            node.calls.deadline(sender.tag, node.after(timeout, give_up, cell))
        pid: Pid | None = await wait
        return pid
    finally:
        node.calls.forget(sender.tag)


def give_up(cell: Cell) -> None:
    """Its init took too long: unlink it from its starter, tell the starter, kill it."""
    node = cell.node
    starter, cell.starter = cell.starter, 0
    parent = node.find(cell.parent)
    if parent is not None:
        node.signals.unlink(parent, cell.pid)
    node.calls.fail(starter, StartError(cell.kind, "timeout"))
    node.signals.exit(cell, node.root, KILL)

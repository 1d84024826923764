"""How a process comes into being on a node: made, linked, named, and put in the run queue with its `init` to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mirliton.runtime import via
from mirliton.runtime.addresses import Name, Pid, ProcessName
from mirliton.runtime.calls import PendingCall
from mirliton.runtime.cell import Cell
from mirliton.runtime.errors import AlreadyStarted, StartError
from mirliton.runtime.protocol import Completed, Init, Ref
from mirliton.runtime.reasons import KILL, reason_of

if TYPE_CHECKING:
    from mirliton.runtime.node import Node


def new_cell(node: Node, actor: Any, parent: Cell | None, kind: str) -> Cell:
    """Give an actor object a place on a node; `kind` is the name of its class."""
    pid = Pid(node.name, node.incarnation, next(node.serials))
    cell = Cell(node, pid, actor, parent.pid if parent is not None else node.root, kind)
    cell.open_or_close()
    pid.cell = cell
    node.cells[pid.serial] = cell
    return cell


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
    cell.post.scheduler.enqueue(cell)
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
    actor._myRef = cell = new_cell(node, actor, parent if link else None, kind)
    cell.init = Init(args, kwargs)
    cell.starter = starter
    cell.keep_mail = keep_mail
    if actor.mailbox_limit:
        cell.bound(actor.mailbox_limit)
    if name is not None:
        node.registry.register(name, cell)
    if link and parent is not None:
        parent.join(cell)
    node.spawned[kind] += 1
    if cell.post.strict:
        node.strictness.note_start(cell)
    return cell


class Start(PendingCall):
    """What came of `start_at_once`, once it is `done`: `value` and `error` are those of Completed."""

    __slots__ = ("child", "error", "ref", "value")

    def __init__(self, parent: Cell, cls: type) -> None:
        super().__init__(parent, parent.post.scheduler, 0, cls)
        self.child: Cell
        self.value: Any = None
        self.error: Any = None
        self.ref: Ref | None = None
        """The tag of the Completed, where one will come."""

    def _settle(self, value: Any, error: BaseException | None) -> None:
        reason = error.reason if isinstance(error, StartError) else error and reason_of(error)
        if self.ref is not None:
            assert self.cell is not None
            self.cell.post.hand_over(self.cell, Completed(self.ref, value, reason), None)
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
    calls = parent.post.calls
    start = Start(parent, cls)
    tag = calls.enlist(start)
    try:
        start.child = child = _make(node, cls, args, kwargs, name, parent, True, keep_mail, tag)
    except BaseException:
        calls.forget(tag)
        raise
    scheduler = start.scheduler
    if scheduler.may_begin(parent):
        scheduler.begin(child)
    else:
        scheduler.enqueue(child)
    if not start.done:
        calls.note(start)
        start.ref = node.new_ref()
        if timeout is not None:
            calls.deadline(tag, node.after(timeout, give_up, child))
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

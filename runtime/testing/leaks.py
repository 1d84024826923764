"""What a node holds, and what a test left on it.

    async with virtual_node() as node:
        with no_leaks(node):
            call = await node.start(Call)
            node.exit(call, "shutdown")

raises AssertionError with a list of what is left, and whose it is:

    left on test@localhost:
      process CallTimer <test@localhost.1.7>, started by Call <test@localhost.1.5>
      timer in 30 s, of CallTimer <test@localhost.1.7>
      name call:17, held by CallTimer <test@localhost.1.7>

For a whole module no plugin is needed:

    @pytest.fixture(autouse=True)
    async def nothing_leaks(node):
        before = Snapshot.of(node)
        yield
        await node.idle()
        assert_no_leaks(before, Snapshot.of(node))
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mirliton.runtime.addresses import Name
from mirliton.runtime.cell import Cell
from mirliton.runtime.node import Node
from mirliton.runtime.testing.exploring import owner_of


@dataclass(frozen=True)
class Snapshot:
    """All that a node holds at one moment, as lines by what identifies them."""

    node: str
    held: Mapping[Any, str]

    @classmethod
    def of(cls, node: Node) -> Snapshot:
        """A look at a node that is at rest: what processes are at work on is held, too."""
        return cls(node.name, dict(_held(node)))

    def left(self, after: Snapshot) -> list[str]:
        """What `after` holds that this one did not."""
        return [line for key, line in after.held.items() if key not in self.held]


def assert_no_leaks(before: Snapshot, after: Snapshot) -> None:
    """Raise AssertionError with a list of what `after` holds and `before` did not."""
    left = before.left(after)
    assert not left, "\n  ".join([f"left on {after.node}:", *left])


@contextlib.contextmanager
def no_leaks(node: Node) -> Iterator[None]:
    """What is done in here leaves nothing on the node. Let it come to rest (`await node.idle()`) before the end."""
    before = Snapshot.of(node)
    yield
    assert_no_leaks(before, Snapshot.of(node))


def unsettled(node: Node) -> list[str]:
    """What no node at rest should hold, whoever lives on it: calls without an answer, waiting mail, and what belongs to
    nobody alive. For nodes whose processes come and go, where two snapshots have nothing to compare."""
    return list(unsettled_by_key(node).values())


def unsettled_by_key(node: Node) -> dict[Any, str]:
    """`unsettled`, by what identifies each line: on a busy node, what is held at every look is held for good. Mail of a
    process that has handled some meanwhile is another."""
    found: dict[Any, str] = {}
    for tag, call in node.calls.pending():
        found["call", tag] = f"call of {_who(call.cell)} to {call.target}, unanswered"
    for cell in node.processes():
        if len(cell):
            found["mail", cell.pid, cell.handled] = f"{len(cell)} messages waiting for {_who(cell)}"
    for timer in node.timers.pending():
        owner = owner_of(timer)
        if not (owner.alive if owner is not None else isinstance(timer.argument, Name)):
            found["timer", timer.order] = f"timer in {timer.due - node.clock.now():g} s, of nobody: {timer.callback}"
    for name, cell in node.registry.held():
        if not cell.alive:
            found["name", name] = f"name {name}, held by the dead {_who(cell)}"
    for cell in node.processes():
        for peer in cell.links or ():
            if not peer.alive:
                found["link", cell.pid, peer.pid] = f"link of {_who(cell)} to the dead {_who(peer)}"
    return found


def _held(node: Node) -> Iterator[tuple[Any, str]]:
    cells = list(node.processes())
    for cell in cells:
        parent = node.find(cell.parent)
        by = f"started by {_who(parent)}" if parent is not None else f"started by {_whose(node, cell)}"
        yield ("process", cell.pid), f"process {_who(cell)}, {by}"
    now = node.clock.now()
    for timer in node.timers.pending():
        owner = owner_of(timer)
        yield ("timer", timer.order), f"timer in {max(0.0, timer.due - now):g} s, of {_who(owner)}"
    for tag, call in node.calls.pending():
        yield ("call", tag), f"call of {_who(call.cell)} to {call.target}, unanswered"
    for name, cell in node.registry.held():
        yield ("name", name, cell.pid), f"name {name}, held by {_who(cell)}"
    for name, count in node.registry.parked().items():
        yield ("parked", name), f"reservation of {name} with {count} messages for a successor"
    for task in node.scheduler.tasks:
        yield ("task", id(task)), f"task {task.get_name()} of {_who(_runs(cells, task))}"
    for cell in cells:
        yield from _of(cell)


def _of(cell: Cell) -> Iterator[tuple[Any, str]]:
    """What one process holds."""
    who = _who(cell)
    for monitor in (cell.monitors or {}).values():
        yield ("monitor", monitor.ref), f"monitor of {_who(monitor.watched)}, by {who}"
    for peer in cell.links or ():
        if peer.pid.serial > cell.pid.serial:
            yield ("link", cell.pid, peer.pid), f"link between {who} and {_who(peer)}"
    for number, close in enumerate(cell.owned or ()):
        yield ("owned", cell.pid, number), f"resource {getattr(close, '__qualname__', close)!r}, owned by {who}"
    if len(cell):
        yield ("mail", cell.pid), f"{len(cell)} messages waiting for {who}"


def _runs(cells: list[Cell], task: Any) -> Cell | None:
    return next((cell for cell in cells if cell.task is task or task in (cell.beside or ())), None)


def _whose(node: Node, cell: Cell) -> str:
    return "the node" if cell.parent == node.root else str(cell.parent)


def _who(cell: Cell | None) -> str:
    return f"{cell.label} <{cell.pid}>" if cell is not None else "the node"

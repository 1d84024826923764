"""Whether a node is whole: every supervisor has all its children, and nothing of what has ended is left.

Both answer with a list of complaints, so that a failure says all that is wrong at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mirliton.actors.entity_server import PROCESSES
from mirliton.actors.switching import calls_name
from mirliton.runtime import Address, CallError, Name, Node, Pid
from mirliton.runtime.testing import unsettled
from mirliton.supervisors import ChildSpec, Supervisor, Tree, which_children
from mirliton.whapps.callflow.listener import EXECUTORS
from scene import SWITCH

PER_CALL = (calls_name(SWITCH), EXECUTORS)
"""Supervisors that must have no child when no call is up."""
STAYING = ("account", "agent", "conference", "ledger", "queue")
"""Kinds of actors that stay for a while when no call is up."""


async def missing_children(node: Node, tree: Tree, address: Address | None = None) -> list[str]:
    """What `which_children` says against the tree as it is written, from the root down."""
    where = str(tree.name or address)
    try:
        listed = {child.id: child for child in await which_children(node, address or _named(tree), timeout=5.0)}
    except CallError as error:
        return [f"{where} does not answer: {error}"]
    if tree.strategy == "simple_one_for_one":
        return []
    if tree.name == PROCESSES:
        return [] if listed else [f"{where} has no entities"]
    complaints = [f"{where} has no child {spec.id!r}" for spec in tree.children if spec.id not in listed]
    complaints += [f"{where} has a child {id!r} too many" for id in listed.keys() - {spec.id for spec in tree.children}]
    for spec in tree.children:
        child = listed[spec.id].child if spec.id in listed else None
        if not isinstance(child, Pid) or node.find(child) is None:
            complaints.append(f"{where}: {spec.id!r} is {child!r}, not a living process")
        elif spec.name is not None and node.whereis(spec.name) != child:
            complaints.append(f"{where}: {spec.id!r} does not hold {spec.name}")
        elif (below := _tree_of(spec)) is not None:
            complaints += await missing_children(node, below, child)
    return complaints


@dataclass(frozen=True)
class Footprint:
    """What a quiet node holds."""

    processes: Counter[str]
    tasks: int

    @classmethod
    def of(cls, node: Node) -> Footprint:
        return cls(Counter(_kinds(node)), len(node.scheduler.tasks))


def left_over(node: Node, before: Footprint) -> list[str]:
    """What a node holds that it should not when no call is up. The actors of accounts, queues and agents may stay."""
    complaints = []
    now = Footprint.of(node)
    for kind in sorted(before.processes.keys() | now.processes.keys()):
        if now.processes[kind] != before.processes[kind]:
            complaints.append(f"{now.processes[kind]} processes {kind}, there were {before.processes[kind]}")
    if now.tasks != before.tasks:
        complaints.append(f"{now.tasks} tasks, there were {before.tasks}")
    # One that died with its supervisor is started again when a call needs it; until then its mail waits.
    parked = {name: count for name, count in node.registry.parked().items() if name.kind not in STAYING}
    if waiting := {str(name): count for name, count in parked.items() if count}:
        complaints.append(f"mail waits for nobody: {waiting}")
    return complaints + [each for each in unsettled(node) if not _is_of_entities(each)]


def _is_of_entities(complaint: str) -> bool:
    """A node's part in the entities looks at its clock and at its broker as long as it is open."""
    return complaint.startswith("timer") and ("Entities._tick" in complaint or "MemoryShards." in complaint)


def _kinds(node: Node) -> Iterator[str]:
    for cell in node.processes():
        name = cell.names[0] if cell.names else None
        if name is None and type(cell.actor) is Supervisor and _supervises_staying(cell.actor.tree):
            continue
        if name is not None and name.kind in STAYING:
            continue
        yield str(name) if name is not None else type(cell.actor).__qualname__


def _supervises_staying(tree: Tree) -> bool:
    return any(spec.name is not None and spec.name.kind in STAYING for spec in tree.children)


def _tree_of(spec: ChildSpec) -> Tree | None:
    arguments = spec.start.args if spec.start is not None else None
    return arguments[0] if arguments and isinstance(arguments[0], Tree) else None


def _named(tree: Tree) -> Name:
    if tree.name is None:
        raise ValueError("a tree is looked at by its name, and this one has none")
    return tree.name

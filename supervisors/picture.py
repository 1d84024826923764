"""A supervision tree as it stands now: every process below a supervisor, asked for level by level."""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime import Address, CallError, Name, Node, message
from mirliton.runtime.introspect import status
from mirliton.supervisors.client import Asker, which_children

ASK_TIMEOUT: Final = 5.0
MAX_DEPTH: Final = 32


@message("supervisor.branch")
class Branch:
    """One process and what it supervises, in start order. `pid` is empty for a child without a process."""

    label: str
    child_id: str
    class_name: str
    pid: str
    state: str
    mailbox: int
    handled: int
    type: str
    children: tuple[Any, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.label,
            "id": self.child_id,
            "class": self.class_name,
            "pid": self.pid,
            "state": self.state,
            "mailbox": self.mailbox,
            "handled": self.handled,
            "type": self.type,
            "children": [child.as_dict() for child in self.children],
        }


async def picture(asker: Asker, root: Address) -> Branch:
    """The tree below `root` on the asker's node. A part that cannot be asked is shown with what is known of it.

    Raises NoProc when `root` is not there.
    """
    node = asker if isinstance(asker, Node) else asker.node
    return await _branch(asker, node, root, "root", "supervisor", 0)


async def _branch(asker: Asker, node: Node, address: Address, child_id: str, kind: str, depth: int) -> Branch:
    cell = node.find(address)
    if cell is None:
        return Branch(str(address), child_id, "", "", "gone", 0, 0, kind)
    seen = status(cell)
    label = _label(cell.names, child_id)
    children: list[Branch] = []
    if kind == "supervisor" and depth < MAX_DEPTH:
        try:
            listed = await which_children(asker, address, timeout=ASK_TIMEOUT)
        except CallError as error:
            return Branch(
                label, child_id, seen.class_name, seen.pid, str(error), seen.mailbox_length, seen.handled, kind
            )
        for child in reversed(listed):
            name = "" if child.id is None else str(child.id)
            if child.child is None or child.child == "restarting":
                state = "restarting" if child.child else "not running"
                children.append(Branch(name, name, "", "", state, 0, 0, child.type))
            else:
                children.append(await _branch(asker, node, child.child, name, child.type, depth + 1))
    return Branch(
        label,
        child_id,
        seen.class_name,
        seen.pid,
        seen.status,
        seen.mailbox_length,
        seen.handled,
        kind,
        tuple(children),
    )


def _label(names: list[Name] | None, child_id: str) -> str:
    return str(names[0]) if names else child_id

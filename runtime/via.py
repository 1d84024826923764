"""How a Via leads to a process: a directory on this node is asked (OTP: the module of a `via` name).

A directory is a living process whose class has the methods of `Directory`. They are called directly, not by a message,
so that looking a name up costs no turn of the directory and works inside a plain send; they must not wait.
KeyRegistry is one that gives names out, the supervisors' PartitionSupervisor one that only leads to processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from mirliton.runtime.addresses import Pid, Via
from mirliton.runtime.errors import NameNotRegistered, NoProc, StartError

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node


class Directory(Protocol):
    """What a process needs so that a Via may lead through it."""

    directory_open: bool
    """False until it can be asked: a process has its name before its init has run."""

    def whereis_name(self, key: Any) -> Pid | None:
        """Who is under `key` now."""


class NameGiver(Directory, Protocol):
    """A directory in which processes can be registered."""

    def register_name(self, key: Any, pid: Pid) -> None:
        """Enter a process under `key`. Raises NameTaken."""

    def unregister_name(self, key: Any, pid: Pid) -> bool:
        """Take the entry of `pid` out; whether there was one."""


def holder(node: Node, via: Via) -> Cell | None:
    """The living process that `via` leads to."""
    directory: Directory | None = _at(node, via, "whereis_name")
    pid = directory.whereis_name(via.key) if directory is not None else None
    return node.find(pid) if pid is not None else None


def taken_by(node: Node, via: Via, what: str) -> Cell | None:
    """Who holds the name that a new process, a `what`, asks for.

    Raises StartError when the name cannot be given out, since its registry does not run.
    """
    if _at(node, via, "register_name") is None:
        raise StartError(what, ("no_registry", via.registry))
    return holder(node, via)


def register(node: Node, via: Via, cell: Cell) -> None:
    """Register a process. Raises NameTaken, or NoProc when the registry does not run."""
    giver: NameGiver | None = _at(node, via, "register_name")
    if giver is None:
        raise _no_registry(via)
    giver.register_name(via.key, cell.pid)


def unregister(node: Node, via: Via, cell: Cell) -> None:
    """Take a registration back. Raises NameNotRegistered."""
    giver: NameGiver | None = _at(node, via, "unregister_name")
    if giver is None or not giver.unregister_name(via.key, cell.pid):
        raise NameNotRegistered(via)


def nobody(node: Node, via: Via) -> NoProc:
    """Why `via` leads to nobody."""
    return NoProc(via) if _at(node, via, "whereis_name") is not None else _no_registry(via)


def _no_registry(via: Via) -> NoProc:
    return NoProc(via, f"there is no registry at {via.registry}")


def _at(node: Node, via: Via, method: str) -> Any:
    cell = node.find(via.registry)
    if cell is None or not getattr(cell.actor, "directory_open", False) or not hasattr(cell.actor, method):
        return None
    return cell.actor

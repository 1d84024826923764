"""Local names: one name belongs to at most one process, and is free as soon as that process is gone.

A process that keeps its mail (`keep_mail` in its child spec) leaves a reservation behind when it dies: mail sent to its
Name is parked, within a bound, until the successor registers or the supervisor gives the name up with `release`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

from mirliton.runtime import via
from mirliton.runtime.addresses import Name, Pid, ProcessName, Via
from mirliton.runtime.errors import NameNotRegistered, NameTaken, NoProc
from mirliton.runtime.protocol import Call

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node
    from mirliton.runtime.timers import Timer

PARKED_LIMIT: Final = 10_000
"""Messages kept for one name while nobody holds it; beyond it the oldest are dropped and counted."""
PARKED_FOR: Final = 30.0
"""Seconds a name stays reserved: its supervisor may have been killed as well, and then nobody gives it up."""


class Follower(Protocol):
    """Who wants to know of each name that is taken or given back here; not of those that end with their process."""

    def registered(self, name: Name, cell: Cell) -> None:
        """A process has taken a name."""

    def unregistered(self, name: Name) -> None:
        """It has given it back."""


class Registry:
    """Who holds which name on this node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._calls = node.calls
        self._cells: dict[Name, Cell] = {}
        self.aliases: dict[Cell, set[Name]] = {}
        """By process: what `alias` gave it."""
        self._parked: dict[Name, deque[Item]] = {}
        self._expiries: dict[Name, Timer] = {}
        self.parked_dropped = 0
        self.directory: Follower | None = None
        """Tells other nodes (see distribution/directory.py)."""

    def __len__(self) -> int:
        return len(self._cells)

    def find(self, name: Name) -> Cell | None:
        return self._cells.get(name)

    def whereis(self, name: Name) -> Pid | None:
        """The process that holds `name` now."""
        cell = self._cells.get(name)
        return cell.pid if cell is not None else None

    def names(self, kind: str | None = None) -> list[Name]:
        """All registered names, or those of one kind. Aliases are none."""
        return [name for name in self._cells if (name.kind == kind if kind else name.kind != "alias")]

    def held(self) -> list[tuple[Name, Cell]]:
        """All names, aliases too, and who holds them."""
        return list(self._cells.items())

    def register(self, name: ProcessName, cell: Cell) -> None:
        """Give `name` to a live process; mail parked for the name becomes its first mail.

        A Via is left to its own registry. Raises NameTaken, or NoProc when the process has ended.
        """
        if type(name) is Via:
            via.register(self._node, name, cell)
            return
        assert type(name) is Name
        holder = self._cells.get(name)
        if holder is not None:
            raise NameTaken(name, holder.pid)
        if not cell.alive:
            raise NoProc(cell.pid)
        self._cells[name] = cell
        cell.names = [*(cell.names or ()), name]
        if self.directory is not None:
            self.directory.registered(name, cell)
        parked = self._unpark(name)
        # A kept call whose caller has gone or timed out is dropped.
        mail = [item for item in parked if type(item[0]) is not Call or self._calls.bind(item[0].sender.tag, cell)]
        if mail and cell.limit:
            mail = self._node.overflow.fit(cell, mail)
        if mail:
            cell.mail().extend(mail)
            cell.node.scheduler.enqueue(cell)

    def unregister(self, name: ProcessName, cell: Cell | None = None) -> None:
        """Free `name`. Raises NameNotRegistered (also when `cell` is given and is not the holder)."""
        if type(name) is Via:
            assert cell is not None
            via.unregister(self._node, name, cell)
            return
        assert type(name) is Name
        holder = self._cells.get(name)
        if holder is None or (cell is not None and holder is not cell):
            raise NameNotRegistered(name)
        del self._cells[name]
        assert holder.names is not None
        holder.names.remove(name)
        if self.directory is not None:
            self.directory.unregistered(name)

    def alias(self, cell: Cell) -> Name:
        """A new name that leads to this process until `unalias`, or its end. It can be no other's, ever."""
        name = Name("alias", f"{cell.pid}/{self._node.new_ref().serial}")
        self._cells[name] = cell
        self.aliases.setdefault(cell, set()).add(name)
        return name

    def unalias(self, name: Name, cell: Cell) -> bool:
        """End an alias of this process; whether it was one."""
        mine = self.aliases.get(cell, set())
        if name not in mine:
            return False
        del self._cells[name]
        mine.remove(name)
        if not mine:
            del self.aliases[cell]
        return True

    def reserve(self, name: Name, mail: list[Item]) -> None:
        """Keep `mail`, and what comes for `name`, for its next holder."""
        self._parked[name] = deque(mail, maxlen=PARKED_LIMIT)
        self._expiries[name] = self._node.after(PARKED_FOR, self._expire, name)

    def park(self, name: Name, item: Item) -> bool:
        """Keep one message for the next holder of a reserved name. False when the name is not reserved."""
        parked = self._parked.get(name)
        if parked is None:
            return False
        if len(parked) == PARKED_LIMIT:
            self.parked_dropped += 1
            self._lose(parked[0])
        parked.append(item)
        return True

    def change_parked(self, change: Callable[[Iterable[Item]], Iterable[Item]]) -> None:
        """Put what `change` makes of it in the place of all parked mail (a hot upgrade does)."""
        for name, mail in self._parked.items():
            self._parked[name] = deque(change(mail), maxlen=PARKED_LIMIT)

    def reserved(self, name: Name) -> bool:
        return name in self._parked

    def parked(self) -> dict[Name, int]:
        """How much mail waits for which name."""
        return {name: len(mail) for name, mail in self._parked.items()}

    def release(self, name: Name) -> int:
        """Give a reservation up: calls among the parked mail fail with NoProc. How much mail nobody will read."""
        mail = self._unpark(name)
        for item in mail:
            self._lose(item)
        return len(mail)

    def _expire(self, name: Name) -> None:
        self.release(name)

    def _unpark(self, name: Name) -> deque[Item]:
        timer = self._expiries.pop(name, None)
        if timer is not None:
            self._node.timers.cancel(timer)
        return self._parked.pop(name, deque())

    def _lose(self, item: Item) -> None:
        if type(item[0]) is Call:
            self._calls.fail_with(item[0].sender.tag, NoProc)

    def forget(self, cell: Cell) -> None:
        """The process is gone: free its names."""
        for name in cell.names or ():
            if self._cells.get(name) is cell:
                del self._cells[name]
        if self.aliases:
            for name in self.aliases.pop(cell, ()):
                del self._cells[name]

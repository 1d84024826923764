"""Links between processes of two nodes.

Both nodes keep their end. Each making of a link has a number, and an unlink names the numbers it ends: a link that is
made while the other side unlinks the one before it stays (Erlang acknowledges unlinks to that purpose).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Pid
from mirliton.runtime.cell import Cell
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.distribution.far import FarCell
from mirliton.runtime.reasons import NOCONNECTION, NOPROC

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection


class FarEnd(FarCell):
    """A process of the other node, with the processes of this one that are linked to it and the numbers of the links.

    The runtime lets go of a link by `drop_link`, at the end of its process and at an unlink: each tells the other node.
    """

    __slots__ = ("linked",)

    def __init__(self, connection: Connection, pid: Pid) -> None:
        super().__init__(connection, connection.node, pid)
        self.linked: dict[Cell, set[int]] = {}

    def drop_link(self, peer: Cell) -> None:
        numbers = self.linked.pop(peer, None)
        if numbers is not None:
            self.connection.links.dropped(self, peer, numbers)


class Links:
    """The links of one session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ends: dict[int, FarEnd] = {}

    def __len__(self) -> int:
        return sum(len(end.linked) for end in self._ends.values())

    def link(self, cell: Cell, to: Pid) -> None:
        """`cell` wants to be linked to a process there; if that has ended, its exit comes as `noproc`."""
        if to.serial in self._ends and cell in self._ends[to.serial].linked:
            return
        number = self._connection.distribution.new_number()
        self.enter(cell, to.serial, number)
        self._connection.tell(Op.LINK, cell.pid.serial, to.serial, number)

    def unlink(self, cell: Cell, to: Pid) -> None:
        end = self._ends.get(to.serial)
        if end is not None and cell in end.linked:
            cell.drop_link(end)
            end.drop_link(cell)

    def enter(self, cell: Cell, serial: int, number: int) -> None:
        """Keep this side's end of a link."""
        end = self._ends.get(serial)
        if end is None:
            end = self._ends[serial] = FarEnd(self._connection, self._connection.pid(serial))
        if cell in end.linked:
            end.linked[cell].add(number)
        else:
            end.linked[cell] = {number}
            cell._add_link(end)

    def dropped(self, end: FarEnd, cell: Cell, numbers: set[int]) -> None:
        """This side's end is gone: the process ended, or unlinked."""
        self._forget(end)
        here, there = cell.pid.serial, end.pid.serial
        if cell.alive:
            self._connection.tell(Op.UNLINK, here, there, sorted(numbers))
        else:
            self._connection.tell(Op.LINK_EXIT, here, there, self._connection.travelling(cell.reason))

    def _forget(self, end: FarEnd) -> None:
        if not end.linked:
            self._ends.pop(end.pid.serial, None)

    # What the other node says

    def linked(self, there: int, here: int, number: int) -> None:
        cell = self._connection.node.at(here)
        if cell is None:
            self._connection.tell(Op.LINK_EXIT, here, there, self._connection.travelling(NOPROC))
        else:
            self.enter(cell, there, number)

    def unlinked(self, there: int, here: int, numbers: list[Any]) -> None:
        end, cell = self._ends.get(there), self._connection.node.at(here)
        if end is None or cell is None or cell not in end.linked:
            return
        end.linked[cell] -= set(numbers)
        if not end.linked[cell]:
            self._cut(end, cell)

    def exited(self, there: int, here: int, reason: bytes) -> None:
        end, cell = self._ends.get(there), self._connection.node.at(here)
        if end is not None and cell is not None and cell in end.linked:
            self._cut(end, cell)
            cell.node.signals.exit(cell, end.pid, self._connection.arrived(reason), by_link=True)

    def _cut(self, end: FarEnd, cell: Cell) -> None:
        del end.linked[cell]
        cell.drop_link(end)
        self._forget(end)

    def lost(self) -> None:
        """The session is over: all of them fire."""
        ends, self._ends = self._ends, {}
        for end in ends.values():
            linked, end.linked = end.linked, {}
            for cell in linked:
                cell.drop_link(end)
                cell.node.signals.exit(cell, end.pid, NOCONNECTION, by_link=True)

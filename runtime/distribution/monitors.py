"""Monitors between processes of two nodes: the watcher's node keeps one half, that of the watched process the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Address, Name
from mirliton.runtime.cell import Cell, Monitor, Told
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.distribution.far import FarCell
from mirliton.runtime.protocol import Down, Ref
from mirliton.runtime.reasons import NOCONNECTION, NOPROC

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection


class FarMonitor(Monitor):
    """A process of this node watches one of another."""

    __slots__ = ("_monitors",)

    def __init__(
        self, monitors: Monitors, ref: Ref, watched: Cell, target: Address, watcher: Cell | None, future: Told | None
    ) -> None:
        super().__init__(ref, watched, target, watcher, future)
        self._monitors = monitors

    def drop(self) -> None:
        self._monitors.dropped(self)


class FarWatcher:
    """Who on another node is told the exit reason of a process of this one."""

    __slots__ = ("_monitors", "_ref")

    def __init__(self, monitors: Monitors, ref: int) -> None:
        self._monitors = monitors
        self._ref = ref

    def done(self) -> bool:
        return False

    def set_result(self, reason: Any, /) -> None:
        self._monitors.tell(self._ref, reason)


class Monitors:
    """The monitors of one session: `_mine` are of processes there, `_theirs` of processes here."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mine: dict[int, FarMonitor] = {}
        self._theirs: dict[int, Monitor] = {}
        self._watched = FarCell(connection, connection.node, connection.pid(0))

    def __len__(self) -> int:
        return len(self._mine) + len(self._theirs)

    # This side watches

    def enter(self, ref: Ref, target: Address, cell: Cell | None, future: Told | None = None) -> FarMonitor:
        """Keep this side's half of a monitor."""
        monitor = self._mine[ref.serial] = FarMonitor(self, ref, self._watched, target, cell, future)
        if cell is not None:
            if cell.monitors is None:
                cell.monitors = {}
            cell.monitors[ref.serial] = monitor
        return monitor

    def monitor(self, ref: Ref, target: Address, cell: Cell | None, future: Told | None = None) -> FarMonitor:
        """Watch a process there; one that is not there gives its Down as well."""
        monitor = self.enter(ref, target, cell, future)
        self._connection.tell(Op.MONITOR, ref.serial, self._connection.target(target))
        return monitor

    def dropped(self, monitor: FarMonitor) -> None:
        """The watcher ended, or wants to know no more."""
        if self._mine.pop(monitor.ref.serial, None) is not None:
            self._connection.tell(Op.DEMONITOR, monitor.ref.serial)

    def down(self, serial: int, reason: bytes) -> None:
        """The other node says that the watched process has ended."""
        monitor = self._mine.pop(serial, None)
        if monitor is not None:
            fire(monitor, self._connection.arrived(reason))

    # The other side watches

    def watched(self, serial: int, target: int | Name) -> None:
        cell = self._connection.find(target)
        if cell is None:
            self._connection.tell(Op.DOWN, serial, self._connection.travelling(NOPROC))
        else:
            self.watch(serial, cell)

    def watch(self, serial: int, cell: Cell) -> None:
        """Let the other node know of the end of this process."""
        ref = self._connection.node.new_ref()
        monitor = self._theirs[serial] = Monitor(ref, cell, cell.pid, future=FarWatcher(self, serial))
        if cell.monitored_by is None:
            cell.monitored_by = {}
        cell.monitored_by[ref.serial] = monitor

    def demonitored(self, serial: int) -> None:
        monitor = self._theirs.pop(serial, None)
        if monitor is not None:
            monitor.drop()

    def tell(self, serial: int, reason: Any) -> None:
        if self._theirs.pop(serial, None) is not None:
            self._connection.tell(Op.DOWN, serial, self._connection.travelling(reason))

    def lost(self) -> None:
        """The session is over: what this side watches is out of reach, and nobody there asks any more."""
        theirs, self._theirs = self._theirs, {}
        for watched in theirs.values():
            watched.drop()
        mine, self._mine = self._mine, {}
        for monitor in mine.values():
            fire(monitor, NOCONNECTION)


def fire(monitor: Monitor, reason: Any) -> None:
    """Tell the watcher the end of what it watches."""
    cell = monitor.watcher
    if cell is not None:
        if cell.monitors is not None:
            cell.monitors.pop(monitor.ref.serial, None)
        cell.node.deliver(cell, Down(monitor.ref, monitor.target, reason), None)
    elif monitor.future is not None and not monitor.future.done():
        monitor.future.set_result(reason)

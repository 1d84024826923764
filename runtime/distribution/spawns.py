"""Processes started on another node: linked and monitored there before they run, here as soon as their Pid is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mirliton.runtime import spawning
from mirliton.runtime.addresses import Name
from mirliton.runtime.cell import Cell
from mirliton.runtime.codec import encode
from mirliton.runtime.distribution.calls import UNREAD
from mirliton.runtime.distribution.envelopes import Op
from mirliton.runtime.errors import StartError
from mirliton.runtime.protocol import Ref
from mirliton.runtime.reasons import NOPROC, reason_of

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection


class Wanted:
    """What the starter of a process that has no Pid yet wants to have of it."""

    __slots__ = ("cell", "link", "ref")

    def __init__(self, cell: Cell | None, link: int, ref: Ref | None) -> None:
        self.cell = cell
        self.link = link
        self.ref = ref


class Spawns:
    """The starts of one session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wanted: dict[int, Wanted] = {}

    def spawn(
        self,
        tag: int,
        cls: type,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: Name | None,
        by: Cell | None,
        link: bool,
        ref: Ref | None,
    ) -> None:
        """Ask for a process; the call `tag` ends when its init has. Raises OutboxFull or a CodecError."""
        number = self._connection.distribution.new_number() if link else 0
        starter = by.pid.serial if by is not None else 0
        monitor = ref.serial if ref is not None else 0
        what = encode([cls, args, kwargs])
        self._connection.tell(Op.SPAWN, tag, what, name, starter, number, monitor, signal=False)
        self._connection.calls.expect(tag)
        if number or ref is not None:
            self._wanted[tag] = Wanted(by, number, ref)

    def spawned(self, tag: int, serial: int) -> None:
        """It is there, and its init runs."""
        wanted = self._wanted.pop(tag, None)
        if wanted is None:
            return
        connection, cell = self._connection, wanted.cell
        if cell is None or not cell.alive:
            if cell is not None and wanted.link:
                connection.tell(Op.LINK_EXIT, cell.pid.serial, serial, connection.travelling(NOPROC))
            if wanted.ref is not None:
                connection.tell(Op.DEMONITOR, wanted.ref.serial)
            return
        if wanted.link:
            connection.links.enter(cell, serial, wanted.link)
        if wanted.ref is not None:
            connection.monitors.enter(wanted.ref, connection.pid(serial), cell)

    def wanted(self, tag: int, what: bytes, name: Name | None, starter: int, link: int, monitor: int) -> None:
        """The other node wants a process here."""
        connection = self._connection
        node = connection.node
        told = connection.calls.read(tag, what)
        if told is UNREAD:
            return
        cls, args, kwargs = told
        if not connection.calls.adopt(tag, cls.__qualname__):
            return
        try:
            cell = spawning.create(node, cls, args, kwargs, name, starter=tag)
        except StartError as error:
            node.calls.fail(tag, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever the class raises is told to who asked
            node.calls.fail(tag, StartError(cls.__qualname__, reason_of(error)))
            return
        connection.tell(Op.SPAWNED, tag, cell.pid.serial)
        if link:
            cell.parent = connection.pid(starter)
            connection.links.enter(cell, starter, link)
        if monitor:
            connection.monitors.watch(monitor, cell)

    def lost(self) -> None:
        """The session is over. Whose start it cut short is told by its call, and by nothing else."""
        self._wanted.clear()

"""How the rest of the runtime sees a process of another node: as a cell that never lives here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.runtime.addresses import Pid
from mirliton.runtime.cell import Cell

if TYPE_CHECKING:
    from mirliton.runtime.distribution.connection import Connection
    from mirliton.runtime.node import Node


class FarCell(Cell):
    """The other end of a link, or who serves a call. Not alive, so no signal of this node acts on it."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection, node: Node, pid: Pid) -> None:
        super().__init__(node, pid, None, pid, f"a process of {pid.node}")
        self.alive = False
        self.connection = connection

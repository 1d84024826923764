"""What of a Pid the way of a message reads: apart from addresses.py, since what subclasses Thespian's classes cannot be
compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


@mypyc_attr(allow_interpreted_subclasses=True)
class Place:
    """Which process of which node; see Pid."""

    __slots__ = ("cell", "incarnation", "node", "serial")

    def __init__(self, node: str, incarnation: int, serial: int) -> None:
        self.node = node
        self.incarnation = incarnation
        self.serial = serial
        self.cell: Cell | None = None
        """The living process, on its own node only: saves a look-up per message; cut at death."""

    def __hash__(self) -> int:
        return self.serial

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Place)
            and self.serial == other.serial
            and self.incarnation == other.incarnation
            and self.node == other.node
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

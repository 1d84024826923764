"""Strict mode: what keeps a program that passes its tests on one node working on several.

On a node messages travel by reference, between nodes through the codec. A strict node (`Node(strict=True)`; every
`virtual_node`) holds local messages, replies, timers' messages and exit reasons to both: each must survive the codec
with every value and type as it was, and must not be changed by anybody once it is on its way. What is changed is found
when the receiver takes it, when a thousand later ones have been sent, or at the end of the node.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.codec import decode, encode, same
from mirliton.runtime.errors import CodecError, StrictModeViolation
from mirliton.runtime.messages import type_of
from mirliton.runtime.protocol import Init

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

WATCHED: Final = 1_000
"""Values that could still be changed, and are looked at again."""


class Strictness:
    """What one strict node has seen pass. Its findings stand in `node.strict_violations`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._sent: deque[tuple[Any, bytes]] = deque()

    def check(self, value: Any) -> bytes:
        """The frame of a value that must come out of the codec as it went in.

        Raises NotSerialisable or StrictModeViolation, which is noted as well.
        """
        try:
            frame = encode(value)
            copy = decode(frame)
            if not same(value, copy):
                raise StrictModeViolation(value, copy)
        except CodecError as violation:
            self._node.strict_violations.append(violation)
            raise
        if can_change(value):
            self._sent.append((value, frame))
            if len(self._sent) > WATCHED:
                self._look(*self._sent.popleft())
        return frame

    def note_start(self, cell: Cell) -> None:
        """The arguments of a new process must not change before its init has them. They need not be able to travel."""
        arguments = _arguments(cell.init or cell.mail()[0][0])
        try:
            frame = encode(arguments)
        except CodecError:
            return
        if can_change(arguments):
            mail = cell.mail()
            mail[0] = (mail[0][0], None, frame)

    def verify(self, value: Any, frame: bytes) -> None:
        """Raise StrictModeViolation when the value is no longer what was sent."""
        if type(value) is Init:
            value = _arguments(value)
        violation = self._changed(value, frame)
        if violation is not None:
            self._sent = deque(entry for entry in self._sent if entry[0] is not value)
            self._node.strict_violations.append(violation)
            raise violation

    def check_unchanged(self) -> None:
        """Look once more at everything that was sent lately."""
        while self._sent:
            self._look(*self._sent.popleft())

    def _look(self, value: Any, frame: bytes) -> None:
        violation = self._changed(value, frame)
        if violation is not None:
            self._node.strict_violations.append(violation)

    @staticmethod
    def _changed(value: Any, frame: bytes) -> StrictModeViolation | None:
        try:
            if encode(value) == frame:
                return None
        except CodecError:
            pass  # it has become something that cannot even be sent
        return StrictModeViolation(decode(frame), value, "it was changed after the send")


def _arguments(start: Init) -> tuple[Any, ...]:
    return (start.args, *start.kwargs.items())


def can_change(value: Any) -> bool:
    """Whether anything in a value that the codec knows can be changed in place."""
    if isinstance(value, list | dict):
        return True
    if isinstance(value, tuple):
        return any(map(can_change, value))
    entry = type_of(value)
    return entry is not None and any(can_change(getattr(value, name)) for name in entry.fields)

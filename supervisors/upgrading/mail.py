"""What is under way on a node when the code changes: mail that waits, and what timers will send."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mirliton.runtime import Call, NoProc, Pid
from mirliton.runtime.protocol import Init
from mirliton.runtime.waits import Receive
from mirliton.supervisors.upgrading.conversion import Converter

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node


class MailConverter:
    """Converts all mail of a node. `converted` counts the messages that were made anew, `withdrawn` those that were
    dropped, with a version that has been undone."""

    def __init__(
        self, node: Node, converter: Converter, is_withdrawn: Callable[[Any, Pid | None], bool] | None = None
    ) -> None:
        self._node = node
        self._converter = converter
        self._is_withdrawn = is_withdrawn
        self.converted = 0
        self.withdrawn = 0

    def convert(self) -> None:
        """Every mailbox, pending receive and timer, and what is parked for names. Nothing else must run meanwhile."""
        for cell in self._node.processes():
            if cell.mailbox:
                converted = list(self._items(cell.mailbox))
                cell.mailbox.clear()
                cell.mailbox.extend(converted)
            if cell.saved:
                saved, cell.saved = cell.saved, type(cell.saved)()
                for item in self._items(saved):
                    cell.saved.append(item)
            if cell.held:
                cell.held = deque(self._items(cell.held))
            if cell.init is not None:
                self._convert_init(cell.init)
            self._convert_waiting(cell)
        self._node.registry.change_parked(lambda mail: list(self._items(mail)))

    def _convert_waiting(self, cell: Cell) -> None:
        if isinstance(cell.wait, Receive):
            cell.wait.match = self._converter.value(cell.wait.match)
        cell.answer = self._converter.value(cell.answer)
        for timer in cell.timers or ():
            if timer.callback is not None:
                timer.argument = self._converter.value(timer.argument)

    def _convert_init(self, init: Init) -> None:
        init.args = self._converter.value(init.args)
        init.kwargs = self._converter.value(init.kwargs)

    def _items(self, mail: Iterable[Item]) -> Iterable[Item]:
        for item in mail:
            message = item[0]
            if self._is_withdrawn is not None and self._is_withdrawn(message, _sender_of(item)):
                self._withdraw(message)
                continue
            if type(message) is Init:
                self._convert_init(message)
            converted = self._converter.value(message)
            if converted is message:
                yield item
                continue
            self.converted += 1
            # In strict mode the third part is the frame as it was sent.
            yield (converted, item[1], *(frame and self._node.check(converted) for frame in item[2:]))

    def _withdraw(self, message: Any) -> None:
        self.withdrawn += 1
        if type(message) is Call:
            self._node.calls.fail_with(message.sender.tag, NoProc)


def _sender_of(item: Item) -> Pid | None:
    message = item[0]
    sender: Pid | None = message.sender.pid if type(message) is Call else item[1]
    return sender

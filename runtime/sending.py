"""What a process sends: messages, requests, replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mypy_extensions import mypyc_attr

from mirliton.runtime.addresses import Address
from mirliton.runtime.envelopes import Cast, From
from mirliton.runtime.errors import Exit

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


@mypyc_attr(allow_interpreted_subclasses=True)
class Sends:
    """The part of a Process that the way of a message leads through."""

    _myRef: Cell  # noqa: N815 - Thespian's name

    def send(self, to: Address, message: Any) -> None:
        """Send a message: it arrives at the receiver's `handle_info`. Mail to nobody is counted and gone.

        Raises MailboxFull where the receiver has a bounded mailbox that refuses.
        """
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)
        cell.post.send(to, message, cell)

    def cast(self, to: Address, request: Any) -> None:
        """Send a request that has no answer: it arrives at `handle_cast`. Raises as `send` does."""
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)
        cell.post.send(to, Cast(request), cell)

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call, now or later, from any process."""
        cell = self._myRef
        if not cell.alive:
            raise Exit(cell.reason)
        cell.post.reply(sender, value)

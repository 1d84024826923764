"""Bounded mailboxes: what happens to a message that finds the receiver at its bound.

    class Recorder(GenServer):
        mailbox_limit = 1000
        mailbox_overflow = "drop_oldest"

"refuse" raises MailboxFull in whoever sends, casts or calls; "drop_oldest" and "drop_newest" lose a message and count
it. A dropped or refused call fails at once. Of a timer nobody is there to be told: what it would have sent is lost.
Signals, replies and looks by `sys` always get in.

Every lost message is counted by class (`node.overflow.lost`); the log tells once a minute and class.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from mirliton.runtime.errors import MailboxFull
from mirliton.runtime.protocol import Call
from mirliton.runtime.rate_limit import RateLimit

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Item
    from mirliton.runtime.node import Node

RULES: Final = ("refuse", "drop_oldest", "drop_newest")

LOG_EVERY: Final = 60.0
"""Seconds between two lines about full mailboxes of one class."""


class Overflow:
    """What the bounded mailboxes of one node have lost."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.lost: Counter[tuple[str, str]] = Counter()
        """Messages by (class of the receiver, its rule)."""
        self.dropped = 0
        """Messages that were dropped; those that were refused are their senders' affair."""
        self._log = RateLimit(LOG_EVERY, node.clock.now)

    def make_room(self, cell: Cell) -> bool:
        """Whether one more message may go into a mailbox that is at its bound. Raises MailboxFull."""
        rule = cell.actor.mailbox_overflow
        if rule == "drop_oldest" and (oldest := cell.take_oldest()) is not None:
            self._drop(cell, rule, oldest)
            return True
        if rule == "refuse":
            self._count(cell, rule)
            raise MailboxFull(cell.label, cell.limit)
        self._drop(cell, rule)
        return False

    def fit(self, cell: Cell, mail: list[Item]) -> list[Item]:
        """Mail that was kept for this process while it restarted, as much of it as its bound and rule let in."""
        excess = len(mail) - max(0, cell.limit - len(cell))
        if excess <= 0:
            return mail
        rule = cell.actor.mailbox_overflow
        lost, kept = (mail[:excess], mail[excess:]) if rule == "drop_oldest" else (mail[-excess:], mail[:-excess])
        for item in lost:
            self._drop(cell, rule, item)
        return kept

    def _drop(self, cell: Cell, rule: str, item: Item | None = None) -> None:
        self.dropped += 1
        self._count(cell, rule)
        if item is not None and type(item[0]) is Call:
            self._node.calls.fail_with(item[0].sender.tag, lambda target: MailboxFull(target, cell.limit))

    def _count(self, cell: Cell, rule: str) -> None:
        self.lost[cell.kind, rule] += 1
        unsaid = self._log.allows(cell.kind)
        if unsaid is not None:
            self._node.log.warning(
                "mailbox_full", kind=cell.kind, pid=str(cell.pid), name=cell.label, limit=cell.limit, rule=rule,
                unsaid=unsaid,
            )  # fmt: skip


def check(kind: str, limit: int, rule: str) -> None:
    """Raise ValueError for a bound or rule that means nothing."""
    if limit < 0 or rule not in RULES:
        raise ValueError(
            f"{kind}: mailbox_limit {limit!r} must not be negative, mailbox_overflow {rule!r} one of {RULES}"
        )

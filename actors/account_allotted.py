"""Legs to and from carriers that wait until it is known what was used of an allotment.

What is booked of it is asked of the store for each, one allotment after the other; what running calls use, and ended
ones that are not booked yet, the account knows. Something booked in the middle of the question could be missed by both:
then it is asked again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mirliton.actors.admission import AccountTrouble, AuthorizeLeg
from mirliton.actors.allotments import Allotment, allotment_for, consumed
from mirliton.actors.store.client import StoreClient
from mirliton.runtime import From

if TYPE_CHECKING:
    from mirliton.actors.account import Account

MOST_WAITING: Final = 10_000
"""Of more the oldest have given up by then."""


class Allotted:
    """Those of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._waiting: deque[tuple[Allotment, AuthorizeLeg, From]] = deque(maxlen=MOST_WAITING)
        self._asked: Allotment | None = None
        self._fresh = True

    def ask(self, request: AuthorizeLeg, sender: From) -> None:
        """Let the account decide about a leg, once it is known whether an allotment has room for it."""
        account = self._account
        allotment = allotment_for(account.limits.allotments, request.direction, request.classification)
        if allotment is None or account.legs.has(request.call_id, request.direction):
            account.authorize(request, sender)
            return
        self._waiting.append((allotment, request, sender))
        self._next()

    def changed(self) -> None:
        """Something was booked."""
        self._fresh = False

    def told(self, used: int | None, error: Any) -> None:
        """So many seconds are booked of the one that was asked about; None where that could not be found out."""
        asked, self._asked = self._asked, None
        if used is not None and not self._fresh:
            self._next()
            return
        waiting, self._waiting = self._waiting, deque(maxlen=MOST_WAITING)
        for allotment, request, sender in waiting:
            if allotment != asked:
                self._waiting.append((allotment, request, sender))
            elif used is None:
                self._account.reply(sender, AccountTrouble(str(error)))
            else:
                self._account.authorize(request, sender, allotment if self._has_room(allotment, used) else None)
        self._next()

    def _has_room(self, allotment: Allotment, booked: int) -> bool:
        account = self._account
        running = account.legs.used_of(allotment, account.node.clock.now())
        return booked + running + max(allotment.minimum, 1) <= allotment.amount

    def _next(self) -> None:
        if self._asked is not None or not self._waiting:
            return
        account = self._account
        self._asked, self._fresh = self._waiting[0][0], True
        now = account.node.clock.time()
        account.background(consumed(StoreClient(account), account.account_id, self._asked, now), "allotment")

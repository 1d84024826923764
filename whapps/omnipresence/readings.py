"""Which accounts' documents have been read, and what waits until they are; without I/O.

An account is asked for by its id, or by its realm as `@realm`. What is said of it while it is read waits, in order.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from mirliton.whapps.omnipresence.accounts import Account

READ_AGAIN: Final = 300.0
"""Seconds after which the documents of an account that is spoken of are read again."""
AT_ONCE: Final = 8
"""Accounts that are read at the same time."""
WAITING: Final = 2_000
"""Accounts that wait to be read, and messages that wait for one of them; what is beyond is dropped and counted."""
REMEMBERED: Final = 20_000


def of_realm(realm: str) -> str:
    """Under what the account of a realm is asked for."""
    return f"@{realm}"


class Readings:
    """By id and by realm."""

    def __init__(self) -> None:
        self._read: OrderedDict[str, tuple[float, Account | None]] = OrderedDict()
        self._waiting: OrderedDict[str, list[Any]] = OrderedDict()
        self._under_way: set[str] = set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def known(self, key: str, now: float) -> Account | None:
        """The account, where it is known now and is not just being read."""
        until, account = self._read.get(key, (now, None))
        return account if until > now and key not in self._waiting else None

    def wait(self, key: str, message: Any, now: float) -> bool:
        """Have the account read (again, where that was long ago), and keep a message (None: there is none) till then.
        False where it is not kept: there is no such account, as far as is known, or too much waits."""
        kept = self._waiting.get(key)
        if kept is None:
            until, account = self._read.get(key, (now, None))
            if until > now and account is None:
                return False
            if len(self._waiting) >= WAITING:
                self.dropped += 1
                return False
            kept = self._waiting[key] = []
        if message is not None:
            if len(kept) >= WAITING:
                self.dropped += 1
                return False
            kept.append(message)
        return True

    def again(self, account: Account) -> None:
        """Read the account again when it is next spoken of."""
        for key in (account.id, of_realm(account.realm)):
            self._read.pop(key, None)

    def next(self) -> str | None:
        """Which account is to be read now, if any."""
        if len(self._under_way) >= AT_ONCE:
            return None
        found = next((key for key in self._waiting if key not in self._under_way), None)
        if found is not None:
            self._under_way.add(found)
        return found

    def done(self, key: str, account: Account | None, now: float) -> list[Any]:
        """It has been read (None: there is no such account): what has waited for it."""
        self._under_way.discard(key)
        self._remember(key, account, now)
        if account is not None:
            for other in (account.id, of_realm(account.realm)):
                self._remember(other, account, now)
        return self._waiting.pop(key, [])

    def failed(self, key: str) -> None:
        """It could not be read: what has waited is lost, and the next word has it read."""
        self._under_way.discard(key)
        self.dropped += len(self._waiting.pop(key, []))

    def _remember(self, key: str, account: Account | None, now: float) -> None:
        self._read[key] = (now + READ_AGAIN, account)
        self._read.move_to_end(key)
        if len(self._read) > REMEMBERED:
            self._read.popitem(last=False)

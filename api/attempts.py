"""Who logged in, and who tried to: a document each in the account's month, for its administrators to read.

Which are written is set up by account (`auth_config.py`). They are few by bounds of our own, so that nobody fills a
disk by guessing; what is beyond them is counted with the rest (`mirliton_api_logins_failed_total`). Nothing of what was
shown to log in is kept. A store that is away keeps nobody out: then there is the log line alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Final, Literal

from mirliton.actors.store import Month, Months, Store, StoreError
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import month_id
from mirliton.api.throttle import Throttle

MOST: Final = 60
"""Documents of an account and an outcome at once."""
REFILL: Final = 60.0
"""Seconds after which one more may be written."""
TYPE: Final = "login_attempt"

Outcome = Literal["success", "failed"]
Kind = Literal["jwt_auth_token", "multi_factor"]


class Attempts:
    """Writes them. `clock` gives unix seconds, `elapsed` seconds that never jump."""

    def __init__(self, store: Store, clock: Callable[[], float], elapsed: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._few = Throttle(MOST, REFILL, elapsed)

    async def note(
        self, account_id: str, module: str, outcome: Outcome, message: str, kind: Kind = "jwt_auth_token", **facts: Any
    ) -> StoreError | None:
        """Write one down; returns what kept it from being written, where that was the store."""
        if self._few.take((account_id, outcome)) > 0.0:
            return None
        now = self._clock()
        doc = {
            "_id": month_id(Month.at(now), secrets.token_hex(16)),
            "auth_type": kind,
            "auth_module": module,
            "status": outcome,
            "message": message,
            "timestamp": gregorian(now),
            **{name: fact for name, fact in facts.items() if fact is not None},
        }
        months = Months(self._store, account_id, clock=self._clock)
        try:
            db = months.db_of(doc["_id"])
            await months.put(stamp(doc, type=TYPE, account_id=account_id, db=db, now=now))
        except StoreError as error:
            return error
        return None

"""Reports the records of ended legs until each is stored; till then its row stays in the channel table."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.switching import CDR, CdrRefused, CdrStored
from mirliton.ecallmgr.row import Row
from mirliton.ecallmgr.table import Table
from mirliton.runtime import GenServer

REPORTS_AT_ONCE: Final = 256
REPORT_TIMEOUT: Final = 30.0
REPORT_RETRY: Final = 1.0
"""Pause before a record is reported again; each time it doubles."""
REPORT_RETRY_MOST: Final = 30.0
ENDED_KEPT: Final = 50_000
"""Ended legs whose record is not stored yet; of more, only the switch's own record (leg_record.py) is left."""


class Records:
    """The records of the ended legs in `table`, reported by `process`."""

    def __init__(self, process: GenServer, table: Table) -> None:
        self._process = process
        self._table = table
        self._waiting: deque[str] = deque()
        self._under_way: dict[str, CdrReport] = {}
        self.left = 0
        """How many were left to the switch."""

    @property
    def under_way(self) -> int:
        """How many are being stored now."""
        return len(self._under_way)

    def take(self, row: Row) -> None:
        """A leg has ended, and its row has a report."""
        if self._table.ended > ENDED_KEPT:
            self.left += 1
            self._process.log.error("record_left_to_the_switch", call_id=row.uuid, kept=ENDED_KEPT)
            self._table.remove(row)
            return
        self.report(row.uuid)

    def report(self, uuid: str) -> None:
        """Report the record of a leg, for the first time or again."""
        self._waiting.append(uuid)
        self._next()

    def answered(self, uuid: str, answer: Any) -> None:
        """Whoever stores records has answered, or cannot."""
        reported = self._under_way.pop(uuid, None)
        row = self._table.get(uuid)
        if row is None:
            pass
        elif not isinstance(answer, CdrStored | CdrRefused):
            pause = row.pause = min(row.pause * 2, REPORT_RETRY_MOST) if row.pause else REPORT_RETRY
            self._process.log.info("record_reported_again", call_id=uuid, answer=str(answer), pause=pause)
            self._process.start_timer(pause, ("report", uuid))
        elif row.report is reported:
            if isinstance(answer, CdrRefused):
                self._process.log.error("record_refused", call_id=uuid, reason=answer.reason)
            self._table.remove(row)
        else:
            # What had been inferred is stored; the switch's own word came meanwhile.
            self._waiting.append(uuid)
        self._next()

    def _next(self) -> None:
        while self._waiting and len(self._under_way) < REPORTS_AT_ONCE:
            row = self._table.get(self._waiting.popleft())
            if row is not None and row.report is not None and row.uuid not in self._under_way:
                self._under_way[row.uuid] = row.report
                call = self._process.call(CDR, row.report, timeout=REPORT_TIMEOUT)
                self._process.background(call, ("report", row.uuid))

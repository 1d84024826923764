"""Booking an account's money, and asking what is left."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from mirliton.actors.ledger import BalanceNow, Balances, Booked, Entry, LedgerTrouble, ledger_name
from mirliton.runtime import CallError

PAUSES: Final = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Seconds before each attempt: the ledger may be restarting, or its node be lost."""
TIMEOUT: Final = 10.0


class LedgerUnavailable(Exception):
    """The account's ledger did not answer, several times over. What was to be booked may have been: give it again."""

    def __init__(self, account_id: str, reason: str) -> None:
        super().__init__(f"the ledger of account {account_id} cannot be used: {reason}")
        self.account_id = account_id
        self.reason = reason


async def charge(process: Any, account_id: str, entry: Entry) -> Booked:
    """Have an entry booked; it is in the store when this returns. `process` is a process, or a node.

    Raises LedgerUnavailable.
    """
    answer: Booked = await _ask(process, account_id, entry)
    return answer


async def balance(process: Any, account_id: str) -> Balances:
    """What is left of an account's money. Raises LedgerUnavailable."""
    answer: Balances = await _ask(process, account_id, BalanceNow())
    return answer


async def _ask(process: Any, account_id: str, request: Entry | BalanceNow) -> Any:
    reason = ""
    for pause in PAUSES:
        if pause:
            await getattr(process, "sleep", asyncio.sleep)(pause)
        try:
            answer = await process.call(ledger_name(account_id), request, timeout=TIMEOUT)
        except CallError as error:
            reason = str(error)
            continue
        if not isinstance(answer, LedgerTrouble):
            return answer
        reason = answer.reason
    raise LedgerUnavailable(account_id, reason)

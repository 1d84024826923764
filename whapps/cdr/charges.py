"""What a leg costs its account, by its record. Kazoo: jonny5 on the CDR."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.ledger import DEBIT, Entry
from mirliton.actors.money import cost, rate_of_vars
from mirliton.actors.store import Month
from mirliton.actors.store.documents import gregorian
from mirliton.actors.store.names import month_id
from mirliton.whapps.cdr.document import began, provisional

SERVICE: Final = "per-minute-voip"


def debit(report: CdrReport, now: float) -> Entry | None:
    """What is to be booked for a leg; None for one that costs nothing, or whose end is only inferred."""
    channel_vars = report.custom_channel_vars
    if channel_vars.get("Account-Billing") != "per_minute" or provisional(report):
        return None
    rate = rate_of_vars(channel_vars)
    seconds = float(report.billing_seconds or 0)
    amount = cost(rate, seconds) if rate is not None else 0
    if rate is None or amount == 0:
        return None
    start = began(report, now)
    return Entry(
        DEBIT,
        SERVICE,
        month_id(Month.at(start), report.call_id),  # as its record is called
        amount,
        start,
        f"{report.caller_id_number or ''} to {report.callee_id_number or report.to or ''}"[:120],
        usage={"type": "voice", "quantity": int(seconds), "unit": "sec"},
        period={"start": gregorian(start), "end": gregorian(start + seconds)},
        metadata={"call": {"call_id": report.call_id, "direction": report.call_direction or "", "rate": rate.name}},
    )

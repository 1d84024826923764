"""What a leg costs its account, and what it uses of an allotment, by its record. Kazoo: jonny5 on the CDR."""

from __future__ import annotations

from typing import Final

from mirliton.actors.admission import LegBooked
from mirliton.actors.allotments import CHANNEL_VAR, Allotment, allotments_of, consumption
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.ledger import DEBIT, Entry
from mirliton.actors.limits import Direction
from mirliton.actors.money import cost, rate_of_vars
from mirliton.actors.store import Document, Month, NotFound, Store
from mirliton.actors.store.documents import gregorian
from mirliton.actors.store.names import account_db, month_id
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


async def allotted(store: Store, account_id: str, report: CdrReport, now: float) -> Document | None:
    """What is to be stored for a leg that used an allotment; None for another, and for one that used none of it.

    One whose allotment was taken away meanwhile used it by the second. Raises StoreError.
    """
    channel_vars = report.custom_channel_vars
    name = str(channel_vars.get(CHANNEL_VAR, ""))
    if channel_vars.get("Account-Billing") != "allotment" or not name or provisional(report):
        return None
    try:
        limits = await store.get(account_db(account_id), "limits")
    except NotFound:
        limits = {}
    allotment = allotments_of(limits).get(name) or Allotment(name, 0, "monthly")
    seconds = allotment.consumes(float(report.billing_seconds or 0))
    return consumption(account_id, name, seconds, report.call_id, began(report, now), now) if seconds else None


def booked_leg(report: CdrReport) -> LegBooked | None:
    """What the account is told of a leg whose price, or what it used of an allotment, is booked with its record."""
    if report.custom_channel_vars.get("Account-Billing") not in ("per_minute", "allotment"):
        return None
    inbound = report.call_direction == "inbound"
    call_id = report.call_id if inbound else report.custom_channel_vars.get("Bridge-ID") or report.other_leg_call_id
    direction: Direction = "inbound" if inbound else "outbound"
    return LegBooked(str(call_id), direction, bool(report.billing_seconds)) if call_id else None

"""The document of a leg, made of its report: Kazoo's headers in small letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store import Document, InvalidName, Month
from mirliton.actors.store.documents import GREGORIAN_OFFSET, stamp
from mirliton.actors.store.names import check_account, modb, month_id

ANONYMOUS: Final = "anonymous_cdrs"
"""The database of legs that belong to no account."""
OLDEST: Final = 400 * 86_400.0
"""Seconds that a leg may have begun before now, and …"""
NEWEST: Final = 2 * 86_400.0
"""… after now (clocks differ). A time beyond is taken for wrong."""
_NUMBERS: Final = ("timestamp", "duration_seconds", "billing_seconds", "ringing_seconds")
_UNSENT: Final = Envelope(msg_id="none")
"""The record becomes a document and is sent to nobody."""
_ENVELOPE: Final = frozenset({"event_category", "event_name", "msg_id", "server_id"})


def document(report: CdrReport, now: float) -> Document:
    """The document, with an id of the month in which the leg began. `now` is unix time.

    Raises InvalidMessage for a report that breaks its definition.
    """
    account_id = account_of(report)
    # Kazoo's report cannot do without an account; of a leg that belongs to none, there is none to name.
    headers = to_headers(replace(report, account_id=account_id or ANONYMOUS), _UNSENT)
    doc = {name: value for name, value in _lowered(headers).items() if name not in _ENVELOPE}
    if account_id is None:
        del doc["account_id"]
    moment = began(report, now)
    month = Month.at(moment)
    doc["_id"] = month_id(month, report.call_id)
    doc.setdefault("timestamp", int(moment) + GREGORIAN_OFFSET)
    for name in _NUMBERS:
        if isinstance(doc.get(name), str) and doc[name].isdigit():
            doc[name] = int(doc[name])
    for name, part in (("interaction_id", "Id"), ("interaction_key", "Key"), ("interaction_time", "Timestamp")):
        if report.call_interaction.get(part):
            doc[name] = report.call_interaction[part]
    if provisional(report):
        doc["pvt_provisional"] = True
    db = ANONYMOUS if account_id is None else modb(account_id, month.year, month.month)
    stamped = stamp(doc, type="cdr", account_id=account_id, db=db, now=now)
    stamped["pvt_created"] = doc["timestamp"]
    return stamped


def account_of(report: CdrReport) -> str | None:
    """The account that the leg belongs to; None where it belongs to none, or names what is no account."""
    try:
        return check_account(report.account_id)
    except InvalidName:
        return None


def began(report: CdrReport, now: float) -> float:
    """Unix time at which the leg began: the one time that all reports of a leg agree on. Where that cannot be, the time
    at which it ended, or now."""
    times = [report.channel_created_time / 1_000_000] if report.channel_created_time else []
    if report.timestamp:
        times.append(float(report.timestamp - GREGORIAN_OFFSET))
    return next((time for time in times if now - OLDEST <= time <= now + NEWEST), now)


def provisional(report: CdrReport) -> bool:
    """Whether the leg's end was inferred."""
    return isinstance(report.extended_data, Mapping) and bool(report.extended_data.get("Provisional"))


def _lowered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key).lower().replace("-", "_"): _lowered(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lowered(item) for item in value]
    return value

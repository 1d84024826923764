"""Takes the reports of ended legs and answers each when it is in the store.

A leg is reported by whoever knows of its end: the channel table by its last event, the switch itself by the record it
posts; each reports until it is answered. The document's id is made of the leg's id and the month it began in, so all of
them write the same document, and only the first writes it. A report whose end was only inferred (Provisional) gives way
to one from the switch.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store import Conflict, Document, Month, Months, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import GREGORIAN_OFFSET, stamp
from mirliton.actors.store.names import month_id
from mirliton.actors.switching import CdrNotStored, CdrStored
from mirliton.runtime import Completed, From, GenServer, NoReply, Reply

ANONYMOUS: Final = "anonymous_cdrs"
"""The database of legs that belong to no account."""
AT_ONCE: Final = 128
"""Reports that are being stored at the same time; the others wait their turn."""
WAITING: Final = 20_000
"""Reports that may wait; the reporters of more are told to come back."""
_ENVELOPE_HEADERS: Final = frozenset({"Event-Category", "Event-Name", "Msg-ID", "Server-ID"})


class Listener(GenServer):
    """Under CDR. It keeps nothing: whoever has no answer reports again."""

    def init(self) -> None:
        self.storing = 0
        self.waiting: deque[tuple[CdrReport, From]] = deque()
        self.stored = 0
        self.doubles = 0

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, CdrReport):
            return super().handle_call(request, sender)
        if len(self.waiting) >= WAITING:
            return Reply(CdrNotStored("too many reports wait"))
        self.waiting.append((request, sender))
        self._next()
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=error):
                self.storing -= 1
                self.reply(sender, value if error is None else CdrNotStored(str(error)))
                self._next()
            case _:
                super().handle_info(message)

    def _next(self) -> None:
        while self.waiting and self.storing < AT_ONCE:
            report, sender = self.waiting.popleft()
            self.storing += 1
            self.background(self._store(report), sender)

    async def _store(self, report: CdrReport) -> CdrStored | CdrNotStored:
        doc = document(report)
        store = StoreClient(self)
        try:
            if report.account_id:
                months = Months(store, report.account_id, clock=self.node.clock.time)
                await self._put(doc, report, months.db_of(doc["_id"]), months)
            else:
                await store.create_database(ANONYMOUS)
                await self._put(doc, report, ANONYMOUS, None)
        except StoreError as error:
            return CdrNotStored(str(error))
        return CdrStored(doc["_id"])

    async def _put(self, doc: Document, report: CdrReport, db: str, months: Months | None) -> None:
        store = StoreClient(self)
        try:
            await (months.put(doc) if months is not None else store.put(db, doc))
            self.stored += 1
        except Conflict:
            self.doubles += 1
            if provisional(report):
                return
            there = await store.get(db, doc["_id"])
            if there.get("pvt_provisional"):
                await store.put(db, {**doc, "_rev": there["_rev"]})


def provisional(report: CdrReport) -> bool:
    """Whether the leg's end was inferred."""
    return isinstance(report.extended_data, Mapping) and bool(report.extended_data.get("Provisional"))


def document(report: CdrReport) -> Document:
    """The document of a leg: Kazoo's headers in small letters, with an id of the month it began in."""
    # Kazoo's report cannot do without an account; of a leg that nobody's callflow took, there is none to name.
    headers = to_headers(report if report.account_id else replace(report, account_id=ANONYMOUS), Envelope())
    if not report.account_id:
        del headers["Account-ID"]
    doc = {key: value for key, value in _lowered(headers).items() if key not in _LOWERED_ENVELOPE}
    began = _began(report)
    moment = datetime.datetime.fromtimestamp(began, datetime.UTC)
    doc["_id"] = month_id(Month(moment.year, moment.month), report.call_id)
    doc.setdefault("timestamp", int(began) + GREGORIAN_OFFSET)
    for field in ("timestamp", "duration_seconds", "billing_seconds", "ringing_seconds"):
        if isinstance(doc.get(field), str) and doc[field].isdigit():
            doc[field] = int(doc[field])
    interaction = report.call_interaction.get("Id")
    if interaction:
        doc["interaction_id"] = interaction
    if provisional(report):
        doc["pvt_provisional"] = True
    db = None if report.account_id else ANONYMOUS
    stamped = stamp(doc, type="cdr", account_id=report.account_id or None, db=db)
    stamped["pvt_created"] = doc["timestamp"]
    return stamped


def _began(report: CdrReport) -> float:
    """Seconds since 1970 at which the leg began: the one time that all reports of a leg agree on."""
    if report.channel_created_time:
        return report.channel_created_time / 1_000_000
    if report.timestamp:
        return float(report.timestamp - GREGORIAN_OFFSET)
    return 0.0


def _lowered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key).lower().replace("-", "_"): _lowered(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lowered(item) for item in value]
    return value


_LOWERED_ENVELOPE: Final = frozenset(name.lower().replace("-", "_") for name in _ENVELOPE_HEADERS)

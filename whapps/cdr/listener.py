"""Takes the reports of ended legs and answers each when it is in the store.

A leg is reported by whoever knows of its end: the channel table by its last event, the switch itself by the record it
posts; each reports until it is answered. The document's id is made of the leg's id and the month it began in, so all of
them write the same document, and only the first writes it. A report whose end was only inferred (Provisional) gives way
to one from the switch. A leg that is paid by the minute is charged before its record counts as stored; the ledger knows
it by its id, so it is charged once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import suppress
from typing import Any, Final

from mirliton.actors.admission import account_name
from mirliton.actors.charging import LedgerUnavailable, charge
from mirliton.actors.kapi import KapiError
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store import Conflict, DatabaseNotFound, Document, Month, NotFound, StoreError
from mirliton.actors.store import Refused as RefusedByStore
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import modb
from mirliton.actors.switching import CdrNotStored, CdrRefused, CdrStored
from mirliton.runtime import Completed, From, GenServer, NoReply, Reply
from mirliton.whapps.cdr.charges import allotted, booked_leg, debit
from mirliton.whapps.cdr.document import ANONYMOUS, account_of, began, document, provisional

AT_ONCE: Final = 128
"""Reports that are being stored at the same time; the others wait their turn."""
WAITING: Final = 20_000
"""Reports that may wait; the reporters of more are told to come back."""
REMEMBERED: Final = 10_000
"""Legs of which it is known, without a look, that their record is stored."""

Leg = tuple[str, int | None]


class Listener(GenServer):
    """Under CDR. It keeps nothing that could be lost: whoever has no answer reports again."""

    def init(self) -> None:
        self.storing = 0
        self.waiting: deque[tuple[CdrReport, From]] = deque()
        self.known: OrderedDict[Leg, str] = OrderedDict()
        """Ids of documents that nothing will replace."""
        self.stored = 0
        self.doubles = 0
        self.replaced = 0

    def state(self) -> Any:
        return {
            "storing": self.storing,
            "waiting": len(self.waiting),
            "stored": self.stored,
            "doubles": self.doubles,
            "replaced": self.replaced,
        }

    def handle_call(self, request: Any, sender: From) -> Any:
        if not isinstance(request, CdrReport):
            return super().handle_call(request, sender)
        known = self.known.get(_leg(request))
        if known is not None:
            self.doubles += 1
            return Reply(CdrStored(known))
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

    async def _store(self, report: CdrReport) -> CdrStored | CdrNotStored | CdrRefused:
        now = self.node.clock.time()
        try:
            doc = document(report, now)
            account_id = account_of(report)
            month = Month.at(began(report, now))
            db = ANONYMOUS if account_id is None else modb(account_id, month.year, month.month)
            if account_id is not None and (entry := debit(report, now)) is not None:
                await charge(self, account_id, entry)
            if (
                account_id is not None
                and (used := await allotted(StoreClient(self), account_id, report, now)) is not None
            ):
                await self._once(db, used)
            await self._put(db, doc, report)
            if account_id is not None and not provisional(report):
                await self._take_back(str(doc["_id"]))
                if (booked := booked_leg(report)) is not None:
                    self.cast(account_name(account_id), booked)
        except (RefusedByStore, KapiError) as error:
            self.log.error("cdr_refused", call_id=report.call_id, error=str(error))
            return CdrRefused(str(error))
        except (StoreError, LedgerUnavailable) as error:
            return CdrNotStored(str(error))
        if not provisional(report):
            self.known[_leg(report)] = doc["_id"]
            if len(self.known) > REMEMBERED:
                self.known.popitem(last=False)
        return CdrStored(doc["_id"])

    async def _put(self, db: str, doc: Document, report: CdrReport) -> None:
        store = StoreClient(self)
        try:
            await self._create(store, db, doc)
            self.stored += 1
        except Conflict:
            self.doubles += 1
            if provisional(report):
                return
            there = await store.get(db, doc["_id"])
            if there.get("pvt_provisional"):
                await store.put(db, {**doc, "_rev": there["_rev"]})
                self.replaced += 1

    async def _once(self, db: str, doc: Document) -> None:
        """Store a document whose id says what for, unless it is there."""
        with suppress(Conflict):
            await self._create(StoreClient(self), db, doc)

    async def _take_back(self, doc_id: str) -> None:
        """An end that was inferred before anybody knew whose leg it was has been stored as nobody's."""
        store = StoreClient(self)
        try:
            there = await store.get(ANONYMOUS, doc_id)
            if there.get("pvt_provisional"):
                await store.delete(ANONYMOUS, doc_id, there["_rev"])
                self.replaced += 1
        except (NotFound, Conflict):
            return

    async def _create(self, store: StoreClient, db: str, doc: Document) -> None:
        """Store a new document, in a database that is made when it is first needed (also for a month long past, whose
        records a switch kept until now)."""
        try:
            await store.put(db, doc)
        except DatabaseNotFound:
            await store.create_database(db)
            await store.put(db, doc)


def _leg(report: CdrReport) -> Leg:
    """What tells a leg from others: a switch may use an id again, and not every reporter knows the account."""
    return report.call_id, report.channel_created_time

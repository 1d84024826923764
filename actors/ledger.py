"""An account's money: what it was credited and debited, month by month, and what is left. Kazoo: kz_ledgers.

    await charge(process, account_id, Entry("debit", "per-minute-voip", call_id, 140, at=ended))      # charging.py
    await balance(process, account_id)

Each entry is a document of the month database that was current when it was booked, known by what it is for: the same
call or payment is booked once, however often and how late it is reported. One process for each account in the whole
cluster (an entity, started by the first message) writes them, so that a month is closed exactly: its balance goes into
the next as one entry for each service. All amounts are in units (`money.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from typing import Any, ClassVar, Final, Literal

from mirliton.actors.store import Conflict, DatabaseNotFound, Month, Months, NotFound, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db, month_id, month_of_db
from mirliton.runtime import From, Name, Reply, message
from mirliton.supervisors.entities import Entity

ROLLOVER: Final = "monthly_rollover"
MOST_MONTHS: Final = 400

Kind = Literal["credit", "debit"]
CREDIT: Final[Kind] = "credit"
DEBIT: Final[Kind] = "debit"


@message("ledger.entry")
class Entry:
    """What is to be booked. `service` and `source_id` tell what for, and are together booked once."""

    kind: Kind
    service: str
    source_id: str
    amount: int
    at: float
    """Unix seconds of what it is for: it cannot have been booked before."""
    description: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Kazoo's: type, quantity, unit."""
    period: Mapping[str, int] = field(default_factory=dict)
    """Kazoo's: start and end, in gregorian seconds."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    executor: Mapping[str, Any] = field(default_factory=dict)
    """Who booked it, where that was a person."""


@message("ledger.booked")
class Booked:
    """It is in the store, under this id; `new` unless it was there already."""

    id: str
    new: bool


@message("ledger.balance")
class BalanceNow:
    """Ask for the balances: answered with Balances."""


@message("ledger.balances")
class Balances:
    """What is left, by service."""

    by_service: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.by_service.values())


@message("ledger.trouble")
class LedgerTrouble:
    """It cannot be done now."""

    reason: str


@message("ledger.funds_changed")
class FundsChanged:
    """Something was booked, and so much is left."""

    total: int


def ledger_name(account_id: str) -> Name:
    """The process that writes this account's entries."""
    return Name("ledger", account_id)


class Ledger(Entity):
    """The one writer of an account's entries. It does one thing after another, and saves nothing: the entries are the
    truth. Which months are known to have begun a restart looks up again."""

    mailbox_limit = 10_000
    mailbox_overflow = "refuse"
    idle_after: ClassVar[float | None] = 60.0

    def init(self, key: str, state: Any) -> None:
        self.account_id = key
        self.told = Name("account", key)
        """Who learns that something was booked."""
        self.begun: set[Month] = set()
        """Months that have their opening balances."""

    async def handle_call(self, request: Any, sender: From) -> Any:
        try:
            match request:
                case Entry():
                    booked = await self._book(request)
                    # Also for what was there: whoever booked it may have been killed before this was told.
                    self.cast(self.told, FundsChanged((await self._balances()).total))
                    return Reply(booked)
                case BalanceNow():
                    return Reply(await self._balances())
        except StoreError as error:
            return Reply(LedgerTrouble(str(error)))
        return super().handle_call(request, sender)

    @property
    def _months(self) -> Months:
        return Months(StoreClient(self), self.account_id, clock=self.node.clock.time)

    async def _book(self, entry: Entry) -> Booked:
        current = Month.at(self.node.clock.time())
        for month in await self._since(Month.at(entry.at), current):
            if await self._has(entry_id(month, entry)):
                return Booked(entry_id(month, entry), False)
        await self._begin(current)
        doc = document(entry, current, self.account_id, self._months.db(current), self.node.clock.time())
        try:
            await self._months.put(doc)
        except Conflict:
            return Booked(str(doc["_id"]), False)
        return Booked(str(doc["_id"]), True)

    async def _balances(self) -> Balances:
        current = Month.at(self.node.clock.time())
        await self._begin(current)
        return Balances(await self._sums(current))

    async def _since(self, first: Month, current: Month) -> list[Month]:
        """The months since the first in which something may have been booked."""
        if first >= current:
            return [current]
        return [month for month in await self._all() if first <= month <= current]

    async def _all(self) -> list[Month]:
        databases = await StoreClient(self).databases(f"{account_db(self.account_id)}-")
        return sorted(month for db in databases if (month := month_of_db(db)) is not None)

    async def _has(self, doc_id: str) -> bool:
        try:
            await self._months.get(doc_id)
        except NotFound:
            return False
        return True

    async def _begin(self, month: Month) -> None:
        """Give a month the balances that the one before it ends with, and before that, those before it theirs."""
        if month in self.begun:
            return
        chain = [month]
        for earlier in reversed([one for one in await self._all() if one < month][-MOST_MONTHS:]):
            if await self._has(marker(chain[-1])):
                break
            chain.append(earlier)
        for older, newer in zip(reversed(chain[1:]), reversed(chain[:-1]), strict=True):
            await self._roll_over(older, newer)
        if not await self._has(marker(month)):
            await self._mark(month)
        self.begun.add(month)

    async def _roll_over(self, older: Month, newer: Month) -> None:
        moment = self.node.clock.time()
        for service, amount in (await self._sums(older)).items():
            kind: Kind = CREDIT if amount >= 0 else DEBIT
            entry = Entry(kind, service, f"{older}-{ROLLOVER}", abs(amount), moment, "monthly rollover")
            doc = document(entry, newer, self.account_id, self._months.db(newer), moment)
            try:
                await self._months.put({**doc, "_id": month_id(newer, f"{ROLLOVER}-{_digest(service)}")})
            except Conflict:
                continue  # a predecessor came so far
        await self._mark(newer)

    async def _mark(self, month: Month) -> None:
        db = self._months.db(month)
        now = self.node.clock.time()
        doc = stamp({"_id": marker(month)}, type="ledger_rollover", account_id=self.account_id, db=db, now=now)
        try:
            await self._months.put(doc)
        except Conflict:
            return

    async def _sums(self, month: Month) -> dict[str, int]:
        """What is left of each service, by one month's entries."""
        try:
            view = await StoreClient(self).view(self._months.db(month), "ledgers/total_by_source", group=True)
        except DatabaseNotFound:
            return {}
        sums: dict[str, int] = {}
        for row in view.rows:
            service, kind = row.key
            sums[service] = sums.get(service, 0) + (int(row.value) if kind == CREDIT else -int(row.value))
        return sums


def entry_id(month: Month, entry: Entry) -> str:
    """The id of an entry, booked in that month."""
    return month_id(month, _digest(f"{entry.kind}/{entry.service}/{entry.source_id}"))


def marker(month: Month) -> str:
    """The id of the document that says that a month has its opening balances."""
    return month_id(month, ROLLOVER)


def document(entry: Entry, month: Month, account_id: str, db: str, now: float) -> dict[str, Any]:
    """The document of an entry, with Kazoo's fields."""
    doc: dict[str, Any] = {
        "_id": entry_id(month, entry),
        "amount": entry.amount,
        "description": entry.description,
        "source": {"service": entry.service, "id": entry.source_id},
        "usage": dict(entry.usage),
        "period": dict(entry.period) or {"start": gregorian(entry.at), "end": gregorian(entry.at)},
        "account": {"id": account_id},
        "metadata": dict(entry.metadata),
        "executor": dict(entry.executor),
        "pvt_ledger_type": entry.kind,
    }
    return stamp(doc, type="ledger", account_id=account_id, db=db, now=now)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]

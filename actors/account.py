"""The account's actor: the one counter of its calls, trunks and credit against its limits.

Only it admits calls and legs to carriers, one after the other, so a limit holds exactly however many come at once. It
is an entity: one process for each account in the whole cluster, started by the first message. It saves nothing. Its
truth is the channel table: whoever is admitted is noted there before being told. An account that starts, after a
restart or on another node, asks there which those are before it admits another, and at intervals it asks again and
forgets the calls whose end it was not told. What one says that another has followed is refused by the table. Its money
is in its ledger (`ledger.py`), which is asked when the first leg wants to be paid by the minute.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any, Final

from mirliton.actors.account_allotted import Allotted
from mirliton.actors.account_legs import CarrierLegs, Leg
from mirliton.actors.account_notes import Notes
from mirliton.actors.admission import (
    AccountTrouble,
    AccountUnavailable,
    AccountUsage,
    AdmitCall,
    Admitted,
    AuthorizeLeg,
    CallLimitReached,
    CallReleased,
    LegAuthorized,
    LegBarred,
    LegBooked,
    LegReleased,
    ReloadLimits,
    Usage,
)
from mirliton.actors.allotments import Allotment
from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.ledger import BalanceNow, Balances, FundsChanged, ledger_name
from mirliton.actors.limits import DIRECTIONS, UNLIMITED, Limits, decide
from mirliton.actors.store import NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.store.news import listen
from mirliton.actors.switching import CHANNELS, Incomplete, LegAdmitted, as_far_as_known, channels_name
from mirliton.actors.system_config import config_of
from mirliton.runtime import Completed, Continue, From, NoReply, Reply, Response, Stop, TimerFired
from mirliton.supervisors.entities import Entity

AUDIT_EVERY: Final = 30.0
"""Seconds between comparisons with the channel table; an account without calls ends then, till it is needed again."""
ADMISSION_GRACE: Final = 10.0
"""Seconds after its admission in which a call need not be in the channel table yet."""
HARD: Final = frozenset({"calls", "resource_consuming_calls"})
"""Reasons for which no money helps."""
MOST_PARTS: Final = 3
"""Times the tables are asked before an account counts without those of switches that nobody has."""
RELEASED_KEPT: Final = 60.0
RETRY_FIRST: Final = 0.5
"""Pause before an account that could not count its calls asks again; each time it doubles."""
RETRY_MOST: Final = 10.0
MOST_WAITING: Final = 10_000
"""Calls that may wait for the count, of more the oldest have given up by then; and ended calls that are remembered."""


class Account(Entity):
    """One account. A start rebuilds the count before anything is admitted; an account without calls ends."""

    def init(self, key: str, state: Any) -> NoReply:
        self.account_id = key
        self.limits = Limits()
        self.legs = CarrierLegs()
        self.funds: int | None = None
        """What is left of its money; None until somebody has to know."""
        self.calls: dict[str, float] = {}
        """The calls that are up, and since when."""
        self.released: dict[str, float] = {}
        """Calls that ended not long ago, and when: what the table answered, and who asks for one, may be behind."""
        self.notes = Notes(self)
        self.rebuilt = False
        self.parts = 0
        """Answers in a row that were not of all switches."""
        self.retry = RETRY_FIRST
        self.waiting: deque[tuple[AdmitCall | AuthorizeLeg, From]] = deque(maxlen=MOST_WAITING)
        self.for_funds: deque[tuple[AuthorizeLeg, From]] = deque(maxlen=MOST_WAITING)
        self.allotted = Allotted(self)
        listen(self, account_db(key))
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._ask_for_calls()

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case AdmitCall() | AuthorizeLeg() if not self.rebuilt:
                self.waiting.append((request, sender))
                return NoReply()
            case AdmitCall():
                self._admit(request, sender)
                return NoReply()
            case AuthorizeLeg():
                self.allotted.ask(request, sender)
                return NoReply()
            case AccountUsage():
                return Reply(Usage(len(self.calls), self._limit, tuple(self.calls)))
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> None:
        match request:
            case CallReleased(call_id):
                self.calls.pop(call_id, None)
                for direction in DIRECTIONS:
                    self.legs.end(call_id, direction, self.node.clock.now(), self.limits.reserve_amount)
                self.released[call_id] = self.node.clock.now()
                if len(self.released) > MOST_WAITING:
                    del self.released[next(iter(self.released))]
            case LegReleased(call_id, direction, switch, talked):
                if talked:
                    self.legs.end(call_id, direction, self.node.clock.now(), self.limits.reserve_amount)
                self.legs.drop(call_id, direction)
                # Else the next audit would count it again, and another number be let through as this one was.
                table = channels_name(switch) if switch else CHANNELS
                self.send(table, LegAdmitted(call_id, {direction: None}, switch, self.stamp))
            case LegBooked(call_id, direction, talked):
                self.legs.booked(call_id, direction, talked)
                self.allotted.changed()
            case ReloadLimits():
                self.background(self._load_limits(), "limits")
            case FundsChanged(total):
                self.funds = total

    def handle_info(self, message: Any) -> Any:
        match message:
            case Response(request, value, error):
                self.notes.noted(request.tag, value, error, AccountTrouble)
            case DocUpdate(id=id):
                if id in ("limits", account_db(self.account_id)):
                    self.background(self._load_limits(), "limits")
            case Completed(tag="calls", value=value, error=error):
                self._told_of_calls(value, error)
            case Completed(tag="limits", value=limits, error=None):
                self.limits = limits
            case Completed(tag="funds", value=funds, error=error):
                self._told_of_funds(funds, error)
            case Completed(tag="allotment", value=value, error=error):
                self.allotted.told(value, error)
            case Completed(tag="limits", error=error):
                self.log.warning("account_limits_unread", account_id=self.account_id, error=str(error))
            case TimerFired(message="audit"):
                if not (self.calls or self.waiting or self.notes or self.legs.unbooked):
                    return Stop("normal")
                self._ask_for_calls()
            case _:
                return super().handle_info(message)
        return None

    @property
    def _limit(self) -> int | None:
        return None if self.limits.calls == UNLIMITED else self.limits.calls

    def _admit(self, request: AdmitCall, sender: From) -> None:
        call_id = request.call_id
        if call_id not in self.calls and call_id not in self.released:
            if self._limit is not None and len(self.calls) >= self._limit:
                self.reply(sender, CallLimitReached(len(self.calls), self._limit))
                return
            self.calls[call_id] = self.node.clock.now()
            told = LegAdmitted(call_id, {}, request.switch, self.stamp)
            self.notes.begin((call_id, ""), told, Admitted(len(self.calls)), partial(self._uncount, call_id))
        self.notes.answer((call_id, ""), Admitted(len(self.calls)), sender)

    def _uncount(self, call_id: str) -> None:
        self.calls.pop(call_id, None)

    def authorize(self, request: AuthorizeLeg, sender: From, allotted: Allotment | None = None) -> None:
        """Answer now, or when it is known what money is left. `allotted` has room for it."""
        now = self.node.clock.now()
        known = self.legs.again(request.call_id, request.direction, now)
        if known is not None:
            name = known.allotment.name if known.allotment else ""
            again = LegAuthorized(known.billing, usage=self._trunk_usage(), allotment=name)
            self.notes.answer((request.call_id, request.direction), again, sender)
            return
        if request.call_id in self.released:
            self.reply(sender, LegBarred("the call has ended"))
            return
        used = self.legs.used(len(self.calls), self.funds or 0, now, self.limits.reserve_amount)
        decision = decide(self.limits, used, request.direction, request.number, allotted=allotted is not None)
        if self.funds is None and decision.billing in (None, "per_minute") and decision.reason not in HARD:
            if not self.for_funds:
                self.background(self._load_funds(), "funds")
            self.for_funds.append((request, sender))
            return
        if decision.billing is None:
            self.reply(sender, LegBarred(decision.reason))
            return
        if decision.billing == "per_minute" and request.rate is None and not decision.soft:
            self.reply(sender, LegBarred("there is no rate for the number"))
            return
        pays = allotted if decision.billing == "allotment" else None
        self.legs.put(request.call_id, request.direction, Leg(decision.billing, now, request.rate, pays))
        told = LegAdmitted(request.call_id, {request.direction: decision.billing}, request.switch, self.stamp)
        answer = LegAuthorized(decision.billing, decision.soft, self._trunk_usage(), pays.name if pays else "")
        what = request.call_id, request.direction
        self.notes.begin(what, told, answer, partial(self.legs.drop, *what))
        self.notes.answer(what, answer, sender)

    def _trunk_usage(self) -> str:
        """As Kazoo tells it: the limits, and the legs in each direction."""
        used, limits = self.legs.used(len(self.calls), 0, self.node.clock.now(), 0), self.limits
        own = f"{limits.inbound_trunks}/{limits.outbound_trunks}/{limits.twoway_trunks}/{limits.burst_trunks}"
        return f"{own}/{used.inbound}/{used.outbound}"

    async def _load_funds(self) -> int:
        answer = await self.call(ledger_name(self.account_id), BalanceNow(), timeout=10.0)
        if not isinstance(answer, Balances):
            raise AccountUnavailable(self.account_id)
        return answer.total

    def _told_of_funds(self, funds: int | None, error: Any) -> None:
        if error is not None:
            self.log.warning("account_funds_unread", account_id=self.account_id, error=str(error))
        elif self.funds is None:  # else it was told of a booking meanwhile
            self.funds = funds
        waiting, self.for_funds = self.for_funds, deque(maxlen=MOST_WAITING)
        for request, sender in waiting:
            if self.funds is None:
                self.reply(sender, AccountTrouble(str(error)))
            else:
                self.authorize(request, sender)

    def _ask_for_calls(self) -> None:
        self.background(self._ask(), "calls")

    async def _ask(self) -> tuple[Limits, list[dict[str, Any]], tuple[str, ...]]:
        """The limits, the account's channels that are up, and the switches that could not be asked for more."""
        limits = await self._load_limits()
        found = await self.call(CHANNELS, QueryAccountChannelsReq(account_id=self.account_id), timeout=10.0)
        answer = as_far_as_known(found)
        assert isinstance(answer, QueryAccountChannelsResp)
        return limits, [dict(row) for row in answer.channels], found.missing if isinstance(found, Incomplete) else ()

    async def _load_limits(self) -> Limits:
        store = StoreClient(self)
        try:
            document = await store.get(account_db(self.account_id), "limits")
        except NotFound:
            document = {}
        return Limits.of({} if is_deleted(document) else document, await config_of(store, "jonny5"))

    def _told_of_calls(self, value: Any, error: Any) -> None:
        if error is not None:
            self.log.warning("account_cannot_count", account_id=self.account_id, error=str(error))
            self.start_timer(AUDIT_EVERY if self.rebuilt else self.retry, "audit")
            self.retry = min(self.retry * 2, RETRY_MOST)
            return
        self.limits, rows, missing = value
        self.parts = self.parts + 1 if missing else 0
        if missing:
            self.log.warning("account_counts_in_part", account_id=self.account_id, missing=missing)
        if missing and not self.rebuilt and self.parts < MOST_PARTS:
            self.start_timer(self.retry, "audit")
            return
        # After so long nobody has those switches: of their calls none is known, and the others are not to wait for it.
        if not (missing and self.rebuilt):
            self._compare(rows)
        self.rebuilt = True
        self.retry = RETRY_FIRST
        while self.waiting:
            request, sender = self.waiting.popleft()
            if isinstance(request, AuthorizeLeg):
                self.allotted.ask(request, sender)
            else:
                self._admit(request, sender)
        self.start_timer(AUDIT_EVERY, "audit")

    def _compare(self, rows: list[dict[str, Any]]) -> None:
        now = self.node.clock.now()
        # A call is counted once, by the leg that came in; the legs it rings are not calls of their own.
        legs = (row for row in rows if row.get("direction") == "inbound")
        up = {str(row["uuid"]): bool(row.get("is_authorized")) for row in legs}
        self.legs.compare(rows, now, ADMISSION_GRACE, self.node.clock.time(), self.limits.allotments)
        self.calls = {
            call_id: since for call_id, since in self.calls.items() if call_id in up or now - since < ADMISSION_GRACE
        }
        for call_id, admitted in up.items():
            # One that has not been admitted is counted when it asks.
            if admitted and call_id not in self.released:
                self.calls.setdefault(call_id, now)
        self.released = {call_id: when for call_id, when in self.released.items() if now - when < RELEASED_KEPT}

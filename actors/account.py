"""The account's actor: the one counter of its calls, trunks and credit against its limits.

Only it admits calls and legs to carriers, one after the other, so a limit holds exactly however many come at once. Its
truth is the channel table: each is noted there when it is admitted. After a restart the account asks there which those
are before it admits another, and at intervals it asks again and forgets the calls whose end it was not told. Its money
is in its ledger (`ledger.py`), which is asked when the first leg wants to be paid by the minute.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from mirliton.actors.account_legs import CarrierLegs, Leg
from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.ledger import BalanceNow, Balances, FundsChanged, Ledger, ledger_name
from mirliton.actors.limits import UNLIMITED, Billing, Direction, Limits, decide
from mirliton.actors.money import Rate
from mirliton.actors.store import NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS, LegAdmitted
from mirliton.actors.system_config import config_of
from mirliton.runtime import (
    CallError,
    Completed,
    Continue,
    From,
    GenServer,
    Name,
    NoReply,
    Reply,
    Stop,
    TimerFired,
    message,
)
from mirliton.supervisors import ChildSpec, Refused, StartChild, StartSpec, Supervisor, Tree, supervisor, worker

ACCOUNTS: Final = Name("service", "accounts")
ACCOUNTS_SUPERVISOR: Final = Name("supervisor", "accounts")
AUDIT_EVERY: Final = 30.0
"""Seconds between comparisons with the channel table; an account without calls ends then, till it is needed again."""
ADMISSION_GRACE: Final = 10.0
"""Seconds after its admission in which a call need not be in the channel table yet."""
ADMISSION_ATTEMPTS: Final = 20
ADMISSION_TIMEOUT: Final = 2.0
"""Seconds after which it is asked again. It may have died with its supervisor: then whoever asks has it started."""
ADMISSION_PAUSE: Final = 0.5
HARD: Final = frozenset({"calls", "resource_consuming_calls"})
"""Reasons for which no money helps."""
RELEASED_KEPT: Final = 60.0
RETRY_FIRST: Final = 0.5
"""Pause before an account that could not count its calls asks again; each time it doubles."""
RETRY_MOST: Final = 10.0
MOST_WAITING: Final = 10_000
"""Calls that may wait for the count, of more the oldest have given up by then; and ended calls that are remembered."""


@message("account.trouble")
class AccountTrouble:
    """It cannot be said now; ask again."""

    reason: str


class AccountUnavailable(Exception):
    """The account's actor did not answer, several times over."""

    def __init__(self, account_id: str) -> None:
        super().__init__(f"account {account_id} cannot be asked")
        self.account_id = account_id


def account_name(account_id: str) -> Name:
    """The actor of this account."""
    return Name("account", account_id)


@message("account.admit")
class AdmitCall:
    """May this call go on? Asked again for the same call it is answered the same, and counted once."""

    call_id: str


@message("account.admitted")
class Admitted:
    """The call is counted; `calls` are up now."""

    calls: int


@message("account.refused")
class CallLimitReached:
    """The account has as many calls as its limits allow."""

    calls: int
    limit: int


@message("account.authorize")
class AuthorizeLeg:
    """May this call have a leg to or from a carrier? `number` is the other end's (E.164), `rate` what it costs where it
    is paid by the minute (without one it is not let). Asked again for the same it is answered the same."""

    call_id: str
    direction: Direction
    number: str
    rate: Rate | None = None


@message("account.authorized")
class LegAuthorized:
    """It may, and this is who pays; `soft` where a limit was passed that is soft."""

    billing: Billing
    soft: bool = False
    usage: str = ""
    """Kazoo's Account-Trunk-Usage."""


@message("account.barred")
class LegBarred:
    """It may not."""

    reason: str


@message("account.leg_released")
class LegReleased:
    """The leg to or from a carrier has ended, or did not come to be."""

    call_id: str
    direction: Direction


@message("account.released")
class CallReleased:
    """The call has ended."""

    call_id: str


@message("account.usage")
class AccountUsage:
    """Ask for an Usage."""


@message("account.usage_is")
class Usage:
    """How many calls are up, which, and how many may be (None: no limit)."""

    calls: int
    limit: int | None
    call_ids: tuple[str, ...]


@message("account.reload")
class ReloadLimits:
    """The account's limits document has changed."""


class Account(GenServer):
    """One account. A restart rebuilds the count before anything is admitted; an account without calls ends."""

    def init(self, account_id: str) -> NoReply:
        self.account_id = account_id
        self.limits = Limits()
        self.legs = CarrierLegs()
        self.funds: int | None = None
        """What is left of its money; None until somebody has to know."""
        self.calls: dict[str, float] = {}
        """The calls that are up, and since when."""
        self.released: dict[str, float] = {}
        """Calls that ended not long ago, and when: what the table answered, and who asks for one, may be behind."""
        self.rebuilt = False
        self.retry = RETRY_FIRST
        self.waiting: deque[tuple[AdmitCall | AuthorizeLeg, From]] = deque(maxlen=MOST_WAITING)
        self.for_funds: deque[tuple[AuthorizeLeg, From]] = deque(maxlen=MOST_WAITING)
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._ask_for_calls()

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case AdmitCall() | AuthorizeLeg() if not self.rebuilt:
                self.waiting.append((request, sender))
                return NoReply()
            case AdmitCall(call_id):
                return Reply(self._admit(call_id))
            case AuthorizeLeg():
                self._authorize(request, sender)
                return NoReply()
            case AccountUsage():
                return Reply(Usage(len(self.calls), self._limit, tuple(self.calls)))
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> None:
        match request:
            case CallReleased(call_id):
                self.calls.pop(call_id, None)
                self.legs.drop(call_id)
                self.released[call_id] = self.node.clock.now()
                if len(self.released) > MOST_WAITING:
                    del self.released[next(iter(self.released))]
            case LegReleased(call_id, direction):
                self.legs.drop(call_id, direction)
                # Else the next audit would count it again, and another number be let through as this one was.
                self.send(CHANNELS, LegAdmitted(call_id, {direction: None}))
            case ReloadLimits():
                self.background(self._load_limits(), "limits")
            case FundsChanged(total):
                self.funds = total

    def handle_info(self, message: Any) -> Any:
        match message:
            case Completed(tag="calls", value=value, error=error):
                self._told_of_calls(value, error)
            case Completed(tag="limits", value=limits, error=None):
                self.limits = limits
            case Completed(tag="funds", value=funds, error=error):
                self._told_of_funds(funds, error)
            case Completed(tag="limits", error=error):
                self.log.warning("account_limits_unread", account_id=self.account_id, error=str(error))
            case TimerFired(message="audit"):
                if not self.calls and not self.waiting:
                    return Stop("normal")
                self._ask_for_calls()
            case _:
                return super().handle_info(message)
        return None

    @property
    def _limit(self) -> int | None:
        return None if self.limits.calls == UNLIMITED else self.limits.calls

    def _admit(self, call_id: str) -> Admitted | CallLimitReached:
        if call_id not in self.calls and call_id not in self.released:
            if self._limit is not None and len(self.calls) >= self._limit:
                return CallLimitReached(len(self.calls), self._limit)
            self.calls[call_id] = self.node.clock.now()
            self.send(CHANNELS, LegAdmitted(call_id))
        return Admitted(len(self.calls))

    def _authorize(self, request: AuthorizeLeg, sender: From) -> None:
        """Answer now, or when it is known what money is left."""
        now = self.node.clock.now()
        known = self.legs.get(request.call_id, request.direction)
        if known is not None:
            self.reply(sender, LegAuthorized(known.billing, usage=self._trunk_usage()))
            return
        if request.call_id in self.released:
            self.reply(sender, LegBarred("the call has ended"))
            return
        used = self.legs.used(len(self.calls), self.funds or 0, now, self.limits.reserve_amount)
        decision = decide(self.limits, used, request.direction, request.number)
        trunk = decision.billing in ("flat_rate", "flat_rate_burst", "limits_disabled")
        if self.funds is None and not trunk and decision.reason not in HARD:
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
        self.legs.put(request.call_id, request.direction, Leg(decision.billing, now, request.rate))
        self.send(CHANNELS, LegAdmitted(request.call_id, {request.direction: decision.billing}))
        self.reply(sender, LegAuthorized(decision.billing, decision.soft, self._trunk_usage()))

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
                self._authorize(request, sender)

    def _ask_for_calls(self) -> None:
        self.background(self._ask(), "calls")

    async def _ask(self) -> tuple[Limits, list[dict[str, Any]]]:
        """The limits, and the account's channels that are up."""
        limits = await self._load_limits()
        answer = await self.call(CHANNELS, QueryAccountChannelsReq(account_id=self.account_id), timeout=10.0)
        assert isinstance(answer, QueryAccountChannelsResp)
        return limits, [dict(row) for row in answer.channels]

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
        self.limits, rows = value
        self._compare(rows)
        self.rebuilt = True
        self.retry = RETRY_FIRST
        while self.waiting:
            request, sender = self.waiting.popleft()
            if isinstance(request, AuthorizeLeg):
                self._authorize(request, sender)
            else:
                self.reply(sender, self._admit(request.call_id))
        self.start_timer(AUDIT_EVERY, "audit")

    def _compare(self, rows: list[dict[str, Any]]) -> None:
        now = self.node.clock.now()
        # A call is counted once, by the leg that came in; the legs it rings are not calls of their own.
        legs = (row for row in rows if row.get("direction") == "inbound")
        up = {str(row["uuid"]): bool(row.get("is_authorized")) for row in legs}
        self.legs.compare(rows, now, ADMISSION_GRACE, self.node.clock.time())
        self.calls = {
            call_id: since for call_id, since in self.calls.items() if call_id in up or now - since < ADMISSION_GRACE
        }
        for call_id, admitted in up.items():
            # One that has not been admitted is counted when it asks.
            if admitted and call_id not in self.released:
                self.calls.setdefault(call_id, now)
        self.released = {call_id: when for call_id, when in self.released.items() if now - when < RELEASED_KEPT}


def account_tree(account_id: str) -> Tree:
    """An account's own small supervisor: 5 restarts in 10 s are a fault of the account, not of all accounts."""
    return Tree(
        "one_for_one",
        [
            worker(Ledger, account_id, account_name(account_id), name=ledger_name(account_id)),
            worker(
                Account,
                account_id,
                name=account_name(account_id),
                keep_mail=True,
                restart="transient",
                significant=True,
            ),
        ],
        intensity=5,
        period=10.0,
        auto_shutdown="any_significant",
    )


def tree() -> Tree:
    """The keeper that starts accounts, and their supervisor: an account that gives up is started when next needed."""
    template = ChildSpec("account", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
    accounts = Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=ACCOUNTS_SUPERVISOR)
    return Tree(
        "one_for_one",
        [supervisor(accounts), worker(Accounts, name=ACCOUNTS, keep_mail=True)],
        intensity=5,
        period=10.0,
        name=Name("supervisor", "account_keeping"),
    )


class Accounts(GenServer):
    """Starts an account's actor when it is first needed: ask it for `EnsureAccount`.

    It outlives the supervisor of the accounts: to end with it would take two of the restarts that both share.
    """

    async def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case EnsureAccount(account_id):
                name = account_name(account_id)
                if self.whereis(name) is not None:
                    return Reply(name)
                try:
                    started = await self.call(ACCOUNTS_SUPERVISOR, StartChild([account_tree(account_id)]))
                except CallError as error:
                    started = Refused(str(error))
                return Reply(started if isinstance(started, Refused) else name)
        return super().handle_call(request, sender)


@message("accounts.ensure")
class EnsureAccount:
    """Have the account's actor run; answered with its Name, or Refused when it cannot be started now."""

    account_id: str


async def admit(process: Any, account_id: str, call_id: str) -> Admitted | CallLimitReached:
    """Ask the account's actor, which is started if need be. Raises AccountUnavailable when it does not answer."""
    answer: Admitted | CallLimitReached = await _ask(process, account_id, AdmitCall(call_id))
    return answer


async def authorize_leg(process: Any, account_id: str, request: AuthorizeLeg) -> LegAuthorized | LegBarred:
    """Ask the account's actor, which is started if need be. Raises AccountUnavailable when it does not answer."""
    answer: LegAuthorized | LegBarred = await _ask(process, account_id, request)
    return answer


async def _ask(process: Any, account_id: str, request: AdmitCall | AuthorizeLeg) -> Any:
    for _ in range(ADMISSION_ATTEMPTS):
        try:
            account = await process.call(ACCOUNTS, EnsureAccount(account_id))
            if not isinstance(account, Refused):
                answer = await process.call(account, request, timeout=ADMISSION_TIMEOUT)
                if not isinstance(answer, AccountTrouble):
                    return answer
        except CallError as error:
            process.log.info("admission_retried", call_id=request.call_id, error=str(error))
        await process.sleep(ADMISSION_PAUSE)
    raise AccountUnavailable(account_id)

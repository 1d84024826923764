"""The account's actor: the one counter of its calls against its limits.

Only it admits calls, one after the other, so a limit holds exactly however many calls come at once. Its truth is the
channel table: each call is noted there when it is admitted. After a restart the account asks there which calls those
are before it admits another, and at intervals it asks again and forgets the calls whose end it was not told.
"""

from __future__ import annotations

import math
import re
from collections import deque
from typing import Any, Final

from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS, LegAdmitted
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
RELEASED_KEPT: Final = 60.0
RETRY_FIRST: Final = 0.5
"""Pause before an account that could not count its calls asks again; each time it doubles."""
RETRY_MOST: Final = 10.0
MOST_WAITING: Final = 10_000
"""Calls that may wait for the count, of more the oldest have given up by then; and ended calls that are remembered."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}")


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
        self.limit: int | None = None
        self.calls: dict[str, float] = {}
        """The calls that are up, and since when."""
        self.released: dict[str, float] = {}
        """Calls that ended not long ago, and when: what the table answered, and who asks for one, may be behind."""
        self.rebuilt = False
        self.retry = RETRY_FIRST
        self.waiting: deque[tuple[AdmitCall, From]] = deque(maxlen=MOST_WAITING)
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._ask_for_calls()

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case AdmitCall(call_id):
                if not self.rebuilt:
                    self.waiting.append((request, sender))
                    return NoReply()
                return Reply(self._admit(call_id))
            case AccountUsage():
                return Reply(Usage(len(self.calls), self.limit, tuple(self.calls)))
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> None:
        match request:
            case CallReleased(call_id):
                self.calls.pop(call_id, None)
                self.released[call_id] = self.node.clock.now()
                if len(self.released) > MOST_WAITING:
                    del self.released[next(iter(self.released))]
            case ReloadLimits():
                self.background(self._load_limit(), "limit")

    def handle_info(self, message: Any) -> Any:
        match message:
            case Completed(tag="calls", value=value, error=error):
                self._told_of_calls(value, error)
            case Completed(tag="limit", value=limit, error=None):
                self.limit = limit
            case Completed(tag="limit", error=error):
                self.log.warning("account_limits_unread", account_id=self.account_id, error=str(error))
            case TimerFired(message="audit"):
                if not self.calls and not self.waiting:
                    return Stop("normal")
                self._ask_for_calls()
            case _:
                return super().handle_info(message)
        return None

    def _admit(self, call_id: str) -> Admitted | CallLimitReached:
        if call_id not in self.calls and call_id not in self.released:
            if self.limit is not None and len(self.calls) >= self.limit:
                return CallLimitReached(len(self.calls), self.limit)
            self.calls[call_id] = self.node.clock.now()
            self.send(CHANNELS, LegAdmitted(call_id))
        return Admitted(len(self.calls))

    def _ask_for_calls(self) -> None:
        self.background(self._ask(), "calls")

    async def _ask(self) -> tuple[int | None, dict[str, bool]]:
        """The limit; the account's calls that are up, and whether each has been admitted."""
        limit = await self._load_limit()
        answer = await self.call(CHANNELS, QueryAccountChannelsReq(account_id=self.account_id), timeout=10.0)
        assert isinstance(answer, QueryAccountChannelsResp)
        # A call is counted once, by the leg that came in; the legs it rings are not calls of their own.
        legs = (row for row in answer.channels if row.get("direction") == "inbound")
        return limit, {str(row["uuid"]): bool(row.get("is_authorized")) for row in legs}

    async def _load_limit(self) -> int | None:
        try:
            document = await StoreClient(self).get(account_db(self.account_id), "limits")
        except NotFound:
            return None
        return call_limit(document)

    def _told_of_calls(self, value: Any, error: Any) -> None:
        if error is not None:
            self.log.warning("account_cannot_count", account_id=self.account_id, error=str(error))
            self.start_timer(AUDIT_EVERY if self.rebuilt else self.retry, "audit")
            self.retry = min(self.retry * 2, RETRY_MOST)
            return
        self.limit, up = value
        self._compare(up)
        self.rebuilt = True
        self.retry = RETRY_FIRST
        while self.waiting:
            request, sender = self.waiting.popleft()
            self.reply(sender, self._admit(request.call_id))
        self.start_timer(AUDIT_EVERY, "audit")

    def _compare(self, up: dict[str, bool]) -> None:
        now = self.node.clock.now()
        self.calls = {
            call_id: since for call_id, since in self.calls.items() if call_id in up or now - since < ADMISSION_GRACE
        }
        for call_id, admitted in up.items():
            # One that has not been admitted is counted when it asks.
            if admitted and call_id not in self.released:
                self.calls.setdefault(call_id, now)
        self.released = {call_id: when for call_id, when in self.released.items() if now - when < RELEASED_KEPT}


def call_limit(limits: Document) -> int | None:
    """How many calls a limits document allows: its `calls`; None (no limit) for -1, as in Kazoo, and where it says
    nothing. A value that is no number allows none: whoever wrote it meant a limit."""
    calls = limits.get("calls")
    if calls is None or is_deleted(limits):
        return None
    if isinstance(calls, str) and _WHOLE.fullmatch(calls):
        calls = int(calls)
    if isinstance(calls, bool) or not isinstance(calls, int | float) or not math.isfinite(calls):
        return 0
    return int(calls) if calls >= 0 else None


def account_tree(account_id: str) -> Tree:
    """An account's own small supervisor: 5 restarts in 10 s are a fault of the account, not of all accounts."""
    return Tree(
        "one_for_one",
        [
            worker(
                Account,
                account_id,
                name=account_name(account_id),
                keep_mail=True,
                restart="transient",
                significant=True,
            )
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
    for _ in range(ADMISSION_ATTEMPTS):
        try:
            account = await process.call(ACCOUNTS, EnsureAccount(account_id))
            if not isinstance(account, Refused):
                answer: Admitted | CallLimitReached = await process.call(
                    account, AdmitCall(call_id), timeout=ADMISSION_TIMEOUT
                )
                return answer
        except CallError as error:
            process.log.info("admission_retried", call_id=call_id, error=str(error))
        await process.sleep(ADMISSION_PAUSE)
    raise AccountUnavailable(account_id)

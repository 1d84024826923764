"""The account's actor: the one counter of its calls against its limits.

Only it admits calls, one after the other, so a limit holds exactly however many calls come at once. Its truth is the
channel table: after a restart it asks there which of the account's calls are up before it admits another, and at
intervals it asks again and forgets the calls whose end it was not told.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.store import DocumentNotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS
from mirliton.runtime import (
    CallError,
    Completed,
    Continue,
    From,
    GenServer,
    Name,
    NoReply,
    Reply,
    TimerFired,
    message,
)
from mirliton.supervisors import ChildSpec, StartChild, StartSpec, Supervisor, Tree, supervisor, worker

ACCOUNTS: Final = Name("service", "accounts")
ACCOUNTS_SUPERVISOR: Final = Name("supervisor", "accounts")
AUDIT_EVERY: Final = 30.0
"""Seconds between comparisons with the channel table."""
ADMISSION_GRACE: Final = 10.0
"""Seconds after its admission in which a call need not be in the channel table yet."""
ADMISSION_ATTEMPTS: Final = 4
_RETRY: Final = 0.5


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
    """One account. A restart rebuilds the count before anything is admitted."""

    def init(self, account_id: str) -> NoReply:
        self.account_id = account_id
        self.limit: int | None = None
        self.calls: dict[str, float] = {}
        self.rebuilt = False
        self.waiting: list[tuple[AdmitCall, From]] = []
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self._rebuild()

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case AdmitCall():
                if not self.rebuilt:
                    self.waiting.append((request, sender))
                    return NoReply()
                return Reply(self._admit(request.call_id))
            case AccountUsage():
                return Reply(Usage(len(self.calls), self.limit, tuple(self.calls)))
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> None:
        match request:
            case CallReleased(call_id):
                self.calls.pop(call_id, None)
            case ReloadLimits():
                self.background(self._load_limit(), "limit")

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag="rebuild", value=(limit, channels), error=None):
                self.limit = limit
                self._compare(channels)
                self.rebuilt = True
                for request, sender in self.waiting:
                    self.reply(sender, self._admit(request.call_id))
                self.waiting.clear()
                self.start_timer(AUDIT_EVERY, "audit")
            case Completed(tag="rebuild", error=error):
                self.log.warning("account_cannot_count", account_id=self.account_id, error=str(error))
                self.start_timer(_RETRY if not self.rebuilt else AUDIT_EVERY, "audit")
            case Completed(tag="limit", value=limit, error=None):
                self.limit = limit
            case Completed(tag="limit", error=error):
                self.log.warning("account_limits_unread", account_id=self.account_id, error=str(error))
            case TimerFired(message="audit"):
                self._rebuild()
            case _:
                super().handle_info(message)

    def _admit(self, call_id: str) -> Admitted | CallLimitReached:
        if call_id not in self.calls:
            if self.limit is not None and len(self.calls) >= self.limit:
                return CallLimitReached(len(self.calls), self.limit)
            self.calls[call_id] = self.node.clock.now()
        return Admitted(len(self.calls))

    def _rebuild(self) -> None:
        self.background(self._ask(), "rebuild")

    async def _ask(self) -> tuple[int | None, tuple[str, ...]]:
        limit = await self._load_limit()
        answer = await self.call(CHANNELS, QueryAccountChannelsReq(account_id=self.account_id), timeout=10.0)
        assert isinstance(answer, QueryAccountChannelsResp)
        # A call is counted once, by the leg that came in; the legs it rings are not calls of their own.
        return limit, tuple(str(row["uuid"]) for row in answer.channels if row.get("direction") == "inbound")

    async def _load_limit(self) -> int | None:
        try:
            limits = await StoreClient(self).get(account_db(self.account_id), "limits")
        except DocumentNotFound:
            return None
        calls = limits.get("calls")
        return calls if isinstance(calls, int) and not isinstance(calls, bool) and calls >= 0 else None

    def _compare(self, channels: tuple[str, ...]) -> None:
        now = self.node.clock.now()
        up = set(channels)
        self.calls = {
            call_id: since for call_id, since in self.calls.items() if call_id in up or now - since < ADMISSION_GRACE
        }
        for call_id in up:
            self.calls.setdefault(call_id, now)


def account_tree(account_id: str) -> Tree:
    """An account's own small supervisor: 5 restarts in 10 s are a fault of the account, not of all accounts."""
    return Tree(
        "one_for_one",
        [worker(Account, account_id, name=account_name(account_id), keep_mail=True)],
        intensity=5,
        period=10.0,
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
    """Starts an account's actor when it is first needed: ask it for `EnsureAccount`."""

    async def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case EnsureAccount(account_id):
                name = account_name(account_id)
                if self.whereis(name) is None:
                    await self.call(ACCOUNTS_SUPERVISOR, StartChild([account_tree(account_id)]))
                return Reply(name)
        return super().handle_call(request, sender)


@message("accounts.ensure")
class EnsureAccount:
    """Have the account's actor run; answered with its Name."""

    account_id: str


async def admit(process: Any, account_id: str, call_id: str) -> Admitted | CallLimitReached:
    """Ask the account's actor, which is started if need be. Raises AccountUnavailable when it does not answer."""
    for _ in range(ADMISSION_ATTEMPTS):
        try:
            await process.call(ACCOUNTS, EnsureAccount(account_id))
            answer: Admitted | CallLimitReached = await process.call(
                account_name(account_id), AdmitCall(call_id), timeout=10.0
            )
            return answer
        except CallError:
            await process.sleep(_RETRY)
    raise AccountUnavailable(account_id)

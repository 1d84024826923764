"""What an account's actor is asked, and how: whether a call may go on, and whether it may have a leg by a carrier."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.limits import Billing, Direction
from mirliton.actors.money import Rate
from mirliton.runtime import CallError, MailboxFull, Name, message

ATTEMPTS: Final = 20
TIMEOUT: Final = 2.0
"""Seconds after which it is asked again: it, or its node, may have died. Also until the channel table is told again."""
PAUSE: Final = 0.5


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
    """May this call go on? Asked again for the same call it is answered the same, and counted once. `switch` has it."""

    call_id: str
    switch: str = ""


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
    is paid by the minute (without one it is not let), `classification` the kind of number, `switch` has the call. Asked
    again for the same it is answered the same."""

    call_id: str
    direction: Direction
    number: str
    rate: Rate | None = None
    switch: str = ""
    classification: str = ""


@message("account.authorized")
class LegAuthorized:
    """It may, and this is who pays; `soft` where a limit was passed that is soft."""

    billing: Billing
    soft: bool = False
    usage: str = ""
    """Kazoo's Account-Trunk-Usage."""
    allotment: str = ""
    """The allotment that pays, where one does."""


@message("account.barred")
class LegBarred:
    """It may not."""

    reason: str


@message("account.leg_released")
class LegReleased:
    """The leg to or from a carrier has ended, while its call goes on; or did not come to be, unless `talked`."""

    call_id: str
    direction: Direction
    switch: str = ""
    talked: bool = False


@message("account.leg_booked")
class LegBooked:
    """A carrier's leg has ended and its record is stored; `talked` unless it was never answered."""

    call_id: str
    direction: Direction
    talked: bool


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


async def admit(process: Any, account_id: str, call_id: str, switch: str) -> Admitted | CallLimitReached:
    """Ask the account's actor whether a call on that switch may go on. Raises AccountUnavailable when it does not
    answer."""
    answer: Admitted | CallLimitReached = await _ask(process, account_id, AdmitCall(call_id, switch))
    return answer


async def authorize_leg(process: Any, account_id: str, request: AuthorizeLeg) -> LegAuthorized | LegBarred:
    """Ask the account's actor. Raises AccountUnavailable when it does not answer."""
    answer: LegAuthorized | LegBarred = await _ask(process, account_id, request)
    return answer


async def _ask(process: Any, account_id: str, request: AdmitCall | AuthorizeLeg) -> Any:
    for _ in range(ATTEMPTS):
        try:
            answer = await process.call(account_name(account_id), request, timeout=TIMEOUT)
            if not isinstance(answer, AccountTrouble):
                return answer
            error = answer.reason
        except (CallError, MailboxFull) as trouble:
            error = str(trouble)
        process.log.info("admission_retried", call_id=request.call_id, error=error)
        await process.sleep(PAUSE)
    raise AccountUnavailable(account_id)

"""Whether the account may have a leg to a carrier, and what that costs: asked before one is rung. Kazoo: jonny5.

Only where the operator has turned it on: `authz_enabled` of `system_config/ecallmgr` (Kazoo's default is off). The
answer is noted on the leg in Kazoo's Custom-Channel-Vars, from which its record is charged and an account's actor that
was restarted counts again. Asked again for the same call it is answered the same. Calls for help are never asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.account import (
    AccountUnavailable,
    AuthorizeLeg,
    LegBarred,
    LegReleased,
    account_name,
    authorize_leg,
)
from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.rate import Req, Resp
from mirliton.actors.money import rate_of_vars
from mirliton.actors.system_config import config_of
from mirliton.runtime import CallError
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.hotornot.listener import HOTORNOT

CATEGORY: Final = "ecallmgr"
RATE_TIMEOUT: Final = 10.0
"""Seconds that a rate may take (Kazoo: 10)."""
PAUSES: Final = (0.0, 0.25, 1.0)
_RATE_VARS: Final = (
    *("Rate", "Rate-Increment", "Rate-Minimum", "Surcharge", "Rate-Name", "Rate-ID", "Rate-Description"),
    *("Rate-NoCharge-Time", "Base-Cost", "Prefix"),
)


async def authorized(call: Script, number: str) -> Mapping[str, str] | None:
    """The Custom-Channel-Vars for the leg to the carrier (none where nothing is asked); None where it may not be.

    `number` is the one called (E.164).
    """
    if (await config_of(call.store, CATEGORY)).get("authz_enabled") is not True:
        return {}
    noted = await _rate(call, number)
    request = AuthorizeLeg(call.id, "outbound", number, rate_of_vars(noted))
    try:
        answer = await authorize_leg(call.process, call.account_id, request)
    except AccountUnavailable as error:
        call.log.error("carrier_not_authorized", error=str(error))
        return None
    if isinstance(answer, LegBarred):
        call.log.info("carrier_barred", account_id=call.account_id, reason=answer.reason)
        return None
    found = {"Account-Billing": answer.billing, "Account-Trunk-Usage": answer.usage}
    return {**found, **noted} if answer.billing == "per_minute" else found


def released(call: Script) -> None:
    """No carrier has the call."""
    call.process.cast(account_name(call.account_id), LegReleased(call.id, "outbound"))


async def _rate(call: Script, number: str) -> dict[str, str]:
    """What the call costs by the minute, as Kazoo notes it; empty where there is no rate, or nobody can say."""
    request = Req(to_did=number, account_id=call.account_id, call_id=call.id, direction="outbound")
    for pause in PAUSES:
        if pause:
            await call.process.sleep(pause)
        try:
            answer: Any = await call.process.call(HOTORNOT, request, timeout=RATE_TIMEOUT)
        except CallError as error:
            answer = error
        if isinstance(answer, Resp):
            headers = to_headers(answer, Envelope())
            return {name: str(headers[name]) for name in _RATE_VARS if headers.get(name) is not None}
    call.log.warning("rate_not_known", number=len(number))
    return {}

"""Whether the account may have a leg to a carrier, and what that costs: asked before one is rung. Kazoo: jonny5.

Only where the operator has turned it on: `authz_enabled` of `system_config/ecallmgr` (Kazoo's default is off). The
answer is noted on the leg in Kazoo's Custom-Channel-Vars, from which its record is charged and an account's actor that
was restarted counts again. Asked again for the same call it is answered the same. Calls for help are never asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.admission import (
    AccountUnavailable,
    AuthorizeLeg,
    LegBarred,
    LegReleased,
    account_name,
    authorize_leg,
)
from mirliton.actors.allotments import CHANNEL_VAR
from mirliton.actors.kapi import Envelope, to_headers
from mirliton.actors.kapi.dialplan import Set
from mirliton.actors.kapi.rate import Req, Resp
from mirliton.actors.limits import Direction
from mirliton.actors.money import rate_of_vars
from mirliton.actors.switching import LOOPED_ACCOUNT, CallInfo, Execute, call_name
from mirliton.actors.system_config import config_of
from mirliton.runtime import CallError
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.hotornot.listener import HOTORNOT
from mirliton.whapps.numbers.rules import number_rules

CATEGORY: Final = "ecallmgr"
RATE_TIMEOUT: Final = 10.0
"""Seconds that a rate may take (Kazoo: 10)."""
NOTE_TIMEOUT: Final = 20.0
"""Seconds that the switch may take to note who pays."""
PAUSES: Final = (0.0, 0.25, 1.0)
_RATE_VARS: Final = (
    *("Rate", "Rate-Increment", "Rate-Minimum", "Surcharge", "Rate-Name", "Rate-ID", "Rate-Description"),
    *("Rate-NoCharge-Time", "Base-Cost", "Prefix"),
)


async def authorized(call: Script, number: str, direction: Direction = "outbound") -> Mapping[str, str] | None:
    """The Custom-Channel-Vars for the leg to or from the carrier (none where nothing is asked); None where it may not
    be. `number` is the one at its other end (E.164)."""
    if (await config_of(call.store, CATEGORY)).get("authz_enabled") is not True:
        return {}
    noted = await _rate(call, number, direction)
    kind = (await number_rules(call.store)).classify(number).name
    request = AuthorizeLeg(call.id, direction, number, rate_of_vars(noted), call.info.switch, kind)
    try:
        answer = await authorize_leg(call.process, call.account_id, request)
    except AccountUnavailable as error:
        call.log.error("carrier_not_authorized", error=str(error))
        return None
    if isinstance(answer, LegBarred):
        call.log.info("carrier_barred", account_id=call.account_id, direction=direction, reason=answer.reason)
        return None
    found = {"Account-Billing": answer.billing, "Account-Trunk-Usage": answer.usage}
    if answer.allotment:
        return {**found, CHANNEL_VAR: answer.allotment}
    return {**found, **noted} if answer.billing == "per_minute" else found


def came_by_carrier(info: CallInfo) -> bool:
    """Whether a call came from outside: to a number of the account's, and neither from one of its phones nor from
    another account of ours."""
    known = info.custom_channel_vars
    return bool(known.get("Inception")) and not known.get("Authorizing-ID") and not known.get(LOOPED_ACCOUNT)


async def let_in(call: Script) -> bool:
    """Ask for the leg by which a call came from a carrier, and have it noted there who pays. False: it may not be."""
    caller = (await number_rules(call.store)).e164(call.info.leg.caller_id_number or "")
    paid = await authorized(call, caller, "inbound")
    if paid:
        noted = Execute("", Set(call.id, custom_channel_vars=dict(paid)))
        await call.process.call(call_name(call.id), noted, timeout=NOTE_TIMEOUT)
    return paid is not None


def released(call: Script, *, talked: bool) -> None:
    """No carrier has the call any more; `talked` unless none took it."""
    told = LegReleased(call.id, "outbound", call.info.switch, talked)
    call.process.cast(account_name(call.account_id), told)


async def _rate(call: Script, number: str, direction: Direction) -> dict[str, str]:
    """What the call costs by the minute, as Kazoo notes it; empty where there is no rate, or nobody can say."""
    request = Req(to_did=number, account_id=call.account_id, call_id=call.id, direction=direction)
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

"""Ringing endpoints and what comes of it: shared by the actions that bridge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal

from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint, Hangup, Hold, Respond
from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.calling import flow_for
from mirliton.whapps.callflow.missed_calls import RECIPIENTS, TALKED
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script

DEFAULT_TIMEOUT: Final = 20.0
AFTER_BRIDGE: Final = "after_bridge"
"""Kept by the action of that name: what becomes of the caller when whoever answers has hung up."""
_CODE: Final = re.compile(r"sip:([1-6][0-9]{2})")
_CODES: Final = {
    "USER_BUSY": 486,
    "NO_ANSWER": 480,
    "UNALLOCATED_NUMBER": 404,
    "NO_ROUTE_DESTINATION": 404,
    "CALL_REJECTED": 603,
    "INVALID_NUMBER_FORMAT": 484,
    "OUTGOING_CALL_BARRED": 403,
}
Strategy = Literal["single", "simultaneous"]


async def ring(
    call: Script,
    endpoints: Sequence[Endpoint],
    *,
    timeout: float,
    strategy: Strategy,
    data: Data,
    ringback: str | None = None,
    ignore_forward: bool = False,
) -> Outcome | None:
    """Ring the endpoints. Done when somebody answered (and has hung up since); the child to go on with when the flow
    has one for the failure; else None."""
    result = await call.execute(
        Bridge(
            call.id,
            tuple(endpoints),
            timeout=timeout,
            dial_endpoint_method=strategy,
            fail_on_single_reject="true" if data.get("fail_on_single_reject") else None,
            ignore_early_media=True if strategy == "simultaneous" and len(endpoints) > 1 else None,
            ringback=ringback,
            ignore_forward=ignore_forward or None,
        )
    )
    outcome = await connected(call, result)
    if outcome is not None:
        return outcome
    cause, code = failure(result), sip_code(result)
    call.log.info("bridge_failed", cause=cause, code=code)
    child = child_of(call, cause, code)
    return child if child != Next() else None


async def connected(call: Script, result: CommandResult) -> Outcome | None:
    """What follows when a bridge has connected the caller, and they have parted; None when it has not."""
    if answered(result):
        return await _after(call)
    if picked_up(result):
        # Somebody has taken it at another phone, and they are talking: the rest of the flow is not for this call. The
        # caller may not have been answered by that.
        if call.kept(RECIPIENTS):
            call.keep(**{TALKED: True})
        await call.execute(Answer(call.id))
        await call.parted()
        return Done()
    return None


async def _after(call: Script) -> Outcome:
    """Whoever answered has hung up: what `after_bridge` has said for that."""
    if call.kept(RECIPIENTS):
        call.keep(**{TALKED: True})
    match call.kept(AFTER_BRIDGE):
        case ["transfer", str(number)]:
            call.keep(**{AFTER_BRIDGE: None})
            return await flow_for(call, number, no_match=True) or Done()
        case ["park", _]:
            await call.execute(Hold(call.id))
            await call.ended()
    return Done()


def answered(result: CommandResult) -> bool:
    """Whether a bridge connected two parties."""
    return result.variables.get("originate_disposition") == "SUCCESS"


def picked_up(result: CommandResult) -> bool:
    """Whether the leg is bridged with another that no bridge of this flow has rung."""
    return bool(result.variables.get("signal_bond") or result.variables.get("uuid_bridge"))


def failure(result: CommandResult) -> str:
    """Why a bridge connected nobody: a hangup cause."""
    disposition = result.variables.get("originate_disposition", "")
    return disposition or result.variables.get("last_bridge_hangup_cause", "") or "NO_ANSWER"


def sip_code(result: CommandResult) -> str | None:
    """The SIP status with which the last leg was refused, as `486`."""
    found = _CODE.fullmatch(result.variables.get("last_bridge_proto_specific_hangup_cause", ""))
    return found[1] if found is not None else None


def child_of(call: Script, cause: str, code: str | None) -> Next | None:
    """The child that the flow has for a failure: that of its cause, of its SIP code, or `_`; None without any."""
    return next((Next(key) for key in (cause, code, "_") if key is not None and key in call.children), None)


async def refuse(call: Script, cause: str, code: str | None) -> Done:
    """End a call that was not connected, and tell the caller's phone why: by the SIP code, else one for the cause."""
    call.log.info("call_not_connected", cause=cause, code=code)
    if call.leg.channel_is_loopback:
        # There is no phone at this end: whoever called the number by it learns the cause.
        await call.attempt(Hangup(call.id, hangup_cause=cause))
    else:
        status = int(code) if code is not None and code >= "400" else _CODES.get(cause, 480)
        await call.attempt(Respond(call.id, response_code=status))
    return Done()


def seconds(value: Any, default: float) -> float:
    """A duration of a document, in seconds."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else default


def strategy_of(value: Any, default: Strategy = "simultaneous") -> Strategy:
    """How to ring several endpoints."""
    if value == "single":
        return "single"
    return "simultaneous" if value == "simultaneous" else default

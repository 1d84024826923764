"""Ringing endpoints and what comes of it: shared by the actions that bridge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint
from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script

DEFAULT_TIMEOUT: Final = 20.0
Strategy = Literal["single", "simultaneous"]


async def ring(
    call: Script,
    endpoints: Sequence[Endpoint],
    *,
    timeout: float,
    strategy: Strategy,
    data: Data,
    ringback: str | None = None,
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
        )
    )
    if answered(result):
        return Done()
    if picked_up(result):
        # Somebody has taken it at another phone, and they are talking: the rest of the flow is not for this call. The
        # caller may not have been answered by that.
        await call.execute(Answer(call.id))
        await call.parted()
        return Done()
    cause = failure(result)
    call.log.info("bridge_failed", cause=cause)
    return Next(cause) if cause in call.children else None


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


def seconds(value: Any, default: float) -> float:
    """A duration of a document, in seconds."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else default


def strategy_of(value: Any, default: Strategy = "simultaneous") -> Strategy:
    """How to ring several endpoints."""
    if value == "single":
        return "single"
    return "simultaneous" if value == "simultaneous" else default

"""Applications that join legs: bridge, intercept and eavesdrop."""

from __future__ import annotations

from mirliton.ecallmgr.simulator.bridging import after_bridge, hold_bridge
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.dialer import dial


async def bridge(leg: Leg, data: str) -> str | None:
    """Dial, and talk to whom answers.

    When nobody does, `continue_on_fail` (true, or a list of causes) lets the call go on; otherwise it
    ends with the cause of the failure.
    """
    result = await dial(leg.switch, data, leg)
    if result.leg is None:
        if leg.executor.ready and not _goes_on(leg, result.cause):
            leg.hangup(result.cause)
        return None
    if not leg.executor.ready:
        result.leg.hangup("ORIGINATOR_CANCEL")
        return None
    await after_bridge(leg, await hold_bridge(leg, result.leg))
    return None


def _goes_on(leg: Leg, cause: str) -> bool:
    wish = leg.get("continue_on_fail")
    if wish is not None and wish.lower() not in ("true", "false"):
        return cause in (word.strip().upper() for word in wish.split(","))
    if leg.true("continue_on_fail"):
        return True
    failures = leg.get("failure_causes")
    return failures is not None and cause not in (word.strip().upper() for word in failures.split(","))


async def intercept(leg: Leg, data: str) -> str | None:
    """Take another leg over (`-bleg` its partner): both are bridged, what they did before ends.

    The partner of a leg that rings is the one that calls it. `intercept_unbridged_only` and `intercept_unanswered_only`
    on this leg: a target that is bridged, or answered, is left alone, and this leg goes on.
    """
    words = data.split()
    if not words:
        return None
    target = leg.switch.legs.get(words[-1])
    if target is not None and "-bleg" in words:
        target = target.bridge.partner(target) if target.bridge is not None else _caller_of(target)
    if target is None or target is leg or not target.alive:
        return None
    if target.bridge is not None and leg.true("intercept_unbridged_only"):
        return None
    if target.answered and leg.true("intercept_unanswered_only"):
        return None
    leg.mark_answered()
    leg.set("uuid_bridge", target.uuid)
    leg.switch.routines.join(leg, target)
    return None


def _caller_of(leg: Leg) -> Leg | None:
    """Whoever rings this leg."""
    return leg.switch.legs.get(leg.get("signal_bond") or "")


async def eavesdrop(leg: Leg, data: str) -> str | None:
    """Listen to another leg until either ends; a leg that is not there is not listened to."""
    target = leg.switch.legs.get(data.strip())
    if target is None or target is leg or not target.alive:
        return None
    leg.mark_answered()

    def changed(_change: str) -> None:
        leg.executor.signal()

    target.watchers.append(changed)
    try:
        await leg.executor.wait(until=lambda: not target.alive)
    finally:
        target.watchers.remove(changed)
    return None

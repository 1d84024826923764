"""user: ring all devices that a user owns."""

from __future__ import annotations

from mirliton.whapps.callflow.endpoints import required_id, some, user_endpoints
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds, strategy_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id`, `timeout` (20 s), `strategy` (simultaneous), `delay`, `can_call_self`. Children: a hangup cause, `_`."""
    user_id = required_id("user", data)
    endpoints = await user_endpoints(
        call,
        user_id,
        delay=seconds(data.get("delay"), 0.0) or None,
        may_be_self=bool(data.get("can_call_self")),
    )
    return (
        await ring(
            call,
            some(f"user {user_id}", endpoints),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy=strategy_of(data.get("strategy")),
            data=data,
        )
        or Next()
    )

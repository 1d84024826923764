"""user: ring all devices that a user owns."""

from __future__ import annotations

from mirliton.whapps.callflow.endpoints import required_id, some, user_endpoints
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds, strategy_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.wishes import wishes_of


async def run(call: Script, data: Data) -> Outcome:
    """`id`, `timeout` (20 s), `strategy` (simultaneous), `delay`, `can_call_self`, `suppress_clid`, `static_invite`,
    `custom_sip_headers`. Children: a hangup cause, `_`."""
    user_id = required_id("user", data)
    endpoints = await user_endpoints(call, user_id, wishes_of(data, delay=seconds(data.get("delay"), 0.0) or None))
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

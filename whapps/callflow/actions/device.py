"""device: ring one device."""

from __future__ import annotations

from mirliton.whapps.callflow.endpoints import device_endpoints, required_id, some
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds, strategy_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.wishes import wishes_of


async def run(call: Script, data: Data) -> Outcome:
    """`id`, `timeout` (20 s), `dial_strategy`, `delay`, `can_call_self`, `suppress_clid`, `static_invite`,
    `custom_sip_headers`. Children: a hangup cause, `_`."""
    device_id = required_id("device", data)
    device = await call.document(device_id)
    endpoints = await device_endpoints(call, device, wishes_of(data, delay=seconds(data.get("delay"), 0.0) or None))
    return (
        await ring(
            call,
            some(f"device {device_id}", endpoints),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy=strategy_of(data.get("dial_strategy")),
            data=data,
        )
        or Next()
    )

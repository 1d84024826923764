"""device: ring one device."""

from __future__ import annotations

from mirliton.whapps.callflow.endpoints import device_endpoint, required_id, some
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds, strategy_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id`, `timeout` (20 s), `dial_strategy`, `can_call_self`. Children: a hangup cause, `_`."""
    device_id = required_id("device", data)
    device = await call.document(device_id)
    endpoint = await device_endpoint(call, device, may_be_self=bool(data.get("can_call_self")))
    return (
        await ring(
            call,
            some(f"device {device_id}", [endpoint] if endpoint is not None else []),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy=strategy_of(data.get("dial_strategy")),
            data=data,
        )
        or Next()
    )

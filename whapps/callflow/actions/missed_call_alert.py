"""missed_call_alert: tell people by mail when nobody takes this call. Kazoo: cf_missed_call_alert."""

from __future__ import annotations

from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.missed_calls import MOST, RECIPIENTS
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`recipients`: objects of `type` (user, email) and `id` (one, or a list). Child: `_`.

    They are told when the call has ended, if nobody talked with the caller and no message was left. Raises InvalidFlow
    without any.
    """
    listed = data.get("recipients")
    found = [
        {"type": one["type"], "id": one["id"]}
        for one in (listed if isinstance(listed, list) else [])[:MOST]
        if isinstance(one, dict) and one.get("type") in ("user", "email") and _is_id(one.get("id"))
    ]
    if not found:
        raise InvalidFlow("missed_call_alert", "it has no recipients")
    call.keep(**{RECIPIENTS: found})
    return Next()


def _is_id(value: object) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= MOST and all(isinstance(one, str) and one for one in value)
    return isinstance(value, str) and bool(value)

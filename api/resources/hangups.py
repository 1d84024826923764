"""`hangups`: how often calls end for which cause, on this node since its start. Kazoo: cb_hangups.

    GET hangups, hangups/{cause}                                    of all accounts; the master account
    GET accounts/{account_id}/hangups, …/hangups/{hangup_cause}     of one

Each has `count`, `start_time`, and rates per second over one, five and fifteen minutes and a day.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.api.context import Answer, Context, parameter
from mirliton.api.routing import Route
from mirliton.whapps.hangups.monitor import HANGUPS, ListHangups


async def _listed(context: Context) -> Answer:
    return Answer([{"hangup_cause": cause, **meter} for cause, meter in sorted((await _meters(context)).items())])


async def _one(context: Context) -> Answer:
    cause = parameter(context, "hangup_cause").upper()
    meter = (await _meters(context)).get(cause, {"count": 0})
    return Answer({"hangup_cause": cause, **meter})


async def _meters(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = await context.services.call(HANGUPS, ListHangups(context.parameters.get("account_id")))
    return found


ROUTES: Final = (
    Route("hangups", "hangups", {"GET": _listed}, "master"),
    Route("hangups/{hangup_cause}", "hangups", {"GET": _one}, "master"),
    Route("accounts/{account_id}/hangups", "hangups", {"GET": _listed}),
    Route("accounts/{account_id}/hangups/{hangup_cause}", "hangups", {"GET": _one}),
)

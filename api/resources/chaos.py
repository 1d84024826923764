"""`supervision/chaos`: killing by plan (mirliton.supervisors.chaos). Ours, not Kazoo's.

    PUT supervision/chaos       {"plan": {…}, "seed": 7}                    begin; the plan as in docs/chaos.md, as JSON
    PUT supervision/chaos       {"plan": {…}, "dry_run": true}              what would be hit
    PUT supervision/chaos       {"plan": {…}, "repeat": [the hits of a report]}
    GET supervision/chaos       how far the run has come, and the report of the last one
    DELETE supervision/chaos    stop it

Only administrators of the master account may, only with the setting `chaos.enabled`, and each beginning and stop is
audited. A run goes on when this server, or whoever began it, goes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from mirliton.api import audit
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import Busy, Forbidden, InvalidData
from mirliton.api.routing import Route
from mirliton.config import ValidationError
from mirliton.supervisors.chaos import (
    ChaosOff,
    ChaosRefused,
    PlanError,
    begin_chaos,
    chaos_status,
    preview_chaos,
    stop_chaos,
)

T = TypeVar("T")


async def _begin(context: Context) -> Answer:
    data, node = required_object(context), context.services.node
    plan, seed = data.get("plan"), _seed(data)
    # Nothing is audited that is refused anyway: off, or no plan.
    preview = await _asked(preview_chaos(node, plan, seed=seed))
    if data.get("dry_run") is True:
        return Answer(preview)
    await audit.note(context, "chaos", plan=preview["plan"], seed=preview["seed"])
    by = f"{context.who.account_id}/{context.who.owner_id}"
    repeat = data.get("repeat")
    feed = await _asked(begin_chaos(node, plan, seed=preview["seed"], repeat=repeat, by=by))
    return Answer(feed.run.progress() if feed.run is not None else None, status=201)


async def _status(context: Context) -> Answer:
    return Answer(await _asked(chaos_status(context.services.node)))


async def _stop(context: Context) -> Answer:
    await audit.note(context, "chaos_stop")
    return Answer(await _asked(stop_chaos(context.services.node, f"{context.who.account_id}/{context.who.owner_id}")))


def _seed(data: dict[str, Any]) -> int | None:
    seed = data.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**63):
        raise InvalidData.of("seed", "type", "must be a whole number that is not negative", target="integer")
    return seed


async def _asked(asking: Awaitable[T]) -> T:
    """What the chaos server answers, its refusals as the API's."""
    try:
        return await asking
    except PlanError as error:
        found = [(problem.where, problem) for problem in error.problems]
        raise InvalidData(
            ValidationError(("plan", *where.split(".")), "invalid", str(problem)) for where, problem in found
        ) from None
    except ChaosOff as error:
        raise Forbidden(str(error)) from None
    except ChaosRefused as error:
        raise Busy(str(error)) from None


ROUTES: Final = (Route("supervision/chaos", "supervision", {"GET": _status, "PUT": _begin, "DELETE": _stop}, "master"),)

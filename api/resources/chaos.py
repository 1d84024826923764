"""`supervision/chaos`: killing by plan (mirliton.supervisors.chaos). Ours, not Kazoo's.

    PUT supervision/chaos       {"plan": {…}, "seed": 7}                    begin; the plan as in docs/chaos.md, as JSON
    PUT supervision/chaos       {"plan": {…}, "dry_run": true}              what would be hit
    PUT supervision/chaos       {"plan": {…}, "repeat": [the hits of a report]}
    GET supervision/chaos       how far the run has come, and the report of the last one
    DELETE supervision/chaos    stop it

    GET, PUT, DELETE supervision/chaos/outside      the same of OS processes, connections and services

Only administrators of the master account may, only with the setting `chaos.enabled` (and `chaos.outside` for what is
outside of nodes: see outside_chaos.py), and each beginning and stop is audited. A run goes on when this server, or
whoever began it, goes.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from mirliton.api import audit
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import ApiFault, Busy, InvalidData, Unavailable
from mirliton.api.outside_chaos import Begin, GetStatus, Halt, OutsideOff, ask_outside
from mirliton.api.routing import Route
from mirliton.config import ValidationError
from mirliton.supervisors.chaos import (
    ChaosFault,
    ChaosOff,
    PlanError,
    begin_chaos,
    chaos_status,
    preview_chaos,
    stop_chaos,
)
from mirliton.supervisors.chaos.server import processes_plan

T = TypeVar("T")


async def _begin(context: Context) -> Answer:
    data, node = required_object(context), context.services.node
    plan, seed = data.get("plan"), _seed(data)
    if data.get("dry_run") is True:
        return Answer(await _asked(preview_chaos(node, plan, seed=seed)))
    # Nothing is audited that is refused anyway: chaos that is off, or no plan.
    status = await _asked(chaos_status(node))
    if status["running"] is not None:
        raise Busy(f"a run of {status['running']['plan']!r} is under way")
    try:
        name = processes_plan(plan).name
    except ChaosFault as error:
        raise _fault(error) from None
    await audit.note(context, "chaos", plan=name, seed=seed)
    feed = await _asked(begin_chaos(node, plan, seed=seed, repeat=data.get("repeat"), by=_who(context)))
    return Answer(feed.run.progress() if feed.run is not None else None, status=201)


async def _status(context: Context) -> Answer:
    return Answer(await _asked(chaos_status(context.services.node)))


async def _stop(context: Context) -> Answer:
    await audit.note(context, "chaos_stop")
    return Answer(await _asked(stop_chaos(context.services.node, _who(context))))


async def _begin_outside(context: Context) -> Answer:
    data, node = required_object(context), context.services.node
    plan, seed, repeat = data.get("plan"), _seed(data), data.get("repeat")
    dry_run = data.get("dry_run") is True
    if not dry_run:
        status = await _asked(ask_outside(node, GetStatus()))
        if status["running"] is not None:
            raise Busy("a run outside of nodes is under way")
        named = plan.get("name") if isinstance(plan, dict) else None
        await audit.note(context, "chaos_outside", plan=str(named)[:128], seed=seed)
    begun = await _asked(ask_outside(node, Begin(plan, seed, repeat, _who(context), dry_run=dry_run)))
    return Answer(begun, status=200 if dry_run else 201)


async def _status_outside(context: Context) -> Answer:
    return Answer(await _asked(ask_outside(context.services.node, GetStatus())))


async def _stop_outside(context: Context) -> Answer:
    await audit.note(context, "chaos_outside_stop")
    return Answer(await _asked(ask_outside(context.services.node, Halt(_who(context)))))


def _who(context: Context) -> str:
    return f"{context.who.account_id}/{context.who.owner_id}"


def _seed(data: dict[str, Any]) -> int | None:
    seed = data.get("seed")
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**63):
        raise InvalidData.of("seed", "type", "must be a whole number that is not negative", target="integer")
    return seed


async def _asked(asking: Awaitable[T]) -> T:
    """What the chaos server answers, its refusals as the API's."""
    try:
        return await asking
    except ChaosFault as error:
        raise _fault(error) from None


def _fault(error: ChaosFault) -> ApiFault:
    if isinstance(error, PlanError):
        return InvalidData(
            ValidationError(("plan", *problem.where.split(".")), "invalid", str(problem)) for problem in error.problems
        )
    off = isinstance(error, ChaosOff | OutsideOff)
    return Unavailable(str(error), "chaos_off", "chaos is off") if off else Busy(str(error))


_OUTSIDE: Final = {"GET": _status_outside, "PUT": _begin_outside, "DELETE": _stop_outside}

ROUTES: Final = (
    Route("supervision/chaos", "supervision", {"GET": _status, "PUT": _begin, "DELETE": _stop}, "master"),
    Route("supervision/chaos/outside", "supervision", _OUTSIDE, "master"),
)

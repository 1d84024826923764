"""ring_group: ring several devices, users and groups, several times over."""

from __future__ import annotations

import random
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.store import DocumentNotFound
from mirliton.actors.store.documents import gregorian
from mirliton.whapps.callflow.endpoints import device_endpoints, distinct, some, user_endpoints
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds, strategy_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.wishes import Wishes

MAX_REPEATS: Final = 20
MAX_MEMBERS: Final = 100
DEFAULT_WEIGHT: Final = 20


async def run(call: Script, data: Data) -> Outcome:
    """`endpoints`, `strategy` (simultaneous, single, weighted_random), `timeout` (20 s), `repeats` (1), `ringback`,
    `ringtones` (`internal`, `external`), `ignore_forward` (true: a phone's own redirection is not followed).

    Children: a hangup cause, `_`. The group is expanded once for each round, and each round is a mark: a successor goes
    on in the round it finds.
    """
    members = data.get("endpoints")
    if not isinstance(members, list) or not members:
        raise InvalidFlow("ring_group", "it has no endpoints")
    repeats = data.get("repeats")
    rounds = min(repeats, MAX_REPEATS) if isinstance(repeats, int) and repeats > 0 else 1
    first = call.state["round"] if isinstance(call.state, dict) else 0
    ringback = data.get("ringback")
    for number in range(first, rounds):
        if number > first:
            call.mark({"round": number})
        endpoints = await endpoints_of(call, _ordered(call, members, data.get("strategy")), mapping(data, "ringtones"))
        outcome = await ring(
            call,
            some("ring_group", endpoints),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy="single" if data.get("strategy") == "weighted_random" else strategy_of(data.get("strategy")),
            data=data,
            ringback=ringback if isinstance(ringback, str) and "://" not in ringback else None,
            ignore_forward=flag(data, "ignore_forward", True),
        )
        if outcome is not None:
            return outcome
    return Next()


def _ordered(call: Script, members: list[Any], strategy: Any) -> list[Any]:
    """The members in the order in which they are rung; by weight and chance where the group says so.

    Chance is drawn from the step's own id, so that a successor draws the same.
    """
    known = [member for member in members if isinstance(member, dict) and isinstance(member.get("id"), str)]
    known = [member for member in known if not _has_left(call, member)][:MAX_MEMBERS]
    if strategy != "weighted_random":
        return known
    chance = random.Random(call.unique("weights"))  # noqa: S311 - no secret depends on it
    return sorted(known, key=lambda member: -(chance.random() ** (1.0 / _weight(member))))


def _has_left(call: Script, member: dict[str, Any]) -> bool:
    """Whether a member wants not to be rung (`ring_group_toggle`), in Kazoo's seconds."""
    until = member.get("disable_until")
    return isinstance(until, int | float) and until > gregorian(call.process.node.clock.time())


def _weight(member: dict[str, Any]) -> int:
    weight = member.get("weight")
    return weight if isinstance(weight, int) and 1 <= weight <= 100 else DEFAULT_WEIGHT


async def endpoints_of(call: Script, members: list[Any], ringtones: dict[str, Any], depth: int = 0) -> list[Endpoint]:
    """What is rung for members, which are objects with an `id`; groups in groups are not looked into."""
    found: list[Endpoint] = []
    for member in members:
        timeout = seconds(member.get("timeout"), DEFAULT_TIMEOUT)
        delay = seconds(member.get("delay"), 0.0) or None
        wishes = Wishes(timeout, delay, direct=False, ringtones=ringtones)
        kind = member.get("endpoint_type", "device")
        try:
            if kind == "device":
                device = await call.document(member["id"])
                found += await device_endpoints(call, device, wishes)
            elif kind == "user":
                found += await user_endpoints(call, member["id"], wishes)
            elif kind == "group" and depth == 0:
                found += await _group(call, member["id"], ringtones)
        except DocumentNotFound:
            call.log.info("ring_group_member_missing", member=member["id"])
    return distinct(found)


async def _group(call: Script, group_id: str, ringtones: dict[str, Any]) -> list[Endpoint]:
    """A group document's members: {id: {type, weight}}, by weight."""
    group = await call.document(group_id)
    endpoints = group.get("endpoints")
    if not isinstance(endpoints, dict):
        return []
    members = [
        {"id": member_id, "endpoint_type": entry.get("type", "device"), **entry}
        for member_id, entry in endpoints.items()
        if isinstance(entry, dict)
    ]
    heaviest = sorted(members[:MAX_MEMBERS], key=lambda member: -_weight(member))
    return await endpoints_of(call, heaviest, ringtones, depth=1)

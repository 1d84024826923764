"""`supervision/cluster`: the nodes of a cluster (docs/cluster.md). Ours, not Kazoo's.

    GET supervision/cluster                 how all nodes are that are up
    POST supervision/cluster                {"action": "move", "what": "shard:7", "to": NODE}
    POST supervision/cluster                {"action": "rebalance"}
    POST supervision/cluster/{node}         {"action": "drain", "force": false}, or {"action": "resume"}

Only administrators of the master account may, and all but looking is audited. A drain is begun; how far it has come,
GET tells.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.api import audit
from mirliton.api.cluster_messages import (
    CLUSTER,
    CannotDrain,
    Card,
    Drain,
    Move,
    NotMoved,
    Rebalance,
    Resume,
    Shifts,
    Survey,
    shown,
)
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, Busy, InvalidData, Unavailable
from mirliton.api.routing import Route
from mirliton.runtime import Address, CallError

PATIENCE: Final = 25.0
"""Seconds that a node may take to begin or end a drain, or to move something."""


async def _survey(context: Context) -> Answer:
    return Answer([shown(card) for card in await _cards(context)])


async def _cards(context: Context) -> tuple[Card, ...]:
    cards: tuple[Card, ...] = await _ask(context, CLUSTER, Survey())
    return cards


async def _move(context: Context) -> Answer:
    data = required_object(context)
    match data.get("action"):
        case "move":
            what, to = _text(data, "what"), _text(data, "to")
            await audit.note(context, "move", what=what, to=to)
            return _shifts(await _ask(context, CLUSTER, Move(what, to)))
        case "rebalance":
            await audit.note(context, "rebalance")
            return _shifts(await _ask(context, CLUSTER, Rebalance()))
    raise InvalidData.of("action", "enum", "must be one of the listed values", target=["move", "rebalance"])


async def _node(context: Context) -> Answer:
    node, data = parameter(context, "node"), required_object(context)
    action = data.get("action")
    if action not in ("drain", "resume"):
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=["drain", "resume"])
    if node not in {card.node for card in await _cards(context)}:
        raise BadIdentifier(node)
    await audit.note(context, action, of=node)
    door = CLUSTER if node == context.services.node.name else CLUSTER.at(node)
    answer = await _ask(context, door, Drain(data.get("force") is True) if action == "drain" else Resume())
    if isinstance(answer, CannotDrain):
        raise Busy(answer.reason)
    return Answer(shown(answer))


async def _ask(context: Context, door: Address, request: Any) -> Any:
    try:
        return await context.services.node.call(door, request, PATIENCE)
    except CallError as error:
        raise Unavailable(str(error), "node_unreachable", "the node does not answer") from None


def _text(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise InvalidData.of(field, "type", "must be a text of 1 to 256 characters", target="string")
    return value


def _shifts(answer: Any) -> Answer:
    if isinstance(answer, NotMoved):
        raise Busy(answer.reason)
    assert isinstance(answer, Shifts)
    return Answer([{"what": each.what, "from": each.origin or None, "to": each.to} for each in answer.shifts])


ROUTES: Final = (
    Route("supervision/cluster", "supervision", {"GET": _survey, "POST": _move}, "master"),
    Route("supervision/cluster/{node}", "supervision", {"POST": _node}, "master"),
)

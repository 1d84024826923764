"""Who runs what: how an operator's wish to have something run on another node is carried out.

What can be moved: a *shard* of the entities (`shard:7`), the shard of one entity (`account:…`), and a *group*: whatever
runs on one node at a time, an application (`acdc`) or a switch (`switch fs1`, or `switch:fs1`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from mirliton.actors.switching import switch_group
from mirliton.runtime import Address, CallError, GenServer, Name, message
from mirliton.supervisors.entities import Entities, EntityFault, Moved
from mirliton.supervisors.entities.waiting import pause
from mirliton.supervisors.failover import AskStanding, CannotYield, FailoverStatus, Yield, failover_name

ASK_TIMEOUT: Final = 2.0
YIELD_TIMEOUT: Final = 15.0
"""Seconds that a node may take to end what it is to yield."""
ACT_TIMEOUT: Final = 5.0
"""Seconds that the other may then take to begin."""
LOOK: Final = 0.1
"""Seconds between two looks whether it has."""
SHARD: Final = "shard"


@message("cluster.shift")
class Shift:
    """`what` ran on the node `origin`, and runs on `to` now."""

    what: str
    origin: str
    to: str


class CannotMove(Exception):
    """What was wanted cannot be done, or was not done; the text says why."""


class Moves:
    """Made by the ClusterServer of the node that was asked: `acting` tells what runs where just now, by node."""

    def __init__(self, server: GenServer, acting: Mapping[str, Iterable[str]]) -> None:
        self._server = server
        self._at = {group: node for node, groups in acting.items() for group in groups}
        self._nodes = set(acting)

    async def move(self, what: str, to: str) -> list[Shift]:
        """Have `what` run on the node `to`; nothing when it does. Raises CannotMove."""
        if to not in self._nodes:
            raise CannotMove(f"there is no node {to[:128]!r} in this zone: there are {', '.join(sorted(self._nodes))}")
        kind, colon, key = what.partition(":")
        if what in self._at:
            return await self._move_group(what, to)
        if kind == "switch" and switch_group(key) in self._at:
            return await self._move_group(switch_group(key), to)
        entities = self._entities()
        if kind == SHARD and key.isascii() and key.isdigit():
            return await self._move_shard(entities, int(key[:9]), to)
        if colon and entities is not None and kind in entities.kinds:
            return await self._move_shard(entities, entities.shard_of(Name(kind, key)), to)
        raise CannotMove(
            f"{what[:128]!r} is nothing that can be moved: a shard ({SHARD}:7), an entity (account:ID), or of what "
            f"runs on one node at a time {', '.join(sorted(self._at)) or 'nothing'}"
        )

    async def rebalance(self, seconds: float) -> list[Shift]:
        """Deal out evenly what runs on one node at a time, and then the shards; what was moved. Raises CannotMove.

        What is not done within `seconds` is left as it is.
        """
        clock = self._server.node.clock
        until, shifts = clock.now() + seconds, list[Shift]()
        for group, node in sorted(self._at.items()):
            # One after another: the calls of a switch feel it for a moment.
            if clock.now() >= until:
                return shifts
            status = await self._standing(group, node)
            if status is not None and status.preferred not in (None, node):
                shifts += await self._yield(group, node, None, status.preferred)
        entities = self._entities()
        if entities is not None:
            try:
                shifts += map(_shift, await entities.rebalance(max(0.0, until - clock.now())))
            except EntityFault as error:
                raise CannotMove(str(error)) from error
        return shifts

    # Shards

    def _entities(self) -> Entities | None:
        entities = self._server.node.cluster_names
        return entities if isinstance(entities, Entities) else None

    async def _move_shard(self, entities: Entities | None, shard: int, to: str) -> list[Shift]:
        if entities is None:
            raise CannotMove("this node has no part in the entities just now")
        try:
            moved = await entities.move(shard, to)
        except EntityFault as error:
            raise CannotMove(str(error)) from error
        return [_shift(moved)] if moved is not None else []

    # Groups

    async def _move_group(self, group: str, to: str) -> list[Shift]:
        node = self._at[group]
        return await self._yield(group, node, to, to) if node != to else []

    async def _yield(self, group: str, node: str, to: str | None, expected: str | None) -> list[Shift]:
        try:
            answer: Any = await self._server.call(self._failover(group, node), Yield(to), timeout=YIELD_TIMEOUT)
        except CallError as error:
            raise CannotMove(f"{node} does not yield {group}: {error}") from error
        if isinstance(answer, CannotYield):
            raise CannotMove(f"{node} does not yield {group}: {answer.reason}")
        until = self._server.node.clock.now() + ACT_TIMEOUT
        while self._server.node.clock.now() < until:
            status = await self._standing(group, expected) if expected is not None else None
            if status is not None and status.acting:
                return [Shift(group, node, str(expected))]
            await pause(self._server.node, LOOK)
        raise CannotMove(f"{node} has yielded {group}, and {expected} has not begun within {ACT_TIMEOUT:g} s")

    async def _standing(self, group: str, node: str) -> FailoverStatus | None:
        try:
            status: FailoverStatus = await self._server.call(
                self._failover(group, node), AskStanding(), timeout=ASK_TIMEOUT
            )
        except CallError:
            return None
        return status

    def _failover(self, group: str, node: str) -> Address:
        name = failover_name(group)
        return name if node == self._server.node.name else name.at(node)


def _shift(moved: Moved) -> Shift:
    return Shift(f"{SHARD}:{moved.shard}", moved.origin, moved.to)

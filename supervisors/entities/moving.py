"""Moving a shard to a certain node, and evening out by that.

RabbitMQ hands a shard that its owner leaves to who has waited longest in its line. So all nodes but the one that is to
have it leave the line first; then the owner gives the shard back in order, and all stand in line again as soon as they
hear of the new owner. Who was the owner stands in line behind it at once: should the new one die just then, the shard
is back where it was. The others are back some seconds later, whatever happens. Seen on RabbitMQ 3.10.8: who has left
the line, its channel being closed, is not in it any more when that is confirmed. Where the shard goes to another node
all the same (one that did not answer, say) it is tried again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import CallError
from mirliton.supervisors.entities.errors import EntityFault, NotMoved
from mirliton.supervisors.entities.evening import even_plan
from mirliton.supervisors.entities.messages import GATE, Expect, GiveBack, StandAside

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

MARGIN: Final = 5.0
"""Seconds for which nodes stand aside beyond what giving back may take."""
MOST_ASIDE: Final = 60.0
"""Seconds for which a node stands aside at most, whoever asks."""
ANSWER: Final = 2.0
"""Seconds that a node may take to stand aside."""
TAKE: Final = 3.0
"""Seconds that the new owner may take to announce itself."""
LOOK: Final = 0.02
"""Seconds between two looks whether it has."""
TRIES: Final = 3
AT_ONCE: Final = 8
"""Shards that are moved at the same time."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A shard was `origin`'s, and is `to`'s now."""

    shard: int
    origin: str
    to: str


class Moving:
    """Of one node: what it does for an operator, and what others ask of it."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    # For an operator

    async def move(self, shard: int, to: str) -> Moved | None:
        """Have that node own the shard; None when it does already. Raises NotMoved.

        It takes TRIES times give_back + ANSWER + TAKE seconds at most, and some tens of milliseconds as a rule.
        """
        entities = self._entities
        if not 0 <= shard < entities.shards.count:
            raise NotMoved(shard, to, f"shards are called 0 to {entities.shards.count - 1}")
        if to not in entities.directory.loads():
            raise NotMoved(shard, to, "that node is not up, or takes no shards")
        origin, why = entities.directory.owner(shard), ""
        if origin == to:
            return None
        for _ in range(TRIES):
            owner = entities.directory.owner(shard)
            if owner is None:
                why = "it has no owner just now"
                await entities.pause(entities.options.tick)
            elif owner != to:
                why = await self._try(shard, owner, to)
            if entities.directory.owner(shard) == to:
                entities.counters.moved += 1
                return Moved(shard, origin or "", to)
        raise NotMoved(shard, to, why)

    async def rebalance(self, seconds: float) -> list[Moved]:
        """Even out now, with as few moves as that takes; what was moved. Raises NotMoved when nothing can be."""
        entities, moved = self._entities, list[Moved]()
        until = entities.node.clock.now() + seconds
        while plan := even_plan(entities.directory.of_hosts()):
            moves = [self.move(shard, to) for shard, to in plan[:AT_ONCE]]
            results = await asyncio.gather(*moves, return_exceptions=True)
            faults = [result for result in results if isinstance(result, BaseException)]
            unexpected = [fault for fault in faults if not isinstance(fault, EntityFault)]
            moved += [result for result in results if isinstance(result, Moved)]
            if unexpected or (faults and not moved):
                raise (unexpected or faults)[0]
            if entities.node.clock.now() >= until:
                break
        return moved

    async def _try(self, shard: int, owner: str, to: str) -> str:
        """Once; why it did not succeed, or nothing."""
        entities = self._entities
        aside = entities.options.give_back + MARGIN
        if not await self._ask(to, Expect(shard, aside), ANSWER):
            return f"{to} does not stand in line for it"
        others = [node for node in entities.directory.loads() if node not in (owner, to)]
        # One that does not answer may get the shard; then it is moved from there.
        await asyncio.gather(*(self._ask(node, StandAside(shard, aside), ANSWER) for node in others))
        if not await self._ask(owner, GiveBack(shard), entities.options.give_back + ANSWER):
            return f"{owner} did not give it back"
        until = entities.node.clock.now() + TAKE
        while (now := entities.directory.owner(shard)) in (None, owner):
            if entities.node.clock.now() >= until:
                return "it has no owner just now" if now is None else f"{owner} has it still"
            await entities.pause(LOOK)
        return "" if now == to else f"{now} took it"

    async def _ask(self, node: str, request: StandAside | Expect | GiveBack, timeout: float) -> bool:
        entities = self._entities
        if node == entities.node.name:
            return await self.asked(request)
        try:
            return await entities.node.call(GATE.at(node), request, timeout) is True
        except CallError as error:
            entities.log.warning("shard_move_unanswered", other=node, shard=request.shard, error=str(error))
            return False

    # For other nodes

    async def asked(self, request: Any) -> bool:
        """Do what another node asks of this one; whether that could be done."""
        entities = self._entities
        match request:
            case StandAside(shard, seconds) if 0 <= shard < entities.shards.count:
                return await entities.line.stand_aside(shard, min(seconds, MOST_ASIDE))
            case Expect(shard, seconds) if 0 <= shard < entities.shards.count:
                return entities.line.expect(shard, min(seconds, MOST_ASIDE))
            case GiveBack(shard):
                owner = entities.holding.owners.get(shard)
                if owner is None or not owner.owning:
                    return False
                await entities.holding.give_back(owner)
                return entities.holding.owners.get(shard) is not owner
        return False

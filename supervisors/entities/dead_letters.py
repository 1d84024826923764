"""The messages that were set aside: look at them, have them tried again, or discard them.

There is one queue of them for all shards. Looking takes what is looked at out of it for a moment and puts it back at
its head, so two who look at once see different ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import CodecError, Name
from mirliton.runtime.codec import decode, encode
from mirliton.supervisors.entities.errors import EntityFault
from mirliton.supervisors.entities.messages import Durable, unpack
from mirliton.supervisors.entities.outbox import Parcel
from mirliton.supervisors.entities.shards import Letter
from mirliton.supervisors.entities.waiting import settle

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

LOOK: Final = 100
REDRIVE_TIMEOUT: Final = 10.0
"""Seconds the broker has to confirm a message that is tried again."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message. `request` is None where this node cannot read it, and then `unreadable` says why."""

    name: Name
    key: str
    request: Any
    unreadable: str = ""


class DeadLetters:
    """Of a cluster, as one of its nodes sees them. Every function raises EntityFault when the broker is away."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    async def look(self, most: int = LOOK) -> list[DeadLetter]:
        """The oldest ones; they stay."""
        letters = await self._entities.shards.letters(most, lambda _: False)
        return [_read(durable) for letter in letters for durable in _durables(letter)]

    async def discard(self, key: str | None = None, most: int = LOOK) -> int:
        """Forget those of this key among the oldest `most`, all of them with None; how many.

        A whole batch, which the broker itself has set aside, goes with None only.
        """
        return await self._take(most, lambda durables: key is None or {each.key for each in durables} == {key})

    async def redrive(self, key: str | None = None, most: int = LOOK) -> int:
        """Put them back into the queues of their shards, where nobody waits for their answers any more; how many.

        A batch goes back whole. They are gone from here only when the broker has them there.
        """

        def wanted(durables: list[Durable]) -> bool:
            return key is None or any(each.key == key for each in durables)

        batches = [_durables(letter) for letter in await self._entities.shards.letters(most, lambda _: False)]
        put = [durable for durables in batches if wanted(durables) for durable in durables]
        for durable in put:
            await self._put(durable)
        there = {durable.key for durable in put}
        # What was set aside since then, or is looked at by somebody else just now, stays.
        await self._take(most, lambda durables: bool(durables) and {each.key for each in durables} <= there)
        return len(put)

    async def _put(self, durable: Durable) -> None:
        entities = self._entities
        done: asyncio.Future[bool] = entities.node.loop.create_future()
        expires = entities.node.clock.now() + REDRIVE_TIMEOUT
        parcel = Parcel(encode(durable), expires, lambda taken: settle(done, taken))
        timer = entities.node.after(REDRIVE_TIMEOUT, lambda _: settle(done, False))
        if not entities.outbox.put(entities.shard_of(durable.name), parcel):
            settle(done, False)
        taken = await done
        entities.node.timers.cancel(timer)
        if not taken:
            raise EntityFault(f"the message {durable.key!r} for {durable.name} was not taken back into its queue")

    async def _take(self, most: int, wanted: Callable[[list[Durable]], bool]) -> int:
        taken = 0

        def take(letter: Letter) -> bool:
            nonlocal taken
            durables = _durables(letter)
            if not wanted(durables):
                return False
            taken += len(durables)
            return True

        await self._entities.shards.letters(most, take)
        return taken


def _durables(letter: Letter) -> list[Durable]:
    try:
        return [envelope for envelope in unpack(letter.body) if isinstance(envelope, Durable)]
    except CodecError:
        return []


def _read(durable: Durable) -> DeadLetter:
    try:
        return DeadLetter(durable.name, durable.key, decode(durable.request))
    except CodecError as error:
        return DeadLetter(durable.name, durable.key, None, str(error))

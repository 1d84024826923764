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
from mirliton.supervisors.entities.messages import Aside, Durable, Envelope, unpack
from mirliton.supervisors.entities.outbox import Parcel
from mirliton.supervisors.entities.shards import Letter
from mirliton.supervisors.entities.waiting import Every, settle

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

LOOK: Final = 100
REDRIVE_TIMEOUT: Final = 10.0
"""Seconds the broker has to confirm a message that is tried again."""
COUNT_EVERY: Final = 15.0
"""Seconds between two counts of what waits."""
BY_THE_BROKER: Final = "delivery_limit"
"""Why, where no node says so: it was handed over too often."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message. `request` is None where this node cannot read it, and then `unreadable` says why; one of which
    nothing can be read has no `name` either.

    `id` is that of the letter it is in: a node sets messages aside one by one, the broker by the batch. `why`, by which
    `node` and `when` (unix time) it was set aside; of the broker's only why is known.
    """

    name: Name | None
    key: str
    request: Any
    unreadable: str = ""
    id: str = ""
    why: str = BY_THE_BROKER
    node: str = ""
    when: float | None = None


class DeadLetters:
    """Of a cluster, as one of its nodes sees them. Every function raises EntityFault when the broker is away.

    Those that take `key` or `id` mean the letters with a message of that key, or of that id, among the oldest `most`;
    all of these when neither is given.
    """

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._every = Every(COUNT_EVERY)
        self.waiting: int | None = None
        """How many letters there are, as far as is known: it is counted every COUNT_EVERY seconds."""

    async def look(self, most: int = LOOK, *, id: str | None = None) -> list[DeadLetter]:
        """The oldest ones; they stay."""
        letters = await self._entities.shards.letters(most, lambda _: False)
        return [read for letter in letters if id in (None, letter.id) for read in _read(letter)]

    async def discard(self, key: str | None = None, most: int = LOOK, *, id: str | None = None) -> int:
        """Forget them; how many messages. A letter with several is not meant by the key of one of them."""
        return await self._take(
            most,
            lambda letter: (
                id in (None, letter.id) and (key is None or {each.key for each in _durables(letter)} == {key})
            ),
        )

    async def redrive(self, key: str | None = None, most: int = LOOK, *, id: str | None = None) -> int:
        """Put them back into the queues of their shards, where nobody waits for their answers any more; how many.

        A letter goes back whole. It is gone from here only when the broker has it there.
        """

        def wanted(letter: Letter) -> bool:
            return id in (None, letter.id) and (key is None or any(each.key == key for each in _durables(letter)))

        letters = await self._entities.shards.letters(most, lambda _: False)
        back = {letter.id: durables for letter in letters if wanted(letter) and (durables := _durables(letter))}
        for durables in back.values():
            for durable in durables:
                await self._put(durable)
        # What was set aside since then, or is looked at by somebody else just now, stays.
        await self._take(most, lambda letter: letter.id in back)
        return sum(map(len, back.values()))

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

    async def _take(self, most: int, wanted: Callable[[Letter], bool]) -> int:
        taken = 0

        def take(letter: Letter) -> bool:
            nonlocal taken
            if not wanted(letter):
                return False
            taken += max(1, len(_durables(letter)))
            return True

        await self._entities.shards.letters(most, take)
        await self.count()
        return taken

    # How many there are

    def count_again(self, now: float) -> None:
        """Count them, when it is time for that."""
        if self._entities.holding.connected and self._every.due(now):
            self._entities.task(self.count())

    def one_more(self) -> None:
        """This node has set one aside."""
        self.waiting = (self.waiting or 0) + 1

    async def count(self) -> None:
        """Count them now."""
        try:
            self.waiting = await self._entities.shards.letter_count()
        except EntityFault as error:
            self._entities.log.warning("dead_letters_not_counted", error=str(error))


def _envelopes(letter: Letter) -> list[Envelope]:
    try:
        return unpack(letter.body)
    except CodecError:
        return []


def _durables(letter: Letter) -> list[Durable]:
    return [envelope for envelope in _envelopes(letter) if isinstance(envelope, Durable)]


def _read(letter: Letter) -> list[DeadLetter]:
    aside = next((envelope for envelope in _envelopes(letter) if isinstance(envelope, Aside)), None)
    found = [_shown(durable, letter.id, aside) for durable in _durables(letter)]
    return found or [
        DeadLetter(None, "", None, "nothing of this cluster's, or of a version that is not known", letter.id)
    ]


def _shown(durable: Durable, id: str, aside: Aside | None) -> DeadLetter:
    request, unreadable = None, ""
    try:
        request = decode(durable.request)
    except CodecError as error:
        unreadable = str(error)
    if aside is None:
        return DeadLetter(durable.name, durable.key, request, unreadable, id)
    return DeadLetter(durable.name, durable.key, request, unreadable, id, aside.why, aside.node, aside.when)

"""The messages with a key of one entity on the node that owns it: each is done once, or set aside."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import CodecError, From, Name
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.protocol import Cast
from mirliton.supervisors.entities.messages import Answer, Work
from mirliton.supervisors.entities.store import Keys, Record

if TYPE_CHECKING:
    from mirliton.supervisors.entities.owner import Batch
    from mirliton.supervisors.entities.slot import Slot

MOST_TRIES: Final = 3
"""Times an entity may end while it handles one message, before that is set aside."""
UNREAD: Final = object()


class Item:
    """One message with a key, until its effect is committed."""

    __slots__ = (
        "answer", "batch", "call", "caller", "digest", "key", "name", "noted", "request", "suspect", "tries", "twins",
    )  # fmt: skip

    def __init__(
        self, name: Name, key: str, request: bytes, call: bool, caller: From | None, batch: Batch | None, suspect: bool
    ) -> None:
        self.name = name
        self.key = key
        self.digest = Keys.digest(key)
        self.request = request
        self.call = call
        self.caller = caller
        self.batch = batch
        self.suspect = suspect
        """Was on its way when a node was lost."""
        self.noted = False
        """The store knows that it is about to be handled."""
        self.tries = 0
        self.twins: list[Item] = []
        """The same key again, while this one is not done."""
        self.answer: Answer | None = None


class Keyed:
    """An item waits, is handled by the process, has an answer, and is done when that is committed."""

    def __init__(self, slot: Slot) -> None:
        self.waiting: deque[Item] = deque()
        self.keys = Keys()
        """Of what is done; the store has them after the next commit."""
        self.suspect: tuple[str, int] = ("", 0)
        """The digest of a message that may be what ended the node before, and how many nodes it may have ended."""
        self._slot = slot
        self._entities = slot.owner.entities
        self._life = 0
        self._items: dict[str, Item] = {}
        """All that are not done, by digest."""
        self._handling: dict[str, Item] = {}
        self._current: Item | None = None
        """What the process handles at this moment: this one is to blame when it ends."""
        self._noting: Item | None = None
        self._answered: list[Item] = []

    @property
    def quiet(self) -> bool:
        return not self._items

    @property
    def begun(self) -> bool:
        """Something is handled."""
        return bool(self._handling or self._noting)

    def load(self, record: Record) -> None:
        """What the store has."""
        self.keys = Keys(record.keys)
        self.suspect = record.suspect, record.deaths

    def admit(self, item: Item) -> None:
        """One has come. What is done already is answered, what is being done waits for that."""
        first = self._items.get(item.digest)
        if first is not None:
            self._entities.counters.repeated += 1
            first.twins.append(item)
        elif self._slot.record is not None and item.digest in self.keys:
            self._repeat(item)
        else:
            self._items[item.digest] = item
            self.waiting.append(item)
            self.pump()

    def _repeat(self, item: Item) -> None:
        self._entities.counters.repeated += 1
        kept = self.keys.answer(item.digest)
        self._finish(item, decode(kept) if kept is not None else Answer(error="reply_gone"))

    def pump(self) -> None:
        """Hand on what waits, in order; what is suspected of ending nodes alone, and only when that is noted."""
        slot = self._slot
        while self.waiting and slot.running and self._noting is None and not slot.resting and not slot.owner.leaving:
            item = self.waiting[0]
            if item.digest in self.keys:
                # It came before the record was read.
                self.waiting.popleft()
                del self._items[item.digest]
                self._repeat(item)
                for twin in item.twins:
                    self._repeat(twin)
                continue
            suspected = item.suspect or self.suspect[0] == item.digest
            if any(other.suspect for other in self._handling.values()) or (suspected and self._handling):
                return
            if suspected and not item.noted:
                if self._deaths(item) + 1 >= self._entities.options.most_deaths:
                    self.waiting.popleft()
                    self.set_aside(item, "deaths")
                else:
                    self._note(item)
                continue
            self.waiting.popleft()
            self._handling[item.digest] = item
            assert slot.cell is not None
            slot.node.deliver(slot.cell, Cast(Work(item, self._life)), None)

    # What is suspected of ending nodes

    def _deaths(self, item: Item) -> int:
        digest, deaths = self.suspect
        return deaths if digest == item.digest else 0

    def _note(self, item: Item) -> None:
        item.suspect = True
        self._noting = item
        self.suspect = item.digest, self._deaths(item) + 1
        self._slot.after_commit(lambda: self._noted(item))

    def _noted(self, item: Item) -> None:
        self._noting = None
        item.noted = True
        self.pump()

    def _clear(self, item: Item) -> bool:
        """It is suspected no longer; whether it was."""
        was = self.suspect[0] == item.digest
        if was:
            self.suspect = ("", 0)
        return was

    # How it ends

    def set_aside(self, item: Item, why: str) -> None:
        """Put it into the queue of dead letters, and go on when it is there."""
        if self._clear(item):
            self._slot.change()

        def kept() -> None:
            self._items.pop(item.digest, None)
            self._finish(item, Answer(why, "set_aside"))
            self.pump()

        self._slot.owner.set_aside(item, why, kept)

    def set_all_aside(self, why: str) -> None:
        """Everything that waits."""
        for item in list(self.waiting):
            self.set_aside(item, why)
        self.waiting.clear()

    def _finish(self, item: Item, answer: Answer) -> None:
        """It is done, or will not be: tell, and acknowledge."""
        if item.caller is not None:
            self._slot.node.reply(item.caller, answer)
        if item.batch is not None:
            item.batch.one_done()
        twins, item.twins = item.twins, []
        for twin in twins:
            self._finish(twin, answer)

    # The process: it begins, handles them one by one, and ends

    def restart(self) -> None:
        """A process begins: what its predecessor left comes to it again, but for what that one ended at too often."""
        self._life += 1
        blamed, self._current = self._current, None
        self.put_back()
        self._handling.clear()
        if blamed is not None and blamed.answer is None:
            blamed.tries += 1
            if blamed.tries >= MOST_TRIES:
                self.waiting.remove(blamed)
                self.set_aside(blamed, "crashes")

    def put_back(self) -> None:
        """What was handed to the process and is not done is for its next start."""
        for item in reversed([item for item in self._handling.values() if item.answer is None]):
            del self._handling[item.digest]
            self.waiting.appendleft(item)

    def opens(self, work: Work) -> Any:
        """What a message asks for; UNREAD for mail that is not for this start of the entity."""
        if work.life != self._life:
            return UNREAD
        item: Item = work.item
        try:
            request = decode(item.request)
        except CodecError as error:
            self._entities.log.warning("durable_unreadable", name=str(item.name), error=str(error))
            del self._handling[item.digest]
            self.set_aside(item, "unreadable")
            return UNREAD
        self._current = item
        return request

    def closes(self, answer: Answer) -> None:
        """The handler of a message is over; what it answered."""
        item, self._current = self._current, None
        assert item is not None
        item.answer = answer
        self._answered.append(item)
        self._clear(item)
        self._slot.change()

    # Commits

    def take_answered(self) -> list[Item]:
        """What the next commit writes: their keys are remembered from now on."""
        answered, self._answered = self._answered, []
        for item in answered:
            assert item.answer is not None
            self.keys.add(item.digest, encode(item.answer))
        return answered

    def done(self, items: list[Item]) -> None:
        """The effects of these are written."""
        for item in items:
            self._items.pop(item.digest, None)
            self._handling.pop(item.digest, None)
            assert item.answer is not None
            self._finish(item, item.answer)
        self._entities.counters.handled += len(items)

    def drop(self) -> None:
        """The entity is another node's. What came over the lane goes there; no queue brings it again."""
        for item in self._items.values():
            if item.batch is None and item.caller is not None:
                self._entities.lane.keyed_again(item.name, item.key, item.request, item.caller)

    def close(self) -> None:
        """Nothing comes of what it may still be told: its slot is over. It leaves no reference cycle behind."""
        del self._slot

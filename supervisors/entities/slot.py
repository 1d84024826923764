"""One entity on the node that owns it: its process, what waits for it, and what waits for the next commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from mirliton.runtime import Call, CodecError, From, MailboxFull, Name, Node, NoProc, Pid
from mirliton.runtime.codec import decode, encode
from mirliton.runtime.protocol import SIGNALS, Cast
from mirliton.runtime.reasons import SHUTDOWN
from mirliton.supervisors.entities.messages import Answer, Passivate, Work
from mirliton.supervisors.entities.store import Keys, Record

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.cell import Item as Mail
    from mirliton.supervisors.entities.entity import Entity
    from mirliton.supervisors.entities.owner import Batch, Owner

MOST_TRIES: Final = 3
"""Times an entity may end while it handles one message, before that is set aside."""
MOST_MAIL: Final = 1_000
"""Messages without a key that wait for one entity to start."""
BACKOFF: Final = (0.5, 30.0)
"""Seconds after which an entity that has given up is started again: at first, and at most."""
UNREAD: Final = object()

_keepers: WeakKeyDictionary[Node, Callable[[Name], Slot | None]] = WeakKeyDictionary()


def keep(node: Node, find: Callable[[Name], Slot | None] | None) -> None:
    """Let the entities of a node find their slots by `find`; None ends that."""
    if find is None:
        _keepers.pop(node, None)
    else:
        _keepers[node] = find


def slot_of(node: Node, name: Name) -> Slot | None:
    """The slot of an entity on a node that owns it."""
    find = _keepers.get(node)
    return find(name) if find is not None else None


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


class Slot:
    """Begins with the first message for the entity, or with the ownership, and ends with either."""

    def __init__(self, owner: Owner, name: Name, cls: type[Entity]) -> None:
        self.owner = owner
        self.node = owner.entities.node
        self.name = name
        self.cls = cls
        self.record: Record | None = None
        """What the store has; None until it is claimed."""
        self.keys = Keys()
        self.state: bytes | None = None
        """What the entity has saved last; the store has it after the next commit."""
        self.cell: Cell | None = None
        self.supervisor: Pid | None = None
        self.starting = False
        self.resting = False
        """It has ended, or will when it comes to it, because nothing is to be done."""
        self.over = False
        """Is this node's no longer: nothing it still does counts."""
        self.used = self.node.clock.now()
        self.waiting: deque[Item] = deque()
        self._life = 0
        self._items: dict[str, Item] = {}
        self._handling: dict[str, Item] = {}
        self._current: Item | None = None
        self._noting: Item | None = None
        self._mail: deque[Mail] = deque()
        self._changed = False
        self._done: list[Item] = []
        self._after: list[Callable[[], None]] = []
        self._committing: tuple[list[Item], list[Callable[[], None]]] | None = None
        self._suspect: tuple[str, int] = ("", 0)
        self._backoff = BACKOFF[0]

    @property
    def running(self) -> bool:
        return self.cell is not None and self.cell.alive

    @property
    def quiet(self) -> bool:
        """Nothing waits, is handled, or is to be committed."""
        return not (self._items or self._mail or self._changed or self._committing)

    @property
    def begun(self) -> bool:
        """Something is handled, or to be committed."""
        return bool(self._handling or self._noting or self._changed or self._committing)

    # Messages with a key

    def admit(self, item: Item) -> None:
        """A message with a key has come. One that is done is answered, one that is being done waits for that."""
        first = self._items.get(item.digest)
        if first is not None:
            self.owner.entities.counters.repeated += 1
            first.twins.append(item)
        elif self.record is not None and item.digest in self.keys:
            self._repeat(item)
        else:
            self._items[item.digest] = item
            self.waiting.append(item)
            self.pump()

    def _repeat(self, item: Item) -> None:
        self.owner.entities.counters.repeated += 1
        kept = self.keys.answer(item.digest)
        self._finish(item, decode(kept) if kept is not None else Answer(error="reply_gone"))

    def pump(self) -> None:
        """Hand on what waits, in order; what is suspected of ending nodes alone, and only when that is noted."""
        while self.waiting and self.running and self._noting is None and not self.resting and not self.owner.leaving:
            item = self.waiting[0]
            if item.digest in self.keys:
                # It came before the record was read.
                self.waiting.popleft()
                del self._items[item.digest]
                self._repeat(item)
                for twin in item.twins:
                    self._repeat(twin)
                continue
            suspected = item.suspect or self._suspect[0] == item.digest
            if any(other.suspect for other in self._handling.values()) or (suspected and self._handling):
                return
            if suspected and not item.noted:
                if self._deaths(item) + 1 >= self.owner.entities.options.most_deaths:
                    self.waiting.popleft()
                    self.set_aside(item, "deaths")
                else:
                    self._note(item)
                continue
            self.waiting.popleft()
            self._handling[item.digest] = item
            assert self.cell is not None
            self.node.deliver(self.cell, Cast(Work(item, self._life)), None)

    def _deaths(self, item: Item) -> int:
        digest, deaths = self._suspect
        return deaths if digest == item.digest else 0

    def _note(self, item: Item) -> None:
        item.suspect = True
        self._noting = item
        self._suspect = item.digest, self._deaths(item) + 1
        self._after.append(lambda: self._noted(item))
        self.change()

    def _noted(self, item: Item) -> None:
        self._noting = None
        item.noted = True
        self.pump()

    def set_aside(self, item: Item, why: str) -> None:
        """Put it into the queue of dead letters, and go on when it is there."""
        if self._suspect[0] == item.digest:
            self._suspect = ("", 0)
            self.change()

        def kept() -> None:
            self._items.pop(item.digest, None)
            self._finish(item, Answer(why, "set_aside"))
            self.pump()

        self.owner.set_aside(item, why, kept)

    def _finish(self, item: Item, answer: Answer) -> None:
        """It is done, or will not be: tell, and acknowledge."""
        if item.caller is not None:
            self.node.reply(item.caller, answer)
        if item.batch is not None:
            item.batch.one_done()
        twins, item.twins = item.twins, []
        for twin in twins:
            self._finish(twin, answer)

    # What the process says, in its own turn

    def begin(self, entity: Entity) -> Any:
        """A process begins: what it is to start from. What its predecessor left unfinished comes to it again."""
        cell = entity._myRef
        self.cell, self.starting, self.resting = cell, False, False
        self._life += 1
        if self.record is not None and not self.record.live:
            self.change()
        blamed, self._current = self._current, None
        unfinished = [item for item in self._handling.values() if item.answer is None]
        self._handling.clear()
        for item in reversed(unfinished):
            self.waiting.appendleft(item)
        if blamed is not None and blamed.answer is None:
            blamed.tries += 1
            if blamed.tries >= MOST_TRIES:
                self.waiting.remove(blamed)
                self.set_aside(blamed, "crashes")
        mail, self._mail = self._mail, deque()
        ready = [item for item in mail if type(item[0]) is not Call or self.node.calls.bind(item[0].sender.tag, cell)]
        if ready:
            cell.put_back(ready)
        self.pump()
        return decode(self.state) if self.state is not None else None

    def has_turn(self, life_of: Cell) -> bool:
        """Whether a process may act now. One that must not is ended by this."""
        now = self.node.clock.now()
        if self.over or life_of is not self.cell:
            return False
        self.used = now
        if self.owner.entities.lease.holds(now):
            return True
        self._keep(life_of, life_of.last)  # it has not been begun
        self.owner.entities.may_act(now)
        return False

    def opens(self, work: Work) -> Any:
        """What a message with a key asks for; UNREAD for mail that is not for this start of the entity."""
        if work.life != self._life:
            return UNREAD
        item: Item = work.item
        try:
            request = decode(item.request)
        except CodecError as error:
            self.owner.entities.log.warning("durable_unreadable", name=str(self.name), error=str(error))
            del self._handling[item.digest]
            self.set_aside(item, "unreadable")
            return UNREAD
        self._current = item
        return request

    def closes(self, answer: Answer) -> None:
        """The handler of the message with a key is over; what it answered."""
        item, self._current = self._current, None
        assert item is not None
        item.answer = answer
        self._done.append(item)
        if self._suspect[0] == item.digest:
            self._suspect = ("", 0)
        self.change()

    def saves(self, state: bytes | None) -> None:
        """A handler is over, and this is the state it saved."""
        self.state = state
        self.change()

    def then(self, act: Callable[[], None]) -> None:
        """Do this when all that is not yet committed is; at once when there is nothing."""
        if self._changed:
            self._after.append(act)
        elif self._committing is not None:
            self._committing[1].append(act)
        else:
            act()

    def rests(self, entity: Entity) -> None:
        """The process is about to end, well: what waits in its mailbox is for its next start."""
        self.resting = True
        self._rescue(entity._myRef)
        for item in reversed([item for item in self._handling.values() if item.answer is None]):
            del self._handling[item.digest]
            self.waiting.appendleft(item)

    # Messages without a key

    def _rescue(self, cell: Cell) -> None:
        """Keep what waits in the mailbox of a process that is about to end, and is not at fault."""
        cell.keep_mail = False
        for mail in cell.all_mail():
            if mail is not cell.last:
                self._keep(cell, mail)

    def _keep(self, cell: Cell, mail: Mail) -> None:
        message = mail[0]
        if isinstance(message, SIGNALS) or (type(message) is Cast and isinstance(message.request, Work | Passivate)):
            return
        if type(message) is Call:
            if cell.callers is not None:
                cell.callers.discard(message.sender.tag)
            self.node.calls.unbind(message.sender.tag)
        self._mail.append(mail)

    def take(self, message: Any, sender: Pid | None) -> None:
        """Put a message into the entity's mailbox, or keep it until there is one. Raises MailboxFull."""
        self.used = self.node.clock.now()
        cell = self.cell
        if cell is not None and cell.alive and not self.resting:
            if cell.limit and len(cell) >= cell.limit and not self.node.overflow.make_room(cell):
                return
            if type(message) is Call:
                self.node.calls.bind(message.sender.tag, cell)
            self.node.deliver(cell, message, sender)
        elif not self.node.registry.park(self.name, item := self.node.post.item(message, sender)):
            if len(self._mail) >= MOST_MAIL:
                raise MailboxFull(self.name, MOST_MAIL)
            self._mail.append(item)

    def leftovers(self) -> Iterator[Mail]:
        """Take out what waits without a key: it is for the next owner."""
        while self._mail:
            yield self._mail.popleft()

    # Commits

    def change(self) -> None:
        """There is something to commit."""
        self._changed = True
        self.owner.entities.committer.note(self)

    def snapshot(self) -> Record:
        """What is to be written now."""
        assert self.record is not None
        assert self._committing is None
        for item in self._done:
            assert item.answer is not None
            self.keys.add(item.digest, encode(item.answer))
        self._committing = self._done, self._after
        self._changed, self._done, self._after = False, [], []
        suspect, deaths = self._suspect
        live = not (self.resting and not self.owner.leaving and not self._mail and not self.waiting)
        return Record(
            self.name, self.owner.epoch, self.record.version, live, self.state, self.keys.text(), suspect, deaths
        )

    def committed(self, record: Record, version: Any) -> None:
        """What the last snapshot said is written."""
        assert self._committing is not None
        self.record = replace(record, version=version)
        (done, after), self._committing = self._committing, None
        for item in done:
            self._items.pop(item.digest, None)
            self._handling.pop(item.digest, None)
            assert item.answer is not None
            self._finish(item, item.answer)
        self.owner.entities.counters.handled += len(done)
        for act in after:
            act()
        if done:
            self.pump()
        self.owner.settled(self)

    # Starts and ends

    def loaded(self, record: Record) -> None:
        """The entity is claimed."""
        self.record = record
        self.state = record.state
        self.keys = Keys(record.keys)
        self._suspect = record.suspect, record.deaths

    def ended(self) -> None:
        """Its supervisor has ended, and the process with it."""
        self.supervisor = self.cell = None
        if self.over:
            return
        if not self.resting:
            # It, or somebody, has given it up: it comes back, later and later.
            self.owner.entities.log.error("entity_gave_up", name=str(self.name), again_in=self._backoff)
            self.node.after(self._backoff, lambda _: self.owner.start_again(self))
            self._backoff = min(self._backoff * 2, BACKOFF[1])
        elif self.owner.leaving:
            self.owner.settled(self)
        elif self._mail or self.waiting:
            self.owner.start_again(self)
        else:
            self.change()

    def fails_to_start(self) -> None:
        """Its init has failed too often: nobody waits for it any more."""
        for item in list(self.waiting):
            self.set_aside(item, "start")
        self.waiting.clear()
        for mail in self.leftovers():
            if type(mail[0]) is Call:
                self.node.calls.fail(mail[0].sender.tag, NoProc(self.name))

    def rest(self) -> None:
        """Have the process end when it has handled what is in its mailbox before this."""
        if self.running and not self.resting:
            assert self.cell is not None
            self.node.deliver(self.cell, Cast(Passivate()), None)

    def drop(self) -> None:
        """The entity is another node's: end it at once, whatever it does."""
        self.over = True
        for item in self._items.values():
            if item.batch is None and item.caller is not None:
                # No queue brings it again.
                self.owner.entities.send_again(item)
        cell = self.cell
        if cell is not None and cell.alive:
            self._rescue(cell)
        # At once, also where exits are trapped; and no crash, which a kill would be for the log and the dossiers.
        for each in (cell, self.node.find(self.supervisor) if self.supervisor is not None else None):
            if each is not None and each.alive:
                self.node.signals.die(each, SHUTDOWN)
        if self.node.registry.reserved(self.name):
            self.node.registry.release(self.name)

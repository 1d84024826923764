"""One entity on the node that owns it: its process, what waits for it, and what waits for the next commit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from mirliton.runtime import Call, MailboxFull, Name, Node, NoProc, Pid
from mirliton.runtime.codec import decode
from mirliton.runtime.protocol import SIGNALS, Cast
from mirliton.runtime.reasons import KILLED, SHUTDOWN
from mirliton.supervisors.entities.keyed import Item, Keyed
from mirliton.supervisors.entities.messages import Passivate, Work
from mirliton.supervisors.entities.store import Record
from mirliton.supervisors.entities.waiting import Watch

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.cell import Item as Mail
    from mirliton.supervisors.entities.entity import Entity
    from mirliton.supervisors.entities.owner import Owner

MOST_MAIL: Final = 10_000
"""Messages without a key that wait for one entity to start."""
BACKOFF: Final = (0.25, 5.0)
"""Seconds after which an entity that its supervisor has given up is started again: at first, and at most."""
KILLED_PAUSE: Final = 0.02
"""Seconds after which one is started again that was killed: the supervisor of all may have been with it."""

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


class Slot:
    """Begins with the first message for the entity, or with the ownership, and ends with either."""

    def __init__(self, owner: Owner, name: Name, cls: type[Entity]) -> None:
        self.owner = owner
        self.node = owner.entities.node
        self.name = name
        self.cls = cls
        self.record: Record | None = None
        """What the store has; None until it is claimed."""
        self.state: bytes | None = None
        """What the entity has saved last; the store has it after the next commit."""
        self.keyed = Keyed(self)
        """Its messages with a key."""
        self.cell: Cell | None = None
        self.supervisor: Pid | None = None
        self.starting = False
        self.resting = False
        """It has ended, or will when it comes to it, because nothing is to be done."""
        self.over = False
        """Is this node's no longer: nothing it still does counts."""
        self.used = self.node.clock.now()
        self._mail: deque[Mail] = deque()
        """Without a key."""
        self._changed = False
        self._after: list[Callable[[], None]] = []
        self._committing: tuple[list[Item], list[Callable[[], None]]] | None = None
        self._backoff = BACKOFF[0]
        self._gave_up_at = float("-inf")
        self._end: Any = None
        """Why its last process has ended."""

    @property
    def running(self) -> bool:
        return self.cell is not None and self.cell.alive

    @property
    def quiet(self) -> bool:
        """Nothing waits, is handled, or is to be committed."""
        return self.keyed.quiet and not (self._mail or self._changed or self._committing)

    @property
    def begun(self) -> bool:
        """Something is handled, or to be committed."""
        return self.keyed.begun or bool(self._changed or self._committing)

    # What the process says, in its own turn

    def begin(self, entity: Entity) -> Any:
        """A process begins: what it is to start from. What its predecessor left unfinished comes to it again."""
        cell = entity._myRef
        self.cell, self.starting, self.resting = cell, False, False
        self.node.signals.watch(cell.pid, Watch(self._process_ended))
        if self.record is not None and not self.record.live:
            self.change()
        self.keyed.restart()
        mail, self._mail = self._mail, deque()
        ready = [item for item in mail if type(item[0]) is not Call or self.node.calls.bind(item[0].sender.tag, cell)]
        if ready:
            cell.put_back(ready)
        self.keyed.pump()
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
        self.owner.entities.holding.may_act(now)
        return False

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
        if self.over:
            return
        self.resting = True
        self._rescue(entity._myRef)
        self.keyed.put_back()

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

    def after_commit(self, act: Callable[[], None]) -> None:
        """Commit what there is, and then do this."""
        self._after.append(act)
        self.change()

    def snapshot(self) -> Record:
        """What is to be written now."""
        assert self.record is not None
        assert self._committing is None
        self._committing = self.keyed.take_answered(), self._after
        self._changed, self._after = False, []
        suspect, deaths = self.keyed.suspect
        live = not (self.resting and not self.owner.leaving and not self._mail and not self.keyed.waiting)
        return Record(
            self.name, self.owner.epoch, self.record.version, live, self.state, self.keyed.keys.text(), suspect, deaths
        )

    def committed(self, record: Record, version: Any) -> None:
        """What the last snapshot said is written."""
        assert self._committing is not None
        self.record = replace(record, version=version)
        (done, after), self._committing = self._committing, None
        self.keyed.done(done)
        for act in after:
            act()
        if done:
            self.keyed.pump()
        self.owner.settled(self)

    # Starts and ends

    def loaded(self, record: Record) -> None:
        """The entity is claimed."""
        self.record = record
        self.state = record.state
        self.keyed.load(record)

    def _process_ended(self, reason: Any) -> None:
        self._end = reason

    def ended(self, reason: Any) -> None:
        """Its supervisor has ended, and the process with it."""
        self.supervisor = self.cell = None
        if self.over:
            return
        if not self.resting:
            # Killed, itself or its supervisor, or that of both: it is not at fault, and may be needed.
            killed = reason != SHUTDOWN or self._end == KILLED
            pause = KILLED_PAUSE if killed else self._pause()
            self.owner.entities.log.error("entity_gave_up", name=str(self.name), reason=str(reason), again_in=pause)
            self.node.after(pause, lambda _: self.owner.start_again(self))
        elif self.owner.leaving:
            self.owner.settled(self)
        elif self._mail or self.keyed.waiting:
            self.owner.start_again(self)
        else:
            self.change()

    def _pause(self) -> float:
        """It has crashed too often: it comes back, later and later while that goes on."""
        now = self.node.clock.now()
        long_ago = now - self._gave_up_at > 2 * BACKOFF[1]
        pause = BACKOFF[0] if long_ago else self._backoff
        self._gave_up_at, self._backoff = now, min(pause * 2, BACKOFF[1])
        return pause

    def fails_to_start(self) -> None:
        """Its init has failed too often: nobody waits for it any more."""
        self.keyed.set_all_aside("start")
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
        self.keyed.drop()
        cell = self.cell
        if cell is not None and cell.alive:
            self._rescue(cell)
        # At once, also where exits are trapped; and no crash, which a kill would be for the log and the dossiers.
        for each in (cell, self.node.find(self.supervisor) if self.supervisor is not None else None):
            if each is not None and each.alive:
                self.node.signals.die(each, SHUTDOWN)
        if self.node.registry.reserved(self.name):
            self.node.registry.release(self.name)
        self.keyed.close()

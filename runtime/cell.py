"""What the runtime keeps of a process: a few slots, most of them empty until they are needed.

An idle process is one Cell, one Pid and one actor object. An empty deque costs 760 bytes, a set 216: mailbox, links
and the like are therefore None until the first use, and the mailbox is given back when it runs empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, MutableSet
from typing import TYPE_CHECKING, Any, Final, Protocol

from mypy_extensions import mypyc_attr

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.errors import Exit
from mirliton.runtime.protocol import SIGNALS, Init

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.node import Node
    from mirliton.runtime.place import Place
    from mirliton.runtime.post import Post
    from mirliton.runtime.protocol import Ref
    from mirliton.runtime.saved_mail import SavedMail
    from mirliton.runtime.timers import TimerRef
    from mirliton.runtime.waits import Receive, Wait

PID: Final = Pid
"""Compiled, a constant is read faster than a name that was imported."""

Item = tuple[Any, ...]
"""A mailbox entry: (message, sender), and in strict mode the frame as it was when sent."""


class Told(Protocol):
    """Who outside all processes is told an exit reason: a Future, or the watcher of another node."""

    def done(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Monitor:
    """One side watches another: `watcher` gets a Down, or `future` the reason, when the watched process ends."""

    __slots__ = ("future", "ref", "target", "watched", "watcher")

    def __init__(
        self,
        ref: Ref,
        watched: Cell,
        target: Any,
        watcher: Cell | None = None,
        future: Told | None = None,
    ) -> None:
        self.ref = ref
        self.watched = watched
        self.target = target
        self.watcher = watcher
        self.future = future

    def drop(self) -> None:
        """The watcher wants to know no more."""
        if self.watched.monitored_by is not None:
            self.watched.monitored_by.pop(self.ref.serial, None)


@mypyc_attr(allow_interpreted_subclasses=True)
class Cell:
    """A process as its node sees it. It is also what Thespian calls the actor's `_myRef`."""

    __slots__ = (
        "actor",
        "alive",
        "answer",
        "beside",
        "busy",
        "callers",
        "calls",
        "coroutine",
        "door",
        "error",
        "handled",
        "held",
        "idle",
        "init",
        "keep_mail",
        "kind",
        "last",
        "limit",
        "link",
        "mailbox",
        "monitored_by",
        "monitors",
        "more_links",
        "names",
        "node",
        "owned",
        "parent",
        "pid",
        "post",
        "queued",
        "reason",
        "saved",
        "serves",
        "starter",
        "suspended",
        "task",
        "timers",
        "trap",
        "wait",
        "warm",
    )

    def __init__(self, node: Node, pid: Pid, actor: Any, parent: Pid, kind: str) -> None:
        self.node = node
        self.post = node.post
        self.pid = pid
        self.actor = actor
        self.parent = parent
        self.kind = kind
        """The name of its class."""
        self.alive = True
        self.door: Post | None = None
        """Whose messages come straight into the mailbox: those of its own node. None where it is dead, where it has a
        bound, and where its node looks at every message."""
        self.reason: Any = None
        self.queued = False
        """Stands in the run queue."""
        self.busy = False
        """Awaits something other than mail: its mailbox waits."""
        self.warm = False
        """Keeps an empty mailbox, because more is likely to come soon."""
        self.suspended = False
        self.serves = False
        """Takes messages as any GenServer does."""
        self.trap = False
        self.keep_mail = False
        self.limit = 0
        """Messages that may wait, 0 for any number; change it with `bound`."""
        self.handled = 0
        self.last: Any = None
        """The message being handled, for the dossier and for keeping mail."""
        self.init: Init | None = None
        """What it does before it takes any mail; the first entry of the mailbox instead, when mail came first."""
        self.mailbox: deque[Item] | None = None
        """One and the same while the process has a turn, and empty once it is dead."""
        self.saved: SavedMail | None = None
        """Mail that a selective receive passed over, oldest first."""
        self.held: deque[Item] | None = None
        """Mail that came up while suspended."""
        self.link: Cell | None = None
        """The oldest link: most processes have this one only, to their supervisor, and a dict costs 232 bytes."""
        self.more_links: dict[Cell, None] | None = None
        self.monitors: dict[int, Monitor] | None = None
        self.monitored_by: dict[int, Monitor] | None = None
        self.names: list[Name] | None = None
        self.idle: TimerRef | None = None
        """The timeout that a GenServer's callback asked for."""
        self.timers: set[TimerRef] | None = None
        self.calls: set[int] | None = None
        """Tags of the calls this process waits on."""
        self.callers: MutableSet[int] | None = None
        """Tags of the calls that wait on this process."""
        self.task: asyncio.Task[None] | None = None
        """Runs the async handler that the process is at work on."""
        self.beside: set[asyncio.Task[None]] | None = None
        """What `background` runs; cancelled with the process."""
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.wait: Wait | Receive | None = None
        """What its coroutine waits for; None when it can go on."""
        self.answer: Any = None
        self.error: BaseException | None = None
        """What its coroutine is resumed with: `answer`, unless there is an error."""
        self.starter = 0
        self.owned: list[Callable[[], object]] | None = None
        """What is closed when the process ends, however it ends."""

    @property
    def label(self) -> str:
        """What a reader should see: its name where it has one, else its class."""
        return str(self.names[0]) if self.names else self.kind

    @property
    def links(self) -> tuple[Cell, ...]:
        """Linked processes, oldest link first: the order in which they hear of its end."""
        first = () if self.link is None else (self.link,)
        return (*first, *self.more_links) if self.more_links else first

    def join(self, peer: Cell) -> None:
        """Link two living processes; a second link between them changes nothing."""
        self._add_link(peer)
        peer._add_link(self)

    def part(self, peer: Cell) -> None:
        """Undo `join`."""
        self.drop_link(peer)
        peer.drop_link(self)

    def _add_link(self, peer: Cell) -> None:
        if self.more_links:
            if peer is not self.link:
                self.more_links[peer] = None
        elif self.link is None:
            self.link = peer
        elif peer is not self.link:
            self.more_links = {peer: None}

    def drop_link(self, peer: Cell) -> None:
        """This end of a link is gone."""
        if peer is self.link:
            self.link = None
        elif self.more_links:
            self.more_links.pop(peer, None)

    def send(self, to: Address, message: Any) -> None:
        """Send a message from this process: the usual way, to a process of the same node, is all here.

        Raises what Process.send does.
        """
        if not self.alive:
            raise Exit(self.reason)
        post = self.post
        if type(to) is PID:
            place: Place = to
            target = place.cell
            if target is not None and target.door is post:
                mailbox = target.mailbox
                if mailbox is None:
                    mailbox = target.mail()
                mailbox.append((message, self.pid))
                post.sent += 1
                if target.queued:
                    if target is not self:
                        post.last_receiver = target
                elif not target.busy:
                    post.scheduler.enqueue(target)
                return
        post.send(to, message, self)

    def begun(self, serves: bool) -> None:
        """Its init is done: who waits for that is told. `serves` as above."""
        self.serves = serves
        if self.starter:
            tag, self.starter = self.starter, 0
            self.post.calls.finish(tag, self.pid)

    def bound(self, limit: int) -> None:
        """Let `limit` messages wait at most; 0 is no bound."""
        self.limit = limit
        self.open_or_close()

    def open_or_close(self) -> None:
        """Set `door` as it has to be now."""
        post = self.post
        self.door = post if self.alive and not self.limit and not post.careful else None

    def mail(self) -> deque[Item]:
        """The mailbox, made if there is none; its init, if it has not begun, comes first."""
        mailbox = self.mailbox
        if mailbox is None:
            mailbox = self.mailbox = deque()
            if self.init is not None:
                mailbox.append((self.init, None))
                self.init = None
        return mailbox

    def __len__(self) -> int:
        """How much mail waits."""
        return (
            (len(self.mailbox) if self.mailbox else 0)
            + (len(self.saved) if self.saved else 0)
            + (len(self.held) if self.held else 0)
        )

    def __bool__(self) -> bool:
        return True

    def put_first(self, message: Any) -> None:
        """Let the process handle `message` before anything that waits."""
        self.mail().appendleft((message, None))

    def put_back(self, items: Iterable[Item]) -> None:
        """Let the process handle these, which it had put aside, before anything that waits."""
        self.mail().extendleft(reversed(tuple(items)))

    def take_oldest(self) -> Item | None:
        """Take out the oldest message that a bounded mailbox may lose: signals and replies are none of them."""
        for queue in (self.saved, self.held, self.mailbox):
            for item in queue or ():
                if not isinstance(item[0], SIGNALS):
                    assert queue is not None
                    queue.remove(item)
                    return item
        return None

    def take_out(self, unwanted: Callable[[Any], bool]) -> list[Any]:
        """Take out all waiting messages that are `unwanted`."""
        taken = []
        for queue in (self.saved, self.held, self.mailbox):
            for item in list(queue or ()):
                if unwanted(item[0]):
                    assert queue is not None
                    queue.remove(item)
                    taken.append(item[0])
        return taken

    def all_mail(self) -> list[Item]:
        """Everything that waits, in the order it would be handled."""
        return [*(self.saved or ()), *(self.held or ()), *(self.mailbox or ())]

    # Thespian's adapter protocol: what `Actor` calls on `self._myRef`.

    @property
    def address(self) -> Pid:
        return self.pid

    @property
    def globalName(self) -> str | None:
        for name in self.names or ():
            if name.kind == "global":
                return name.key
        return None

    def actor_send(self, to: Any, message: Any) -> None:
        self.node.send(to, message, self)

    def createActor(self, cls: Any, requirements: Any, global_name: str | None, source: Any) -> Pid:
        return self.node.thespian.create(cls, self, requirements, global_name, source)

    def wakeupAfter(self, period: Any, payload: Any = None) -> None:
        self.node.thespian.wakeup(self, period, payload)

    def handleDeadLetters(self, address: Any, enable: bool) -> None:
        self.node.thespian.handle_dead_letters(address, enable)

    def updateCapability(self, name: str, value: Any) -> None:
        self.node.thespian.update_capability(name, value)

    def loadActorSource(self, file: Any) -> str:
        return self.node.thespian.with_sources().load(file)

    def unloadActorSource(self, source: str) -> None:
        self.node.thespian.with_sources().unload(source)

    def registerSourceAuthority(self, address: Any) -> None:
        self.node.thespian.with_sources().authority = address

    def notifyOnSourceAvailability(self, address: Any, enable: bool) -> None:
        self.node.thespian.with_sources().notify(address, enable)

    def notifyOnSystemRegistrationChanges(self, address: Any, enable: bool) -> None:
        """One node is no convention: nothing is ever registered."""

    def preRegisterRemoteSystem(self, address: Any, capabilities: Any) -> None:
        """See notifyOnSystemRegistrationChanges."""

    def deRegisterRemoteSystem(self, address: Any) -> None:
        """See notifyOnSystemRegistrationChanges."""

    def actorSystemShutdown(self) -> None:
        self.node.thespian.shutdown()

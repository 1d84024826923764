"""What the runtime keeps of a process: a few slots, most of them empty until they are needed.

An idle process is one Cell, one Pid and one actor object. An empty deque costs 760 bytes, a set 216: mailbox, links
and the like are therefore None until the first use, and the mailbox is given back when it runs empty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Name, Pid
from mirliton.runtime.protocol import SIGNALS

if TYPE_CHECKING:
    import asyncio

    from mirliton.runtime.node import Node
    from mirliton.runtime.protocol import Ref
    from mirliton.runtime.timers import TimerRef
    from mirliton.runtime.waits import Wait

Item = tuple[Any, ...]
"""A mailbox entry: (message, sender), and in strict mode the frame as it was when sent."""


class Monitor:
    """One side watches another: `watcher` gets a Down, or `future` the reason, when the watched process ends."""

    __slots__ = ("future", "ref", "target", "watched", "watcher")

    def __init__(
        self,
        ref: Ref,
        watched: Cell,
        target: Any,
        watcher: Cell | None = None,
        future: asyncio.Future[Any] | None = None,
    ) -> None:
        self.ref = ref
        self.watched = watched
        self.target = target
        self.watcher = watcher
        self.future = future


class Cell:
    """A process as its node sees it. It is also what Thespian calls the actor's `_myRef`."""

    __slots__ = (
        "actor",
        "alive",
        "beside",
        "busy",
        "callers",
        "calls",
        "coroutine",
        "handled",
        "held",
        "keep_mail",
        "kind",
        "last",
        "limit",
        "links",
        "mailbox",
        "monitored_by",
        "monitors",
        "names",
        "node",
        "owned",
        "parent",
        "pid",
        "queued",
        "reason",
        "resume",
        "saved",
        "starter",
        "suspended",
        "task",
        "timers",
        "trap",
        "wait",
    )

    def __init__(self, node: Node, pid: Pid, actor: Any, parent: Pid, kind: str) -> None:
        self.node = node
        self.pid = pid
        self.actor = actor
        self.parent = parent
        self.kind = kind
        """The name of its class."""
        self.alive = True
        self.reason: Any = None
        self.queued = False
        """Stands in the run queue."""
        self.busy = False
        """Awaits something other than mail: its mailbox waits."""
        self.suspended = False
        self.trap = False
        self.keep_mail = False
        self.limit = 0
        self.handled = 0
        self.last: Any = None
        """The message being handled, for the dossier and for keeping mail."""
        self.mailbox: deque[Item] | None = None
        self.saved: list[Item] | None = None
        """Mail that a selective receive passed over, oldest first."""
        self.held: deque[Item] | None = None
        """Mail that came up while suspended."""
        self.links: dict[Cell, None] | None = None
        """Linked processes, oldest link first: the order in which they hear of its end."""
        self.monitors: dict[int, Monitor] | None = None
        self.monitored_by: dict[int, Monitor] | None = None
        self.names: list[Name] | None = None
        self.timers: set[TimerRef] | None = None
        self.calls: set[int] | None = None
        """Tags of the calls this process waits on."""
        self.callers: set[int] | None = None
        """Tags of the calls that wait on this process."""
        self.task: asyncio.Task[None] | None = None
        """Runs the async handler that the process is at work on."""
        self.beside: set[asyncio.Task[None]] | None = None
        """What `background` runs; cancelled with the process."""
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.wait: Wait | None = None
        self.resume: tuple[Any, BaseException | None] | None = None
        self.starter = 0
        self.owned: list[Callable[[], object]] | None = None
        """What is closed when the process ends, however it ends."""

    @property
    def label(self) -> str:
        """What a reader should see: its name where it has one, else its class."""
        return str(self.names[0]) if self.names else self.kind

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
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.appendleft((message, None))

    def take_oldest(self) -> Item | None:
        """Take out the oldest message that a bounded mailbox may lose: signals and replies are none of them."""
        for queue in (self.saved, self.held, self.mailbox):
            for index, item in enumerate(queue or ()):
                if not isinstance(item[0], SIGNALS):
                    assert queue is not None
                    del queue[index]
                    return item
        return None

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

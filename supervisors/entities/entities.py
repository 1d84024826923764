"""A node's part in the entities of its cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from mirliton.runtime import Address, Call, Name, Node, Pid
from mirliton.runtime.codec import decode
from mirliton.supervisors.entities import gate, slot
from mirliton.supervisors.entities.asking import Asking
from mirliton.supervisors.entities.claims import Claims
from mirliton.supervisors.entities.committer import Committer
from mirliton.supervisors.entities.counters import EntityCounters
from mirliton.supervisors.entities.dead_letters import DeadLetters
from mirliton.supervisors.entities.directory import Directory
from mirliton.supervisors.entities.entity import Entity
from mirliton.supervisors.entities.fence import Fence
from mirliton.supervisors.entities.holding import Holding
from mirliton.supervisors.entities.lane import Lane
from mirliton.supervisors.entities.lease import Lease
from mirliton.supervisors.entities.line import Line
from mirliton.supervisors.entities.messages import shard_of
from mirliton.supervisors.entities.moving import Moved, Moving
from mirliton.supervisors.entities.options import Options
from mirliton.supervisors.entities.outbox import Outbox
from mirliton.supervisors.entities.shards import Shards
from mirliton.supervisors.entities.slot import Slot
from mirliton.supervisors.entities.starting import Starting
from mirliton.supervisors.entities.store import EntityStore
from mirliton.supervisors.entities.waiting import pause

if TYPE_CHECKING:
    from mirliton.runtime.distribution import Distribution


class Entities:
    """Begins with `open` (or `async with`) on a node that runs, and ends with `close`, before the node stops.

    `distribution` is the node's, open already, or None for a node that is alone; `shards` carry the queues; `kinds`
    says which Names are entities, and of which class, and must be the same on all nodes. While it is open, what any
    process of the node sends to such a Name, or calls, goes to the entity, wherever it is. `under`: the supervisor in
    whose tree the entities are to be; by default they are in a tree of their own.
    """

    def __init__(
        self,
        node: Node,
        distribution: Distribution | None,
        shards: Shards,
        store: EntityStore,
        kinds: Mapping[str, type[Entity]],
        options: Options | None = None,
        *,
        under: Address | None = None,
    ) -> None:
        self.node = node
        self.distribution = distribution
        self.shards = shards
        self.store = store
        self.kinds = dict(kinds)
        self.options = options or Options()
        self.log = node.log
        self.opened = False
        self.leaving = False
        """It gives back what it has, and takes nothing more."""
        self.dead_letters = DeadLetters(self)
        # Its parts, which speak with each other.
        self.counters = EntityCounters()
        self.fence = Fence()
        self.lease = Lease(self.options.lease)
        self.directory = Directory(self)
        self.claims = Claims(self)
        self.holding = Holding(self)
        self.line = Line(self)
        self.moving = Moving(self)
        self.starting = Starting(self, under)
        self.committer = Committer(self)
        self.asking = Asking(self)
        self.outbox = Outbox(self)
        self.lane = Lane(self)
        self._tasks: set[asyncio.Task[None]] = set()

    # Life

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the supervisor of the entities and begin to connect. Raises what the store raises.

        RuntimeError where the node has Entities already.
        """
        if self.node.cluster_names is not None:
            raise RuntimeError(f"node {self.node.name} has entities already")
        await self.store.open()
        self.node.cluster_names = self
        slot.keep(self.node, self.slot)
        gate.attach(self.node, self)
        self.opened = True
        await self.starting.open()
        await self.shards.open(self.node, self.holding)
        self._tick()

    async def close(self) -> None:
        """Give all shards back, in order where that can be done in time, and leave."""
        self.leaving = True
        await self.holding.give_all_back()
        self.opened = False
        await self.shards.close()
        self._end("left")

    def abandon(self) -> None:
        """End at once, as when this node dies: whoever comes next has what was saved. Nothing when it is closed."""
        if self.opened:
            self.opened = False
            self._end("left")
            self.node.loop.create_task(self.shards.close())

    def _end(self, why: str) -> None:
        self.holding.drop_all(why)
        self.lane.close()
        self.node.cluster_names = None
        slot.keep(self.node, None)
        self.starting.close()
        for task in list(self._tasks):
            task.cancel()
        gate.attach(self.node, None)

    def _tick(self, _: Any = None) -> None:
        if not self.opened:
            return
        now = self.node.clock.now()
        self.node.after(self.options.tick, self._tick)
        self.holding.may_act(now)
        if self.holding.connected:
            self.shards.probe()
        self.lane.look(now)
        self.claims.look(now)
        self.line.look(now)
        self.holding.look(now)
        self.dead_letters.count_again(now)

    def task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside; what it raises is a fault of ours: it is logged, and all shards are taken anew."""
        task = self.node.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("entities_fault", error=repr(task.exception()), exc_info=task.exception())
            if self.opened:
                self.holding.drop_all("fault")
                self.shards.reset("fault")

    async def pause(self, seconds: float) -> None:
        """Let so much of the node's time pass."""
        await pause(self.node, seconds)

    # Calls and messages

    def send(self, name: Name, message: Any, sender: Pid | None) -> bool:
        """What `send` and `cast` of any process come to, for a Name of one of the `kinds`: see ClusterNames."""
        if name.kind not in self.kinds:
            return False
        self.lane.send(name, message, sender)
        return True

    def ask(self, name: Name, request: Any, tag: int, caller: Pid | None) -> bool:
        """What `call` of any process comes to, likewise."""
        if name.kind not in self.kinds or type(request) is not Call:
            return False
        self.lane.ask(name, request, caller)
        return True

    async def call(self, name: Name, request: Any, *, key: str | None = None, timeout: float | None = 5.0) -> Any:
        """Call an entity over its node's lane, as `node.call` does. With a `key` it is done once, and sent again when
        its owner is lost meanwhile: the answer of the first time comes back. Raises CallError.
        """
        if key is None:
            return await self.node.call(name, request, timeout)
        return await self.asking.over_the_lane(name, request, key, timeout)

    async def durable_call(self, name: Name, request: Any, *, key: str | None = None, timeout: float = 5.0) -> Any:
        """Call an entity through the queue of its shard: what the broker has is done, once for each `key`.

        The effect is on the disk when the answer comes. A call that fails, but for EntityRefused, may still be done;
        the same key can be sent again, and brings the answer of the one time it is done. Without a key each call has
        its own. Raises CallError, or a CodecError for what cannot travel.
        """
        return await self.asking.durably(name, request, key, timeout)

    async def durable_cast(self, name: Name, request: Any, *, key: str | None = None, timeout: float = 5.0) -> None:
        """`durable_call` that ends when the broker has the message on its disks, and brings no answer.

        It arrives at `handle_cast`. Raises NotConfirmed, EntityRefused or a CodecError.
        """
        await self.asking.until_confirmed(name, request, key, timeout)

    # Where entities are, and how they do

    def shard_of(self, name: Name) -> int:
        """Which shard a name belongs to."""
        return shard_of(name, self.shards.count)

    def owns(self, shard: int) -> bool:
        """Whether this node owns a shard, and handles what comes for it."""
        return self.holding.owns(shard)

    def owner_of(self, shard: int) -> str | None:
        """The node that owns a shard, as far as this one knows."""
        return self.directory.owner(shard)

    def slot(self, name: Name) -> Slot | None:
        """The place of an entity that this node owns."""
        return self.holding.slot(name)

    async def saved(self, names: Sequence[Name]) -> list[Any]:
        """What each of these entities saved last, None where that is nothing; they are not started for it.

        One that runs may have saved more by now. Raises EntityStoreAway.
        """
        return [None if state is None else decode(state) for state in await self.store.states(names)]

    def owned(self) -> list[int]:
        """The shards that this node owns."""
        return self.holding.owned()

    def unowned(self) -> int:
        """How many shards there are of which this node knows no owner."""
        return len(self.directory.unowned())

    # What an operator may want

    async def move(self, shard: int, to: str) -> Moved | None:
        """Have that node own a shard; None when it does already. Raises NotMoved. Afterwards loads even out again, by
        other shards.

        It is done in some tens of milliseconds as a rule, and in three times (give_back + 5) seconds at most. A restart
        of any node meanwhile leaves the shard with one of the others.
        """
        return await self.moving.move(shard, to)

    async def rebalance(self, seconds: float = 20.0) -> list[Moved]:
        """Even shards out now, with as few moves as that takes; what was moved. After `seconds` nothing more is begun.
        Raises NotMoved."""
        return await self.moving.rebalance(seconds)

    @property
    def hosts(self) -> bool:
        """Whether this node takes shards just now."""
        return self.line.hosts

    def set_willing(self, willing: bool) -> None:
        """Take shards (True), or give all back to the others while there are others (False): `owned` tells how many
        are left. A restart forgets it."""
        self.line.set_willing(willing)

    def running(self) -> int:
        """How many entities run here."""
        return self.holding.running()

    def refused(self) -> int:
        """Messages in the queues of shards that are none of this cluster's."""
        return self.counters.refused + self.shards.refused

    def status(self) -> dict[str, Any]:
        """What an operator sees: shards by owner, and what waits."""
        return {
            "shards": self.directory.by_node(),
            "unowned": self.directory.unowned(),
            "entities": self.holding.count(),
            "parked": self.lane.length,
            "outbox": self.outbox.length,
            "lease": self.lease.left(self.node.clock.now()),
        }

"""A node's part in the entities of its cluster: which shards it owns, who owns the others, and the ways to both."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from mirliton.runtime import Call, CallError, From, Name, Node, OutboxFull, Pid
from mirliton.runtime.codec import decode, encode
from mirliton.supervisors.client import start_child
from mirliton.supervisors.declare import supervisor, worker
from mirliton.supervisors.entities import gate, slot
from mirliton.supervisors.entities.committer import Committer
from mirliton.supervisors.entities.counters import EntityCounters
from mirliton.supervisors.entities.dead_letters import DeadLetters
from mirliton.supervisors.entities.entity import Entity
from mirliton.supervisors.entities.errors import (
    EntityFault,
    EntityRefused,
    NotConfirmed,
    ReplyGone,
    SetAside,
    StaleEpoch,
)
from mirliton.supervisors.entities.evening import to_give
from mirliton.supervisors.entities.fence import Fence
from mirliton.supervisors.entities.lane import Lane
from mirliton.supervisors.entities.lease import Lease
from mirliton.supervisors.entities.messages import (
    GATE,
    Answer,
    Claim,
    Durable,
    NotHere,
    Owned,
    Stamp,
    Table,
    pack,
    shard_of,
)
from mirliton.supervisors.entities.options import Options
from mirliton.supervisors.entities.outbox import Outbox, Parcel
from mirliton.supervisors.entities.owner import Owner
from mirliton.supervisors.entities.shards import Delivery, Shards
from mirliton.supervisors.entities.slot import Item, Slot
from mirliton.supervisors.entities.store import EntityStore
from mirliton.supervisors.entities.waiting import pause
from mirliton.supervisors.errors import RequestRefused
from mirliton.supervisors.specs import ChildSpec, StartSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree

if TYPE_CHECKING:
    from mirliton.runtime.distribution import Distribution
    from mirliton.runtime.transport.network import Outcome

ENTITIES_SUPERVISOR: Final = Name("supervisor", "entities")
START_TIMEOUT: Final = 10.0
"""Seconds that an entity's init may take."""
TREE_PAUSE: Final = 0.2
"""Seconds before the supervisor of all entities is started again, should somebody have killed it."""
CLAIM_SILENCE: Final = 2
"""Rounds of claims that a shard may stay without an owner before that is an alarm."""


class Entities:
    """Begins with `open` (or `async with`) on a node that runs, and ends with `close`, before the node stops.

    `distribution` is the node's, open already, or None for a node that is alone; `shards` carry the queues; `kinds`
    says which Names are entities, and of which class, and must be the same on all nodes. While it is open, what any
    process of the node sends to such a Name, or calls, goes to the entity, wherever it is.
    """

    def __init__(
        self,
        node: Node,
        distribution: Distribution | None,
        shards: Shards,
        store: EntityStore,
        kinds: Mapping[str, type[Entity]],
        options: Options | None = None,
    ) -> None:
        self.node = node
        self.distribution = distribution
        self.shards = shards
        self.store = store
        self.kinds = dict(kinds)
        self.options = options or Options()
        self.log = node.log
        self.counters = EntityCounters()
        self.fence = Fence()
        self.lease = Lease(self.options.lease)
        self.committer = Committer(self)
        self.outbox = Outbox(self)
        self.lane = Lane(self)
        self.dead_letters = DeadLetters(self)
        self._owners: dict[int, Owner] = {}
        """Of the shards that this node owns, or is about to."""
        self._nodes: dict[int, str] = {}
        """Who owns each shard, where that is known."""
        self._hosts: dict[str, bool] = {}
        """The other nodes, and whether they take shards."""
        self._unowned: Counter[int] = Counter()
        """Rounds of claims for which a shard has had no owner."""
        self._giving: dict[int, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = self._rounds = 0
        self._key = secrets.token_hex(12)
        """What the keys begin with that nobody has given: with the tag of its call each is the only one."""
        self._top: Pid | None = None
        self._connected = False
        self._opened = False
        self._leaving = False
        self._next: dict[str, float] = {}

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
        self._opened = True
        await self._start_tree()
        await self.shards.open(self.node, self)
        self._tick()

    async def close(self) -> None:
        """Give all shards back, in order where that can be done in time, and leave."""
        self._leaving = True
        await asyncio.gather(*[self._give_back(owner) for owner in list(self._owners.values())])
        self._opened = False
        await self.shards.close()
        for shard in list(self._owners):
            self._drop(shard, "left")
        self.lane.close()
        self.node.cluster_names = None
        slot.keep(self.node, None)
        if self._top is not None:
            self.node.exit(self._top, "shutdown", self.node.root)
        for task in list(self._tasks):
            task.cancel()
        gate.attach(self.node, None)

    async def _start_tree(self) -> None:
        self._top = await self.node.start(Supervisor, self._tree())
        self.node.signals.watch(self._top, _Watch(self._tree_ended))

    def _tree(self) -> Tree:
        template = ChildSpec("entity", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
        entities = Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=ENTITIES_SUPERVISOR)
        # The gate keeps nothing, and the entities' supervisor restarts nobody: what ends either is chance.
        return Tree(
            "one_for_one",
            [supervisor(entities), worker(gate.Gate, name=GATE, keep_mail=True)],
            intensity=5,
            period=10.0,
        )

    def _tree_ended(self, reason: Any) -> None:
        if self._opened:
            self.log.error("entities_supervisor_ended", reason=str(reason), again_in=TREE_PAUSE)
            self.node.after(TREE_PAUSE, lambda _: self.task(self._start_tree()) if self._opened else None)

    def task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside; what it raises is a fault of ours: it is logged, and all shards are taken anew."""
        task = self.node.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.log.error("entities_fault", error=repr(task.exception()), exc_info=task.exception())
            if self._opened:
                self._drop_all("fault")
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
        self._check(name)
        call = self.node.calls.begin(name, None, timeout)
        try:
            self.lane.ask(name, Call(From(self.node.name, call.tag), request), None, key)
            return self._read(name, await call)
        finally:
            if not call.done:
                self.node.calls.forget(call.tag)

    async def durable_call(self, name: Name, request: Any, *, key: str | None = None, timeout: float = 5.0) -> Any:
        """Call an entity through the queue of its shard: what the broker has is done, once for each `key`.

        The effect is on the disk when the answer comes. A call that fails, but for EntityRefused, may still be done;
        the same key can be sent again, and brings the answer of the one time it is done. Without a key each call has
        its own. Raises CallError, or a CodecError for what cannot travel.
        """
        self._check(name)
        call = self.node.calls.begin(name, None, timeout)
        try:
            self._put(name, request, key, call.tag, timeout, is_call=True)
            return self._read(name, await call)
        finally:
            if not call.done:
                self.node.calls.forget(call.tag)

    async def durable_cast(self, name: Name, request: Any, *, key: str | None = None, timeout: float = 5.0) -> None:
        """`durable_call` that ends when the broker has the message on its disks, and brings no answer.

        It arrives at `handle_cast`. Raises NotConfirmed, EntityRefused or a CodecError.
        """
        self._check(name)
        call = self.node.calls.begin(name, None, timeout)
        try:
            self._put(name, request, key, call.tag, timeout, is_call=False)
            self._read(name, await call)
        except CallError as error:
            if isinstance(error, EntityFault):
                raise
            raise NotConfirmed(name, timeout) from error
        finally:
            if not call.done:
                self.node.calls.forget(call.tag)

    def _put(self, name: Name, request: Any, key: str | None, tag: int, timeout: float, *, is_call: bool) -> None:
        caller = From(self.node.name, tag)
        key = key if key is not None else f"{self._key}.{tag}"
        durable = Durable(name, key, encode(request), is_call, caller if is_call else None)

        def told(taken: bool) -> None:
            if not taken:
                self.counters.full += 1
                self.node.calls.fail(tag, EntityRefused(name, "the queue of its shard"))
            elif not is_call:
                self.node.calls.answer(caller, Answer())

        parcel = Parcel(encode(durable), self.node.clock.now() + timeout, told)
        if not self.outbox.put(self.shard_of(name), parcel):
            self.counters.full += 1
            raise EntityRefused(name, "the outbox of this node")

    def _check(self, name: Name) -> None:
        if name.kind not in self.kinds:
            raise ValueError(f"{name} is no entity: the kinds here are {', '.join(sorted(self.kinds))}")

    def _read(self, name: Name, answer: Any) -> Any:
        if not isinstance(answer, Answer):
            return answer
        if answer.error == "set_aside":
            raise SetAside(name, str(answer.value))
        if answer.error is not None:
            raise ReplyGone(name)
        return answer.value

    # Where entities are

    def shard_of(self, name: Name) -> int:
        """Which shard a name belongs to."""
        return shard_of(name, self.shards.count)

    def owns(self, shard: int) -> bool:
        """Whether this node owns a shard, and handles what comes for it."""
        owner = self._owners.get(shard)
        return owner is not None and owner.owning and not owner.leaving and self.may_act(self.node.clock.now())

    def owner_of(self, shard: int) -> str | None:
        """The node that owns a shard, as far as this one knows."""
        return self._nodes.get(shard)

    def slot(self, name: Name) -> Slot | None:
        """The place of an entity that this node owns."""
        owner = self._owners.get(self.shard_of(name))
        return owner.slots.get(name) if owner is not None else None

    def take(self, name: Name, message: Any, sender: Pid | None) -> None:
        """Put a message without a key into an entity's mailbox. Raises MailboxFull."""
        self._owners[self.shard_of(name)].slot(name).take(message, sender)

    def do_once(self, name: Name, request: Any, key: str, caller: From) -> None:
        """Have an entity handle a request with a key that came over the lane."""
        owner = self._owners[self.shard_of(name)]
        owner.slot(name).admit(Item(name, key, encode(request), True, caller, None, False))

    def send_again(self, item: Item) -> None:
        """A request with a key that came over the lane, to an entity that this node has lost."""
        caller = item.caller
        assert caller is not None
        if caller.node == self.node.name:
            self.lane.ask(item.name, Call(caller, decode(item.request)), None, item.key)
        else:
            shard = self.shard_of(item.name)
            self.node.reply(caller, NotHere(shard, self.fence.epoch(shard)))

    def serve(self, name: Name, request: Any, sender: Pid | None, key: str | None, caller: From) -> None:
        """A LaneCall has come to who owns its entity."""
        if key is not None:
            self.do_once(name, request, key, caller)
        else:
            self.lane.again(name, Call(caller, request), sender)

    def status(self) -> dict[str, Any]:
        """What an operator sees: shards by owner, and what waits."""
        by_node: dict[str, list[int]] = {}
        for shard, node in sorted(self._nodes.items()):
            by_node.setdefault(node, []).append(shard)
        return {
            "shards": by_node,
            "unowned": [shard for shard in range(self.shards.count) if shard not in self._nodes],
            "entities": sum(len(owner.slots) for owner in self._owners.values()),
            "parked": self.lane.length,
            "outbox": self.outbox.length,
            "lease": self.lease.left(self.node.clock.now()),
        }

    def owned(self) -> list[int]:
        """The shards that this node owns."""
        return sorted(shard for shard, owner in self._owners.items() if owner.owning)

    def running(self) -> int:
        """Entities that run here."""
        return sum(each.running for owner in self._owners.values() for each in owner.slots.values())

    def refused(self) -> int:
        """Messages in the queues of shards that are none of this cluster's."""
        return self.counters.refused + self.shards.refused

    def unowned(self) -> int:
        """Shards of which this node knows no owner."""
        return self.shards.count - len(self._nodes)

    # What other nodes say

    def announce(self, owned: Owned) -> None:
        """Tell all nodes, this one too."""
        self.heard(owned.shard, owned.epoch, owned.node)
        for node in self.distribution.nodes() if self.distribution is not None else ():
            self._to(node, owned)

    def heard(self, shard: int, epoch: int, node: str | None) -> None:
        """Who owns a shard now."""
        if not 0 <= shard < self.shards.count:
            return
        try:
            self.fence.check(Stamp(shard, epoch))
        except StaleEpoch:
            self.counters.stale += 1
            return
        mine = self._owners.get(shard)
        if mine is not None and 0 < mine.epoch < epoch:
            self.lose_shard(shard, "fenced")
        if node is None:
            self._nodes.pop(shard, None)
        else:
            self._nodes[shard] = node
            self._unowned.pop(shard, None)
            if node != self.node.name:
                self.lane.owned(shard)

    def heard_table(self, node: str, owned: list[Owned], hosts: bool) -> None:
        self._hosts[node] = hosts
        for each in owned:
            self.heard(each.shard, each.epoch, each.node)

    def table(self) -> Table:
        """What this node owns."""
        mine = [(shard, owner.epoch) for shard, owner in self._owners.items() if owner.epoch and not owner.leaving]
        return Table([Owned(shard, epoch, self.node.name) for shard, epoch in mine], self.options.hosts)

    def node_down(self, node: str) -> None:
        """Its shards have no owner that we know of: claim them, so that the next one hears that it is."""
        self._hosts.pop(node, None)
        lost = [shard for shard, owner in self._nodes.items() if owner == node]
        for shard in lost:
            del self._nodes[shard]
        for shard in lost:
            self._claim(shard)

    def not_there(self, said: NotHere, node: str) -> None:
        """A node that was taken for the owner says that it is not."""
        if self._nodes.get(said.shard) == node and said.epoch >= self.fence.epoch(said.shard):
            del self._nodes[said.shard]

    def to_gate(self, node: str, request: Any) -> None:
        """Cast to the gate of another node; it asks again when this is lost."""
        if self.distribution is not None:
            try:
                self.node.cast(GATE.at(node), request)
            except OutboxFull:
                self.log.warning("entities_untold", other=node)

    def _to(self, node: str, message: Any) -> None:
        try:
            self.node.send(GATE.at(node), message)
        except OutboxFull:
            self.log.warning("entities_untold", other=node)

    # What the broker says

    def shards_up(self) -> None:
        self._connected = True
        self.shards.probe()
        if self.options.hosts and not self._leaving:
            for shard in range(self.shards.count):
                self.shards.join(shard)
        # Whoever is the first in line does not know it yet.
        self.node.after(self.options.tick, lambda _: self._claim_all())

    def shards_down(self, reason: str) -> None:
        self._connected = False
        self._drop_all("broker")

    def delivered(self, shard: int, delivery: Delivery) -> None:
        owner = self._owners.get(shard)
        if owner is None:
            self._taken += 1
            owner = self._owners[shard] = Owner(self, shard, self._taken)
            owner.delivered(delivery)
            self.task(owner.take_over())
        else:
            owner.delivered(delivery)

    def left(self, shard: int, reason: str) -> None:
        self._drop(shard, "broker")
        if self._opened and not self._leaving and self._connected and shard not in self._giving:
            self.shards.join(shard)

    def confirmed(self, asked_at: float) -> None:
        self.lease.renew(asked_at)

    # Lease, claims, evening out

    def may_act(self, now: float) -> bool:
        """Whether the lease holds. When it has run out, this drops all entities before anything else is done."""
        if self.lease.holds(now):
            return True
        if self._owners:
            self.counters.lease_losses += 1
            self.log.error("entities_lease_lost", shards=len(self._owners))
            self._drop_all("lease")
            self.shards.reset("lease")
        return False

    def _tick(self, _: Any = None) -> None:
        if not self._opened:
            return
        now = self.node.clock.now()
        self.node.after(self.options.tick, self._tick)
        self.may_act(now)
        if self._connected:
            self.shards.probe()
        self.lane.look(now)
        if self._due("claim", self.options.claim_every, now):
            self._claim_round()
        if self._due("even", self.options.even_every, now):
            self._even_out()
        self._passivate(now)

    def _due(self, what: str, every: float, now: float) -> bool:
        if now < self._next.setdefault(what, now + every):
            return False
        self._next[what] = now + every
        return True

    def _claim_round(self) -> None:
        for shard in range(self.shards.count):
            if shard not in self._nodes:
                self._unowned[shard] += 1
        silent = [shard for shard, rounds in self._unowned.items() if rounds > CLAIM_SILENCE]
        if silent and self._connected:
            self.log.error("shards_without_owner", shards=silent[:10], count=len(silent))
        self._claim_all()

    def _claim_all(self) -> None:
        """Claim this node's part of all shards: each is some node's, and in the next round another's."""
        nodes = sorted([*(self.distribution.nodes() if self.distribution is not None else ()), self.node.name])
        me = nodes.index(self.node.name)
        self._rounds += 1
        for shard in range(self.shards.count):
            if (shard + self._rounds) % len(nodes) == me or shard not in self._nodes:
                self._claim(shard)

    def wanted(self, shard: int) -> None:
        """Something waits for the owner of this shard."""
        if shard not in self._nodes and self._due(f"want {shard}", self.options.tick, self.node.clock.now()):
            self._claim(shard)

    def _claim(self, shard: int) -> None:
        if self._connected and self._opened:
            self.shards.publish(shard, pack([encode(Claim(self.node.name))]), self._claimed)

    def _claimed(self, outcome: Outcome) -> None:
        if outcome.value == "returned":
            self.counters.returned += 1

    def answer_claim(self, node: str, owner: Owner) -> None:
        """A claim has come to its owner: tell who wants to know."""
        if node != self.node.name and self.distribution is not None and node in self.distribution.nodes():
            self._to(node, Owned(owner.shard, owner.epoch, self.node.name))

    def _even_out(self) -> None:
        if self._leaving or len(self._nodes) < self.shards.count or self._giving:
            return
        loads = {node: 0 for node, hosts in self._hosts.items() if hosts}
        loads[self.node.name] = 0
        for node in self._nodes.values():
            if node in loads:
                loads[node] += 1
        # The last one in has been passed on most, and so is next in line at a node that has not had its turn.
        mine = sorted((owner for owner in self._owners.values() if owner.owning), key=lambda owner: -owner.number)
        for owner in mine[: to_give(loads, self.node.name)]:
            self.task(self._give_back(owner))

    async def _give_back(self, owner: Owner) -> None:
        shard = owner.shard
        if shard in self._giving:
            return
        self._giving[shard] = None
        try:
            orderly = await owner.give_back(self.options.give_back)
            if owner.over:
                return
            self._drop(shard, None if orderly else "left")
            self.counters.given_back += orderly
            await self.shards.leave(shard)
            self._claim(shard)
        finally:
            self._giving.pop(shard, None)
        if self._opened and not self._leaving and self._connected:
            self.shards.join(shard)

    def _passivate(self, now: float) -> None:
        for owner in self._owners.values():
            for each in owner.slots.values():
                if each.cls.idle_after is not None and each.quiet and now - each.used >= each.cls.idle_after:
                    each.rest()

    # Losing shards

    def lose_shard(self, shard: int, why: str) -> None:
        """Another node owns it: end its entities and stand in line again."""
        if shard in self._owners:
            self._drop(shard, why)
            self.task(self._stand_in_line(shard))

    async def _stand_in_line(self, shard: int) -> None:
        await self.shards.leave(shard)
        if self._opened and not self._leaving and self._connected:
            self.shards.join(shard)

    def _drop(self, shard: int, why: str | None) -> None:
        owner = self._owners.pop(shard, None)
        if owner is None:
            return
        if why is not None:
            self.counters.dropped[why] += 1
        owner.drop()
        if self._nodes.get(shard) == self.node.name:
            # The other nodes may hear it though the broker does not: then they claim it.
            self.announce(Owned(shard, owner.epoch, None))

    def _drop_all(self, why: str) -> None:
        for shard in list(self._owners):
            self._drop(shard, why)

    # Processes

    async def start(self, slot: Slot) -> bool:
        """Start an entity's process, under a supervisor of its own; whether it runs."""
        intensity, period = slot.cls.restarts
        tree = Tree(
            "one_for_one",
            [
                worker(
                    slot.cls,
                    name=slot.name,
                    keep_mail=True,
                    restart="transient",
                    significant=True,
                    start_timeout=START_TIMEOUT,
                )
            ],
            intensity=intensity,
            period=period,
            auto_shutdown="any_significant",
        )
        try:
            pid = await start_child(self.node, ENTITIES_SUPERVISOR, [tree])
        except (RequestRefused, CallError) as error:
            if not slot.over:
                self.log.warning("entity_not_started", name=str(slot.name), error=str(error))
            return slot.over
        assert pid is not None
        if slot.over:
            self.node.exit(pid, "kill")
            return True
        slot.supervisor = pid
        self.node.signals.watch(pid, _Watch(lambda _: slot.ended()))
        return True


class _Watch:
    """Calls back once, with the reason, when the process that is watched has ended."""

    def __init__(self, tell: Any) -> None:
        self._tell = tell
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, result: Any, /) -> None:
        self._done = True
        self._tell(result)

"""The processes of a node's entities: each under a supervisor of its own, all of those under one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import Address, CallError, Name, Pid
from mirliton.supervisors.client import start_child, terminate_child
from mirliton.supervisors.declare import supervisor, worker
from mirliton.supervisors.entities.gate import Gate
from mirliton.supervisors.entities.messages import GATE
from mirliton.supervisors.entities.slot import Slot
from mirliton.supervisors.entities.waiting import Watch
from mirliton.supervisors.errors import RequestRefused
from mirliton.supervisors.specs import ChildSpec, StartSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities

ENTITIES_SUPERVISOR: Final = Name("supervisor", "entities")
START_TIMEOUT: Final = 10.0
"""Seconds that an entity's init may take."""
TREE_PAUSE: Final = 0.2
"""Seconds before the supervisor of all entities is started again, should somebody have killed it."""


class Starting:
    """Of one node. `under`: the supervisor to which their tree is a child, None for a tree of its own."""

    def __init__(self, entities: Entities, under: Address | None = None) -> None:
        self._entities = entities
        self._under = under
        self._node = entities.node
        self._top: Pid | None = None

    async def open(self) -> None:
        """Start the tree: the gate, and the supervisor of the entities."""
        template = ChildSpec("entity", StartSpec(Supervisor), restart="temporary", type="supervisor", shutdown=5.0)
        entities = Tree("simple_one_for_one", [template], intensity=0, period=1.0, name=ENTITIES_SUPERVISOR)
        # The gate keeps nothing, and the entities' supervisor restarts nobody: what ends either is chance.
        tree = Tree(
            "one_for_one",
            [supervisor(entities), worker(Gate, name=GATE, keep_mail=True)],
            intensity=5,
            period=10.0,
        )
        if self._under is None:
            self._top = await self._node.start(Supervisor, tree)
        else:
            self._top = await self._start_under(self._under, supervisor(tree, id="entities", restart="temporary"))
        self._node.signals.watch(self._top, Watch(self._ended))

    async def _start_under(self, under: Address, child: ChildSpec) -> Pid:
        try:
            started = await start_child(self._node, under, child)
        except RequestRefused as refusal:
            if not (isinstance(refusal.reason, tuple) and refusal.reason[0] == "already_started"):
                raise
            # A predecessor was killed after it had asked for one: it is not ours to watch from its beginning.
            await terminate_child(self._node, under, child.id)
            started = await start_child(self._node, under, child)
        assert started is not None
        return started

    def _ended(self, reason: Any) -> None:
        if self._entities.opened:
            self._entities.log.error("entities_supervisor_ended", reason=str(reason), again_in=TREE_PAUSE)
            self._node.after(TREE_PAUSE, lambda _: self._open_again())

    def _open_again(self) -> None:
        if self._entities.opened:
            self._entities.task(self.open())

    def close(self) -> None:
        """End all of it; under a supervisor of somebody else's that does so when its time comes."""
        if self._top is not None and self._under is None:
            self._node.exit(self._top, "shutdown", self._node.root)

    async def start(self, slot: Slot) -> bool:
        """Start an entity's process; whether it runs."""
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
            pid = await start_child(self._node, ENTITIES_SUPERVISOR, [tree])
        except (RequestRefused, CallError) as error:
            if not slot.over:
                self._entities.log.warning("entity_not_started", name=str(slot.name), error=str(error))
            return slot.over
        assert pid is not None
        if slot.over:
            self._node.exit(pid, "kill")
            return True
        slot.supervisor = pid
        self._node.signals.watch(pid, Watch(slot.ended))
        return True

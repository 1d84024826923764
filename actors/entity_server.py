"""A node's part in the entities of its cluster, as a child of the node's tree: opens it, closes it, tells how it is.

entities (one_for_all)
├── entity_processes    the entities that run here, each under a supervisor of its own, and their gate
└── entity_server       holds the part: the way to the shards, and the store by messages to its actor

Whichever of the two ends takes the other with it. The shards that this node had are then, at once, the next in line's,
which may be this node again. What an entity saved is there; what nobody saved is on the switches.

Three restarts in ten seconds: each of them is a handover of all shards, and a fault that lasts is for the node's root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mirliton.actors.entity_kinds import KINDS
from mirliton.actors.store import StoreUnavailable
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.entities import DocumentEntityStore, database_of
from mirliton.runtime import GenServer, Name, TimerFired
from mirliton.runtime.transport import zone_of
from mirliton.supervisors import Tree, supervisor, worker
from mirliton.supervisors.entities import Entities, Entity, Options, Shards

ENTITY_SERVER: Final = Name("service", "entity_server")
PROCESSES: Final = Name("supervisor", "entity_processes")
STORE_PAUSE: Final = 1.0
"""Seconds before a store that is away is tried again."""


def tree(
    shards: Callable[[], Shards], options: Options | None = None, kinds: Mapping[str, type[Entity]] | None = None
) -> Tree:
    """The tree. `shards` makes this node's way to the shards, anew for each start."""
    return Tree(
        "one_for_all",
        [
            supervisor(Tree("one_for_one", [], intensity=5, period=10.0, name=PROCESSES)),
            worker(EntityServer, shards, options or Options(), kinds or KINDS, name=ENTITY_SERVER, shutdown=15.0),
        ],
        intensity=3,
        period=10.0,
        name=Name("supervisor", "entity_keeping"),
    )


class EntityServer(GenServer):
    """Under ENTITY_SERVER. It ends when it is told to with all shards given back in order, and at a kill without.

    Not to start is its answer to a store of another number of shards (WrongShardCount). A store that is away is tried
    again; what is sent to entities meanwhile finds nobody.
    """

    async def init(self, shards: Callable[[], Shards], options: Options, kinds: Mapping[str, type[Entity]]) -> None:
        self.trap_exit(True)
        way = shards()
        store = DocumentEntityStore(StoreClient(self.node), way.count, database_of(zone_of(self.node.name)))
        self.entities = Entities(self.node, self.node.distribution, way, store, kinds, options, under=PROCESSES)
        self.own(self.entities.abandon)
        await self._open()

    async def _open(self) -> None:
        try:
            await self.entities.open()
        except StoreUnavailable as error:
            self.log.warning("entities_not_opened", error=str(error), again_in=STORE_PAUSE)
            self.start_timer(STORE_PAUSE, "open")

    async def handle_info(self, message: Any) -> None:
        match message:
            case TimerFired(message="open"):
                await self._open()
            case _:
                super().handle_info(message)

    def state(self) -> Any:
        return self.entities.status()

    async def terminate(self, reason: Any) -> None:
        await self.entities.close()

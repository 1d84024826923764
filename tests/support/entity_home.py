"""Entities on one node that is alone: as a child of a whole node's tree, or beside whatever a test has in its stead.

Tree("one_for_one", [worker(StoreServer, …), an_entity_home(), …], …)      # saved in the node's own store
entities = await entities_at(node)                                          # saved in memory; also in virtual time
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mirliton.actors import entity_server
from mirliton.actors.entity_kinds import KINDS
from mirliton.runtime import Node
from mirliton.runtime.testing import VirtualNode
from mirliton.supervisors import ChildSpec, supervisor
from mirliton.supervisors.entities import Entities, Entity, MemoryWorld, ShardHub

SHARDS: Final = 4


def an_entity_home() -> ChildSpec:
    """What `mirliton run` has in its tree, with fewer shards."""
    return supervisor(entity_server.tree(ShardHub(SHARDS).shards))


async def entities_at(
    node: Node, kinds: Mapping[str, type[Entity]] = KINDS, world: MemoryWorld | None = None
) -> Entities:
    """Open them; they end with the node. Another node with the same `world`, later, has what was saved."""
    store = (world or MemoryWorld(SHARDS)).store(node)
    entities = Entities(node, None, ShardHub(SHARDS).shards(), store, kinds)
    opening = entities.open()
    await (node.drive(opening) if isinstance(node, VirtualNode) else opening)
    return entities

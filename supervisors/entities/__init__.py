"""Entities: processes that a Name leads to wherever in the cluster they are, one of each at a time, whatever dies.

entities.py            a node's part: opens, closes, sends, calls; options.py
entity.py              the behaviour: a GenServer with `save`
owner.py slot.py       one shard, and one entity, on the node that owns them
committer.py           the group commit
outbox.py lane.py gate.py   ways to an entity: through its shard's queue, over its owner's lane, and in
messages.py            what travels; which shard a Name is of
lease.py fence.py evening.py   how long a node may act; who is refused; who gives how many shards back
store.py memory_store.py    what is kept, and in memory
shards.py memory_shards.py amqp_shards.py   the queues: what they promise, in memory, on RabbitMQ
dead_letters.py        what was set aside
counters.py metrics.py errors.py
"""

from mirliton.supervisors.entities.dead_letters import DeadLetter, DeadLetters
from mirliton.supervisors.entities.entities import Entities
from mirliton.supervisors.entities.entity import Entity
from mirliton.supervisors.entities.errors import (
    EntityAway,
    EntityCallError,
    EntityFault,
    EntityRefused,
    EntityStoreAway,
    NotConfirmed,
    ReplyGone,
    SetAside,
    StaleEpoch,
)
from mirliton.supervisors.entities.fence import Fence
from mirliton.supervisors.entities.memory_shards import ShardHub
from mirliton.supervisors.entities.memory_store import MemoryEntityStore, MemoryWorld
from mirliton.supervisors.entities.messages import Stamp, shard_of
from mirliton.supervisors.entities.metrics import EntityCollector
from mirliton.supervisors.entities.options import Options
from mirliton.supervisors.entities.shards import Shards
from mirliton.supervisors.entities.store import EntityStore, Keys, Ownership, Record

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "Entities",
    "Entity",
    "EntityAway",
    "EntityCallError",
    "EntityCollector",
    "EntityFault",
    "EntityRefused",
    "EntityStore",
    "EntityStoreAway",
    "Fence",
    "Keys",
    "MemoryEntityStore",
    "MemoryWorld",
    "NotConfirmed",
    "Options",
    "Ownership",
    "Record",
    "ReplyGone",
    "SetAside",
    "ShardHub",
    "Shards",
    "StaleEpoch",
    "Stamp",
    "shard_of",
]

"""Entities: processes that a Name leads to wherever in the cluster they are, one of each at a time, whatever dies.

entities.py            a node's part: opens, closes, sends, calls; options.py
entity.py              the behaviour: a GenServer with `save`
owner.py slot.py keyed.py   one shard, one entity, and its messages with a key, on the node that owns them
starting.py            their processes; committer.py: the group commit
holding.py             what this node owns: taken, given back, lost; lease.py evening.py
line.py moving.py      for what it stands in line; how a shard gets to a certain node
directory.py claims.py      what the others own; how whoever is an owner comes to know it; fence.py: who is refused
asking.py outbox.py lane.py gate.py   ways to one: with a key, through its shard's queue, over its owner's lane; in
messages.py            what travels; which shard a Name is of
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
    NotMoved,
    ReplyGone,
    SetAside,
    StaleEpoch,
    WrongShardCount,
)
from mirliton.supervisors.entities.fence import Fence
from mirliton.supervisors.entities.gate import entities_of, is_over
from mirliton.supervisors.entities.memory_shards import ShardHub
from mirliton.supervisors.entities.memory_store import MemoryEntityStore, MemoryWorld
from mirliton.supervisors.entities.messages import Stamp, shard_of
from mirliton.supervisors.entities.metrics import EntityCollector
from mirliton.supervisors.entities.moving import Moved
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
    "Moved",
    "NotConfirmed",
    "NotMoved",
    "Options",
    "Ownership",
    "Record",
    "ReplyGone",
    "SetAside",
    "ShardHub",
    "Shards",
    "StaleEpoch",
    "Stamp",
    "WrongShardCount",
    "entities_of",
    "is_over",
    "shard_of",
]

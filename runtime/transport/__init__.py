"""How nodes of different OS processes find and hear each other.

keys.py frames.py     the shared secret; frames and their signatures
session.py lane.py    who agrees with whom on what; order, batches, bounds (all of these without I/O)
lease.py              whether this node may act as the only one
peer.py mesh.py       one other node; all of them, signs of life, who is up and down
network.py            what carries frames: an interface of two ends
memory.py             in memory, for tests, with faults
amqp.py               over RabbitMQ
zones.py              over several brokers, one for each zone
counters.py metrics.py   Prometheus

What nodes do with each other is in ../distribution/.
"""

from mirliton.runtime.transport.frames import Endpoint
from mirliton.runtime.transport.keys import Keyring
from mirliton.runtime.transport.lease import Lease
from mirliton.runtime.transport.memory import Hub, MemoryNetwork
from mirliton.runtime.transport.mesh import Limits
from mirliton.runtime.transport.network import Network, Outcome, Receiver
from mirliton.runtime.transport.zones import Zones, zone_of

__all__ = [
    "Endpoint",
    "Hub",
    "Keyring",
    "Lease",
    "Limits",
    "MemoryNetwork",
    "Network",
    "Outcome",
    "Receiver",
    "Zones",
    "zone_of",
]

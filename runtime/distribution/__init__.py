"""What processes of different nodes do with each other: everything they do on one, with the same addresses.

    async with Node("whapps1@host") as node:
        async with Distribution(node, AmqpNetwork("amqp://broker/nodes"), Keyring(secret)) as cluster:
            await cluster.connected(timeout=10.0)
            node.send(Name("service", "cdr").at("store1@host"), Stored("…"))
            pid = await cluster.start("media1@host", Player, "welcome")     # a process there
            await node.call(pid, Volume(3))

Links, monitors, exits, names, replies and groups need no other words than on one node. What is promised, and what
becomes of it when a node or the network fails, stands in docs/nodes.md.

distribution.py       this node's part in the cluster: who is up, and where an address leads
connection.py         one session with one other node: envelopes out, envelopes in
envelopes.py          their forms
links.py monitors.py calls.py spawns.py   what hangs between two nodes, and falls with their session
directory.py          whom a Name leads to when nobody has it here
groups.py events.py   what is told to, and by, all nodes
"""

from mirliton.runtime.distribution.directory import Directory, Share, Shared
from mirliton.runtime.distribution.distribution import Distribution
from mirliton.runtime.distribution.events import NodeIsDown, NodeIsUp

__all__ = ["Directory", "Distribution", "NodeIsDown", "NodeIsUp", "Share", "Shared"]

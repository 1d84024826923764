"""A kit for testing processes, for users of the runtime too.

async with virtual_node() as node:          # strict mode, time stands still
    probe = await Probe.start(node)
    server = await node.start(Alarm, probe.pid)
    await node.advance(60)                  # sixty seconds pass; every timer fires in its order
    assert probe.messages == [Ring()]
"""

from mirliton.runtime.testing.probe import Probe
from mirliton.runtime.testing.virtual import VirtualNode, virtual_node

__all__ = ["Probe", "VirtualNode", "virtual_node"]

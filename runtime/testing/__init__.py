"""A kit for testing processes, for users of the runtime too.

    async with virtual_node() as node:          # strict mode, time stands still
        probe = await Probe.start(node)
        server = await node.start(Alarm, probe.pid)
        await node.advance(60)                  # sixty seconds pass; every timer fires in its order
        assert probe.messages == [Ring()]

virtual.py     a node whose time is the test's
cluster.py     several of them, and a network in memory in which things go wrong
probe.py       a process that notes what it is sent
explore.py     many interleavings of one test; the race among them as a short list (choices.py, exploring.py)
faults.py      the n-th call of a method, or the n-th message, fails, is late or is lost
leaks.py       what a node holds, and what a test left on it
"""

from mirliton.runtime.testing.choices import Choices, Decision
from mirliton.runtime.testing.cluster import Cluster, virtual_cluster
from mirliton.runtime.testing.explore import RaceFound, explore
from mirliton.runtime.testing.faults import Faults
from mirliton.runtime.testing.leaks import Snapshot, assert_no_leaks, no_leaks, unsettled
from mirliton.runtime.testing.probe import Probe
from mirliton.runtime.testing.virtual import VirtualNode, virtual_node

__all__ = [
    "Choices",
    "Cluster",
    "Decision",
    "Faults",
    "Probe",
    "RaceFound",
    "Snapshot",
    "VirtualNode",
    "assert_no_leaks",
    "explore",
    "no_leaks",
    "unsettled",
    "virtual_cluster",
    "virtual_node",
]

"""Several virtual nodes that share one time, and a network in memory between them.

async with virtual_cluster("a@host", "b@host") as cluster:
    a, b = cluster.nodes
    ...
    cluster.hub.cut("a@host", "b@host")
    await cluster.advance(10.0)
    cluster.pause("b@host")             # as SIGSTOP, until `resume`
    assert cluster.at("a@host").nodes() == []
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from mirliton.runtime.clock import VirtualClock
from mirliton.runtime.distribution import Distribution, Shared
from mirliton.runtime.testing.virtual import STUCK_AFTER, VirtualNode
from mirliton.runtime.transport import Hub, Keyring, Limits, Network

T = TypeVar("T")

SECRET = "the secret of a cluster in a test"  # noqa: S105 - of tests
UP_WITHIN = 10.0
"""Virtual seconds in which all nodes of a new cluster must have found each other."""


class Cluster:
    """Its nodes and their distributions, by name and in order."""

    def __init__(self, hub: Hub, limits: Limits | None, shared: Shared | None = None) -> None:
        self.clock = VirtualClock()
        self.hub = hub
        self.nodes: list[VirtualNode] = []
        self._limits = limits
        self._shared = shared
        self._distributions: dict[str, Distribution] = {}
        self.paused: set[VirtualNode] = set()
        """See `pause`."""
        self._incarnation = 0

    def at(self, name: str) -> Distribution:
        """The distribution of the node of this name that was started last."""
        return self._distributions[name]

    async def start(self, name: str, secret: str = SECRET, network: Network | None = None) -> VirtualNode:
        """Another node; with the name of one that was there it is a new start of that one. Its end of a network of its
        own goes before that of the cluster's hub."""
        self._incarnation += 1
        node = VirtualNode(name, incarnation=self._incarnation, clock=self.clock)
        node.attach(asyncio.get_running_loop())
        self.nodes.append(node)
        end = network or self.hub.network()
        self._distributions[name] = Distribution(node, end, Keyring(secret), self._limits, self._shared)
        await self._distributions[name].open()
        return node

    async def kill(self, name: str) -> None:
        """As kill -9 would: no other node hears of it, but by its silence."""
        self.hub.kill(name)
        node = next(node for node in self.nodes if node.name == name and node.distribution is not None)
        self.nodes.remove(node)
        self.paused.discard(node)
        node.distribution = None
        await node.stop()
        node.strict_violations = []

    def pause(self, name: str) -> None:
        """As SIGSTOP would: its time stands still, and what comes for it waits. `hub.cut` does not do that."""
        self.paused.add(next(node for node in self.nodes if node.name == name))

    def resume(self, name: str) -> None:
        """As SIGCONT: it finds that time has passed, and does all that is due, in its order."""
        self.paused = {node for node in self.paused if node.name != name}

    async def idle(self) -> None:
        """Wait until all nodes are at rest."""
        deadline = time.monotonic() + STUCK_AFTER
        while True:
            for node in self.nodes:
                await node.idle()
            if not any(node.scheduler.ready for node in self.nodes):
                return
            if time.monotonic() > deadline:
                raise TimeoutError("the nodes did not come to rest together")

    async def advance(self, seconds: float) -> None:
        """Let that much time pass on all nodes."""
        await self.idle()
        end = self.clock.now() + seconds
        while (due := self._next_due()) is not None and due <= end:
            await self._pass(due)
        self.clock.set(end)

    async def drive(self, awaitable: Awaitable[T], limit: float = 3600.0) -> T:
        """Let as much time pass as it takes for `awaitable` to be done, `limit` virtual seconds at most."""
        task = asyncio.ensure_future(awaitable)
        end = self.clock.now() + limit
        try:
            while True:
                await self.idle()
                if task.done():
                    return task.result()
                due = self._next_due()
                if due is None or due > end:
                    raise TimeoutError(f"not done within {limit:g} s of virtual time")
                await self._pass(due)
        finally:
            task.cancel()

    def _next_due(self) -> float | None:
        awake = [node for node in self.nodes if node not in self.paused]
        due = min((due for node in awake if (due := node.timers.next_due()) is not None), default=None)
        return None if due is None else max(due, self.clock.now())

    async def _pass(self, due: float) -> None:
        self.clock.set(max(due, self.clock.now()))
        for node in list(self.nodes):
            if node not in self.paused:
                node.fire_due()
        await self.idle()

    async def all_up(self) -> None:
        """Let time pass until each node has found all others; raises TimeoutError after UP_WITHIN."""
        end = self.clock.now() + UP_WITHIN
        while any(len(self.at(node.name).nodes()) < len(self.nodes) - 1 for node in self.nodes):
            if self.clock.now() > end:
                raise TimeoutError(f"{[(node.name, self.at(node.name).nodes()) for node in self.nodes]}")
            await self.advance(0.01)

    async def stop(self) -> None:
        """End all nodes, each as one that is stopped in order."""
        for node in reversed(list(self.nodes)):
            if node.distribution is not None:
                await self.drive(node.distribution.close())
            await node.stop()


@contextlib.asynccontextmanager
async def virtual_cluster(
    *names: str, hub: Hub | None = None, limits: Limits | None = None, shared: Shared | None = None
) -> AsyncIterator[Cluster]:
    """Running nodes of these names that have found each other. A violation of strict mode on any fails the test."""
    cluster = Cluster(hub or Hub(), limits, shared)
    try:
        for name in names:
            await cluster.start(name)
        await cluster.all_up()
        yield cluster
    except BaseException:
        for node in cluster.nodes:
            node.strict_violations = []  # the test has failed already
        raise
    finally:
        violations = [violation for node in cluster.nodes for violation in node.strict_violations]
        for node in cluster.nodes:
            node.strict_violations = []
        await cluster.stop()
    if violations:
        raise violations[0]

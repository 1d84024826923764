"""Two virtual nodes that have found each other, and Scribes on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from far_world import Far
from mirliton.runtime import Name
from mirliton.runtime.testing import Cluster, VirtualNode, virtual_cluster


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with virtual_cluster("a@host", "b@host") as both:
        yield both


@pytest.fixture
def a(cluster: Cluster) -> VirtualNode:
    return cluster.nodes[0]


@pytest.fixture
def b(cluster: Cluster) -> VirtualNode:
    return cluster.nodes[1]


@pytest.fixture
def on(cluster: Cluster) -> Callable[..., Awaitable[Far]]:
    """`one = await on(a, trap=True, name=…)`."""

    async def make(node: VirtualNode, *, trap: bool = False, name: Name | None = None) -> Far:
        return await Far.on(cluster, node, trap=trap, name=name)

    return make

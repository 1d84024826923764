"""A switch that looks up, and who answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from looked_up import Lookup
from mirliton.runtime import Node


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    async with Node("test@localhost", strict=True) as made:
        yield made


@pytest.fixture
async def unstarted(node: Node) -> AsyncIterator[Lookup]:
    """Not started yet."""
    made = Lookup(node)
    yield made
    await made.lookups.close()


@pytest.fixture
async def looked(unstarted: Lookup, tmp_path: Path) -> Lookup:
    """Who routes calls and knows phones is played."""
    await unstarted.start(tmp_path)
    return unstarted


@pytest.fixture
async def unrouted(unstarted: Lookup, tmp_path: Path) -> Lookup:
    """Nobody routes calls or knows phones."""
    await unstarted.start(tmp_path, routed=False)
    return unstarted

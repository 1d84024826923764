from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from call_centre import Centre
from world import a_world


@pytest.fixture
async def centre(tmp_path: Path) -> AsyncIterator[Centre]:
    """A call centre in which nothing breaks and of which nothing is left."""
    async with a_world(tmp_path) as world:
        yield Centre(world)
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()

"""Fixtures for the actors between switch and callflow."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mirliton.runtime.testing import virtual_node
from one_call import OneCall


@pytest.fixture
async def here() -> AsyncIterator[OneCall]:
    """A call that has just come in, with its actor looking at it."""
    async with virtual_node() as node:
        made = OneCall(node)
        await made.start()
        yield made
        for ask in made.asks.values():
            ask.cancel()


@pytest.fixture
async def before() -> AsyncIterator[OneCall]:
    """The same, without the call's actor: `start_call` starts it."""
    async with virtual_node() as node:
        made = OneCall(node)
        await made.start(call=False)
        yield made
        for ask in made.asks.values():
            ask.cancel()

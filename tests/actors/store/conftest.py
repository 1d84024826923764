"""A store to test, on each backend there is; the tests that use it say what every backend must do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.store import SqliteStore, Store

ACCOUNT = "4f3a" + "0123456789abcdef" * 2
ACCOUNT = ACCOUNT[:32]

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
def account_id() -> str:
    return ACCOUNT


@pytest.fixture(params=["sqlite"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens stores on one and the same data, with `views` and `limits` as given; shuts them at the end."""
    stores: list[Store] = []

    async def open_one(**options: Any) -> Store:
        assert request.param == "sqlite"
        store = SqliteStore(tmp_path / "store.db", **options)
        await store.open()
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """An open store without databases."""
    return await open_store()


@pytest.fixture
async def db(store: Store) -> str:
    """A database for documents of any kind."""
    await store.create_database("things")
    return "things"

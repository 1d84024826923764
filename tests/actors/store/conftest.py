"""A store to test, on each backend there is; the tests that use it say what every backend must do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import couch_server
from mirliton.actors.store import CouchAddress, CouchStore, CouchTuning, SqliteStore, Store, opened
from mirliton.config.secret import Secret

ACCOUNT = "4f3a" + "0123456789abcdef" * 2
ACCOUNT = ACCOUNT[:32]

OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
def account_id() -> str:
    return ACCOUNT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the server may have to install it."""
    if not couch_server.is_ready():
        for item in items:
            if not {"couch_url", "backend"}.isdisjoint(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.timeout(couch_server.INSTALL_SECONDS + 60))


@pytest.fixture(scope="session")
def couch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with CouchDB's interface; one for all tests, each of which removes its databases."""
    with couch_server.any_server(tmp_path_factory.mktemp("couch")) as url:
        yield url


@pytest.fixture(params=["sqlite", "couchdb"])
def backend(request: pytest.FixtureRequest) -> str:
    """Which backend the test is for. What a test must leave out for the servers that stand for CouchDB it says."""
    return str(request.param)


@pytest.fixture
def stand_in(backend: str) -> bool:
    """Whether a server stands for CouchDB that is known to differ from it in what such a test says."""
    return backend == "couchdb" and not couch_server.is_real()


@pytest.fixture
async def open_store(request: pytest.FixtureRequest, backend: str, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens stores on one and the same data, with `views` and `limits` as given; shuts them at the end."""
    stores: list[Store] = []

    async def open_one(**options: Any) -> Store:
        store: Store
        if backend == "sqlite":
            store = SqliteStore(tmp_path / "store.db", **options)
        else:
            store = CouchStore(couch_address(request.getfixturevalue("couch_url")), **options)
        await store.open()
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        await store.close()
    if backend == "couchdb":
        await remove_everything(request.getfixturevalue("couch_url"))


@pytest.fixture(scope="session", name="couch_address")
def how_to_address() -> Callable[..., CouchAddress]:
    """Makes an address of the URLs of tests' servers."""
    return couch_address


def couch_address(*urls: str, **tuning: Any) -> CouchAddress:
    """The address of a test's server. Its deadline is long: the machine may be busy, and no test waits for it."""
    parts = [urlsplit(url) for url in urls]
    bare = tuple(f"{part.scheme}://{part.hostname}:{part.port}" for part in parts)
    user, password = unquote(parts[0].username or ""), Secret(unquote(parts[0].password or ""))
    return CouchAddress(bare, user, password, CouchTuning(**{"timeout": 30.0} | tuning))


async def remove_everything(url: str) -> None:
    async with opened(CouchStore(couch_address(url))) as store:
        for db in await store.databases():
            await store.delete_database(db)


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """An open store without databases."""
    return await open_store()


@pytest.fixture
async def db(store: Store) -> str:
    """A database for documents of any kind."""
    await store.create_database("things")
    return "things"

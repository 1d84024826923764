"""While parts of the system are away: deadlines, 503 with Retry-After, and coming back."""

import asyncio
import socket

import pytest
from aiohttp import ClientSession

from mirliton.actors.kapi.registration import RegQueryResp
from mirliton.actors.store import SqliteStore, StoreDamaged, StoreUnavailable
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api import app, dispatch
from mirliton.api.listening import Where
from mirliton.api.server import API, ApiServer
from mirliton.config import ApiSettings, MetricsSettings, Settings
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.runtime import Name, Node, StartError
from mirliton.runtime.testing import Probe
from mirliton.supervisors import Supervisor, Tree, count_children, worker


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (StoreUnavailable("/secret/path", "restarting"), "datastore_unreachable"),
        (StoreDamaged("/secret/path", "broken page"), "datastore_fault"),
    ],
)
async def test_a_store_that_is_away_is_503(world, monkeypatch, error, name):
    account_id, token = await world.admin("acme")

    async def fail(self, *args, **options):
        raise error

    monkeypatch.setattr(SqliteStore, "view", fail)
    reply = await world.get(f"/accounts/{account_id}/menus", token)
    assert (reply.status, reply.body["message"], reply.body["status"]) == (503, name, "error")
    assert reply.headers["Retry-After"] == "1"
    assert b"/secret/path" not in reply.raw


async def test_a_request_that_takes_too_long_is_503(empty_world, monkeypatch):
    world = empty_world
    await world.start(ApiSettings(port=0, request_timeout=1))
    account_id, token = await world.admin("acme")

    async def hang(self, *args, **options):
        await asyncio.Event().wait()

    monkeypatch.setattr(SqliteStore, "view", hang)
    reply = await world.get(f"/accounts/{account_id}/menus", token)
    assert (reply.status, reply.body["message"]) == (503, "timeout")


async def test_a_slow_request_holds_nobody_up(world, monkeypatch):
    account_id, token = await world.admin("acme")
    held = asyncio.Event()
    reached = asyncio.Event()
    original = SqliteStore.view

    async def view(self, db, name, **options):
        if name == "menus/crossbar_listing":
            reached.set()
            await held.wait()
        return await original(self, db, name, **options)

    monkeypatch.setattr(SqliteStore, "view", view)
    slow = asyncio.create_task(world.get(f"/accounts/{account_id}/menus", token))
    await asyncio.wait_for(reached.wait(), 5)
    assert (await world.get(f"/accounts/{account_id}/devices", token)).status == 200
    held.set()
    assert (await slow).status == 200


async def test_beyond_a_number_of_requests_more_are_turned_away(world, monkeypatch):
    monkeypatch.setattr(dispatch, "MAX_IN_FLIGHT", 0)
    reply = await world.get("/schemas")
    assert (reply.status, reply.body["message"]) == (503, "overloaded")
    assert reply.headers["Retry-After"] == "1"


async def test_a_process_that_is_just_restarting_is_asked_again(world):
    account_id, token = await world.admin("acme")
    asked = asyncio.create_task(world.get(f"/accounts/{account_id}/registrations/count", token))
    original = world.node.call
    missed = asyncio.Event()

    async def call(*args, **options):
        try:
            return await original(*args, **options)
        finally:
            missed.set()

    world.node.call = call
    await asyncio.wait_for(missed.wait(), 5)
    await Probe.start(world.node, name=REGISTRAR, answer=lambda query: RegQueryResp(count=7))
    reply = await asked
    assert (reply.status, reply.data) == (200, {"count": 7})


async def test_an_unforeseen_fault_costs_one_request(world, monkeypatch, capfd):
    account_id, token = await world.admin("acme")
    before = world.node.whereis(API)
    original = SqliteStore.view

    async def view(self, db, name, **options):
        if name == "menus/crossbar_listing":
            raise ZeroDivisionError("the secret is 42")
        return await original(self, db, name, **options)

    monkeypatch.setattr(SqliteStore, "view", view)
    reply = await world.get(f"/accounts/{account_id}/menus", token)
    assert (reply.status, reply.body["message"], reply.body["status"]) == (500, "unspecified_fault", "fatal")
    assert b"secret" not in reply.raw
    assert "request_crashed" in capfd.readouterr().out
    assert world.node.whereis(API) == before
    assert (await world.get(f"/accounts/{account_id}", token)).status == 200


async def test_a_port_in_use_is_a_start_error_that_names_it(world):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    with taken, pytest.raises(StartError, match=f"127.0.0.1:{port}: address already in use"):
        await world.node.start(ApiServer, ApiSettings(port=port), (), world.store)


async def test_a_server_ends_in_order_and_gives_its_port_back(tmp_path):
    async with Node("test@localhost") as node:
        pid = await node.start(ApiServer, ApiSettings(port=0))
        where = await node.call(pid, Where())
    with socket.create_server((where.host, where.port)):
        pass


async def test_a_killed_server_comes_back_on_its_port_at_once(tmp_path):
    """The whole of it, as it runs: the tree, the store's actor, and a kill of each while requests go on."""
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    settings = Settings(api=ApiSettings(port=port), metrics=MetricsSettings(port=0))
    async with Node("test@localhost", strict=True) as node, ClientSession() as session:
        await node.start(StoreServer, str(tmp_path / "store.db"), name=STORE)
        await node.start(Supervisor, app.tree(settings, (app.API_SUPERVISOR,)))
        for _ in range(2):
            async with session.get(f"http://127.0.0.1:{port}/v2/schemas") as response:
                assert response.status == 200
            for name in (API, Name("service", "metrics")):
                pid = node.whereis(name)
                node.exit(pid, "kill")
                await node.wait_exit(pid)
            # The supervisor answers when its children are up again.
            await count_children(node, app.API_SUPERVISOR)
            where = await node.call(API, Where())
            assert where.port == port
        assert not node.strict_violations
        assert node.on_exit == []


async def test_a_store_that_restarts_is_waited_for(empty_world, tmp_path):
    world = empty_world
    tree = Tree("one_for_one", [worker(StoreServer, str(tmp_path / "store.db"), name=STORE, id="store")], intensity=5)
    await world.node.start(Supervisor, tree)
    await world.start(store=StoreClient(world.node))
    account_id, token = await world.admin("acme")
    for name in ("first", "second", "third"):
        before = world.node.whereis(STORE)
        world.node.exit(before, "kill")
        assert (await world.put(f"/accounts/{account_id}/menus", {"name": name}, token)).status == 201
        assert world.node.whereis(STORE) != before
    rows = (await world.get(f"/accounts/{account_id}/menus", token)).data
    assert {row["name"] for row in rows} == {"first", "second", "third"}


async def test_requests_under_way_when_the_server_is_killed_are_answered(world, monkeypatch):
    account_id, token = await world.admin("acme")
    held, reached = asyncio.Event(), asyncio.Event()
    original = SqliteStore.view

    async def view(self, db, name, **options):
        reached.set()
        await held.wait()
        return await original(self, db, name, **options)

    monkeypatch.setattr(SqliteStore, "view", view)
    asked = asyncio.create_task(world.get(f"/accounts/{account_id}/menus", token))
    await asyncio.wait_for(reached.wait(), 5)
    pid = world.node.whereis(API)
    world.node.exit(pid, "kill")
    await world.node.wait_exit(pid)
    held.set()
    assert (await asked).status == 200

"""The nodes of a cluster over the API: how they are, what runs where, draining; the master account's, and audited."""

import contextlib
from typing import Any

import pytest

from eventually import until
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api.cluster import ClusterServer
from mirliton.api.cluster_messages import CLUSTER
from mirliton.runtime import Name, Node, Reply
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Hub, Keyring
from mirliton.supervisors import Supervisor
from mirliton.supervisors.entities import Entities, Entity, MemoryWorld, Options, ShardHub, shard_of
from mirliton.supervisors.failover import Delays, failover

HERE, THERE = "test@localhost", "other@localhost"
SHARDS = 8
X = Name("tally", "x")
GROUPS = {"acdc": ("acdc",)}


class Tally(Entity):
    def init(self, key: str, state: Any) -> None:
        self.value = state or 0

    def handle_call(self, request: Any, sender: Any) -> Reply:
        self.value += request
        self.save(self.value)
        return Reply(self.value)


class Pair:
    """Two nodes with everything that can be moved."""

    def __init__(self, entities: dict[str, Entities]) -> None:
        self.entities = entities

    def shards(self) -> dict[str, int]:
        return {node: len(each.owned()) for node, each in self.entities.items()}


@contextlib.asynccontextmanager
async def a_part(node: Node, hub: Hub, shards: ShardHub, kept: MemoryWorld, folder):
    async with Distribution(node, hub.network(), Keyring("what both nodes know")) as distribution:
        await distribution.connected(5.0)
        await node.start(StoreServer, str(folder / f"{node.name}.db"), name=STORE)
        await node.start(Supervisor, failover("acdc", [], Delays(settle=0.2)))
        await node.start(ClusterServer, ("acdc",), GROUPS, (), name=CLUSTER)
        options = Options(even_every=100_000.0)
        async with Entities(node, distribution, shards.shards(), kept.store(), {"tally": Tally}, options) as entities:
            yield entities


@pytest.fixture
async def pair(world, tmp_path):
    hub, shards, kept = Hub(), ShardHub(SHARDS), MemoryWorld(SHARDS)
    async with (
        a_part(world.node, hub, shards, kept, tmp_path) as here,
        Node(THERE) as other,
        a_part(other, hub, shards, kept, tmp_path) as there,
    ):
        pair = Pair({HERE: here, THERE: there})
        await until(lambda: not here.unowned() and not there.unowned(), 20.0)
        await until(lambda: here.directory.others_host() and there.directory.others_host(), 20.0)
        yield pair


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    return token


async def cards(world, master):
    return {card["node"]: card for card in (await world.get("/supervision/cluster", master)).data}


async def acting(world, master):
    return next((node for node, card in (await cards(world, master)).items() if "acdc" in card["acting"]), None)


async def test_shards_and_entities_are_told_and_moved_and_dealt_out(world, pair, master):
    assert await pair.entities[HERE].durable_call(X, 1, timeout=20.0) == 1
    before = pair.shards()
    seen = await cards(world, master)
    assert {node: card["shards"] for node, card in seen.items()} == before
    assert sum(card["entities"] for card in seen.values()) == 1
    assert all(card["ready"] for card in seen.values()), seen
    shard = shard_of(X, SHARDS)
    origin = pair.entities[HERE].owner_of(shard)
    to = THERE if origin == HERE else HERE
    reply = await world.post("/supervision/cluster", {"action": "move", "what": "tally:x", "to": to}, master)
    assert (reply.status, reply.data) == (200, [{"what": f"shard:{shard}", "from": origin, "to": to}])
    assert shard in pair.entities[to].owned()
    again = {"action": "move", "what": f"shard:{shard}", "to": to}
    assert (await world.post("/supervision/cluster", again, master)).data == []
    assert await pair.entities[HERE].durable_call(X, 1, timeout=20.0) == 2
    reply = await world.post("/supervision/cluster", {"action": "rebalance"}, master)
    assert (reply.status, sorted(pair.shards().values())) == (200, [SHARDS // 2, SHARDS // 2])
    seen = await cards(world, master)
    assert sum(card["given"] for card in seen.values()) == 1 + len(reply.data)
    noted = [(entry["action"], entry.get("what")) for entry in (await world.get("/supervision/audit", master)).data]
    assert noted == [("rebalance", None), ("move", f"shard:{shard}"), ("move", "tally:x")]


async def test_what_runs_on_one_node_at_a_time_goes_to_the_node_that_is_named(world, pair, master):
    async def acts_somewhere():
        return await acting(world, master) is not None

    for _ in range(100):
        if await acts_somewhere():
            break
    origin = await acting(world, master)
    to = THERE if origin == HERE else HERE
    reply = await world.post("/supervision/cluster", {"action": "move", "what": "acdc", "to": to}, master)
    assert (reply.status, reply.data) == (200, [{"what": "acdc", "from": origin, "to": to}])
    assert await acting(world, master) == to


async def test_a_drained_node_gives_its_shards_back_and_takes_them_again_when_it_resumes(world, pair, master):
    assert await pair.entities[HERE].durable_call(X, 1, timeout=20.0) == 1
    reply = await world.post(f"/supervision/cluster/{THERE}", {"action": "drain"}, master)
    assert (reply.status, reply.data["draining"]) == (200, True)
    await until(lambda: pair.shards() == {HERE: SHARDS, THERE: 0}, 20.0)
    assert (await cards(world, master))[THERE]["drained"]
    refused = await world.post(f"/supervision/cluster/{HERE}", {"action": "drain"}, master)
    assert (refused.status, "no other node" in refused.data["cause"]) == (409, True)
    refused = await world.post("/supervision/cluster", {"action": "move", "what": "shard:0", "to": THERE}, master)
    assert (refused.status, "takes no shards" in refused.data["cause"]) == (409, True)
    assert (await world.post(f"/supervision/cluster/{THERE}", {"action": "resume"}, master)).data["draining"] is False
    reply = await world.post("/supervision/cluster", {"action": "rebalance"}, master)
    assert pair.shards() == {HERE: SHARDS // 2, THERE: SHARDS // 2}, reply.data
    assert await pair.entities[THERE].durable_call(X, 1, timeout=20.0) == 2


async def test_what_cannot_be_is_refused_with_why(world, pair, master):
    for data, status, why in (
        ({"action": "move", "what": "nonsense", "to": HERE}, 409, "nothing that can be moved"),
        ({"action": "move", "what": "shard:99", "to": HERE}, 409, "0 to 7"),
        ({"action": "move", "what": "switch:fs1", "to": HERE}, 409, "nothing that can be moved"),
        ({"action": "move", "what": "shard:1", "to": "x@nowhere"}, 409, "no node"),
    ):
        reply = await world.post("/supervision/cluster", data, master)
        assert (reply.status, why in reply.data["cause"]) == (status, True), data
    for data in ({}, {"action": "burn"}, {"action": "move", "to": HERE}, {"action": "move", "what": 7, "to": HERE}):
        assert (await world.post("/supervision/cluster", data, master)).status == 400
    assert (await world.post("/supervision/cluster/x@nowhere", {"action": "drain"}, master)).status == 404
    assert (await world.post(f"/supervision/cluster/{HERE}", {"action": "burn"}, master)).status == 400


async def test_a_node_whose_entities_have_no_lease_is_not_ready(world, pair, master):
    card = (await cards(world, master))[HERE]
    assert card["ready"], card["problems"]
    entities = pair.entities[HERE]
    entities.lease._until = float("-inf")
    entities.lease.renew = lambda asked_at: None
    card = (await cards(world, master))[HERE]
    assert (card["ready"], "no lease" in card["problems"]["entities"]) == (False, True)


async def test_nobody_else_may(world, pair, master):
    _, token = await world.admin("other")
    for given, status in ((token, 403), (None, 401)):
        assert (await world.get("/supervision/cluster", given)).status == status
        assert (await world.post("/supervision/cluster", {"action": "rebalance"}, given)).status == status
        assert (await world.post(f"/supervision/cluster/{HERE}", {"action": "drain"}, given)).status == status

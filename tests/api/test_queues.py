"""Queues and their agents over REST."""

import pytest

from entity_home import an_entity_home
from mirliton.actors.agent import Agent
from mirliton.actors.entity_server import ENTITY_SERVER
from mirliton.actors.kapi.channels import QueryAccountChannelsResp
from mirliton.actors.queueing import ReloadAgent, ReloadQueue, agent_name, queue_name
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS
from mirliton.runtime.testing import Probe
from mirliton.supervisors import Supervisor, Tree
from scene import eventually


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    return account_id, f"/accounts/{account_id}", token


@pytest.fixture
async def centre(world, acme, tmp_path):
    """Queues and agents beside the API, on the same store."""
    await Probe.start(world.node, name=CHANNELS, answer=lambda request: QueryAccountChannelsResp(()))
    await world.node.start(StoreServer, str(tmp_path / "store.db"), name=STORE)
    await world.node.start(Supervisor, Tree("one_for_one", [an_entity_home()], intensity=5, period=10.0))
    return acme


async def test_a_queue_lives(world, acme):
    account_id, path, token = acme
    actor = None
    made = await world.put(f"{path}/queues", {"name": "support"}, token)
    assert made.status == 201
    one = f"{path}/queues/{made.data['id']}"
    assert made.data["strategy"] == "round_robin"
    actor = await Probe.start(world.node, name=queue_name(account_id, made.data["id"]))
    assert (await world.patch(one, {"strategy": "ring_all"}, token)).data["strategy"] == "ring_all"
    assert await actor.expect(ReloadQueue) == ReloadQueue()
    assert (await world.patch(one, {"strategy": "whoever"}, token)).status == 400
    listed = (await world.get(f"{path}/queues", token)).data
    assert [row["name"] for row in listed] == ["support"]
    assert (await world.delete(one, token)).status == 200
    assert (await world.get(one, token)).status == 404


async def test_a_roster_is_the_users_that_list_the_queue(world, acme):
    account_id, path, token = acme
    queue = (await world.put(f"{path}/queues", {"name": "support"}, token)).data["id"]
    ada, bob = [await world.user(account_id, name, "user") for name in ("ada", "bob")]
    actor = await Probe.start(world.node, name=agent_name(account_id, bob))
    roster = f"{path}/queues/{queue}/roster"
    assert (await world.post(roster, [ada, bob], token)).data == sorted([ada, bob])
    assert await actor.expect(ReloadAgent) == ReloadAgent()
    assert (await world.get(roster, token)).data == sorted([ada, bob])
    assert (await world.post(roster, [bob], token)).data == [bob]
    assert [row["id"] for row in (await world.get(f"{path}/agents", token)).data] == [bob]
    wrong = await world.post(roster, ["nobody"], token)
    assert (wrong.status, set(wrong.data)) == (400, {"roster"})
    assert (await world.post(roster, {"a": 1}, token)).status == 400
    assert (await world.delete(roster, token)).data == []
    assert (await world.get(roster, token)).data == []


async def test_an_agent_is_told_what_to_do(world, centre):
    account_id, path, token = centre
    queue = (await world.put(f"{path}/queues", {"name": "support"}, token)).data["id"]
    ada = await world.user(account_id, "ada", "user", queues=[queue])
    one = f"{path}/agents/{ada}/status"
    assert (await world.get(one, token)).data["status"] == "logged_out"
    assert (await world.post(one, {"status": "login"}, token)).data["status"] == "ready"
    paused = (await world.post(one, {"status": "pause", "timeout": 600}, token)).data
    assert (paused["status"], paused["time_left"]) == ("paused", 600)
    assert (await world.get(f"{path}/agents/status/{ada}", token)).data["status"] == "paused"
    assert (await world.get(f"{path}/agents/status", token)).data[ada]["status"] == "paused"
    assert (await world.post(one, {"status": "resume"}, token)).data["status"] == "ready"
    assert (await world.post(one, {"status": "logout"}, token)).data["status"] == "logged_out"
    for wrong in ({}, {"status": "away"}, {"status": []}, {"status": "pause", "timeout": "long"}):
        assert (await world.post(one, wrong, token)).status == 400
    assert (await world.post(f"{path}/agents/nobody/status", {"status": "login"}, token)).status == 404


async def test_what_an_agent_was_told_outlives_its_process(world, centre):
    account_id, path, token = centre
    ada = await world.user(account_id, "ada", "user")
    one = f"{path}/agents/{ada}/status"
    await world.post(one, {"status": "login"}, token)
    await world.post(one, {"status": "pause", "timeout": 600}, token)
    cell = world.node.find(agent_name(account_id, ada))
    assert isinstance(cell.actor, Agent)
    world.node.exit(cell.pid, "kill")
    assert (await world.get(one, token)).data["status"] == "paused"
    world.node.exit(world.node.whereis(ENTITY_SERVER), "kill")

    async def is_paused():
        reply = await world.get(one, token)
        return reply.status == 200 and reply.data["status"] == "paused"

    assert await eventually(is_paused, 10.0)


async def test_an_agent_joins_a_queue_and_leaves_it(world, centre):
    account_id, path, token = centre
    queue = (await world.put(f"{path}/queues", {"name": "support"}, token)).data["id"]
    ada = await world.user(account_id, "ada", "user")
    one = f"{path}/agents/{ada}/queue_status"
    assert (await world.post(one, {"action": "login", "queue_id": queue}, token)).data == [queue]
    assert (await world.get(one, token)).data == [queue]
    assert (await world.post(one, {"action": "logout", "queue_id": queue}, token)).data == []
    assert (await world.post(one, {"action": "dance", "queue_id": queue}, token)).status == 400
    assert (await world.post(one, {"action": "login", "queue_id": "nothing"}, token)).status == 404


async def test_nobody_answers_where_there_is_no_way_to_agents(world, acme):
    account_id, path, token = acme
    ada = await world.user(account_id, "ada", "user")
    reply = await world.post(f"{path}/agents/{ada}/status", {"status": "login"}, token)
    assert reply.status == 503

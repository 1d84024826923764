"""Chaos over the API: the master account's, where it is allowed, and audited."""

import pytest

from mirliton.runtime import GenServer, Name
from mirliton.supervisors import Supervisor, Tree, worker
from mirliton.supervisors.chaos import CHAOS, ChaosServer

ROOT = Name("supervisor", "root")
QUICK = {"name": "quick", "attack": [{"every": 0.01, "names": ["service:w*"], "count": 3}], "invariants": {"settle": 0}}
SLOW = {"name": "slow", "attack": [{"at": [600], "names": ["service:w*"]}], "duration": 1000}


class Worker(GenServer):
    def init(self) -> None:
        """Nothing to keep."""


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    children = [worker(Worker, name=Name("service", "worker")), worker(ChaosServer, name=CHAOS)]
    await world.node.start(Supervisor, Tree("one_for_one", children, intensity=20, name=ROOT))
    return token


async def over(world, token):
    task = world.node.find(CHAOS).actor.task
    await task
    return (await world.get("/supervision/chaos", token)).data["last"]


async def test_a_plan_is_carried_out_and_reported(world, master):
    assert (await world.get("/supervision/chaos", master)).data == {"running": None, "last": None}
    reply = await world.put("/supervision/chaos", {"plan": QUICK, "seed": 5}, master)
    assert (reply.status, reply.data["plan"], reply.data["seed"]) == (201, "quick", 5)
    report = await over(world, master)
    assert (report["held"], len(report["hits"]), report["hits_not_shown"]) == (True, 3, 0)
    [entry] = (await world.get("/supervision/audit", master)).data
    assert (entry["action"], entry["plan"], entry["seed"]) == ("chaos", "quick", 5)
    assert entry["by_user"] is not None


async def test_a_dry_run_hits_nobody_and_is_not_audited(world, master):
    before = world.node.whereis(Name("service", "worker"))
    reply = await world.put("/supervision/chaos", {"plan": QUICK, "dry_run": True}, master)
    assert (reply.status, len(reply.data["strikes"])) == (200, 3)
    assert reply.data["strikes"][0]["would_hit"] == "service:worker"
    assert world.node.whereis(Name("service", "worker")) == before
    assert (await world.get("/supervision/audit", master)).data == []


async def test_a_run_is_stopped(world, master):
    await world.put("/supervision/chaos", {"plan": SLOW}, master)
    assert (await world.get("/supervision/chaos", master)).data["running"]["state"] == "striking"
    reply = await world.put("/supervision/chaos", {"plan": QUICK}, master)
    assert (reply.status, "under way" in reply.data["cause"]) == (409, True)
    assert (await world.delete("/supervision/chaos", master)).status == 200
    assert (await over(world, master))["ended"].endswith("stopped it")
    assert (await world.delete("/supervision/chaos", master)).status == 409


async def test_a_report_is_repeated(world, master):
    await world.put("/supervision/chaos", {"plan": QUICK}, master)
    first = await over(world, master)
    assert (await world.put("/supervision/chaos", {"plan": QUICK, "repeat": first["hits"]}, master)).status == 201
    again = await over(world, master)
    assert [hit["target"] for hit in again["hits"]] == [hit["target"] for hit in first["hits"]]


async def test_a_plan_that_cannot_be_meant_is_told_field_by_field(world, master):
    wrong = {"attack": [{"rate": 0, "hwo": "kill"}], "guard": {"at_once": 0}}
    reply = await world.put("/supervision/chaos", {"plan": wrong}, master)
    assert reply.status == 400
    assert set(reply.data) == {"plan.attack.0.rate", "plan.attack.0.hwo", "plan.guard.at_once"}
    for data in ({}, {"plan": 7}, {"plan": QUICK, "seed": "x"}, {"plan": QUICK, "seed": -1}):
        assert (await world.put("/supervision/chaos", data, master)).status == 400
    assert (await world.get("/supervision/audit", master)).data == []


async def test_nobody_else_may(world, master):
    _, token = await world.admin("other")
    for given, status in ((token, 403), (None, 401)):
        assert (await world.put("/supervision/chaos", {"plan": QUICK}, given)).status == status
        assert (await world.get("/supervision/chaos", given)).status == status
        assert (await world.delete("/supervision/chaos", given)).status == status


async def test_it_is_off_unless_a_setting_allows_it(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    reply = await world.put("/supervision/chaos", {"plan": QUICK}, token)
    assert (reply.status, "chaos.enabled" in reply.data["cause"]) == (503, True)
    assert (await world.get("/supervision/chaos", token)).status == 503

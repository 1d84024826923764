"""Chaos of what is outside of nodes over the API: done by an OS process of its own, within the operator's file."""

import asyncio
import json
import sys
import time

import pytest

from mirliton.api.outside_chaos import OUTSIDE, OutsideChaos
from mirliton.runtime import Name
from mirliton.supervisors import Supervisor, Tree, worker

URL = "/supervision/chaos/outside"
ONCE = {
    "name": "once",
    "attack": [{"what": "services", "names": ["broker"], "how": "restart", "at": [0.0]}],
    "duration": 0.1,
    "invariants": {"settle": 0.0, "returned_within": 30.0},
}
LONG = {**ONCE, "name": "long", "attack": [{**ONCE["attack"][0], "at": [600.0]}], "duration": 1000.0}
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def operators(tmp_path):
    """The operator's file; its command leaves a mark."""
    command = [sys.executable, "-c", f"open({str(tmp_path / 'mark')!r}, 'a').write('restarted ')"]
    path = tmp_path / "outside.toml"
    path.write_text(f"[services.broker]\nrestart = {json.dumps(command)}\n")
    return path


@pytest.fixture
async def master(world, operators, tmp_path):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    arguments = (str(operators), str(tmp_path / "runs"), str(tmp_path / "control.sock"))
    children = [worker(OutsideChaos, *arguments, name=OUTSIDE)]
    await world.node.start(Supervisor, Tree("one_for_one", children, intensity=5, name=Name("supervisor", "root")))
    return token


async def over(world, master):
    ends = time.monotonic() + 100.0
    while (status := (await world.get(URL, master)).data)["running"] is not None:
        assert time.monotonic() < ends, status
        await asyncio.sleep(0.05)
    return status["last"]


async def test_a_plan_is_carried_out_by_a_process_of_its_own_and_reported(world, master, tmp_path):
    assert (await world.get(URL, master)).data == {"running": None, "last": None}
    reply = await world.put(URL, {"plan": ONCE, "dry_run": True}, master)
    assert (reply.status, [strike["would_hit"] for strike in reply.data["strikes"]]) == (200, ["broker"])
    assert not (tmp_path / "mark").exists()
    reply = await world.put(URL, {"plan": ONCE, "seed": 5}, master)
    assert reply.status == 201, reply.data
    report = await over(world, master)
    assert (report["plan"], report["seed"]) == ("once", 5)
    assert (report["held"], [hit["target"] for hit in report["hits"]]) == (True, ["broker"])
    assert (tmp_path / "mark").read_text() == "restarted "
    wrong = await world.put(URL, {"plan": ONCE, "repeat": [{"target": "broker"}]}, master)
    assert (wrong.status, "cannot be repeated" in wrong.data["cause"]) == (409, True)
    noted = [(entry["action"], entry["plan"]) for entry in (await world.get("/supervision/audit", master)).data]
    assert noted == [("chaos_outside", "once")] * 2
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["run"]
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700


async def test_a_run_outlives_the_server_and_is_stopped_by_the_next(world, master):
    assert (await world.put(URL, {"plan": LONG}, master)).status == 201
    before = world.node.whereis(OUTSIDE)
    world.node.exit(before, "kill")
    await world.node.wait_exit(before)
    running = {"state": "starting"}
    while running["state"] == "starting":
        await asyncio.sleep(0.05)
        reply = await world.get(URL, master)
        running = reply.data["running"] if reply.status == 200 else running
    assert (running["plan"], running["state"]) == ("long", "striking")
    reply = await world.put(URL, {"plan": ONCE}, master)
    assert (reply.status, "under way" in reply.data["cause"]) == (409, True)
    assert (await world.delete(URL, master)).status == 200
    report = await over(world, master)
    assert (report["ended"], report["hits"]) == ("it was stopped", [])
    assert (await world.delete(URL, master)).status == 409


async def test_what_the_operator_does_not_name_is_not_to_be_had(world, master, operators, tmp_path):
    evil = {"evil": {"restart": ["touch", str(tmp_path / "evil")]}}
    for more, why in (
        ({"services": evil}, "are the operator's to name"),
        ({"proxies": {"broker": "/tmp/x.sock"}}, "are the operator's to name"),
    ):
        reply = await world.put(URL, {"plan": {**ONCE, **more}}, master)
        assert (reply.status, why in reply.data["cause"]) == (409, True)
    processes = {"attack": [{"names": ["call:*"], "rate": 1.0}]}
    reply = await world.put(URL, {"plan": processes}, master)
    assert (reply.status, "supervision/chaos" in reply.data["cause"]) == (409, True)
    reply = await world.put(URL, {"plan": {"attack": [{"what": "services", "how": "burn"}], "host": "x"}}, master)
    assert (reply.status, "plan.host" in reply.data) == (400, True)
    operators.write_text(f'host = "{tmp_path / "host.toml"}"\n')
    (tmp_path / "host.toml").write_text('[host]\nstate_dir = "nowhere"\n[nodes.one]\nrole = "all"\n')
    programs = {**ONCE, "attack": [{"what": "programs", "names": ["one"], "how": "kill", "at": [0.0]}]}
    reply = await world.put(URL, {"plan": programs}, master)
    assert (reply.status, "host.sock" in reply.data["cause"]) == (409, True), reply.data
    operators.write_text("shell = true\n")
    reply = await world.put(URL, {"plan": ONCE}, master)
    assert (reply.status, "'shell'" in reply.data["cause"]) == (409, True)
    assert not (tmp_path / "evil").exists()


async def test_nobody_else_may_and_it_is_off_unless_a_setting_names_the_file(world, master):
    _, token = await world.admin("other")
    for given, status in ((token, 403), (None, 401)):
        assert (await world.put(URL, {"plan": ONCE}, given)).status == status
        assert (await world.get(URL, given)).status == status
        assert (await world.delete(URL, given)).status == status


async def test_without_the_setting_it_is_off(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    reply = await world.put(URL, {"plan": ONCE}, token)
    assert (reply.status, "chaos.outside" in reply.data["cause"]) == (503, True)

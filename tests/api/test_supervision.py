"""Trees, processes, dossiers and kills: the master account's power, and its trace."""

from urllib.parse import quote

import pytest

from mirliton.actors.store import StoreUnavailable
from mirliton.api.server import API
from mirliton.runtime import GenServer, Name, message
from mirliton.supervisors import Supervisor, Tree, WhichChildren, supervisor, worker

ROOT = Name("supervisor", "root")
WORKER = Name("service", "worker")


@message("test_supervision.crash")
class Crash:
    """Divide by zero."""


class Worker(GenServer):
    def init(self, password="hunter2"):
        self.password = password

    def handle_cast(self, request):
        self.ratio = 1 / 0


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    tree = Tree(
        "one_for_one",
        [worker(Worker, name=WORKER), supervisor(Tree("rest_for_one", [worker(Worker, id="inner")]), id="below")],
        intensity=5,
        name=ROOT,
    )
    await world.node.start(Supervisor, tree)
    return token


async def restarted(world, before):
    """Wait until WORKER is another process."""
    await world.node.wait_exit(before)
    await world.node.call(ROOT, WhichChildren())
    return world.node.whereis(WORKER)


async def test_the_tree_is_shown_from_its_root_down(world, master):
    reply = await world.get("/supervision", master)
    assert reply.status == 200
    [root] = reply.data["trees"]
    assert (root["names"], root["class"], root["strategy"]) == (["supervisor:root"], "Supervisor", "one_for_one")
    first, below = root["children"]
    assert (first["id"], first["names"], first["restarts"]) == ("Worker", ["service:worker"], 0)
    assert first["status"] == "waiting"
    assert first["mailbox_length"] == 0
    assert first["pid"] == str(world.node.whereis(WORKER))
    assert (below["id"], below["type"], below["children"][0]["id"]) == ("below", "supervisor", "inner")


async def test_a_supervisor_with_many_children_is_shown_in_part(world, master):
    reply = await world.get("/supervision?children=1", master)
    [root] = reply.data["trees"]
    assert (len(root["children"]), root["not_shown"]) == (1, 1)
    assert (await world.get("/supervision?children=-1", master)).status == 400


async def test_a_process_is_found_by_name_and_by_pid(world, master):
    pid = str(world.node.whereis(WORKER))
    for name in ("service:worker", quote(pid), quote(pid.strip("<>"))):
        reply = await world.get(f"/supervision/process/{name}", master)
        assert reply.status == 200, name
        assert (reply.data["pid"], reply.data["class"], reply.data["status"]) == (pid, "Worker", "waiting")
        assert reply.data["explanation"]["supervisor"] == "supervisor:root"
        assert b"hunter2" not in reply.raw
    for name in ("service:nobody", "nonsense", "a.b.c", quote("<test@localhost.1.2>"), ":"):
        assert (await world.get(f"/supervision/process/{name}", master)).status == 404, name


async def test_a_crash_is_explained(world, master):
    before = world.node.whereis(WORKER)
    world.node.cast(WORKER, Crash())
    await restarted(world, before)
    [dossier] = (await world.get("/supervision/dossiers", master)).data
    assert "ZeroDivisionError" in dossier["reason"]
    reply = await world.get(f"/supervision/dossiers/{dossier['id']}", master)
    assert "self.ratio = 1 / 0" in reply.data["traceback"]
    assert b"hunter2" not in reply.raw
    reply = await world.get("/supervision/process/service:worker", master)
    events = [entry["event"] for entry in reply.data["explanation"]["history"]]
    assert events == ["ended", "started"]
    assert reply.data["explanation"]["history"][0]["dossier"] == dossier["id"]
    reply = await world.get(f"/supervision/process/{quote(str(before))}", master)
    assert (reply.data["status"], reply.data["dossier"]["id"]) == ("dead", dossier["id"])
    for wrong in ("0", "999", "x", "-1", "9" * 20):
        assert (await world.get(f"/supervision/dossiers/{wrong}", master)).status == 404
    [root] = (await world.get("/supervision", master)).data["trees"]
    assert root["children"][0]["restarts"] == 1


@pytest.mark.parametrize("way", ["DELETE", "POST"])
async def test_a_kill_kills_and_is_audited(world, master, way, capfd):
    before = world.node.whereis(WORKER)
    data = {"action": "kill"} if way == "POST" else None
    reply = await world.ask(way, "/supervision/process/service:worker", data, token=master)
    assert (reply.status, reply.data["killed"], reply.data["class"]) == (200, str(before), "Worker")
    after = await restarted(world, before)
    assert after not in (None, before)
    [entry] = (await world.get("/supervision/audit", master)).data
    assert (entry["action"], entry["pid"], entry["name"]) == ("kill", str(before), "service:worker")
    assert entry["by_user"] is not None
    assert entry["address"] == "127.0.0.1"
    assert "audit" in capfd.readouterr().out


async def test_only_kill_is_an_action(world, master):
    before = world.node.whereis(WORKER)
    for data in ({}, {"action": "suspend"}):
        assert (await world.post("/supervision/process/service:worker", data, master)).status == 400
    assert world.node.whereis(WORKER) == before
    assert (await world.delete("/supervision/process/service:nobody", master)).status == 404
    assert (await world.get("/supervision/audit", master)).data == []


async def test_nobody_else_may_kill(world, master):
    _, token = await world.admin("other")
    before = world.node.whereis(WORKER)
    assert (await world.delete("/supervision/process/service:worker", token)).status == 403
    assert (await world.delete("/supervision/process/service:worker")).status == 401
    assert world.node.whereis(WORKER) == before


async def test_a_kill_goes_ahead_when_the_store_does_not_take_the_audit(world, master, monkeypatch, capfd):
    async def refuse(self, db, doc):
        raise StoreUnavailable("store", "restarting")

    monkeypatch.setattr(type(world.store), "put", refuse)
    before = world.node.whereis(WORKER)
    assert (await world.delete("/supervision/process/service:worker", master)).status == 200
    assert await restarted(world, before) != before
    assert "audit_not_stored" in capfd.readouterr().out


async def test_the_server_itself_can_be_killed(world, master):
    before = world.node.whereis(API)
    reply = await world.delete("/supervision/process/service:api", master)
    assert (reply.status, reply.data["killed"]) == (200, str(before))
    await world.node.wait_exit(before)
    await world.start()
    assert (await world.get("/supervision", master)).status == 200

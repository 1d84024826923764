"""Tasks: tables in, tables out, done by a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import time

import pytest

from eventually import until
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.supervisors import Supervisor
from mirliton.whapps.tasks import app
from mirliton.whapps.tasks.action import Run
from mirliton.whapps.tasks.catalogue import action_of
from mirliton.whapps.tasks.record import DATABASE, TASKS, LookForTasks
from mirliton.whapps.tasks.worker import carry_out


class Office:
    """An account's administrator with tasks to give."""

    def __init__(self, world, account_id, token):
        self.world, self.account_id, self.token = world, account_id, token

    @property
    def path(self):
        return f"/accounts/{self.account_id}/tasks"

    async def make(self, category, action, table=None, **more):
        url = f"{self.path}?category={category}&action={action}"
        if isinstance(table, str):
            body = {"body": table.encode(), "headers": {"Content-Type": "text/csv"}}
            return await self.world.ask("PUT", url, token=self.token, **body)
        return await self.world.put(url, {"records": table} if table is not None else {}, self.token)

    async def get(self, id, query=""):
        return await self.world.get(f"{self.path}/{id}{query}", self.token)

    async def start(self, id):
        return await self.world.patch(f"{self.path}/{id}", {}, self.token)

    async def facts(self, id):
        return (await self.get(id)).data["_read_only"]

    async def until(self, id, condition):
        """How far the task is, as soon as it is so far."""
        async with asyncio.timeout(30):
            while True:
                facts = await self.facts(id)
                if condition(facts):
                    return facts
                await asyncio.sleep(0.02)

    async def ended(self, id):
        return await self.until(id, lambda facts: facts["status"] not in ("pending", "executing"))

    async def do(self, category, action, table=None):
        """Make a task and have it done: what became of it, and its output."""
        made = await self.make(category, action, table)
        assert made.status == 201, made.raw
        id = made.data["id"]
        assert (await self.start(id)).status == 200
        return await self.ended(id), await self.output(id)

    async def output(self, id):
        reply = await self.get(id, "/output")
        assert reply.status == 200, reply.raw
        return list(csv.DictReader(io.StringIO(reply.raw.decode())))


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    return Office(world, account_id, token)


@pytest.fixture
async def acme(world, master):
    return Office(world, *await world.admin("acme", master.account_id))


@pytest.fixture
async def running(world):
    """The tasks' tree, on the API's node, with a store process on the same file."""
    await world.node.start(StoreServer, world.store.path, name=STORE)
    await world.node.start(Supervisor, app.tree())


class TestMaking:
    async def test_what_there_is_to_do_is_told(self, world, acme):
        reply = await world.get("/tasks", acme.token)
        assert {"numbers", "rates", "billing", "services"} <= set(reply.data["tasks"])
        assert reply.data["tasks"]["rates"]["import"]["mandatory"] == ["prefix", "rate_cost"]
        one = await world.get("/tasks?category=rates", acme.token)
        assert set(one.data) == {"import", "export", "delete"}
        assert (await world.get("/tasks?category=none", acme.token)).status == 400

    async def test_a_task_waits_until_it_is_started(self, world, acme):
        made = await acme.make("numbers", "import", "e164\n+4930123450\n+4930123451\n")
        assert made.status == 201
        facts = made.data["_read_only"]
        assert (facts["status"], facts["total_count"], facts["csvs"]) == ("pending", 2, ["in.csv"])
        given = await acme.get(made.data["id"], "/input")
        assert given.raw == b"e164\n+4930123450\n+4930123451\n"
        assert given.headers["Content-Type"].startswith("text/csv")
        listed = await world.get(acme.path, acme.token)
        assert [row["id"] for row in listed.data] == [made.data["id"]]
        assert (await acme.get(made.data["id"], "/output")).status == 404

    async def test_records_are_as_good_as_a_table(self, acme):
        made = await acme.make(
            "numbers", "import", [{"e164": "+4930123450"}, {"e164": "+4930123451", "state": "reserved"}]
        )
        assert made.status == 201, made.raw
        given = list(csv.DictReader(io.StringIO((await acme.get(made.data["id"], "/input")).raw.decode())))
        assert given == [{"e164": "+4930123450", "state": ""}, {"e164": "+4930123451", "state": "reserved"}]

    @pytest.mark.parametrize(
        ("action", "table", "field"),
        [
            ("import", "number\n1\n", "missing_mandatory_fields"),
            ("import", "e164,colour\n1,red\n", "unknown_fields"),
            ("import", "e164,e164\n1,2\n", "invalid"),
            ("import", "e164\n1,2\n", "invalid"),
            ("import", 'e164\n"1\n', "invalid"),
            ("import", "e164\n", "minItems"),
            ("import", "\n\n", "invalid"),
            ("import", "", "required"),
            ("list", "e164\n1\n", "unknown"),
        ],
        ids=range(9),
    )
    async def test_a_table_that_is_none_is_refused(self, acme, action, table, field):
        reply = await acme.make("numbers", action, table)
        assert reply.status == 400
        [rules] = reply.data.values()
        assert field in rules

    async def test_bytes_that_are_no_text_are_refused(self, world, acme):
        url = f"{acme.path}?category=numbers&action=import"
        headers = {"Content-Type": "text/csv"}
        reply = await world.ask("PUT", url, token=acme.token, body=b"e164\n\xff\xfe\n", headers=headers)
        assert reply.status == 400

    async def test_what_is_the_masters_is_refused_to_others(self, acme, master):
        assert (await acme.make("rates", "import", "prefix,rate_cost\n49,0.1\n")).status == 403
        assert (await master.make("rates", "import", "prefix,rate_cost\n49,0.1\n")).status == 201

    async def test_unknown_actions_are_refused(self, acme):
        assert (await acme.make("numbers", "explode", "e164\n1\n")).status == 400
        assert (await acme.make("nothing", "import", "e164\n1\n")).status == 400

    async def test_the_tasks_of_others_are_not_there(self, world, acme, master):
        made = await acme.make("numbers", "list")
        other = Office(world, *await world.admin("other", master.account_id))
        assert (await other.get(made.data["id"])).status == 404
        assert (await other.start(made.data["id"])).status == 404

    async def test_a_task_can_be_deleted_with_what_is_its(self, world, acme, running):
        made = await acme.make("numbers", "list")
        await acme.start(made.data["id"])
        await acme.ended(made.data["id"])
        assert (await world.delete(f"{acme.path}/{made.data['id']}", acme.token)).status == 200
        assert (await acme.get(made.data["id"])).status == 404
        ids = [row.id for row in (await world.store.all_docs(DATABASE)).rows]
        assert not [id for id in ids if id.startswith(made.data["id"])]


class TestDoing:
    async def test_rates_come_and_go(self, world, master, running):
        table = "prefix,rate_cost,rate_name,direction\n49,0.01,DE,inbound;outbound\n44,abc,UK,\n1,0.02,US,\n"
        facts, out = await master.do("rates", "import", table)
        assert (facts["status"], facts["success_count"], facts["failure_count"]) == ("partial", 2, 1)
        assert [row["error"] for row in out] == ["", "rate_cost: 'abc' is no number", ""]
        docs = [row.doc for row in (await world.store.all_docs("ratedeck", include_docs=True)).rows]
        assert sorted((doc["prefix"], doc["rate_cost"], doc.get("direction")) for doc in docs) == [
            (1, 0.02, None),
            (49, 0.01, ["inbound", "outbound"]),
        ]
        facts, out = await master.do("rates", "export")
        assert sorted(row["rate_name"] for row in out) == ["DE", "US"]
        facts, out = await master.do("rates", "delete", "prefix,rate_name\n49,DE\n7,RU\n")
        assert [bool(row["error"]) for row in out] == [False, True]
        facts, out = await master.do("rates", "export")
        assert [row["rate_name"] for row in out] == ["US"]

    async def test_numbers_are_imported_and_given_back(self, world, master, acme, running):
        table = (
            f"e164,account_id,state,cnam.outbound\n+4930123450,{acme.account_id},,Acme\n+4930123451,,reserved,\n,,,\n"
        )
        _, out = await master.do("numbers", "import", table + "+4930123452,nonsense,,\n+4930123453,,lost,\n")
        assert [row["error"].partition(":")[0] for row in out] == ["", "", "account_id", "state"]
        assert (out[0]["account_id"], out[0]["state"], out[0]["cnam.outbound"]) == (
            acme.account_id,
            "in_service",
            "Acme",
        )
        assert (out[1]["account_id"], out[1]["state"]) == (master.account_id, "reserved")
        _, mine = await acme.do("numbers", "list")
        assert [row["e164"] for row in mine] == ["+4930123450"]
        _, all_of_them = await master.do("numbers", "list_all")
        assert sorted(row["e164"] for row in all_of_them) == ["+4930123450", "+4930123451"]
        _, out = await acme.do("numbers", "release", "e164\n+4930123450\n+4930123451\n")
        assert [row["error"].partition(":")[0] for row in out] == ["", "forbidden"]
        _, left = await acme.do("numbers", "list")
        assert left == []

    async def test_who_may_not_add_numbers_imports_none(self, acme, running):
        facts, out = await acme.do("numbers", "import", "e164\n+4930123450\n")
        assert facts["status"] == "failure"
        assert out[0]["error"].startswith("forbidden")

    async def test_records_of_calls_are_dumped(self, world, acme, running):
        ids = [await world.cdr(acme.account_id, f"leg{i}", at=time.time()) for i in range(3)]
        facts, out = await acme.do("billing", "dump")
        assert facts["status"] == "success"
        assert len(out) == len(ids) == facts["total_count"]

    async def test_what_accounts_below_have_is_counted(self, world, master, acme, running):
        await world.document(acme.account_id, "device", name="d", device_type="softphone")
        await world.user(acme.account_id, "bob", "user")
        _, out = await master.do("services", "descendant_quantities")
        found = {(row["category"], row["item"]): row["quantity_account"] for row in out}
        assert found == {("devices", "softphone"): "1", ("users", "admin"): "1", ("users", "user"): "1"}

    async def test_a_name_that_is_a_formula_comes_out_as_text(self, world, master, running):
        await master.do("rates", "import", "prefix,rate_cost,rate_name\n49,1,=1+1\n")
        _, out = await master.do("rates", "export")
        assert out[0]["rate_name"] == "'=1+1"

    async def test_one_that_has_ended_is_not_started_again(self, acme, running):
        made = await acme.make("numbers", "list")
        await acme.start(made.data["id"])
        await acme.ended(made.data["id"])
        assert (await acme.start(made.data["id"])).status == 400

    async def test_an_action_that_this_version_lacks_ends_the_task(self, world, acme, running):
        made = await acme.make("numbers", "list")
        doc = await world.store.get(DATABASE, made.data["id"])
        await world.store.put(DATABASE, {**doc, "pvt_action": "gone"})
        await acme.start(made.data["id"])
        facts = await acme.ended(made.data["id"])
        assert facts["status"] == "internal_error"


ROWS = 160


async def slowly(world, milliseconds=5):
    """Have tasks pause after each row."""
    await world.store.create_database("system_config")
    await world.store.put("system_config", {"_id": "tasks", "default": {"wait_after_row_ms": milliseconds}})


class TestInterruptions:
    @pytest.mark.timeout(120)
    async def test_kills_cost_no_row_and_do_none_twice(self, world, master, running):
        await slowly(world)
        table = "prefix,rate_cost,rate_name\n" + "".join(f"{n + 100},0.5,rate {n}\n" for n in range(ROWS))
        made = await master.make("rates", "import", table)
        id = made.data["id"]
        await master.start(id)
        chance = random.Random(7)
        kills = 0
        async with asyncio.timeout(60):
            while (await master.facts(id))["status"] == "executing":
                await asyncio.sleep(chance.uniform(0.05, 0.4))
                pid = world.node.whereis(TASKS)
                if pid is not None and kills < 5:  # one more than its supervisor bears would be the end of it
                    kills += 1
                    world.node.exit(pid, "kill")
                    await until(lambda: world.node.whereis(TASKS) is not None)
        facts = await master.facts(id)
        assert kills >= 2
        assert (facts["status"], facts["success_count"], facts["failure_count"]) == ("success", ROWS, 0)
        out = await master.output(id)
        assert [row["prefix"] for row in out] == [str(n + 100) for n in range(ROWS)]
        docs = [row.doc for row in (await world.store.all_docs("ratedeck", include_docs=True)).rows]
        assert sorted(doc["prefix"] for doc in docs) == [n + 100 for n in range(ROWS)]

    async def test_a_task_that_is_stopped_goes_on_where_it_was(self, world, master, running):
        await slowly(world)
        table = "prefix,rate_cost\n" + "".join(f"{n + 100},0.5\n" for n in range(ROWS))
        made = await master.make("rates", "import", table)
        id = made.data["id"]
        assert (await world.patch(f"{master.path}/{id}/stop", {}, master.token)).status == 400
        await master.start(id)
        await master.until(id, lambda facts: facts["success_count"] > 0)
        assert (await master.start(id)).status == 400, "it is being carried out"
        assert (await world.delete(f"{master.path}/{id}", master.token)).status == 400
        assert (await world.patch(f"{master.path}/{id}/stop", {}, master.token)).status == 200
        stopped = await master.ended(id)
        assert stopped["status"] == "stopped"
        done = stopped["success_count"]
        assert 0 < done < ROWS
        assert len(await master.output(id)) == done
        await master.start(id)
        assert (await master.ended(id))["status"] == "success"
        assert [row["prefix"] for row in await master.output(id)] == [str(n + 100) for n in range(ROWS)]

    async def test_a_worker_that_was_thought_dead_leaves_the_task(self, world, master):
        """As when a node that was stalled wakes up: who took the task over has it, and each row is there once."""
        table = "prefix,rate_cost\n" + "".join(f"{n + 100},0.5\n" for n in range(ROWS))
        id = (await master.make("rates", "import", table)).data["id"]
        await master.start(id)
        run = Run(world.store, time.time, id, master.account_id, master.account_id, True)
        action = action_of("rates", "import")
        first = asyncio.create_task(
            carry_out(run, action, await world.store.get(DATABASE, id), "first", "a@host", pause=0.005)
        )
        await master.until(id, lambda facts: facts["success_count"] > 0)
        second = carry_out(run, action, await world.store.get(DATABASE, id), "second", "b@host", pause=0.005)
        assert await second == "ended"
        assert await first == "left"
        facts = await master.facts(id)
        assert (facts["status"], facts["success_count"], facts["node"]) == ("success", ROWS, "b@host")
        assert [row["prefix"] for row in await master.output(id)] == [str(n + 100) for n in range(ROWS)]

    async def test_a_task_of_another_node_is_taken_over_when_it_is_silent(self, world, master, running):
        id = (await master.make("numbers", "list")).data["id"]
        doc = await world.store.get(DATABASE, id)
        elsewhere = {"pvt_status": "executing", "pvt_worker": "x", "pvt_worker_node": "b@host"}
        rev = await world.store.put(DATABASE, {**doc, **elsewhere, "pvt_beat": time.time()})
        world.node.send(TASKS, LookForTasks())
        await asyncio.sleep(0.2)
        assert (await master.facts(id))["status"] == "executing"
        await world.store.put(DATABASE, {**doc, **elsewhere, "_rev": rev, "pvt_beat": time.time() - 60})
        world.node.send(TASKS, LookForTasks())
        assert (await master.ended(id))["node"] == "test@localhost"

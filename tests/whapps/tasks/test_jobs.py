"""Jobs are done once for the whole system, when they are due."""

from __future__ import annotations

import asyncio
import calendar
from pathlib import Path

import pytest

from mirliton.actors.store import SqliteStore, opened
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime.testing import virtual_node
from mirliton.whapps.tasks.jobs import ALL, BEGIN_AGAIN, JOBS, LOOK_EVERY, Job, Jobs, due

NOW = float(calendar.timegm((2026, 11, 28, 12, 0, 0)))
ACCOUNT = "ab" * 16


async def _nothing(store, now):
    return None


JOB = Job("job", 100.0, _nothing)


@pytest.fixture
async def store(tmp_path: Path):
    async with opened(SqliteStore(tmp_path / "s.db")) as made:
        await made.create_database("tasks")
        yield made


async def end(store, now):
    doc = await store.get("tasks", "job-job")
    await store.put("tasks", {**doc, "done": now})


async def test_of_many_who_look_at_once_one_has_the_job(store):
    assert sum(await asyncio.gather(*(due(store, JOB, NOW) for _ in range(20)))) == 1


async def test_a_job_is_due_again_when_its_time_has_passed(store):
    assert await due(store, JOB, NOW)
    await end(store, NOW + 1)
    assert not await due(store, JOB, NOW + 50)
    assert await due(store, JOB, NOW + 102)


async def test_a_job_whose_node_died_is_begun_again(store):
    assert await due(store, JOB, NOW)
    assert not await due(store, JOB, NOW + 200)
    assert await due(store, JOB, NOW + BEGIN_AGAIN)


@pytest.mark.parametrize(("day", "made"), [(27, False), (28, True)])
async def test_the_next_month_is_made_from_its_day_on(store, day, made):
    await store.create_database(account_db(ACCOUNT))
    job = next(job for job in ALL if job.name == "modb_creation")
    await job.do(store, float(calendar.timegm((2026, 11, day, 12, 0, 0))))
    assert (f"{account_db(ACCOUNT)}-202612" in await store.databases("account/")) is made


async def test_nothing_is_purged_unless_somebody_wants_it(store):
    await store.create_database("accounts")
    await store.create_database("system_config")
    await store.put("accounts", {"_id": "x", "pvt_type": "account", "pvt_deleted": True, "pvt_modified": 1})
    job = next(job for job in ALL if job.name == "purge")
    assert await job.do(store, NOW) is None
    assert len((await store.all_docs("accounts")).rows) == 1
    await store.put("system_config", {"_id": "tasks", "default": {"purge_after_d": 30}})
    assert await job.do(store, NOW) == "1 documents purged"
    assert (await store.all_docs("accounts")).rows == []


async def test_they_are_done_by_the_process_at_its_intervals(tmp_path):
    did = []

    async def note(store, now):
        did.append(now)
        return "noted"

    async with virtual_node() as node:
        await node.drive(node.start(StoreServer, str(tmp_path / "s.db"), name=STORE))
        await node.start(Jobs, (Job("note", 3 * LOOK_EVERY, note),), name=JOBS)
        for _ in range(8):
            await node.advance(LOOK_EVERY)
            await node.drive(StoreClient(node).databases())
            await node.idle()
        assert 2 <= len(did) <= 3

"""Several processes on one file, and processes that are killed while they write."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
from pathlib import Path

import pytest

from mirliton.actors.store import DocumentNotFound, SqliteStore, opened
from mirliton.actors.store.collation import encode
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.maps import Map

DB = "account/aa/aa/" + "a" * 28
PROGRAM = Path(__file__).with_name("writing_program.py")
DEADLINE = 50.0


async def start(path: Path, name: str, what: str, how_many: int = 0) -> asyncio.subprocess.Process:
    """A process that writes, once it has the store open."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, PROGRAM, str(path), name, what, str(how_many), stdout=asyncio.subprocess.PIPE
    )
    while "ready" not in await line(process):
        pass
    return process


async def line(process) -> dict:
    """The next line of JSON; log lines are passed over. Empty at the end of the output or in a torn line."""
    while True:
        text = await process.stdout.readline()
        if text.startswith(b"{") and text.endswith(b"\n"):
            return json.loads(text)
        if not text:
            return {}


async def kill_after(process, how_many: int) -> list[dict]:
    """Read this many acknowledgments, kill the process with SIGKILL, and return all that it had printed."""
    acknowledged = [await line(process) for _ in range(how_many)]
    process.kill()
    while last := await line(process):
        acknowledged.append(last)
    assert await process.wait() == -9
    return acknowledged


@pytest.mark.timeout(120)
async def test_what_was_acknowledged_survives_kill_9_at_any_moment(tmp_path):
    path = tmp_path / "store.db"
    chance = random.Random(20261124)
    acknowledged: list[dict] = []
    async with asyncio.timeout(100):
        for round in range(8):
            process = await start(path, f"r{round}", "acks")
            acknowledged += await kill_after(process, chance.randrange(1, 800))
    await check(path, acknowledged)


@pytest.mark.timeout(120)
async def test_one_of_two_writers_is_killed_and_the_other_goes_on(tmp_path):
    path = tmp_path / "store.db"
    chance = random.Random(7)
    acknowledged: list[dict] = []
    async with asyncio.timeout(100):
        survivor = await start(path, "survivor", "acks")
        survived = asyncio.create_task(kill_when_told(survivor, told := asyncio.Event()))
        for round in range(4):
            victim = await start(path, f"victim{round}", "acks")
            acknowledged += await kill_after(victim, chance.randrange(1, 300))
        told.set()
        acknowledged += await survived
    assert sum(ack["id"].startswith("survivor") for ack in acknowledged) > 100
    await check(path, acknowledged)


async def kill_when_told(process, told: asyncio.Event) -> list[dict]:
    acknowledged = []
    while not told.is_set():
        acknowledged.append(await line(process))
    return acknowledged + await kill_after(process, 100)


async def check(path: Path, acknowledged: list[dict]) -> None:
    """Every document is at least in the last state acknowledged, the file is whole, and the views are right."""
    last = {ack["id"]: ack for ack in acknowledged}
    assert len(last) > 50
    async with opened(SqliteStore(path)) as store:
        for ack in last.values():
            await check_document(store, ack)
        docs = [row.doc for row in (await store.all_docs(DB, include_docs=True)).rows]
        for view in VIEWS:
            if "account" in view.databases:
                result = await store.view(DB, view.name, reduce=False)
                assert [(row.key, row.value, row.id) for row in result.rows] == by_the_book(view, docs)
                assert result.total_rows == len(result.rows)
    file = sqlite3.connect(path)
    assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    referred = {
        entry["blob"]
        for (text,) in file.execute("SELECT attachments FROM documents WHERE attachments IS NOT NULL")
        for entry in json.loads(text).values()
    }
    assert {blob for (blob,) in file.execute("SELECT id FROM blobs")} == referred
    assert {blob for (blob,) in file.execute("SELECT DISTINCT blob FROM chunks")} == referred
    file.close()


async def check_document(store: SqliteStore, ack: dict) -> None:
    id, generation = ack["id"], int(ack["rev"].split("-")[0])
    try:
        doc = await store.get(DB, id)
    except DocumentNotFound as error:
        # Deleted; the acknowledgment of that may have died with the process.
        assert error.deleted
        assert ack["state"] in ("new", "deleted")
        return
    found = int(doc["_rev"].split("-")[0])
    assert found >= generation
    assert found > generation or doc["_rev"] == ack["rev"]
    assert ack["state"] != "deleted"
    if ack["state"] == "attached":
        assert (await store.get_attachment(DB, id, "file")).data == id.encode() * 5000


def by_the_book(view, docs: list[dict]) -> list[tuple]:
    """The rows that the view must have, worked out from all documents."""
    rows = [(key, value, doc["_id"]) for doc in docs for key, value in Map(view).rows(doc)]
    return sorted(rows, key=lambda row: (encode(row[0]), row[2].encode()))


async def test_two_processes_count_together(tmp_path):
    path = tmp_path / "store.db"
    async with asyncio.timeout(DEADLINE):
        processes = [await start(path, name, "count", 100) for name in ("a", "b")]
        added = [(await line(process))["added"] for process in processes]
        assert [await process.wait() for process in processes] == [0, 0]
    async with opened(SqliteStore(path)) as store:
        assert (await store.get(DB, "counter"))["n"] == sum(added) == 200


async def test_what_one_process_writes_another_reads_at_once(tmp_path):
    path = tmp_path / "store.db"
    async with opened(SqliteStore(path)) as store, asyncio.timeout(DEADLINE):
        process = await start(path, "a", "acks")
        for _ in range(200):
            ack = await line(process)
            await check_document(store, ack)
        process.kill()
        await process.wait()


async def test_a_writer_without_pause_does_not_shut_another_one_out(tmp_path):
    """Turns: while one store writes all the time, another's write waits for a few of its transactions only."""
    path = tmp_path / "store.db"
    async with opened(SqliteStore(path)) as busy, opened(SqliteStore(path)) as modest:
        await busy.create_database("things")
        over = asyncio.Event()

        async def write_on(me: int) -> None:
            n = 0
            while not over.is_set():
                await busy.put("things", {"_id": f"busy-{me}-{n}"})
                n += 1

        writers = [asyncio.create_task(write_on(me)) for me in range(32)]
        while busy.statistics().groups < 10:
            await busy.get_many("things", [])
        before = busy.statistics().groups
        for n in range(30):
            await modest.put("things", {"_id": f"modest-{n}"})
        between = busy.statistics().groups - before
        over.set()
        await asyncio.gather(*writers)
    assert between < 30 * 4, f"{between} transactions of the busy store for 30 of the modest one"

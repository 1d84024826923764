"""Deadlines, bounds, group commit and shutting down: the calling loop never waits, and nobody is told a lie."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from mirliton.actors.store import (
    Conflict,
    DocumentNotFound,
    Emit,
    SqliteStore,
    StoreClosed,
    StoreDamaged,
    StoreOverloaded,
    StoreTimeout,
    StoreUnavailable,
    Tuning,
    View,
    opened,
)
from mirliton.actors.store.expressions import Field
from mirliton.actors.store.sqlite_threads import Threads
from mirliton.actors.store.work import Job, Worker, WorkQueue, run

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@contextmanager
def another_writer(path: Path):
    """Another process holds the write lock for the length of the block."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def things(path: Path, **tuning) -> SqliteStore:
    store = SqliteStore(path, tuning=Tuning(**tuning))
    await store.open()
    await store.create_database("things")
    return store


async def test_a_write_that_could_not_begin_in_time_never_happens(path):
    store = await things(path, timeout=0.2)
    with another_writer(path):
        with pytest.raises(StoreTimeout, match=r"put took longer than 0\.2 s") as caught:
            await store.put("things", {"_id": "a"})
        assert caught.value.outcome == "not done"
    await store.put("things", {"_id": "b"})
    with pytest.raises(DocumentNotFound):
        await store.get("things", "a")
    await store.close()


async def test_reads_do_not_wait_for_a_writer(path):
    store = await things(path)
    await store.put("things", {"_id": "a"})
    with another_writer(path):
        assert (await store.get("things", "a"))["_id"] == "a"
    await store.close()


async def test_a_view_that_cannot_be_built_in_time_is_built_when_it_is_asked_again(path):
    store = await things(path)
    await store.put("things", {"_id": "a", "n": 1})
    await store.close()
    view = View("all/by_n", ("things",), (Emit(key=Field("n")),))
    store = SqliteStore(path, views=[view], tuning=Tuning(timeout=0.3))
    await store.open()
    async with a_busy_writer(store, grace=5.0):
        with pytest.raises(StoreTimeout, match="build all/by_n took longer"):
            await store.view("things", "all/by_n")
    assert [row.id for row in (await store.view("things", "all/by_n")).rows] == ["a"]
    await store.close()


async def test_a_lock_held_for_too_long_is_told(path):
    store = await things(path, lock_timeout=0.2)
    with another_writer(path), pytest.raises(StoreUnavailable, match=r"another process has held its lock for 0\.2 s"):
        await store.put("things", {"_id": "a"})
    await store.put("things", {"_id": "a"})
    await store.close()


async def test_a_cancelled_write_that_waits_never_happens(path):
    store = await things(path)
    with another_writer(path):
        write = asyncio.create_task(store.put("things", {"_id": "a"}))
        await asyncio.sleep(0)
        write.cancel()
        with pytest.raises(asyncio.CancelledError):
            await write
    await store.put("things", {"_id": "b"})
    with pytest.raises(DocumentNotFound):
        await store.get("things", "a")
    await store.close()


@asynccontextmanager
async def a_busy_writer(store: SqliteStore, grace: float | None = None):
    """The store's writer has taken a job and does not get on with it for the length of the block."""
    loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold(session):
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(20)

    held = asyncio.create_task(store._threads.write("hold", hold, timeout=grace))
    await begun.wait()
    try:
        yield
    finally:
        go_on.set()
        await held


async def test_a_full_queue_refuses_at_once_and_recovers(path):
    store = await things(path, queue=10)
    async with a_busy_writer(store):
        waiting = [asyncio.create_task(store.put("things", {"_id": str(n)})) for n in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(StoreOverloaded, match=r"its write queue is full \(10 calls\)"):
            await store.put("things", {"_id": "too much"})
        assert store.statistics().waiting_writes == 10
    await asyncio.gather(*waiting)
    assert (await store.all_docs("things")).total_rows == 10
    await store.close()


async def test_the_queue_is_bounded_in_bytes_too(path):
    store = await things(path, queue_bytes=1000)
    async with a_busy_writer(store):
        large = asyncio.create_task(store.put("things", {"_id": "large", "text": "x" * 5000}))
        await asyncio.sleep(0)
        with pytest.raises(StoreOverloaded, match="1000 bytes"):
            await store.put("things", {"_id": "more", "text": "x" * 10})
    await large
    await store.put("things", {"_id": "more", "text": "x" * 10})
    await store.close()


async def test_writes_that_wait_together_share_one_transaction(path):
    store = await things(path)
    async with a_busy_writer(store):
        writes = [asyncio.create_task(store.put("things", {"_id": str(n)})) for n in range(100)]
        await asyncio.sleep(0)
        before = store.statistics()
    await asyncio.gather(*writes)
    after = store.statistics()
    assert after.writes - before.writes == 101
    assert after.groups - before.groups == 2
    assert after.largest_group == 100
    await store.close()


async def test_a_failure_in_a_group_leaves_the_others_alone(path):
    store = await things(path)
    threads = store._threads

    def half_done_then_broken(session):
        session.execute("INSERT INTO databases (name) VALUES ('half')")
        raise RuntimeError("a bug")

    async with a_busy_writer(store):
        outcomes = [
            asyncio.ensure_future(work)
            for work in (
                store.put("things", {"_id": "before"}),
                threads.write("broken", half_done_then_broken),
                store.put("things", {"_id": "before"}),
                store.put("things", {"_id": "after"}),
            )
        ]
        await asyncio.sleep(0)
    results = await asyncio.gather(*outcomes, return_exceptions=True)
    assert [type(result) for result in results] == [str, RuntimeError, Conflict, str]
    assert await store.databases() == ["things"]
    assert (await store.all_docs("things")).total_rows == 2
    await store.close()


async def test_a_read_that_runs_too_long_is_broken_off_and_the_thread_goes_on(path):
    await (await things(path)).close()
    threads = Threads(str(path), (), Tuning(timeout=0.3, readers=1))
    await threads.start()
    with pytest.raises(StoreTimeout, match="endless took longer"):
        await threads.read("endless", lambda files: files.execute(FOR_EVER).fetchone())
    assert await threads.read("short", lambda files: files.execute("SELECT 7").fetchone()) == (7,)
    await threads.stop(5.0)


async def test_closing_finishes_what_was_taken(path):
    store = await things(path)
    writes = [asyncio.create_task(store.put("things", {"_id": f"{n:03}"})) for n in range(300)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(rev, str) for rev in await asyncio.gather(*writes))
    async with opened(SqliteStore(path)) as again:
        assert (await again.all_docs("things")).total_rows == 300


async def test_closing_breaks_off_what_does_not_end(path):
    await (await things(path)).close()
    threads = Threads(str(path), (), Tuning(readers=1))
    await threads.start()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(files):
        loop.call_soon_threadsafe(begun.set)
        return files.execute(FOR_EVER).fetchone()

    read = asyncio.create_task(threads.read("endless", endless))
    write = asyncio.create_task(threads.write("endless", lambda session: session.execute(FOR_EVER).fetchone()))
    await begun.wait()
    waiting = asyncio.create_task(threads.read("waiting", lambda files: 1))
    await asyncio.sleep(0)
    await threads.stop(0.1)
    for call in (read, write, waiting):
        with pytest.raises(StoreClosed):
            await call


async def test_a_call_on_a_store_that_is_closing_is_refused(path):
    store = await things(path)
    threads = store._threads
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreClosed):
        await store.put("things", {"_id": "a"})
    await closing
    with pytest.raises(StoreClosed):
        await threads.read("late", lambda files: 1)


async def test_no_thread_is_left_behind(path):
    def ours():
        return [thread for thread in threading.enumerate() if thread.name.startswith("store-")]

    for thread in ours():  # those of tests before may still be ending
        await asyncio.to_thread(thread.join, 5)
    before = ours()
    store = await things(path)
    assert len(ours()) == len(before) + 1 + store.tuning.readers
    await store.close()
    broken = path.parent / "broken.db"
    broken.write_text("no database")
    with pytest.raises(StoreDamaged):
        await SqliteStore(broken).open()
    for thread in ours():
        await asyncio.to_thread(thread.join, 5)
    assert ours() == before


async def test_a_thread_that_dies_fails_its_callers_at_once():
    queue = WorkQueue("some.db", "read", jobs=10, weight=10)

    class Mortal(Worker):
        def serve(self, ready):
            ready()
            self.queue.take(1)
            raise MemoryError("no more")

    worker = Mortal("mortal", "some.db", queue)
    worker.start()
    await worker.ready
    with pytest.raises(StoreTimeout) as taken:
        await run(queue, Job("taken", lambda tool: 1, path="some.db", timeout=0.2))
    assert taken.value.outcome == "not done"
    await worker.ended
    with pytest.raises(StoreUnavailable, match="its thread mortal failed: MemoryError"):
        await run(queue, Job("later", lambda tool: 1, path="some.db", timeout=5.0))


async def test_a_job_has_one_fate():
    """Of a thread that would do a job and a deadline that gives it up, one gets it."""
    done_anyway = 0
    for _ in range(200):
        job = Job("race", lambda tool: 1, path="some.db", timeout=1.0)
        barrier = threading.Barrier(2)
        claims = []

        def take(job=job, barrier=barrier, claims=claims):
            barrier.wait()
            claims.append(job.claim())

        thread = threading.Thread(target=take)
        thread.start()
        barrier.wait()
        job.expire()
        thread.join()
        outcome = job.future.exception().outcome
        assert (outcome == "unknown") is claims[0]
        done_anyway += claims[0]
    assert 0 <= done_anyway <= 200


async def test_a_job_that_was_begun_ends_in_an_unknown_outcome_at_its_deadline():
    job = Job("write", lambda tool: 1, path="some.db", timeout=1.0)
    assert job.claim()
    job.expire()
    with pytest.raises(StoreTimeout, match="outcome: unknown"):
        await job.future


async def test_the_loop_runs_on_while_the_store_works(path):
    """During a bulk call, which keeps the writer busy for many milliseconds, the loop takes thousands of turns."""
    store = await things(path)
    turns = 0
    bulk = asyncio.create_task(store.bulk("things", [{"_id": f"{n:04}", "n": list(range(50))} for n in range(2000)]))
    while not bulk.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await bulk) == 2000
    assert turns > 100
    await store.close()

"""Following what changes in a database."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

import couch_server
from eventually import until
from mirliton.actors.store import CouchStore, DatabaseNotFound, StoreDenied, opened
from mirliton.actors.store.changes import Change, follow
from scripted_couch import SILENCE, scripted


@pytest.fixture
def backend() -> str:
    return "couchdb"


class Follower:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[Change] = []
        self.forgotten = 0
        self.fails_at: str | None = None

    async def changed(self, change: Change) -> None:
        if change.id == self.fails_at:
            raise ArithmeticError(change.id)
        self.seen.append(change)

    async def forget(self) -> None:
        self.forgotten += 1

    @property
    def ids(self) -> list[str]:
        return [change.id for change in self.seen]


@contextlib.asynccontextmanager
async def following(store, db, **options):
    follower = Follower()
    task = asyncio.create_task(follow(store, db, follower.changed, forgotten=follower.forget, poll=1.0, **options))
    try:
        yield follower, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_changed_document_is_told_with_its_revision(store, db):
    async with following(store, db, since="0") as (follower, _):
        first = await store.put(db, {"_id": "a", "n": 1})
        await until(lambda: follower.ids == ["a"])
        assert follower.seen == [Change(db, "a", first)]
        second = await store.delete(db, "a", first)
        await until(lambda: len(follower.seen) == 2)
        assert follower.seen[1] == Change(db, "a", second, deleted=True)


async def test_a_follower_goes_on_from_its_checkpoint(store, db):
    await store.bulk(db, [{"_id": f"d{n}"} for n in range(5)])
    async with following(store, db, since="0", checkpoint="export") as (first, _):
        await until(lambda: len(first.seen) == 5)
        await store.put(db, {"_id": "last"})
        await until(lambda: "last" in first.ids)  # the place before it is kept then
    await store.put(db, {"_id": "meanwhile"})
    async with following(store, db, since="0", checkpoint="export") as (second, _):
        await until(lambda: "meanwhile" in second.ids)
        assert set(second.ids) <= {"last", "meanwhile"}
    assert [row.id for row in (await store.all_docs(db)).rows] == [*(f"d{n}" for n in range(5)), "last", "meanwhile"]


async def test_a_change_whose_callback_failed_comes_again(store, db):
    await store.put(db, {"_id": "a"})
    follower = Follower()
    follower.fails_at = "a"
    with pytest.raises(ArithmeticError):
        await follow(store, db, follower.changed, since="0", checkpoint="x", poll=1.0)
    follower.fails_at = None
    async with following(store, db, since="0", checkpoint="x") as (again, _):
        await until(lambda: again.ids == ["a"])


async def test_it_ends_when_the_database_is_deleted(couch_address):
    gone = (404, {"error": "not_found", "reason": "no_db_file"})
    answers = iter([(200, {"results": [], "last_seq": 4}), gone])
    async with scripted(lambda _: next(answers)) as server, opened(CouchStore(couch_address(server.url))) as store:
        with pytest.raises(DatabaseNotFound):
            await follow(store, "things", Follower().changed, since="0")


async def test_many_feeds_take_no_place_in_the_pool(couch_address):
    async with contextlib.AsyncExitStack() as stack:
        answer = scripted(lambda request: SILENCE if "_changes" in request.path else (200, {"rows": []}))
        server = await stack.enter_async_context(answer)
        store = await stack.enter_async_context(opened(CouchStore(couch_address(server.url, pool=1))))
        for _ in range(5):
            await stack.enter_async_context(following(store, "things", since="0"))
        await until(lambda: len(server.asked()) == 5)
        assert await store.get_many("things", []) == []


async def test_a_database_made_anew_is_told_as_forgotten(couch_address):
    places = iter([7, 3, 4])

    def answer(request):
        place = next(places, None)
        return SILENCE if place is None else (200, {"results": [], "last_seq": f"{place}-abc"})

    async with (
        scripted(answer) as server,
        opened(CouchStore(couch_address(server.url))) as store,
        following(store, "things", since="5-abc") as (follower, _),
    ):
        await until(lambda: len(server.asked()) == 4)
        assert follower.forgotten == 1
        assert [request.path.partition("?")[2].partition("&")[0] for request in server.asked()] == [
            "since=5-abc",
            "since=7-abc",
            "since=now",
            "since=4-abc",
        ]


async def test_it_does_not_go_on_where_it_is_refused(couch_address):
    denied = (403, {"error": "forbidden", "reason": "no"})
    async with scripted(lambda _: denied) as server, opened(CouchStore(couch_address(server.url))) as store:
        with pytest.raises(StoreDenied):
            await follow(store, "things", Follower().changed, since="0")


@pytest.mark.timeout(90 if couch_server.is_ready() else couch_server.INSTALL_SECONDS + 90)
async def test_a_restart_of_the_server_is_survived(tmp_path: Path, couch_address):
    with couch_server.running(tmp_path / "couch") as server:
        async with opened(CouchStore(couch_address(server.url, longest_pause=0.2))) as store:
            await store.create_database("things")
            async with following(store, "things", since="0") as (follower, _):
                await store.put("things", {"_id": "before"})
                await until(lambda: "before" in follower.ids)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await store.put("things", {"_id": "after"})
                await until(lambda: "after" in follower.ids)
                assert follower.forgotten == 0

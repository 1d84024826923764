"""What changed in a database, on each backend; and following it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import sys

import pytest

from eventually import until
from mirliton.actors.store import BadQuery, DatabaseNotFound, SqliteStore, StoreError, opened
from mirliton.actors.store.changes import Change, follow


@contextlib.asynccontextmanager
async def following(store, db, **options):
    seen: list[Change] = []
    forgotten: list[str] = []

    async def changed(change: Change) -> None:
        seen.append(change)

    async def forget() -> None:
        forgotten.append(db)

    task = asyncio.create_task(follow(store, db, changed, forgotten=forget, poll=1.0, **options))
    try:
        yield seen, forgotten
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_each_changed_document_is_told_once_with_its_last_revision(store, db):
    first = await store.put(db, {"_id": "a", "n": 1})
    await store.put(db, {"_id": "b"})
    last = await store.put(db, {"_id": "a", "_rev": first, "n": 2})
    found = await store.changes(db, "0")
    assert [(change.id, change.deleted) for change in found.changes] == [("b", False), ("a", False)]
    assert found.changes[1] == Change(db, "a", last)
    gone = await store.delete(db, "a", last)
    assert (await store.changes(db, found.place)).changes == [Change(db, "a", gone, deleted=True)]


async def test_after_the_last_place_there_is_nothing(store, db):
    await store.put(db, {"_id": "a"})
    now = await store.changes(db, "now")
    assert now.changes == []
    assert (await store.changes(db, now.place)).changes == []
    await store.put(db, {"_id": "b"})
    assert [change.id for change in (await store.changes(db, now.place)).changes] == ["b"]


async def test_pages_follow_one_another_without_gap_or_repetition(store, db):
    await store.bulk(db, [{"_id": f"d{n}"} for n in range(25)])
    place, ids = "0", []
    while True:
        page = await store.changes(db, place, limit=10)
        if not page.changes:
            break
        place = page.place
        ids += [change.id for change in page.changes]
    assert sorted(ids) == sorted(f"d{n}" for n in range(25))


async def test_one_that_waits_is_told_when_something_changes(store, db):
    place = (await store.changes(db, "now")).place
    waiting = asyncio.create_task(store.changes(db, place, wait=20.0))
    rev = await store.put(db, {"_id": "a"})
    assert (await waiting).changes == [Change(db, "a", rev)]


async def test_waiting_ends_after_its_time(store, db):
    place = (await store.changes(db, "now")).place
    assert (await store.changes(db, place, wait=0.3)).changes == []


async def test_changes_of_other_databases_are_none_of_it(store, db):
    await store.create_database("others")
    place = (await store.changes(db, "now")).place
    await store.put("others", {"_id": "a"})
    found = await store.changes(db, place, wait=0.6)
    assert found.changes == []
    await store.put(db, {"_id": "b"})
    assert [change.id for change in (await store.changes(db, found.place, wait=5.0)).changes] == ["b"]


async def test_attachments_are_changes_and_view_building_is_none(store):
    await store.create_database("accounts")
    rev = await store.put("accounts", {"_id": "a"})
    place = (await store.changes("accounts", "now")).place
    await store.refresh("accounts")
    assert (await store.changes("accounts", place)).changes == []
    rev = await store.put_attachment("accounts", "a", "f", "text/plain", b"x", rev)
    assert (await store.changes("accounts", place)).changes == [Change("accounts", "a", rev)]


@pytest.mark.parametrize("since", ["", 5, None])
async def test_what_is_no_place_is_refused(store, db, since):
    with pytest.raises(BadQuery):
        await store.changes(db, since)


@pytest.mark.parametrize("options", [{"wait": -1}, {"wait": 1e9}, {"wait": True}, {"limit": 0}, {"limit": 1.5}])
async def test_what_cannot_be_waited_for_is_refused(store, db, options):
    with pytest.raises(BadQuery):
        await store.changes(db, "0", **options)


async def test_a_database_that_is_not_there_has_no_changes(store):
    with pytest.raises(DatabaseNotFound):
        await store.changes("nowhere", "0")


async def test_a_follower_hears_of_everything_after_it_began(store, db):
    await store.put(db, {"_id": "old"})
    async with following(store, db) as (seen, _):
        async with asyncio.timeout(20):
            n = 0
            while not seen:  # written until its feed has begun
                await store.put(db, {"_id": f"new{n}"})
                n += 1
                await asyncio.sleep(0.02)
        assert "old" not in [change.id for change in seen]


class TestSqlite:
    @pytest.fixture
    def backend(self):
        return "sqlite"

    async def test_the_place_of_another_database_of_the_name_is_refused(self, store, db):
        await store.put(db, {"_id": "a"})
        place = (await store.changes(db, "0")).place
        await store.delete_database(db)
        await store.create_database(db)
        with pytest.raises(StoreError):
            await store.changes(db, place)

    async def test_a_follower_of_a_database_made_anew_forgets_all(self, store, db):
        await store.put(db, {"_id": "a"})
        async with following(store, db, since="0") as (seen, forgotten):
            await until(lambda: len(seen) == 1)
            # In one transaction for all who look: nobody sees that it was gone.
            async with asyncio.timeout(10):
                await asyncio.gather(store.delete_database(db), store.create_database(db))
                n = 0
                while len(seen) == 1:
                    await store.put(db, {"_id": f"b{n}"})
                    n += 1
                    await asyncio.sleep(0.05)
            assert forgotten == [db]

    async def test_no_checkpoint_is_kept(self, store, db):
        with pytest.raises(BadQuery):
            await follow(store, db, None, checkpoint="x")

    async def test_a_file_of_before_has_each_document_as_one_change(self, tmp_path):
        path = tmp_path / "old.db"
        async with opened(SqliteStore(path)) as store:
            await store.create_database("things")
            await store.put("things", {"_id": "a"})
        file = sqlite3.connect(path)
        for trigger in ("document_made", "document_changed", "document_removed"):
            file.execute(f"DROP TRIGGER {trigger}")
        file.execute("DROP TABLE changes")
        file.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
        file.commit()
        file.close()
        async with opened(SqliteStore(path)) as store:
            found = await store.changes("things", "0")
            assert [change.id for change in found.changes] == ["a"]
            rev = await store.put("things", {"_id": "b"})
            assert (await store.changes("things", found.place)).changes == [Change("things", "b", rev)]

    @pytest.mark.timeout(60)
    async def test_what_another_process_writes_is_told(self, tmp_path):
        path = tmp_path / "store.db"
        program = (
            "import asyncio, sys\n"
            "from mirliton.actors.store import SqliteStore, opened\n"
            "async def main():\n"
            "    async with opened(SqliteStore(sys.argv[1])) as store:\n"
            "        for n in range(20):\n"
            "            await store.put('things', {'_id': f'd{n}'})\n"
            "asyncio.run(main())\n"
        )
        async with opened(SqliteStore(path)) as store:
            await store.create_database("things")
            async with following(store, "things", since="0") as (seen, _):
                process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))
                assert await process.wait() == 0
                await until(lambda: len(seen) == 20)
                assert [change.id for change in seen] == [f"d{n}" for n in range(20)]

    async def test_the_number_of_a_removed_change_is_not_used_again(self, store, db):
        """Else what is written next would lie before the place of who has seen the removed one."""
        await store.create_database("others")
        await store.put("others", {"_id": "x"})
        place = (await store.changes(db, "now")).place
        await store.delete_database("others")
        await store.put(db, {"_id": "a"})
        assert [change.id for change in (await store.changes(db, place)).changes] == ["a"]

    async def test_places_are_text_that_goes_through_json(self, store, db):
        place = (await store.changes(db, "now")).place
        assert json.loads(json.dumps(place)) == place

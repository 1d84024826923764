"""Many documents in one call, and what became of each."""

import pytest

from mirliton.actors.store import BulkRow, InvalidDocument
from mirliton.actors.store.revisions import parse


async def test_two_thousand_documents_in_one_call(store, db):
    rows = await store.bulk(db, [{"_id": f"{n:04}", "n": n} for n in range(2000)])
    assert [row.id for row in rows] == [f"{n:04}" for n in range(2000)]
    assert all(row.error is None and parse(row.rev).generation == 1 for row in rows)
    docs = await store.get_many(db, [f"{n:04}" for n in range(2000)])
    assert [doc["n"] for doc in docs] == list(range(2000))


async def test_each_row_has_its_own_outcome(store, db):
    old = await store.put(db, {"_id": "there"})
    rows = await store.bulk(
        db,
        [
            {"_id": "new"},
            {"_id": "there"},
            {"_id": "ghost", "_rev": old},
            {"_id": "keeps", "_attachments": {"f": {"stub": True}}},
            {"_id": "last"},
        ],
    )
    assert [row.error for row in rows] == [None, "conflict", "conflict", "missing_stub", None]
    assert [row.rev is None for row in rows] == [False, True, True, True, False]
    assert [row.id for row in (await store.all_docs(db)).rows] == ["last", "new", "there"]


async def test_the_second_of_two_same_documents_is_in_conflict(store, db):
    first, second = await store.bulk(db, [{"_id": "a", "n": 1}, {"_id": "a", "n": 2}])
    assert (first.error, second) == (None, BulkRow("a", error="conflict"))
    assert (await store.get(db, "a"))["n"] == 1


async def test_updates_and_tombstones_in_bulk(store, db):
    made = await store.bulk(db, [{"_id": id, "n": 1} for id in "ab"])
    changed = await store.bulk(
        db, [{"_id": "a", "_rev": made[0].rev, "n": 2}, {"_id": "b", "_rev": made[1].rev, "_deleted": True}]
    )
    assert [parse(row.rev).generation for row in changed] == [2, 2]
    assert [doc and doc["n"] for doc in await store.get_many(db, ["a", "b"])] == [2, None]


async def test_a_document_that_cannot_be_stored_refuses_the_whole_call(store, db):
    with pytest.raises(
        InvalidDocument, match="document 'bad' cannot be stored: nan is not a JSON number at 'x\\[1\\]'"
    ):
        await store.bulk(db, [{"_id": "good"}, {"_id": "bad", "x": [1, float("nan")]}])
    assert (await store.all_docs(db)).rows == []


async def test_an_empty_bulk_call_is_nothing(store, db):
    assert await store.bulk(db, []) == []

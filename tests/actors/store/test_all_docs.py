"""All documents of a database by id."""

import pytest

from mirliton.actors.store import BadQuery, Limits, TooLarge


@pytest.fixture
async def letters(store, db):
    """Documents a to e, of which c was deleted."""
    for id in "edcba":
        rev = await store.put(db, {"_id": id, "is": id})
        if id == "c":
            await store.delete(db, id, rev)
    return db


def ids(result):
    return "".join(row.id or "-" for row in result.rows)


async def test_all_in_order_with_revisions(store, letters):
    result = await store.all_docs(letters)
    assert ids(result) == "abde"
    assert (result.total_rows, result.offset) == (4, 0)
    row = result.rows[0]
    assert (row.key, row.value) == ("a", {"rev": (await store.get(letters, "a"))["_rev"]})
    assert row.doc is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"startkey": "b"}, "bde"),
        ({"endkey": "d"}, "abd"),
        ({"endkey": "d", "inclusive_end": False}, "ab"),
        ({"startkey": "b", "endkey": "d"}, "bd"),
        ({"descending": True}, "edba"),
        ({"descending": True, "startkey": "d"}, "dba"),
        ({"descending": True, "startkey": "d", "endkey": "b"}, "db"),
        ({"descending": True, "startkey": "d", "endkey": "b", "inclusive_end": False}, "d"),
        ({"limit": 2}, "ab"),
        ({"limit": 2, "skip": 1}, "bd"),
        ({"limit": 0}, ""),
        ({"skip": 9}, ""),
        ({"startkey": "b", "limit": 1, "skip": 1}, "d"),
    ],
)
async def test_ranges_and_pages(store, letters, query, expected):
    assert ids(await store.all_docs(letters, **query)) == expected


async def test_ids_compare_by_code_point_not_by_dictionary(store, db, stand_in):
    ids = ["1", "B", "a", "b", "é"] + ([] if stand_in else ["\uffee", "\U0001f3b7"])
    for id in reversed(ids):
        await store.put(db, {"_id": id})
    assert [row.id for row in (await store.all_docs(db)).rows] == ids


async def test_keys_give_a_row_each(store, letters):
    result = await store.all_docs(letters, keys=["d", "c", "never", "a", "d"], include_docs=True)
    assert [row.key for row in result.rows] == ["d", "c", "never", "a", "d"]
    assert [row.error for row in result.rows] == [None, "not_found", "not_found", None, None]
    assert [row.doc and row.doc["is"] for row in result.rows] == ["d", None, None, "a", "d"]
    assert ids(await store.all_docs(letters, keys=["d", "c", "a"], skip=1, limit=1)) == "-"


async def test_documents_can_be_included(store, letters):
    result = await store.all_docs(letters, include_docs=True)
    assert [row.doc for row in result.rows] == [await store.get(letters, id) for id in "abde"]


@pytest.mark.parametrize(
    "query",
    [
        {"keys": ["a"], "startkey": "a"},
        {"limit": -1},
        {"skip": -1},
        {"limit": True},
        {"startkey": "\ud800"},
        {"endkey": 7},
    ],
)
async def test_contradictions_are_refused(store, letters, query):
    with pytest.raises(BadQuery):
        await store.all_docs(letters, **query)


async def test_an_answer_beyond_the_bound_must_be_paged(open_store):
    store = await open_store(limits=Limits(view_rows=3))
    await store.create_database("things")
    await store.bulk("things", [{"_id": id} for id in "abcd"])
    for limit in (None, 4):
        with pytest.raises(TooLarge, match="ask with a smaller limit"):
            await store.all_docs("things", limit=limit)
    assert len((await store.all_docs("things", limit=3)).rows) == 3

"""Documents with contradicting revisions, as a cluster has them after its parts were apart."""

from __future__ import annotations

import base64

import orjson
import pytest

from mirliton.actors.store import Conflict, DatabaseNotFound, DocumentNotFound
from mirliton.actors.store.couch_conflicts import conflicting, newest, settle


@pytest.fixture
def backend() -> str:
    return "couchdb"


async def apart(store, db, id, *bodies):
    """The document with all of these as revisions of one generation, as a replication leaves them."""
    docs = [{"_id": id, "_rev": f"1-{n:032x}", **body} for n, body in enumerate(bodies, 1)]
    body = orjson.dumps({"new_edits": False, "docs": docs})
    assert (await store.line.write("test", "POST", db, "_bulk_docs", body=body)).ok


async def found(store, db):
    return [id async for id in conflicting(store, db)]


async def test_the_newest_wins_and_nothing_contradicts_it_any_more(store, db):
    await store.put(db, {"_id": "fine", "n": 0})
    await apart(
        store, db, "a", {"n": 1, "pvt_modified": 30}, {"n": 2, "pvt_modified": 50}, {"n": 3, "pvt_modified": 40}
    )
    assert await found(store, db) == ["a"]
    settled = await settle(store, db, "a")
    assert (settled["n"], settled) == (2, await store.get(db, "a"))
    assert await found(store, db) == []
    assert await settle(store, db, "a") == settled
    assert await settle(store, db, "fine") == await store.get(db, "fine")


async def test_a_merge_of_ones_own_sees_all_revisions(store, db):
    await apart(store, db, "a", {"tags": ["x"]}, {"tags": ["y"]}, {"tags": ["z"]})

    def together(shown, others):
        return {**shown, "tags": sorted(tag for doc in (shown, *others) for tag in doc["tags"])}

    assert (await settle(store, db, "a", together))["tags"] == ["x", "y", "z"]
    assert (await store.get(db, "a"))["tags"] == ["x", "y", "z"]


async def test_the_files_of_all_revisions_are_kept(store, db):
    def a_file(text):
        return {"content_type": "text/plain", "data": base64.b64encode(text).decode()}

    await apart(
        store,
        db,
        "a",
        {"pvt_modified": 9, "_attachments": {"same": a_file(b"same"), "first": a_file(b"1"), "both": a_file(b"newer")}},
        {"pvt_modified": 1, "_attachments": {"same": a_file(b"same"), "second": a_file(b"2"), "both": a_file(b"old")}},
    )
    settled = await settle(store, db, "a")
    assert sorted(settled["_attachments"]) == ["both", "first", "same", "second"]
    for name, data in (("same", b"same"), ("first", b"1"), ("second", b"2"), ("both", b"newer")):
        assert (await store.get_attachment(db, "a", name)).data == data
    assert await found(store, db) == []


async def test_a_write_in_between_is_not_lost(store, db):
    await apart(store, db, "a", {"n": 1}, {"n": 2})
    put = store.put
    meddled = False

    async def meddle(where, doc):
        nonlocal meddled
        if not meddled:
            meddled = True
            await put(where, {**await store.get(where, "a"), "theirs": True})
        return await put(where, doc)

    store.put = meddle
    settled = await settle(store, db, "a", lambda shown, others: shown)
    assert settled["theirs"]
    assert await found(store, db) == []


async def test_it_gives_up_where_others_keep_writing(store, db):
    await apart(store, db, "a", {"n": 1}, {"n": 2})

    async def lose(where, doc):
        raise Conflict(where, doc["_id"], doc["_rev"], "2-" + "0" * 32)

    store.put = lose
    with pytest.raises(Conflict):
        await settle(store, db, "a")


async def test_what_is_not_there_is_said(store, db):
    with pytest.raises(DocumentNotFound):
        await settle(store, db, "none")
    with pytest.raises(DatabaseNotFound):
        await settle(store, "nowhere", "none")
    with pytest.raises(DatabaseNotFound):
        await found(store, "nowhere")


def test_of_equals_the_one_shown_is_kept():
    assert newest({"n": 1}, [{"n": 2}]) == {"n": 1}
    assert newest({"n": 1, "pvt_modified": "x"}, [{"n": 2, "pvt_modified": 5}])["n"] == 2

"""One document: stored, read, changed, in conflict, deleted, made again."""

import re

import pytest

from mirliton.actors.store import Conflict, DocumentNotFound, InvalidDocument, InvalidName, Limits, TooLarge
from mirliton.actors.store.revisions import parse


async def test_a_document_comes_back_as_it_was_stored(store, db, stand_in):
    largest, smallest = (2**53 - 1, -(2**53) + 1) if stand_in else (2**63 - 1, -(2**63))
    doc = {
        "_id": "all",
        "null": None,
        "true": True,
        "integers": [0, -1, largest, smallest],
        "floats": [1.5, -0.25, 1e300],
        "text": 'é \U0001f3b7 \\ " \u2028',
        "deep": {"a": {"b": [{"c": {}}, []]}},
        "": "the empty name",
    }
    rev = await store.put(db, doc)
    found = await store.get(db, "all")
    assert found == {**doc, "_rev": rev}
    assert list(found)[:2] == ["_id", "_rev"]


async def test_revisions_count_and_name_the_edit(store, db, stand_in):
    first = await store.put(db, {"_id": "a", "n": 1})
    assert re.fullmatch(r"1-[0-9a-f]{32}", first)
    second = await store.put(db, {"_id": "a", "n": 2, "_rev": first})
    assert re.fullmatch(r"2-[0-9a-f]{32}", second)
    same_edit_elsewhere = await store.put(db, {"_id": "b", "n": 1})
    assert same_edit_elsewhere == first or stand_in
    assert await store.put(db, {"_id": "c", "n": 2}) != first


async def test_a_stale_revision_is_a_conflict_and_changes_nothing(store, db):
    first = await store.put(db, {"_id": "a", "n": 1})
    second = await store.put(db, {"_id": "a", "n": 2, "_rev": first})
    with pytest.raises(Conflict) as caught:
        await store.put(db, {"_id": "a", "n": 3, "_rev": first})
    assert (caught.value.id, caught.value.given, caught.value.current) == ("a", first, second)
    assert (await store.get(db, "a"))["n"] == 2


async def test_an_existing_document_is_not_overwritten_without_its_revision(store, db):
    rev = await store.put(db, {"_id": "a"})
    with pytest.raises(Conflict, match=f"is at revision {rev}, the change was made from none"):
        await store.put(db, {"_id": "a"})


@pytest.mark.parametrize("rev", ["1-" + "0" * 32, "", "nonsense", "0-0", "1-ABC", "9" * 5000 + "-" + "0" * 32])
async def test_a_revision_of_nothing_is_a_conflict(store, db, rev):
    with pytest.raises(Conflict):
        await store.put(db, {"_id": "a", "_rev": rev})
    await store.put(db, {"_id": "a"})
    with pytest.raises(Conflict):
        await store.put(db, {"_id": "a", "_rev": rev})
    with pytest.raises(Conflict):
        await store.delete(db, "a", rev)


async def test_a_deleted_document_leaves_a_tombstone_and_can_be_made_again(store, db):
    first = await store.put(db, {"_id": "a", "n": 1})
    tombstone = await store.delete(db, "a", first)
    assert parse(tombstone).generation == 2
    with pytest.raises(DocumentNotFound, match="was deleted") as caught:
        await store.get(db, "a")
    assert caught.value.deleted
    third = await store.put(db, {"_id": "a", "n": 3})
    assert parse(third).generation == 3
    assert (await store.get(db, "a"))["n"] == 3


async def test_a_tombstone_may_be_named_when_the_document_is_made_again(store, db):
    tombstone = await store.delete(db, "a", await store.put(db, {"_id": "a"}))
    assert parse(await store.put(db, {"_id": "a", "_rev": tombstone})).generation == 3


async def test_a_document_that_never_was_is_told_from_a_deleted_one(store, db):
    with pytest.raises(DocumentNotFound, match="does not exist") as caught:
        await store.get(db, "never")
    assert not caught.value.deleted
    with pytest.raises(DocumentNotFound):
        await store.delete(db, "never", "1-" + "0" * 32)


async def test_deleting_twice_is_not_found(store, db):
    rev = await store.put(db, {"_id": "a"})
    await store.delete(db, "a", rev)
    with pytest.raises(DocumentNotFound):
        await store.delete(db, "a", rev)


async def test_a_put_with_deleted_is_a_delete(store, db):
    rev = await store.put(db, {"_id": "a", "n": 1})
    await store.put(db, {"_id": "a", "_rev": rev, "_deleted": True})
    with pytest.raises(DocumentNotFound, match="was deleted"):
        await store.get(db, "a")


async def test_many_documents_are_read_in_the_order_asked(store, db):
    for id in "abc":
        await store.put(db, {"_id": id, "is": id})
    await store.delete(db, "b", (await store.get(db, "b"))["_rev"])
    found = await store.get_many(db, ["c", "b", "never", "a", "c"])
    assert [doc and doc["is"] for doc in found] == ["c", None, None, "a", "c"]
    assert await store.get_many(db, []) == []


@pytest.mark.parametrize(
    "id",
    [
        "",
        ".",
        "..",
        "_design/x",
        "_local/x",
        "a\x00",
        "a\nb",
        "a\x7f",
        "a\x85",
        "\udfff",
        "é" * 513,
        "a" * 1_000_000,
        7,
        b"a",
    ],
)
async def test_hostile_ids_are_refused_everywhere(store, db, id):
    for call in (
        store.put(db, {"_id": id}),
        store.get(db, id),
        store.get_many(db, ["fine", id]),
        store.delete(db, id, "1-" + "0" * 32),
        store.bulk(db, [{"_id": "fine"}, {"_id": id}]),
        store.all_docs(db, keys=[id]),
        store.put_attachment(db, id, "f", "text/plain", b""),
        store.get_attachment(db, id, "f"),
    ):
        with pytest.raises(InvalidName) as caught:
            await call
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300
    assert (await store.all_docs(db)).rows == []


@pytest.mark.parametrize("id", ["../../etc/passwd", "a/b?c#d%2F", "'; DROP TABLE documents; --", "é\U0001f3b7", " "])
async def test_strange_but_harmless_ids_are_kept_as_they_are(store, db, id):
    await store.put(db, {"_id": id, "is": "here"})
    assert (await store.get(db, id))["is"] == "here"
    assert [row.id for row in (await store.all_docs(db)).rows] == [id]


async def test_a_document_without_id_is_refused(store, db):
    with pytest.raises(InvalidDocument, match="it has no id"):
        await store.put(db, {"name": "x"})


async def test_sizes_beyond_the_limit_are_refused(open_store):
    store = await open_store(limits=Limits(document=1000, bulk=1500, bulk_rows=3))
    await store.create_database("things")
    with pytest.raises(TooLarge) as caught:
        await store.put("things", {"_id": "a", "text": "x" * 1000})
    assert caught.value.limit == 1000
    with pytest.raises(TooLarge, match="the bulk call is too large"):
        await store.bulk("things", [{"_id": id, "text": "x" * 800} for id in "ab"])
    with pytest.raises(TooLarge, match="4 documents, the limit is 3"):
        await store.bulk("things", [{"_id": id} for id in "abcd"])
    with pytest.raises(TooLarge):
        await store.get_many("things", list("abcd"))
    assert (await store.all_docs("things")).rows == []


async def test_a_document_near_the_default_limit_is_stored(store, db):
    doc = {"_id": "big", "rows": [{"text": "x" * 990} for _ in range(7900)]}
    await store.put(db, doc)
    assert len((await store.get(db, "big"))["rows"]) == 7900
    with pytest.raises(TooLarge):
        await store.put(db, {"_id": "bigger", "text": "x" * 8_000_001})


async def test_a_text_is_no_list_of_ids(store, db):
    for call in (store.get_many(db, "abc"), store.all_docs(db, keys="abc")):
        with pytest.raises(InvalidName, match="a list of ids is wanted"):
            await call

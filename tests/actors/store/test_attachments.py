"""Files kept with documents."""

import base64
import hashlib

import pytest

from mirliton.actors.store import (
    AttachmentNotFound,
    Conflict,
    DocumentNotFound,
    InvalidDocument,
    InvalidName,
    Limits,
    TooLarge,
)
from mirliton.actors.store.revisions import parse

WAV = b"RIFF" + bytes(range(256)) * 4


async def test_an_attachment_comes_back_with_its_facts(store, db):
    rev = await store.put(db, {"_id": "m", "name": "greeting"})
    rev = await store.put_attachment(db, "m", "greeting.wav", "audio/x-wav", WAV, rev)
    found = await store.get_attachment(db, "m", "greeting.wav")
    digest = "md5-" + base64.b64encode(hashlib.md5(WAV).digest()).decode()
    assert (found.name, found.content_type, found.data) == ("greeting.wav", "audio/x-wav", WAV)
    assert (found.digest, found.length, found.revpos) == (digest, len(WAV), 2)
    assert await store.get(db, "m") == {
        "_id": "m",
        "_rev": rev,
        "name": "greeting",
        "_attachments": {
            "greeting.wav": {
                "content_type": "audio/x-wav",
                "revpos": 2,
                "digest": digest,
                "length": len(WAV),
                "stub": True,
            }
        },
    }


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 3_000_000])
async def test_any_size_comes_back_whole(store, db, size):
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    await store.put_attachment(db, "m", "f", "application/octet-stream", data)
    found = await store.get_attachment(db, "m", "f")
    assert found.data == data
    assert found.length == size


async def test_an_attachment_makes_a_document_that_is_not_there(store, db):
    rev = await store.put_attachment(db, "m", "f", "text/plain", b"x")
    assert parse(rev).generation == 1
    with pytest.raises(Conflict):
        await store.put_attachment(db, "m", "g", "text/plain", b"y")
    tombstone = await store.delete(db, "m", rev)
    rev = await store.put_attachment(db, "m", "g", "text/plain", b"z")
    assert parse(rev).generation == parse(tombstone).generation + 1
    assert list((await store.get(db, "m"))["_attachments"]) == ["g"]


async def test_a_document_written_back_keeps_its_attachments(store, db):
    await store.put_attachment(db, "m", "f", "text/plain", b"x")
    doc = await store.get(db, "m")
    await store.put(db, {**doc, "name": "new"})
    assert (await store.get_attachment(db, "m", "f")).data == b"x"
    assert (await store.get_attachment(db, "m", "f")).revpos == 1


async def test_what_is_not_listed_is_dropped(store, db):
    rev = await store.put_attachment(db, "m", "f", "text/plain", b"x")
    rev = await store.put_attachment(db, "m", "g", "text/plain", b"y", rev)
    stubs = (await store.get(db, "m"))["_attachments"]
    rev = await store.put(db, {"_id": "m", "_rev": rev, "_attachments": {"g": stubs["g"]}})
    with pytest.raises(AttachmentNotFound):
        await store.get_attachment(db, "m", "f")
    assert (await store.get_attachment(db, "m", "g")).data == b"y"
    await store.put(db, {"_id": "m", "_rev": rev})
    assert "_attachments" not in await store.get(db, "m")


async def test_a_replaced_attachment_has_its_new_data_only(store, db):
    rev = await store.put_attachment(db, "m", "f", "text/plain", b"old")
    await store.put_attachment(db, "m", "f", "text/html", b"newer", rev)
    found = await store.get_attachment(db, "m", "f")
    assert (found.data, found.content_type, found.revpos) == (b"newer", "text/html", 2)


async def test_an_attachment_can_be_deleted(store, db):
    rev = await store.put_attachment(db, "m", "f", "text/plain", b"x")
    with pytest.raises(Conflict):
        await store.delete_attachment(db, "m", "f", "1-" + "0" * 32)
    rev = await store.delete_attachment(db, "m", "f", rev)
    assert (await store.get(db, "m")) == {"_id": "m", "_rev": rev}
    with pytest.raises(AttachmentNotFound):
        await store.delete_attachment(db, "m", "f", rev)


async def test_what_is_missing_is_said(store, db):
    with pytest.raises(DocumentNotFound):
        await store.get_attachment(db, "m", "f")
    rev = await store.put(db, {"_id": "m"})
    with pytest.raises(AttachmentNotFound, match="document 'm' in 'things' has no attachment 'f'"):
        await store.get_attachment(db, "m", "f")
    with pytest.raises(AttachmentNotFound):
        await store.put(db, {"_id": "m", "_rev": rev, "_attachments": {"f": {"stub": True}}})


async def test_a_stale_revision_is_a_conflict(store, db):
    rev = await store.put_attachment(db, "m", "f", "text/plain", b"x")
    await store.put_attachment(db, "m", "g", "text/plain", b"y", rev)
    with pytest.raises(Conflict):
        await store.put_attachment(db, "m", "h", "text/plain", b"z", rev)


async def test_too_much_is_refused(open_store):
    store = await open_store(limits=Limits(attachment=10))
    await store.create_database("things")
    with pytest.raises(TooLarge, match="11 bytes, the limit is 10"):
        await store.put_attachment("things", "m", "f", "text/plain", b"x" * 11)


@pytest.mark.parametrize("name", ["", ".", "..", "_x", "a\nb", "a\x00", "\ud800", "a" * 513, None])
async def test_hostile_attachment_names_are_refused(store, db, name):
    with pytest.raises(InvalidName):
        await store.put_attachment(db, "m", name, "text/plain", b"")
    with pytest.raises(InvalidName):
        await store.get_attachment(db, "m", name)


@pytest.mark.parametrize("content_type", ["", "a\r\nX-Evil: 1", "é", "a" * 256, None])
async def test_hostile_content_types_are_refused(store, db, content_type):
    with pytest.raises(InvalidName, match="content type"):
        await store.put_attachment(db, "m", "f", content_type, b"")


@pytest.mark.parametrize(
    "attachments",
    [[], "x", {"f": {}}, {"f": {"data": "eA==", "content_type": "text/plain"}}, {"f": None}, {"a\nb": {"stub": True}}],
)
async def test_a_document_may_only_list_stubs(store, db, attachments):
    with pytest.raises(InvalidDocument):
        await store.put(db, {"_id": "m", "_attachments": attachments})


@pytest.mark.parametrize("data", ["text", 5, None, [1, 2]])
async def test_data_is_bytes(store, db, data):
    with pytest.raises(InvalidDocument, match="its data must be bytes"):
        await store.put_attachment(db, "m", "f", "text/plain", data)
    await store.put_attachment(db, "m", "f", "text/plain", bytearray(b"x"))
    assert (await store.get_attachment(db, "m", "f")).data == b"x"

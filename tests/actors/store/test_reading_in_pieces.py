"""Attachments read piece by piece: the same bytes as whole, and never those of two files."""

from __future__ import annotations

import random

import pytest

from mirliton.actors.store import AttachmentNotFound, DocumentNotFound
from mirliton.actors.store.attachments import PIECE, open_attachment
from mirliton.actors.store.errors import AttachmentChanged, DatabaseNotFound

DATA = random.Random(5).randbytes(3 * PIECE + 1234)


async def read(file, *span):
    return b"".join([piece async for piece in file.pieces(*span)])


async def test_the_pieces_are_the_file(store, db):
    await store.put_attachment(db, "m", "f", "audio/mpeg", DATA)
    file = await open_attachment(store, db, "m", "f")
    whole = await store.get_attachment(db, "m", "f")
    assert (file.length, file.content_type) == (len(DATA), "audio/mpeg")
    assert file.digest == whole.digest
    assert await read(file) == DATA


async def test_any_span_is_what_is_there(store, db):
    await store.put_attachment(db, "m", "f", "audio/mpeg", DATA)
    file = await open_attachment(store, db, "m", "f")
    chance = random.Random(7)
    edges = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(DATA) - 1, len(DATA), len(DATA) + 9]
    spans = [(start, stop) for start in edges for stop in edges]
    spans += [(chance.randrange(len(DATA)), chance.randrange(len(DATA))) for _ in range(20)]
    for start, stop in chance.sample(spans, 30):
        assert await read(file, start, stop) == DATA[start:stop], (start, stop)


async def test_no_piece_is_larger_than_was_asked(store, db):
    await store.put_attachment(db, "m", "f", "audio/mpeg", DATA)
    part = await store.get_part(db, "m", "f", 10, 100)
    assert (part.data, part.length) == (DATA[10:110], len(DATA))
    assert (await store.get_part(db, "m", "f", len(DATA) - 3, 100)).data == DATA[-3:]
    assert (await store.get_part(db, "m", "f", len(DATA) + 3, 100)).data == b""
    file = await open_attachment(store, db, "m", "f")
    assert max([len(piece) async for piece in file.pieces()]) <= PIECE


async def test_an_empty_file_has_no_pieces(store, db):
    await store.put_attachment(db, "m", "f", "audio/mpeg", b"")
    file = await open_attachment(store, db, "m", "f")
    assert (file.length, await read(file)) == (0, b"")


async def test_a_file_that_is_replaced_is_not_read_on(store, db):
    rev = await store.put_attachment(db, "m", "f", "audio/mpeg", DATA)
    file = await open_attachment(store, db, "m", "f")
    await store.put_attachment(db, "m", "f", "audio/mpeg", DATA[::-1], rev)
    with pytest.raises(AttachmentChanged):
        await read(file)


async def test_what_is_not_there_is_told(store, db):
    for place, error in (((db, "none"), DocumentNotFound), (("nowhere", "m"), DatabaseNotFound)):
        with pytest.raises(error):
            await open_attachment(store, *place, "f")
    await store.put(db, {"_id": "m"})
    with pytest.raises(AttachmentNotFound):
        await open_attachment(store, db, "m", "f")

"""Copies between stores, exports and imports: whole, resumable, and nothing is overwritten unasked."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from mirliton.actors.store import Limits, SqliteStore, Store, StoreInterrupted, StoreUnavailable, opened
from mirliton.actors.store.moving import DamagedExport, copy, export, load
from mirliton.actors.store.names import account_db

OWN = account_db("4f3a" + "0" * 28)
WAV = b"RIFF" + bytes(range(256)) * 500

# As Kazoo 5 writes them, with members that mean nothing to us.
KAZOO = [
    {
        "_id": "4f3a" + "0" * 28,
        "name": "Büro & Söhne",
        "realm": "a1b2c3.sip.example.com",
        "timezone": "Europe/Berlin",
        "notifications": {"low_balance": {"enabled": False, "threshold": 5.25}},
        "pvt_account_id": "4f3a" + "0" * 28,
        "pvt_account_db": "account%2F4f%2F3a%2F" + "0" * 28,
        "pvt_type": "account",
        "pvt_tree": ["b" * 32],
        "pvt_created": 63800000000,
        "pvt_modified": 63800000001,
        "pvt_vsn": "1",
        "pvt_node": "kazoo_apps@apps.example.com",
        "pvt_request_id": "0123456789abcdef",
        "pvt_document_hash": "d41d8cd98f00b204e9800998ecf8427e",
        "pvt_alphanum_name": "brosohne",
        "pvt_wnm_allow_additions": False,
    },
    {
        "_id": "callflow-1",
        "numbers": ["+4930123456", "*97"],
        "patterns": [],
        "flow": {"module": "menu", "data": {"id": "m"}, "children": {"1": {"module": "user", "data": {}}, "_": None}},
        "metadata": {"m": {"name": "x", "pvt_type": "menu"}},
        "pvt_type": "callflow",
    },
    {"_id": "deleted-softly", "pvt_type": "device", "pvt_deleted": True, "sip": {"password": "ü%/?#"}},
]


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[Store]:
    """A second store, always an embedded one."""
    async with opened(SqliteStore(tmp_path / "other.db")) as store:
        yield store


@pytest.fixture(params=["there", "back"])
async def pair(request, store, other) -> tuple[Store, Store]:
    """A source and a target; one of them is the backend that is tested."""
    return (store, other) if request.param == "there" else (other, store)


async def furnish(store: Store) -> None:
    for db in (OWN, "system_config"):
        await store.create_database(db)
    await store.bulk(OWN, KAZOO)
    await store.bulk("system_config", [{"_id": f"c{n:03}", "default": {"n": n}} for n in range(250)])
    rev = await store.put_attachment(OWN, "media", "greeting 1/2.wav", "audio/x-wav", WAV)
    rev = await store.put_attachment(OWN, "media", "note.txt", "text/plain", b"text " * 1000, rev)
    await store.put(OWN, {**await store.get(OWN, "media"), "pvt_type": "media", "_rev": rev})
    await store.delete(OWN, "gone", await store.put(OWN, {"_id": "gone"}))


async def content(store: Store) -> dict[str, dict[str, object]]:
    """All that a store has but revisions, which are made anew."""
    found: dict[str, dict[str, object]] = {}
    for db in await store.databases():
        docs = [row.doc or {} for row in (await store.all_docs(db, include_docs=True)).rows]
        found[db] = {}
        for doc in docs:
            files = [await store.get_attachment(db, doc["_id"], name) for name in doc.pop("_attachments", {})]
            found[db][doc["_id"]] = {name: value for name, value in doc.items() if name != "_rev"}
            found[db] |= {f"{doc['_id']} {file.name}": (file.content_type, file.data) for file in files}
    return found


async def test_a_copy_has_every_document_and_attachment(pair):
    source, target = pair
    await furnish(source)
    tally = await copy(source, target)
    assert await content(target) == await content(source)
    assert (tally.databases, tally.documents, tally.attachments, tally.same) == (2, 254, 2, 0)
    assert await target.get(OWN, "callflow-1") == KAZOO[1] | {"_rev": (await target.get(OWN, "callflow-1"))["_rev"]}
    again = await copy(source, target)
    assert (again.documents, again.attachments, again.same, again.differing) == (0, 0, 254, [])


async def test_only_databases_of_a_prefix(pair):
    source, target = pair
    await furnish(source)
    await copy(source, target, prefix="account/")
    assert await target.databases() == [OWN]


async def test_what_differs_is_listed_and_left_alone_unless_asked_for(pair):
    source, target = pair
    await furnish(source)
    await copy(source, target)
    doc = await target.get(OWN, "callflow-1")
    await target.put(OWN, {**doc, "numbers": ["mine"]})
    media = await target.get(OWN, "media")
    await target.put_attachment(OWN, "media", "note.txt", "text/plain", b"mine", media["_rev"])
    tally = await copy(source, target)
    assert tally.differing == [f"{OWN} callflow-1", f"{OWN} media note.txt"]
    assert (await target.get(OWN, "callflow-1"))["numbers"] == ["mine"]
    tally = await copy(source, target, overwrite=True)
    assert (tally.differing, tally.documents) == ([], 2)
    assert await content(target) == await content(source)


class Breaking:
    """A store that fails at its n-th write."""

    def __init__(self, store: Store, left: int) -> None:
        self._store, self._left = store, left

    def __getattr__(self, name: str):
        call = getattr(self._store, name)
        if name not in ("put", "put_attachment", "bulk", "create_database"):
            return call

        async def counted(*args, **options):
            self._left -= 1
            if self._left < 0:
                raise StoreInterrupted("there", name, "cut")
            return await call(*args, **options)

        return counted


async def test_a_copy_that_was_interrupted_is_resumed(pair):
    source, target = pair
    await furnish(source)
    interrupted = 0
    while interrupted < 20:
        try:
            tally = await copy(source, Breaking(target, 3))
            break
        except StoreUnavailable:
            interrupted += 1
    assert 3 < interrupted < 20
    assert tally.same > 0
    assert tally.differing == []
    assert await content(target) == await content(source)


async def test_an_export_is_imported_as_it_was(pair):
    source, target = pair
    await furnish(source)
    file = io.BytesIO()
    told = await export(source, file)
    assert (told.databases, told.documents, told.attachments) == (2, 254, 2)
    file.seek(0)
    tally = await load(file, target)
    assert (tally.documents, tally.attachments) == (254, 2)
    assert await content(target) == await content(source)
    file.seek(0)
    assert (await load(file, target, prefix="system")).same == 250


async def test_what_the_target_cannot_take_is_listed(other, tmp_path):
    await furnish(other)
    async with opened(SqliteStore(tmp_path / "small.db", limits=Limits(document=300))) as small:
        tally = await copy(other, small, prefix=OWN)
        assert [refused.partition(":")[0] for refused in tally.refused] == [f"{OWN} {KAZOO[0]['_id']}"]
        assert "too large" in tally.refused[0]
        assert (await small.get(OWN, "callflow-1"))["numbers"] == KAZOO[1]["numbers"]


BEGIN = b'{"mirliton_export":1}\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "line 0 of the export: the export ends before its end"),
        (b'{"db":"a"}\n', "line 1 of the export: it does not begin as an export"),
        (b'{"mirliton_export":9}\n', "it has format 9"),
        (BEGIN + b'{"db":"things"}\n{"doc":{"_id":"a"}}\n', "line 3 of the export: the export ends before its end"),
        (BEGIN + b'{"db":"things"}\n{"doc":{"_id"', "line 3 of the export: it is cut off"),
        (BEGIN + b"nonsense\n", "line 2 of the export: it is not JSON"),
        (BEGIN + b"[]\n", "neither a database nor a document"),
        (BEGIN + b'{"end":{}}\n{"db":"a"}\n', "something stands after the end"),
        (
            BEGIN + b'{"db":"things"}\n{"doc":{"_id":"a"},"attachments":{"f":{"content_type":"x","data":"?"}}}\n',
            "attachment 'f' cannot be read",
        ),
    ],
)
async def test_a_damaged_export_is_told_by_its_line(other, text, reason):
    with pytest.raises(DamagedExport, match=reason):
        await load(io.BytesIO(text), other)


async def test_an_export_is_plain_lines(other):
    await other.create_database("things")
    await other.put("things", {"_id": "a", "x": 1})
    file = io.BytesIO()
    await export(other, file)
    assert [orjson.loads(line) for line in file.getvalue().splitlines()] == [
        {"mirliton_export": 1},
        {"db": "things"},
        {"doc": {"_id": "a", "x": 1}},
        {"end": {"databases": 1, "documents": 1}},
    ]

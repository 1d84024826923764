"""Secrets at rest: what the disk holds, what everybody above sees, and what a change of keys does."""

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirliton.actors.store import SqliteStore, opened
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.design import VIEWS as DECLARED
from mirliton.actors.store.key_file import beside, kept_keyring
from mirliton.actors.store.maps import Map
from mirliton.actors.store.resealing import reseal
from mirliton.actors.store.sealing import PREFIX, SECRETS, VIEWS, Keyring, is_sealed, secrets_of
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node

OLD, NEW = "old:" + "o" * 32, "new:" + "n" * 32
DB = "account/ab/cd/" + "e" * 28


def device(password, id="d1"):
    return {"_id": id, "pvt_type": "device", "name": "phone", "sip": {"username": "u", "password": password}}


FULL = {
    "device": {"sip": {"username": "u", "password": "SECRET-1"}},
    "resource": {"gateways": [{"server": "a", "password": "SECRET-2"}, {"server": "b"}, {"password": "SECRET-3"}]},
    "sys_info": {
        "servers": [{"auth": {"auth_method": "Password", "auth_user": "pbx", "auth_password": "SECRET-4"}}, {"auth": 1}]
    },
    "user": {"pvt_totp": {"secret": "SECRET-5", "step": 1}, "pvt_totp_offered": {"secret": "SECRET-6"}},
    "vmbox": {"mailbox": "1001", "pin": "SECRET-7"},
}


@given(st.text(min_size=1), st.text(max_size=8), st.text(max_size=8))
def test_what_was_sealed_opens_in_its_place_and_in_no_other(text, id, other):
    keys = Keyring(NEW)
    sealed = keys.seal(text, DB, id)
    if text.startswith(PREFIX):
        return
    assert is_sealed(sealed)
    assert text not in sealed or len(text) < 8
    assert keys.open(sealed, DB, id) == text
    if other != id:
        assert keys.open(sealed, DB, other) == sealed
    assert keys.open(sealed, "account/other", id) == sealed
    assert keys.seal(sealed, DB, id) == sealed


@given(st.text(max_size=60))
def test_what_nobody_sealed_does_not_open_and_breaks_nothing(rest):
    keys = Keyring(NEW)
    assert keys.open(PREFIX + rest, DB, "d1") == PREFIX + rest
    assert keys.open(f"{PREFIX}new:{rest}", DB, "d1") == f"{PREFIX}new:{rest}"


@pytest.mark.parametrize("kind", sorted(FULL))
def test_all_secret_fields_of_a_document_are_sealed_and_nothing_else(kind):
    keys, doc = Keyring(NEW), {"_id": "x", "pvt_type": kind, "name": "n", **FULL[kind]}
    sealed = keys.sealed(DB, doc)
    assert "SECRET" not in json.dumps(sealed)
    assert keys.opened(DB, sealed) == doc
    assert len(secrets_of(doc)) == json.dumps(FULL[kind]).count("SECRET")
    assert sealed["name"] == "n"
    # Written again unchanged it is the same, so that nothing looks changed.
    assert keys.sealed(DB, keys.opened(DB, sealed)) == sealed


def test_each_kind_with_secrets_is_tried_here():
    assert set(FULL) == set(SECRETS)


def test_only_the_views_that_are_named_hold_secrets():
    found = set()
    for kind, fields in FULL.items():
        doc = {"_id": "x", "pvt_type": kind, "pvt_account_id": "a", **fields}
        for view in DECLARED:
            for key, value in Map(view).rows(doc):
                assert "SECRET" not in json.dumps(key), view.name
                if "SECRET" in json.dumps(value):
                    found.add(view.name)
    assert found == set(VIEWS)


@pytest.mark.parametrize("text", ["", "short:abc", "nokey" * 10, f"{OLD} {OLD}", "UPPER:" + "x" * 32])
def test_keys_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="key"):
        Keyring(text)


def test_keys_are_not_shown():
    assert "n" * 32 not in repr(Keyring(NEW))


def test_a_store_in_a_file_has_its_key_beside_it(tmp_path):
    path = beside(tmp_path / "mirliton.db")
    first = kept_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept_keyring(path).open(first.seal("hunter2", DB, "d"), DB, "d") == "hunter2"
    assert [each.name for each in tmp_path.iterdir()] == ["mirliton.db.keys"]


@pytest.fixture
async def node():
    async with Node("sealing@localhost", strict=True) as node:
        yield node


async def on_disk(path, id="d1"):
    async with opened(SqliteStore(path)) as store:
        return await store.get(DB, id)


async def test_everybody_sees_documents_and_the_disk_holds_them_sealed(tmp_path, node):
    path = tmp_path / "store.db"
    await node.start(StoreServer, str(path), Keyring(NEW), name=STORE)
    store = StoreClient(node)
    await store.create_database(DB)
    await store.put(DB, device("hunter2"))
    await store.bulk(DB, [device("swordfish", "d2") | {"sip": {"username": "v", "password": "swordfish"}}])
    assert (await store.get(DB, "d1"))["sip"]["password"] == "hunter2"
    many = await store.get_many(DB, ["d2", "none", "d1"])
    assert [doc and doc["sip"]["password"] for doc in many] == ["swordfish", None, "hunter2"]
    rows = (await store.all_docs(DB, include_docs=True)).rows
    assert [row.doc["sip"]["password"] for row in rows] == ["hunter2", "swordfish"]
    (row,) = (await store.view(DB, "devices/sip_credentials", key="u", include_docs=True)).rows
    assert (row.value["password"], row.doc["sip"]["password"]) == ("hunter2", "hunter2")
    kept = await on_disk(path)
    assert is_sealed(kept["sip"]["password"])
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"hunter2" not in everything
    assert b"swordfish" not in everything


async def test_plain_documents_are_read_and_sealed_when_they_are_written_next(tmp_path, node):
    path = tmp_path / "store.db"
    async with opened(SqliteStore(path)) as store:
        await store.create_database(DB)
        await store.put(DB, device("imported"))
    await node.start(StoreServer, str(path), Keyring(NEW), name=STORE)
    store = StoreClient(node)
    doc = await store.get(DB, "d1")
    assert doc["sip"]["password"] == "imported"
    assert (await on_disk(path))["sip"]["password"] == "imported"
    await store.put(DB, {**doc, "name": "renamed"})
    assert is_sealed((await on_disk(path))["sip"]["password"])


async def test_keys_are_changed_without_a_stop(tmp_path):
    path = tmp_path / "store.db"
    both = Keyring(f"{NEW} {OLD}")
    async with opened(SqliteStore(path)) as store:
        await store.create_database(DB)
        for number in range(230):
            doc = device(f"password{number}", f"d{number:03}")
            await store.put(DB, Keyring(OLD).sealed(DB, doc) if number % 2 else doc)
        await store.put(DB, {"_id": "other", "pvt_type": "menu", "name": "no secret"})
        told = await reseal(store, both)
        assert (told.documents, told.written, told.unreadable) == (230, 230, [])
        again = await reseal(store, both)
        assert (again.documents, again.written) == (230, 0)
        # The old key is not needed any more.
        for number in (0, 1, 229):
            doc = Keyring(NEW).opened(DB, await store.get(DB, f"d{number:03}"))
            assert doc["sip"]["password"] == f"password{number}"
        lost = await reseal(store, Keyring(OLD))
        assert (lost.written, len(lost.unreadable)) == (0, 230)
        assert (await reseal(store, both, plain=True)).written == 230
        assert (await store.get(DB, "d007"))["sip"]["password"] == "password7"


async def test_a_secret_that_no_key_opens_stays_as_it_is_until_it_is_set_anew(tmp_path, node):
    path = tmp_path / "store.db"
    async with opened(SqliteStore(path)) as store:
        await store.create_database(DB)
        await store.put(DB, Keyring(OLD).sealed(DB, device("hunter2")))
    await node.start(StoreServer, str(path), Keyring(NEW), name=STORE)
    store = StoreClient(node)
    doc = await store.get(DB, "d1")
    assert is_sealed(doc["sip"]["password"])
    await store.put(DB, {**doc, "name": "renamed"})
    assert Keyring(OLD).opened(DB, await on_disk(path))["sip"]["password"] == "hunter2"
    doc = await store.get(DB, "d1")
    await store.put(DB, {**doc, "sip": {"username": "u", "password": "fresh"}})
    assert (await store.get(DB, "d1"))["sip"]["password"] == "fresh"

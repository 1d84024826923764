"""Databases come, go, are listed, and are told from one that is not there."""

import pytest

from mirliton.actors.store import DatabaseNotFound, InvalidName, Store, StoreClosed
from mirliton.actors.store.names import account_db, modb


async def test_a_database_is_made_once(store):
    assert await store.create_database("offnet") is True
    assert await store.create_database("offnet") is False


async def test_databases_are_listed_in_order_and_by_prefix(store, account_id):
    own, month = account_db(account_id), modb(account_id, 2026, 11)
    for name in ("system_config", month, own, "numbers/+1408"):
        await store.create_database(name)
    assert await store.databases() == [own, month, "numbers/+1408", "system_config"]
    assert await store.databases(prefix=own) == [own, month]
    assert await store.databases(prefix="z") == []


async def test_a_deleted_database_takes_its_documents_with_it(store):
    await store.create_database("things")
    await store.put("things", {"_id": "a", "pvt_type": "thing"})
    await store.put_attachment("things", "b", "file", "text/plain", b"data")
    await store.delete_database("things")
    assert await store.databases() == []
    with pytest.raises(DatabaseNotFound):
        await store.get("things", "a")
    await store.create_database("things")
    assert (await store.all_docs("things")).rows == []


async def test_every_call_on_a_missing_database_says_so(store):
    calls = [
        store.get("nowhere", "a"),
        store.get_many("nowhere", ["a"]),
        store.put("nowhere", {"_id": "a"}),
        store.bulk("nowhere", [{"_id": "a"}]),
        store.delete("nowhere", "a", "1-" + "0" * 32),
        store.all_docs("nowhere"),
        store.all_docs("nowhere", keys=["a"]),
        store.view("accounts", "accounts/listing_by_name"),
        store.put_attachment("nowhere", "a", "f", "text/plain", b""),
        store.get_attachment("nowhere", "a", "f"),
        store.delete_attachment("nowhere", "a", "f", "1-" + "0" * 32),
        store.delete_database("nowhere"),
        store.refresh("nowhere"),
    ]
    for call in calls:
        with pytest.raises(DatabaseNotFound, match=r"there is no database '(nowhere|accounts)'"):
            await call


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../../etc/passwd",
        "..",
        "UPPER",
        "_users",
        "1st",
        "a b",
        "a\x00b",
        "a\nb",
        "a\ud800",
        "ä",
        "a%2Fb",
        "a" * 239,
        "a" * 1_000_000,
        None,
        7,
        b"bytes",
    ],
)
async def test_hostile_database_names_are_refused(store, name):
    with pytest.raises(InvalidName) as caught:
        await store.create_database(name)
    assert caught.value.kind == "database"
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
    with pytest.raises(InvalidName):
        await store.get(name, "a")


async def test_a_closed_store_refuses_and_can_be_opened_again(store):
    await store.create_database("things")
    await store.close()
    await store.close()
    with pytest.raises(StoreClosed, match="it is not open"):
        await store.databases()
    await store.open()
    await store.open()
    assert await store.databases() == ["things"]


async def test_the_store_has_all_that_the_protocol_names(store):
    assert isinstance(store, Store)

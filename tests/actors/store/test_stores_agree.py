"""The same random documents and changes in both stores: each view has the same rows in both."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mirliton.actors.store import CouchStore, SqliteStore, Store, opened
from mirliton.actors.store.collation import encode
from mirliton.actors.store.design import VIEWS
from mirliton.actors.store.names import account_db, classify, modb
from store_documents import documents, in_one_order

ACCOUNT = "4f3a" + "0123456789abcdef"[:12] * 3
ACCOUNT = ACCOUNT[:32]
HEALTH = list(HealthCheck)
DATABASES = (account_db(ACCOUNT), modb(ACCOUNT, 2026, 11), "accounts")


async def fill(store: Store, db: str, bodies: list[dict], changes: list[dict | None]) -> None:
    """The documents; then the first ones changed, or deleted where the change is None."""
    await store.create_database(db)
    made = await store.bulk(db, [{"_id": f"d{n}", **body} for n, body in enumerate(bodies)])
    changed = [
        {"_id": row.id, "_rev": row.rev, **({"_deleted": True} if body is None else body)}
        for row, body in zip(made, changes, strict=False)
    ]
    assert all(row.error is None for row in [*made, *await store.bulk(db, changed)])


async def rows(store: Store, db: str, view, **query) -> list[bytes]:
    """What a view tells, in an order of our own: servers sort strings each in their way."""
    found = await store.view(db, view.name, **query)
    assert query.get("reduce", True) is not False or found.total_rows == len(found.rows)
    return sorted(
        encode(in_one_order([row.id, row.key, row.value, row.doc and {**row.doc, "_rev": ""}])) for row in found.rows
    )


# Building views takes such a server long, so there are few runs, none of them to make a failure smaller;
# test_couch_maps.py runs each map over hundreds of documents.
@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=HEALTH)
@given(st.lists(documents, min_size=12, max_size=25), st.lists(st.none() | documents, min_size=2, max_size=8))
def test_views_are_the_same(couch_url, couch_address, bodies, changes):
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            here, there = SqliteStore(Path(folder) / "store.db"), CouchStore(couch_address(couch_url))
            async with opened(here), opened(there):
                try:
                    for db in DATABASES:
                        await asyncio.gather(*(fill(store, db, bodies, changes) for store in (here, there)))
                        for view in VIEWS:
                            if classify(db) not in view.databases:
                                continue
                            queries = [{"reduce": False}, {"reduce": False, "include_docs": True}]
                            queries += [{}, {"group": True}, {"group_level": 1}] if view.reduce else []
                            for query in queries:
                                told = await rows(there, db, view, **query)
                                assert told == await rows(here, db, view, **query), (view.name, query)
                finally:
                    for db in await there.databases():
                        await there.delete_database(db)

    asyncio.run(run())


@pytest.mark.parametrize("descending", [False, True])
async def test_ranges_are_the_same(open_store, descending):
    """Each backend is held to the same list; the keys are such that every server sorts alike."""
    store = await open_store()
    await store.create_database("accounts")
    realms = [f"{letter}{number}.example" for letter in "abc" for number in range(4)]
    docs = [{"_id": realm, "pvt_type": "account", "realm": realm, "pvt_account_id": realm} for realm in realms]
    await store.bulk("accounts", docs)
    ordered = sorted(realms, reverse=descending)
    for start in (None, ordered[3], ordered[0]):
        for end in (None, ordered[8], ordered[3]):
            for inclusive in (True, False):
                for skip, limit in ((0, None), (0, 3), (2, 3), (20, 5), (0, 0)):
                    query = {"startkey": start} if start else {}
                    query |= {"endkey": end, "inclusive_end": inclusive} if end else {}
                    first = ordered.index(start) if start else 0
                    last = ordered.index(end) + inclusive if end else len(ordered)
                    expected = ordered[first:last][skip:][:limit]
                    page = {"skip": skip, "limit": limit, "descending": descending}
                    found = await store.view("accounts", "accounts/listing_by_realm", **query, **page)
                    assert [row.key for row in found.rows] == expected, (query, page)
                    found = await store.all_docs("accounts", **query, **page)
                    assert [row.id for row in found.rows] == expected, (query, page)


async def test_all_docs_pass_over_the_views_that_a_database_has(open_store):
    """CouchDB keeps views as documents among the others, between Z and a."""
    store = await open_store()
    await store.create_database("accounts")
    ids = ["0", "9", "A", "Y", "Z", "a", "b", "z"]
    await store.bulk("accounts", [{"_id": id} for id in ids])
    for skip in range(10):
        for limit in (None, 1, 2, 3, 8, 20):
            for descending in (False, True):
                found = await store.all_docs("accounts", skip=skip, limit=limit, descending=descending)
                expected = (ids[::-1] if descending else ids)[skip:][:limit]
                assert [row.id for row in found.rows] == expected, (skip, limit, descending)
                assert found.total_rows == 8
    for start, end in (("Z", "a"), ("A", "Z"), ("_", "a"), ("[", "]"), ("a", "b")):
        found = await store.all_docs("accounts", startkey=start, endkey=end)
        assert [row.id for row in found.rows] == [id for id in ids if start <= id <= end]
        found = await store.all_docs("accounts", startkey=end, endkey=start, descending=True)
        assert [row.id for row in found.rows] == [id for id in ids[::-1] if start <= id <= end]

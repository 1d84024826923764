"""What a store needs from time to time."""

from __future__ import annotations

import time

from mirliton.actors.store import Month
from mirliton.actors.store.documents import soft_deleted, stamp
from mirliton.actors.store.names import account_db, modb
from mirliton.actors.store.upkeep import make_months, purge

ONE, OTHER = "1a" * 16, "2b" * 16
NOW = time.time()
DAY = 86_400.0


async def test_a_month_is_made_for_every_account_once(store):
    for account_id in (ONE, OTHER):
        await store.create_database(account_db(account_id))
    await store.create_database(modb(ONE, 2026, 11))
    await store.create_database("accounts")
    month = Month(2026, 12)
    assert await make_months(store, month) == 2
    assert await make_months(store, month) == 0
    found = [modb(account_id, 2026, 12) for account_id in (ONE, OTHER)]
    assert set(found) < set(await store.databases("account/"))
    assert (await store.view(found[0], "cdrs/crossbar_listing")).rows == []


async def test_only_what_was_deleted_long_ago_is_purged(store):
    db = account_db(ONE)
    await store.create_database(db)
    await store.create_database("things")
    docs = {
        "alive": stamp({"_id": "alive"}, type="device", account_id=ONE, now=NOW - 100 * DAY),
        "new": soft_deleted(stamp({"_id": "new"}, type="device", account_id=ONE), now=NOW - 5 * DAY),
        "odd": {"_id": "odd", "pvt_type": "device", "pvt_deleted": True, "pvt_modified": "long ago"},
    }
    docs |= {
        f"old{n}": soft_deleted(stamp({"_id": f"old{n}"}, type="device", account_id=ONE), now=NOW - 40 * DAY)
        for n in range(250)
    }
    await store.bulk(db, list(docs.values()))
    assert await purge(store, NOW - 30 * DAY) == 250
    assert [row.id for row in (await store.all_docs(db)).rows] == ["alive", "new", "odd"]
    assert await purge(store, NOW - 30 * DAY) == 0
    assert await purge(store, NOW, prefix="account/2b") == 0

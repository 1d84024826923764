"""An account's months as one place."""

import asyncio

import pytest

from mirliton.actors.store import (
    DatabaseNotFound,
    DocumentNotFound,
    InvalidName,
    Month,
    Months,
)
from mirliton.actors.store.names import modb

NOVEMBER = 1_795_000_000.0  # 2026-11-18


@pytest.fixture
def months(store, account_id):
    """The account's months, on 18 November 2026."""
    return Months(store, account_id, clock=lambda: NOVEMBER)


def a_cdr(month, n):
    return {"_id": f"{month}-{n}", "pvt_type": "cdr", "pvt_created": n, "call_id": str(n)}


async def test_the_current_month_is_made_when_it_is_first_written(store, months, account_id):
    rev = await months.put(a_cdr("202611", 1))
    assert await store.databases() == [modb(account_id, 2026, 11)]
    assert (await months.get("202611-1"))["_rev"] == rev
    await months.put(a_cdr("202611", 2))


async def test_many_first_writes_at_once_make_it_once(months):
    await asyncio.gather(*(months.put(a_cdr("202611", n)) for n in range(20)))
    assert len(await months.view("cdrs/crossbar_listing", Month(2026, 11), Month(2026, 11))) == 20


@pytest.mark.parametrize("month", ["202610", "202612"])
async def test_the_months_beside_it_too(months, month):
    await months.put(a_cdr(month, 1))
    assert (await months.get(f"{month}-1"))["call_id"] == "1"


@pytest.mark.parametrize("month", ["202609", "202701", "199912"])
async def test_other_months_are_not_made(store, months, month):
    with pytest.raises(DatabaseNotFound):
        await months.put(a_cdr(month, 1))
    assert await store.databases() == []


async def test_an_old_month_that_exists_can_be_written(store, months, account_id):
    await store.create_database(modb(account_id, 2026, 1))
    await months.put(a_cdr("202601", 1))
    assert (await months.get("202601-1"))["call_id"] == "1"


async def test_a_missing_month_reads_as_empty(months):
    with pytest.raises(DocumentNotFound):
        await months.get("202001-1")
    with pytest.raises(DocumentNotFound):
        await months.get_attachment("202001-1", "f")
    assert await months.view("cdrs/crossbar_listing", Month(2020, 1), Month(2026, 11)) == []


@pytest.mark.parametrize("id", ["1", "2026-1", "202613-1", "", None])
async def test_an_id_without_a_month_is_refused(months, id):
    with pytest.raises(InvalidName):
        await months.put({"_id": id})
    with pytest.raises(InvalidName):
        await months.get(str(id))


async def test_a_view_runs_over_months_in_time_order(store, months, account_id):
    for month, n in (("202610", 10), ("202610", 11), ("202611", 20), ("202612", 30), ("202612", 31)):
        await months.put(a_cdr(month, n))

    async def times(**query):
        rows = await months.view("cdrs/crossbar_listing", Month(2026, 9), Month(2026, 12), **query)
        return [row.key[0] for row in rows]

    assert await times() == [10, 11, 20, 30, 31]
    assert await times(descending=True) == [31, 30, 20, 11, 10]
    assert await times(limit=3) == [10, 11, 20]
    assert await times(descending=True, limit=2) == [31, 30]
    assert await times(limit=0) == []
    assert await times(startkey=[11], endkey=[30, {}]) == [11, 20, 30]
    rows = await months.view("cdrs/crossbar_listing", Month(2026, 12), Month(2026, 12), include_docs=True)
    assert [row.doc["call_id"] for row in rows] == ["30", "31"]


async def test_a_message_and_its_recording_go_to_their_month(months):
    rev = await months.put_attachment("202611-m", "message.mp3", "audio/mpeg", b"sound")
    await months.put({**await months.get("202611-m"), "pvt_type": "mailbox_message"})
    assert (await months.get_attachment("202611-m", "message.mp3")).data == b"sound"
    await months.put_attachment("202611-n", "f", "text/plain", b"x")
    assert rev.startswith("1-")


async def test_the_account_is_checked_at_once(store):
    with pytest.raises(InvalidName):
        Months(store, "no account")

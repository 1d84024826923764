"""Records of legs: ranges, pages, filters, tables."""

import csv
import io
import time

import pytest

from mirliton.actors.store.documents import gregorian
from mirliton.api.time_range import MAXIMUM_RANGE

NOW = time.time()
DAY = 86400.0


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


def path(acme, query=""):
    return f"/accounts/{acme[0]}/cdrs{query}"


async def test_the_newest_come_first_over_months(world, acme):
    ids = [await world.cdr(acme[0], f"leg{i}", at=NOW - i * DAY) for i in range(30)]
    reply = await world.get(path(acme), acme[1])
    assert [row["id"] for row in reply.data] == ids
    assert "next_start_key" not in reply.body
    reply = await world.get(path(acme, "?ascending=true"), acme[1])
    assert [row["id"] for row in reply.data] == ids[::-1]


async def test_pages_cover_everything_once(world, acme):
    ids = [await world.cdr(acme[0], f"leg{i}", at=NOW - i * DAY * 1.5) for i in range(20)]
    for direction in ("", "&ascending=true"):
        seen, start, pages = [], "", 0
        while True:
            reply = await world.get(path(acme, f"?page_size=7{direction}{start}"), acme[1])
            seen += [row["id"] for row in reply.data]
            pages += 1
            assert reply.body["page_size"] == len(reply.data)
            if "next_start_key" not in reply.body:
                break
            start = f"&start_key={reply.body['next_start_key']}"
        assert (pages, seen) == (3, ids[::-1] if direction else ids)


async def test_a_range_of_time(world, acme):
    ids = [await world.cdr(acme[0], f"leg{i}", at=NOW - i * DAY) for i in range(10)]
    first, last = gregorian(NOW - 6.5 * DAY), gregorian(NOW - 3.5 * DAY)
    reply = await world.get(path(acme, f"?created_from={first}&created_to={last}"), acme[1])
    assert [row["id"] for row in reply.data] == ids[4:7]
    reply = await world.get(path(acme, f"?created_from={first}"), acme[1])
    assert [row["id"] for row in reply.data] == ids[:7]
    reply = await world.get(path(acme, f"?created_to={last}"), acme[1])
    assert [row["id"] for row in reply.data] == ids[4:]


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("created_from=1&created_to=99999999", "date_range"),
        ("created_from=63900000001&created_to=63900000000", "date_range"),
        ("created_from=yesterday", "type"),
        ("created_from=-1", "type"),
        ("created_from=1", "date_range"),
        ("created_from=999999999999", "date_range"),
    ],
)
async def test_a_range_that_cannot_be(world, acme, query, rule):
    reply = await world.get(path(acme, f"?{query}"), acme[1])
    assert (reply.status, set(reply.data["created_from"])) == (400, {rule}), reply.raw


async def test_the_range_may_span_as_much_as_kazoos(world, acme):
    last = gregorian(NOW)
    reply = await world.get(path(acme, f"?created_from={last - MAXIMUM_RANGE}&created_to={last}"), acme[1])
    assert reply.status == 200
    reply = await world.get(path(acme, f"?created_from={last - MAXIMUM_RANGE - 1}&created_to={last}"), acme[1])
    assert reply.status == 400


async def test_filters_look_into_the_whole_record(world, acme):
    await world.cdr(acme[0], "a", at=NOW, hangup_cause="NORMAL_CLEARING", media_server="fs1")
    busy = await world.cdr(acme[0], "b", at=NOW, hangup_cause="USER_BUSY", media_server="fs2")
    for query in ("filter_hangup_cause=USER_BUSY", "filter_media_server=fs2", "filter_not_media_server=fs1"):
        reply = await world.get(path(acme, f"?{query}"), acme[1])
        assert [row["id"] for row in reply.data] == [busy], query


async def test_one_record(world, acme):
    id = await world.cdr(acme[0], "leg@host/1", at=NOW, custom_channel_vars={"account_id": acme[0]})
    reply = await world.get(path(acme, f"/{id.replace('/', '%2F')}"), acme[1])
    assert (reply.status, reply.data["call_id"]) == (200, "leg@host/1")
    assert not [key for key in reply.data if key.startswith("pvt_")]
    for wrong in ("nonsense", "209901-x", "202613-x", id + "x"):
        assert (await world.get(path(acme, f"/{wrong.replace('/', '%2F')}"), acme[1])).status == 404


async def test_a_voicemail_message_is_no_record(world, acme):
    id = await world.message(acme[0], "0" * 32, at=NOW)
    assert (await world.get(path(acme, f"/{id}"), acme[1])).status == 404


async def test_a_plain_user_sees_their_own_records(world, acme):
    bob = await world.user(acme[0], "bob", "user")
    token = await world.login(acme[0], "bob")
    mine = [
        await world.cdr(acme[0], f"mine{i}", at=NOW - i * DAY, custom_channel_vars={"owner_id": bob}) for i in range(3)
    ]
    await world.cdr(acme[0], "other", at=NOW, custom_channel_vars={"owner_id": "0" * 32})
    reply = await world.get(f"/accounts/{acme[0]}/users/{bob}/cdrs?page_size=2", token)
    assert [row["id"] for row in reply.data] == mine[:2]
    start = reply.body["next_start_key"]
    reply = await world.get(f"/accounts/{acme[0]}/users/{bob}/cdrs?page_size=2&start_key={start}", token)
    assert [row["id"] for row in reply.data] == mine[2:]
    assert (await world.get(path(acme), token)).status == 403
    assert (await world.get(path(acme, f"/{mine[0]}"), token)).status == 403


async def test_a_table_for_spreadsheets(world, acme):
    await world.cdr(acme[0], "leg1", at=NOW, caller_id_name='=HYPERLINK("http://x")', caller_id_number="+15551234")
    for headers, query in (({"Accept": "text/csv"}, ""), ({}, "?accept=csv")):
        reply = await world.get(path(acme, query), acme[1], headers=headers)
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        [row] = list(csv.DictReader(io.StringIO(reply.raw.decode())))
        assert row["call_id"] == "leg1"
        assert row["caller_id_number"] == "+15551234"
        # What a stranger named themselves does not become a formula.
        assert row["caller_id_name"] == '\'=HYPERLINK("http://x")'


async def test_a_file_name_does_not_break_out_of_its_header(world, acme):
    reply = await world.get(path(acme, '?accept=csv&file_name=a"b%0d%0ac.csv'), acme[1])
    assert reply.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a_b__c.csv"


async def a_call(world, acme, number, at, legs=2):
    """The records of a call: its legs, the first first."""
    interaction = {
        "interaction_id": f"{gregorian(at)}-{number:08x}",
        "interaction_time": gregorian(at),
        "interaction_key": f"{number:08x}",
    }
    return [
        await world.cdr(
            acme[0],
            f"call{number}-leg{leg}",
            at=at + leg,
            call_direction="inbound" if leg == 0 else "outbound",
            hangup_cause="NORMAL_CLEARING" if number % 2 else "USER_BUSY",
            duration_seconds=10,
            billing_seconds=str(number),
            **interaction,
        )
        for leg in range(legs)
    ]


class TestInteractions:
    async def test_of_each_call_the_first_leg_is_listed_in_pages_over_months(self, world, acme):
        calls = [await a_call(world, acme, n, NOW - n * DAY * 1.5, legs=1 + n % 3) for n in range(1, 18)]
        firsts = [legs[0] for legs in calls]
        for direction, wanted in (("", firsts), ("&ascending=true", firsts[::-1])):
            seen, start = [], ""
            while True:
                reply = await world.get(path(acme, f"/interaction?page_size=4{direction}{start}"), acme[1])
                assert reply.status == 200
                seen += [row["id"] for row in reply.data]
                assert len(reply.data) <= 4
                if "next_start_key" not in reply.body:
                    break
                start = f"&start_key={reply.body['next_start_key']}"
            assert seen == wanted

    async def test_calls_are_filtered_by_their_first_leg(self, world, acme):
        calls = [await a_call(world, acme, n, NOW - n * 60) for n in range(1, 10)]
        reply = await world.get(path(acme, "/interaction?page_size=3&filter_hangup_cause=USER_BUSY"), acme[1])
        assert [row["id"] for row in reply.data] == [calls[n][0] for n in (1, 3, 5)]

    async def test_the_legs_of_a_call_come_in_order_by_its_id_or_by_a_record(self, world, acme):
        legs = await a_call(world, acme, 7, NOW - 100, legs=3)
        await a_call(world, acme, 8, NOW - 90)
        for given in (f"{gregorian(NOW - 100)}-{7:08x}", legs[1]):
            reply = await world.get(path(acme, f"/legs/{given}"), acme[1])
            assert [row["id"] for row in reply.data] == legs

    @pytest.mark.parametrize("id", ["nothing", "99999999999-abc", "00000000000-abc", "202613-x"])
    async def test_a_call_that_is_not_there_is_not_found(self, world, acme, id):
        assert (await world.get(path(acme, f"/legs/{id}"), acme[1])).status == 404

    async def test_the_legs_of_others_are_not_there(self, world, acme):
        legs = await a_call(world, acme, 7, NOW - 100)
        other = await world.admin("other")
        assert (await world.get(f"/accounts/{other[0]}/cdrs/legs/{legs[0]}", other[1])).status == 404

    async def test_a_summary_counts_what_there_was(self, world, acme):
        for n in (1, 2, 3):
            await a_call(world, acme, n, NOW - n * DAY)
        await world.cdr(acme[0], "odd", at=NOW, duration_seconds="many", billing_seconds=None)
        reply = await world.get(path(acme, "/summary"), acme[1])
        assert (reply.data["calls"], reply.data["duration_seconds"], reply.data["billing_seconds"]) == (7, 60, 12)
        assert reply.data["direction"]["inbound"]["calls"] == 3
        assert reply.data["direction"]["unknown"]["calls"] == 1
        assert reply.data["hangup_cause"]["USER_BUSY"] == {
            "calls": 2,
            "duration_seconds": 20,
            "billing_seconds": 4,
        }

    async def test_a_table_of_calls_comes_as_csv(self, world, acme):
        legs = await a_call(world, acme, 7, NOW - 100)
        reply = await world.get(path(acme, "/interaction?accept=csv"), acme[1])
        [row] = csv.DictReader(io.StringIO(reply.raw.decode()))
        assert row["id"] == legs[0]

"""Lists: pages and filters."""

import base64
import json

import pytest

from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import account_db, new_id
from mirliton.api import paging
from mirliton.config import ApiSettings


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def fill(world, account_id, type, docs):
    """Many documents at once."""
    made = [stamp({"_id": new_id(), **doc}, type=type, account_id=account_id) for doc in docs]
    rows = await world.store.bulk(account_db(account_id), made)
    assert not [row for row in rows if row.error]
    return made


async def read_all(world, path, token, query=""):
    """Every row of a list, page after page; and how many pages there were."""
    rows, start, pages = [], "", 0
    while True:
        reply = await world.get(f"{path}?{query}{start}", token)
        assert reply.status == 200, reply.raw
        rows += reply.data
        pages += 1
        assert pages < 100
        if "next_start_key" not in reply.body:
            return rows, pages
        start = f"&start_key={reply.body['next_start_key']}"


def start_key(*value):
    return base64.urlsafe_b64encode(json.dumps(list(value)).encode()).decode().rstrip("=")


async def test_a_page_has_fifty_rows_unless_asked_otherwise(world, acme):
    account_id, token = acme
    await fill(world, account_id, "menu", [{"name": f"m{i}"} for i in range(120)])
    path = f"/accounts/{account_id}/menus"
    reply = await world.get(path, token)
    assert (len(reply.data), reply.body["page_size"]) == (50, 50)
    rows, pages = await read_all(world, path, token)
    assert (len({row["id"] for row in rows}), len(rows), pages) == (120, 120, 3)
    rows, pages = await read_all(world, path, token, "page_size=60")
    assert (len(rows), pages) == (120, 2)


async def test_the_setting_gives_the_size(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, page_size=3))
    account_id, token = await world.admin("acme")
    await fill(world, account_id, "menu", [{"name": f"m{i}"} for i in range(4)])
    assert len((await world.get(f"/accounts/{account_id}/menus", token)).data) == 3


async def test_the_same_page_can_be_asked_again(world, acme):
    account_id, token = acme
    await fill(world, account_id, "menu", [{"name": f"m{i}"} for i in range(20)])
    path = f"/accounts/{account_id}/menus?page_size=7"
    first = await world.get(path, token)
    second = await world.get(f"{path}&start_key={first.body['next_start_key']}", token)
    assert second.body["start_key"] == first.body["next_start_key"]
    again = await world.get(f"{path}&start_key={second.body['start_key']}", token)
    assert again.data == second.data


@pytest.mark.parametrize("descending", ["false", "true"])
async def test_a_hundred_of_one_name_are_paged_through(world, acme, descending):
    account_id, token = acme
    people = [{"first_name": "John", "last_name": "Smith", "username": f"u{i:03d}"} for i in range(100)]
    others = [{"first_name": "Zoe", "last_name": "Young", "username": "zoe"}, {"first_name": "A", "last_name": "A"}]
    await fill(world, account_id, "user", people + others)
    rows, _ = await read_all(world, f"/accounts/{account_id}/users", token, f"page_size=7&descending={descending}")
    assert len(rows) == len({row["id"] for row in rows}) == 103


async def test_filters_and_pages_together(world, acme):
    account_id, token = acme
    docs = [{"name": f"m{i}", "shift": "night" if i % 10 == 0 else "day"} for i in range(150)]
    await fill(world, account_id, "menu", docs)
    rows, pages = await read_all(world, f"/accounts/{account_id}/menus", token, "filter_shift=night&page_size=4")
    assert (len({row["id"] for row in rows}), pages) == (15, 4)


async def test_a_page_ends_early_when_too_much_was_looked_at(world, acme, monkeypatch):
    monkeypatch.setattr(paging, "MAX_SCANNED", 20)
    account_id, token = acme
    await fill(world, account_id, "menu", [{"name": f"m{i}", "n": i} for i in range(100)])
    first = await world.get(f"/accounts/{account_id}/menus?filter_n=77", token)
    assert "next_start_key" in first.body
    rows, pages = await read_all(world, f"/accounts/{account_id}/menus", token, "filter_n=77")
    assert (len(rows), pages) == (1, 2)


async def test_a_whole_list_and_its_bound(world, acme, monkeypatch):
    monkeypatch.setattr(paging, "MAX_UNPAGED", 100)
    account_id, token = acme
    await fill(world, account_id, "menu", [{"name": f"m{i}"} for i in range(100)])
    path = f"/accounts/{account_id}/menus?paginate=false"
    assert len((await world.get(path, token)).data) == 100
    await fill(world, account_id, "menu", [{"name": "one more"}])
    reply = await world.get(path, token)
    assert (reply.status, reply.body["error"], reply.data["target"]) == (416, "416", 100)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page_size=0", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=x", "page_size"),
        ("page_size=1001", "page_size"),
        (f"page_size={'9' * 50}", "page_size"),
        ("start_key=%%%", "start_key"),
        ("start_key=AAAA", "start_key"),
        (f"start_key={'A' * 5000}", "start_key"),
        (f"start_key={start_key({'a': 1}, 0)}", "start_key"),
        (f"start_key={start_key([[[]]], 0)}", "start_key"),
        (f"start_key={start_key('x', -1)}", "start_key"),
        (f"start_key={start_key('x', 10**9)}", "start_key"),
        (f"start_key={start_key('x', True)}", "start_key"),
        (f"start_key={start_key('x')}", "start_key"),
        ("created_from=x", "created_from"),
        ("filter_pvt_type=menu", "filter_pvt_type"),
        ("filter__rev=1", "filter__rev"),
        ("has_key=pvt_created", "has_key"),
        ("has_key=", "has_key"),
        ("&".join(f"filter_a{i}=1" for i in range(21)), "filter"),
    ],
)
async def test_what_cannot_be_asked_is_said(world, acme, query, field):
    account_id, token = acme
    await fill(world, account_id, "menu", [{"name": "m"}])
    reply = await world.get(f"/accounts/{account_id}/menus?{query}", token)
    assert (reply.status, list(reply.data)) == (400, [field])


FILTERED = {
    "filter_name=b": "b",
    "filter_not_name=b": "ac",
    "filter_n=2": "b",
    "filter_on=true": "a",
    "filter_nested.deep.er=x": "c",
    "filter_flags=night": "bc",
    "has_key=n": "ab",
    "key_missing=n": "c",
    "has_value=empty": "",
    "value_missing=empty": "abc",
    "missing_value=n": "c",
    "filter_name=b&filter_n=2": "b",
    "filter_name=b&filter_n=3": "",
    "created_from=1000": "bc",
    "created_to=1000": "ab",
    "modified_from=2000": "c",
    "filter_name=nobody": "",
    "filter_flags=day&has_key=n": "a",
    "unknown=1": "abc",
}


@pytest.mark.parametrize("query", FILTERED)
async def test_filters_all_hold(world, acme, query):
    account_id, token = acme
    docs = [
        {"name": "a", "n": 1, "on": True, "flags": ["day"], "empty": "", "pvt_created": 500},
        {"name": "b", "n": 2, "on": False, "flags": ["night", "day2"], "empty": [], "pvt_created": 1000},
        {"name": "c", "nested": {"deep": {"er": "x"}}, "flags": ["night"], "pvt_created": 1500},
    ]
    made = [stamp({"_id": new_id(), **doc}, type="menu", account_id=account_id) for doc in docs]
    made[0]["pvt_modified"] = made[1]["pvt_modified"] = 1
    assert gregorian(0) > 2000
    await world.store.bulk(account_db(account_id), made)
    reply = await world.get(f"/accounts/{account_id}/menus?{query}", token)
    assert {row["name"] for row in reply.data} == set(FILTERED[query])


async def test_an_id_is_filtered_by_as_it_is_shown(world, acme):
    account_id, token = acme
    made = await fill(world, account_id, "menu", [{"name": "a"}, {"name": "b"}])
    reply = await world.get(f"/accounts/{account_id}/menus?filter_id={made[1]['_id']}", token)
    assert [row["name"] for row in reply.data] == ["b"]

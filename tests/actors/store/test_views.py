"""Asking views: ranges, order, pages, documents, reduces; and that they are always current."""

import pytest

from mirliton.actors.store import BadQuery, Emit, Limits, TooLarge, View, ViewNotFound
from mirliton.actors.store.expressions import Array, Each, Field

BY_COLOUR = View("fruit/by_colour", ("things",), (Emit(key=Field("colour"), value=Field("price")),))
BY_KIND = View(
    "fruit/by_kind",
    ("things",),
    (Emit(key=Array((Field("kind"), Field("colour"))), value=Field("price"), where=(Field("kind"),)),),
    reduce="_sum",
)
COUNTED = View("fruit/counted", ("things",), (Emit(key=Array((Field("kind"), Field("colour")))),), reduce="_count")
BY_NAME = View("fruit/by_name", ("things",), (Emit(each=Field("names"), key=Each(), value=Field("colour")),))

FRUIT = [
    {"_id": "apple", "kind": "pome", "colour": "red", "price": 3, "names": ["Apfel", "pomme"]},
    {"_id": "cherry", "kind": "drupe", "colour": "red", "price": 7},
    {"_id": "pear", "kind": "pome", "colour": "green", "price": 2, "names": ["Birne"]},
    {"_id": "plum", "kind": "drupe", "colour": "blue", "price": 1.5, "names": []},
    {"_id": "stone", "names": "not an array"},
]


@pytest.fixture
async def fruit(open_store):
    """A store with fruit in "things" and four views of it."""
    store = await open_store(views=[BY_COLOUR, BY_KIND, COUNTED, BY_NAME])
    await store.create_database("things")
    await store.bulk("things", FRUIT)
    return store


def ids(result):
    return [row.id for row in result.rows]


async def test_rows_are_ordered_by_key_then_by_id(fruit):
    result = await fruit.view("things", "fruit/by_colour")
    assert [(row.key, row.id, row.value) for row in result.rows] == [
        ("blue", "plum", 1.5),
        ("green", "pear", 2),
        ("red", "apple", 3),
        ("red", "cherry", 7),
    ]
    assert (result.total_rows, result.offset) == (4, 0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"key": "red"}, ["apple", "cherry"]),
        ({"key": "RED"}, []),
        ({"key": None}, []),
        ({"startkey": "green"}, ["pear", "apple", "cherry"]),
        ({"endkey": "green"}, ["plum", "pear"]),
        ({"endkey": "green", "inclusive_end": False}, ["plum"]),
        ({"startkey": "g", "endkey": "g\ufff0"}, ["pear"]),
        ({"startkey": None, "endkey": {}}, ["plum", "pear", "apple", "cherry"]),
        ({"descending": True}, ["cherry", "apple", "pear", "plum"]),
        ({"descending": True, "startkey": "green"}, ["pear", "plum"]),
        ({"descending": True, "endkey": "green"}, ["cherry", "apple", "pear"]),
        ({"descending": True, "endkey": "green", "inclusive_end": False}, ["cherry", "apple"]),
        ({"limit": 2}, ["plum", "pear"]),
        ({"limit": 2, "skip": 1}, ["pear", "apple"]),
        ({"descending": True, "limit": 1, "skip": 1}, ["apple"]),
        ({"limit": 0}, []),
        ({"skip": 100}, []),
        ({"keys": ["red", "nothing", "blue", "red"]}, ["apple", "cherry", "plum", "apple", "cherry"]),
        ({"keys": ["red", "blue"], "limit": 2, "skip": 1}, ["cherry", "plum"]),
        ({"keys": ["red", "blue"], "skip": 2}, ["plum"]),
        ({"keys": ["red"], "descending": True}, ["cherry", "apple"]),
        ({"keys": []}, []),
    ],
)
async def test_ranges_and_pages(fruit, query, expected):
    assert ids(await fruit.view("things", "fruit/by_colour", **query)) == expected


async def test_array_keys_are_asked_by_their_beginning(fruit):
    result = await fruit.view("things", "fruit/by_kind", startkey=["pome"], endkey=["pome", {}], reduce=False)
    assert ids(result) == ["pear", "apple"]


async def test_an_array_emits_a_row_for_each_element(fruit):
    result = await fruit.view("things", "fruit/by_name")
    assert [(row.key, row.id) for row in result.rows] == [("Apfel", "apple"), ("Birne", "pear"), ("pomme", "apple")]


async def test_documents_can_be_included(fruit):
    result = await fruit.view("things", "fruit/by_colour", key="blue", include_docs=True)
    assert [row.doc for row in result.rows] == [await fruit.get("things", "plum")]
    assert (await fruit.view("things", "fruit/by_colour", key="blue")).rows[0].doc is None


async def test_a_view_follows_its_documents(fruit):
    doc = await fruit.get("things", "apple")
    rev = await fruit.put("things", {**doc, "colour": "green", "names": ["Apfel", "mela", "Apfel"]})
    assert ids(await fruit.view("things", "fruit/by_colour", key="red")) == ["cherry"]
    assert ids(await fruit.view("things", "fruit/by_colour", key="green")) == ["apple", "pear"]
    names = await fruit.view("things", "fruit/by_name")
    assert [row.key for row in names.rows] == ["Apfel", "Apfel", "Birne", "mela"]
    assert names.total_rows == 4
    await fruit.delete("things", "apple", rev)
    assert ids(await fruit.view("things", "fruit/by_colour", key="green")) == ["pear"]
    assert (await fruit.view("things", "fruit/by_name")).total_rows == 1
    await fruit.put("things", FRUIT[0])
    assert ids(await fruit.view("things", "fruit/by_colour", key="red")) == ["apple", "cherry"]


async def test_a_softly_deleted_document_leaves_the_views(fruit):
    doc = await fruit.get("things", "apple")
    await fruit.put("things", {**doc, "pvt_deleted": True})
    assert ids(await fruit.view("things", "fruit/by_colour", key="red")) == ["cherry"]
    assert (await fruit.get("things", "apple"))["colour"] == "red"


async def test_a_sum_over_all_over_a_range_and_by_group(fruit):
    view = "fruit/by_kind"
    assert [(row.key, row.value) for row in (await fruit.view("things", view)).rows] == [(None, 13.5)]
    part = await fruit.view("things", view, startkey=["drupe"], endkey=["drupe", {}])
    assert [(row.id, row.key, row.value) for row in part.rows] == [(None, None, 8.5)]
    groups = await fruit.view("things", view, group_level=1)
    assert [(row.key, row.value) for row in groups.rows] == [(["drupe"], 8.5), (["pome"], 5)]
    exact = await fruit.view("things", view, group=True, descending=True, limit=2, startkey=["z"])
    assert [(row.key, row.value) for row in exact.rows] == [(["pome", "red"], 3), (["pome", "green"], 2)]
    assert (groups.total_rows, groups.offset) == (None, None)


async def test_a_count_over_all_and_by_group(fruit):
    view = "fruit/counted"
    assert [row.value for row in (await fruit.view("things", view)).rows] == [5]
    groups = await fruit.view("things", view, group_level=1, startkey=["a"])
    assert [(row.key, row.value) for row in groups.rows] == [(["drupe"], 2), (["pome"], 2)]
    page = await fruit.view("things", view, group_level=1, startkey=["a"], skip=1, limit=1)
    assert [row.key for row in page.rows] == [["pome"]]
    keys = await fruit.view("things", view, keys=[["pome", "red"], ["no"]], group=True)
    assert [(row.key, row.value) for row in keys.rows] == [(["pome", "red"], 1)]
    assert (await fruit.view("things", view, startkey=["x"])).rows == []
    assert len((await fruit.view("things", view, reduce=False)).rows) == 5


async def test_groups_keep_true_and_one_apart(open_store):
    view = View("fruit/keyed", ("things",), (Emit(key=Field("key")),), reduce="_count")
    store = await open_store(views=[view])
    await store.create_database("things")
    await store.bulk("things", [{"_id": f"{n}", "key": key} for n, key in enumerate([True, 1, 1.0, "1", [1]])])
    groups = await store.view("things", "fruit/keyed", group=True)
    assert [(row.key, row.value) for row in groups.rows] == [(True, 1), (1, 2), ("1", 1), ([1], 1)]


async def test_only_numbers_are_summed(fruit):
    await fruit.put("things", {"_id": "x", "kind": "odd", "price": "dear"})
    with pytest.raises(BadQuery, match="_sum adds numbers, and a row has a str"):
        await fruit.view("things", "fruit/by_kind", startkey=["odd"], endkey=["odd", {}])


@pytest.mark.parametrize(
    ("view", "query", "reason"),
    [
        ("by_colour", {"key": "a", "keys": ["b"]}, "exclude one another"),
        ("by_colour", {"keys": "abc"}, "keys must be a list, not a str"),
        ("by_colour", {"key": "a", "startkey": "b"}, "exclude one another"),
        ("by_colour", {"keys": [], "endkey": "b"}, "exclude one another"),
        ("by_colour", {"startkey": "b", "endkey": "a"}, "no key can lie between"),
        ("by_colour", {"startkey": "a", "endkey": "b", "descending": True}, "no key can lie between"),
        ("by_colour", {"reduce": True}, "it has no reduce"),
        ("by_colour", {"group": True}, "only a reduced view can be grouped"),
        ("by_kind", {"group_level": 1, "reduce": False}, "only a reduced view can be grouped"),
        ("by_kind", {"group_level": 0}, "counts from 1"),
        ("by_kind", {"include_docs": True}, "no document to include"),
        ("by_kind", {"keys": [["a"]]}, "needs group=True"),
        ("by_colour", {"limit": -1}, "limit must be a whole number"),
        ("by_colour", {"skip": 10**30}, "skip must be a whole number"),
        ("by_colour", {"limit": "5"}, "limit must be a whole number"),
        ("by_colour", {"key": float("nan")}, "cannot be one"),
        ("by_colour", {"key": "\ud800"}, "cannot be one"),
        ("by_colour", {"key": {1, 2}}, "a set cannot be a view key"),
        ("by_colour", {"startkey": 10**400}, "cannot be one"),
    ],
)
async def test_contradictions_are_refused(fruit, view, query, reason):
    with pytest.raises(BadQuery, match=reason) as caught:
        await fruit.view("things", f"fruit/{view}", **query)
    assert str(caught.value).isprintable()


async def test_a_view_that_is_not_declared_for_the_database_is_not_found(fruit):
    await fruit.create_database("others")
    for db, view in (("things", "fruit/by_weight"), ("others", "fruit/by_colour"), ("things", "../x"), ("things", "")):
        with pytest.raises(ViewNotFound, match=f"is declared for '{db}'"):
            await fruit.view(db, view)


async def test_an_answer_beyond_the_bound_must_be_paged(open_store):
    store = await open_store(views=[BY_COLOUR, COUNTED], limits=Limits(view_rows=2, bulk_rows=9))
    await store.create_database("things")
    await store.bulk("things", FRUIT)
    for query in ({}, {"keys": ["red", "green"]}, {"limit": 10}):
        with pytest.raises(TooLarge, match="answer of fruit/by_colour"):
            await store.view("things", "fruit/by_colour", **query)
    assert len((await store.view("things", "fruit/by_colour", limit=2)).rows) == 2
    with pytest.raises(TooLarge):
        await store.view("things", "fruit/counted", group=True)
    with pytest.raises(TooLarge, match="10 keys, the limit is 9"):
        await store.view("things", "fruit/by_colour", keys=["red"] * 10)


async def test_a_new_view_is_built_when_it_is_first_asked(open_store):
    before = await open_store(views=[])
    await before.create_database("things")
    await before.bulk("things", FRUIT)
    after = await open_store(views=[BY_COLOUR])
    assert ids(await after.view("things", "fruit/by_colour", key="red")) == ["apple", "cherry"]
    assert (await after.view("things", "fruit/by_colour")).total_rows == 4


async def test_a_changed_declaration_is_built_anew(open_store):
    before = await open_store(views=[BY_COLOUR])
    await before.create_database("things")
    await before.bulk("things", FRUIT)
    await before.close()
    changed = View("fruit/by_colour", ("things",), (Emit(key=Field("kind"), where=(Field("price"),)),))
    assert changed.version != BY_COLOUR.version
    after = await open_store(views=[changed])
    assert [row.key for row in (await after.view("things", "fruit/by_colour")).rows] == ["drupe"] * 2 + ["pome"] * 2
    await after.put("things", {"_id": "fig", "kind": "syconium", "price": 4})
    assert (await after.view("things", "fruit/by_colour")).total_rows == 5


async def test_whoever_writes_keeps_the_views_of_others_current(open_store):
    """A node of another version, which does not declare a view, must not leave its index stale."""
    declares = await open_store(views=[BY_COLOUR])
    knows_nothing = await open_store(views=[])
    await declares.create_database("things")
    await knows_nothing.bulk("things", FRUIT)
    assert ids(await declares.view("things", "fruit/by_colour", key="red")) == ["apple", "cherry"]
    await knows_nothing.delete("things", "apple", (await knows_nothing.get("things", "apple"))["_rev"])
    assert ids(await declares.view("things", "fruit/by_colour", key="red")) == ["cherry"]


async def test_refresh_builds_what_is_declared_and_drops_the_rest(open_store):
    before = await open_store(views=[BY_NAME])
    await before.create_database("things")
    await before.create_database("others")
    await before.bulk("things", FRUIT)
    after = await open_store(views=[BY_COLOUR, COUNTED])
    assert await after.refresh() == 2
    assert await after.refresh() == 0
    assert await after.refresh("things") == 0
    assert [row.value for row in (await after.view("things", "fruit/counted")).rows] == [5]

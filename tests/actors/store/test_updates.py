"""Read, change, write: nobody's change is lost."""

import asyncio
import random
from functools import partial

import pytest

from mirliton.actors.store import Conflict, DocumentNotFound, save_over, update


async def test_concurrent_changes_all_count(store, db):
    await store.put(db, {"_id": "counter", "n": 0})

    def one_more(doc):
        return {**doc, "n": doc["n"] + 1}

    async def five():
        for _ in range(5):
            await update(store, db, "counter", one_more, attempts=200)

    await asyncio.gather(*(five() for _ in range(10)))
    assert (await store.get(db, "counter"))["n"] == 50


async def test_of_concurrent_writers_from_one_revision_exactly_one_wins(store, db):
    rev = await store.put(db, {"_id": "a", "by": None})

    async def write(who):
        return await store.put(db, {"_id": "a", "_rev": rev, "by": who})

    outcomes = await asyncio.gather(*(write(who) for who in range(20)), return_exceptions=True)
    winners = [who for who, outcome in enumerate(outcomes) if isinstance(outcome, str)]
    assert len(winners) == 1
    assert all(isinstance(outcome, Conflict) for who, outcome in enumerate(outcomes) if who not in winners)
    assert (await store.get(db, "a"))["by"] == winners[0]


async def test_the_result_carries_the_new_revision(store, db):
    await store.put(db, {"_id": "a", "n": 1})
    changed = await update(store, db, "a", lambda doc: {**doc, "n": 2})
    assert changed == await store.get(db, "a")


async def test_no_change_writes_nothing(store, db):
    rev = await store.put(db, {"_id": "a"})
    assert (await update(store, db, "a", lambda doc: None))["_rev"] == rev
    assert (await store.get(db, "a"))["_rev"] == rev


async def test_a_missing_document_is_made_only_on_request(store, db):
    with pytest.raises(DocumentNotFound):
        await update(store, db, "a", lambda doc: doc)
    made = await update(store, db, "a", lambda doc: {**doc, "n": 1}, create=True)
    assert made == {"_id": "a", "n": 1, "_rev": (await store.get(db, "a"))["_rev"]}
    await store.delete(db, "a", made["_rev"])
    again = await update(store, db, "a", lambda doc: {**doc, "n": 2}, create=True)
    assert again["n"] == 2


async def test_a_document_that_is_fought_over_is_given_up(store, db):
    await store.put(db, {"_id": "a", "n": 0})
    calls = 0

    async def spoil():
        doc = await real_get(db, "a")
        await store.put(db, {**doc, "n": doc["n"] + 1})
        return doc

    real_get = store.get
    store.get = lambda db, id: spoil()

    def change(doc):
        nonlocal calls
        calls += 1
        return doc

    with pytest.raises(Conflict):
        await update(store, db, "a", change, attempts=3)
    assert calls == 3


async def test_the_change_cannot_move_the_document(store, db):
    await store.put(db, {"_id": "a"})
    moved = await update(store, db, "a", lambda doc: {"_id": "b", "_rev": "9-x", "n": 1})
    assert moved["_id"] == "a"
    assert (await store.get(db, "a"))["n"] == 1


# A document as it was read and as it is wanted


async def test_what_others_changed_meanwhile_is_kept(store, db):
    await store.put(db, {"_id": "a", "name": "old", "sip": {"user": "u", "realm": "r"}, "gone": 1, "list": [1]})
    read = await store.get(db, "a")
    await store.put(db, {**read, "sip": {"user": "u", "realm": "theirs"}, "theirs": True, "list": [1, 2]})
    wanted = {**read, "name": "new", "sip": {"user": "mine", "realm": "r"}}
    del wanted["gone"]
    stored = await save_over(store, db, read, wanted)
    assert stored == await store.get(db, "a")
    assert {name: value for name, value in stored.items() if name[0] != "_"} == {
        "name": "new",
        "sip": {"user": "mine", "realm": "theirs"},
        "theirs": True,
        "list": [1, 2],
    }


async def test_what_both_changed_is_as_the_last_wanted_it(store, db):
    await store.put(db, {"_id": "a", "flag": 1, "deep": {"x": {"y": 1}}})
    read = await store.get(db, "a")
    await store.put(db, {**read, "flag": 0, "deep": "flat"})
    stored = await save_over(store, db, read, {**read, "flag": True, "deep": {"x": {"y": 2}}})
    assert (stored["flag"], stored["deep"]) == (True, {"x": {"y": 2}})


async def test_without_a_conflict_it_is_a_put(store, db):
    await store.put(db, {"_id": "a", "n": 1})
    read = await store.get(db, "a")
    assert (await save_over(store, db, read, {**read, "n": 2}))["_rev"].startswith("2-")
    assert await save_over(store, db, {}, {"_id": "new"}) == await store.get(db, "new")


async def test_what_was_deleted_meanwhile_does_not_come_back(store, db):
    await store.put(db, {"_id": "a", "n": 1})
    read = await store.get(db, "a")
    await store.delete(db, "a", read["_rev"])
    with pytest.raises(Conflict):
        await save_over(store, db, read, {**read, "n": 2})
    with pytest.raises(DocumentNotFound):
        await store.get(db, "a")


async def test_ten_forms_at_once_all_count(store, db):
    await store.put(db, {"_id": "a"})
    read = await store.get(db, "a")
    await asyncio.gather(*(save_over(store, db, read, {**read, f"field{n}": n}, attempts=50) for n in range(10)))
    stored = await store.get(db, "a")
    assert [stored[f"field{n}"] for n in range(10)] == list(range(10))


def one_more(doc: dict, by: str) -> dict:
    return {**doc, "counted": doc["counted"] + 1, "by": by}


@pytest.mark.parametrize("seed", range(5))
async def test_no_form_loses_what_another_changed(store, db, seed):
    """Random interleavings of forms that were opened at various times: each field is as the last form that changed it
    wanted it, and a counter that all raise has counted each of them."""
    chance = random.Random(seed)
    fields = ["a", "b", "c", "d"]
    first = {"_id": "form", "counted": 0, **dict.fromkeys(fields, 0)}
    await store.put(db, first)
    wanted = dict.fromkeys(fields, 0)
    opened: list[dict] = []
    raised = 0
    for step in range(60):
        deed = chance.random()
        if deed < 0.4 or not opened:
            opened.append(await store.get(db, "form"))
        elif deed < 0.8:
            before = opened.pop(chance.randrange(len(opened)))
            changes = dict.fromkeys(chance.sample(fields, chance.randint(1, 2)), step)
            await save_over(store, db, before, {**before, **changes})
            wanted |= changes
        else:
            raised += 1
            await update(store, db, "form", partial(one_more, by=f"{seed}-{step}"))
        there = await store.get(db, "form")
        assert {field: there[field] for field in fields} == wanted
        assert there["counted"] == raised

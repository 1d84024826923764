"""Accounts change their place: moves, resellers, siblings, disabled branches, and the end of a branch."""

import asyncio

import pytest

from mirliton.actors.store.names import account_db
from mirliton.api.claims import DATABASE, GRACE, claimed


@pytest.fixture
async def family(world):
    """master > (left > leaf > twig, right)"""
    world.ids, world.tokens = {}, {}
    for name, parent in (("master", None), ("left", "master"), ("right", "master"), ("leaf", "left"), ("twig", "leaf")):
        world.ids[name], world.tokens[name] = await world.admin(name, world.ids.get(parent))
    await world.make_master(world.ids["master"])
    return world


async def tree(family, name) -> list[str]:
    names = {id: name for name, id in family.ids.items()}
    for database in (account_db(family.ids[name]), "accounts"):
        doc = await family.store.get(database, family.ids[name])
        found = [names[id] for id in doc["pvt_tree"]]
    return found


async def moved(family, name, to, by="master"):
    return await family.post(f"/accounts/{family.ids[name]}/move", {"to": family.ids[to]}, family.tokens[by])


async def test_an_account_moves_with_all_that_is_below(family):
    assert (await moved(family, "leaf", "right")).status == 200
    assert await tree(family, "leaf") == ["master", "right"]
    assert await tree(family, "twig") == ["master", "right", "leaf"]
    for name in ("leaf", "twig"):
        path = f"/accounts/{family.ids[name]}"
        assert (await family.get(path, family.tokens["left"])).status == 403
        assert (await family.get(path, family.tokens["right"])).status == 200
    rows = (await family.get(f"/accounts/{family.ids['right']}/descendants", family.tokens["right"])).data
    assert {row["name"] for row in rows} == {"leaf", "twig"}
    assert (await family.get(f"/accounts/{family.ids['left']}/descendants", family.tokens["left"])).data == []


async def test_a_move_that_broke_off_is_mended_by_making_it_again(family):
    # As if only the lowest had been written.
    twig = family.ids["twig"]
    halfway = [family.ids["master"], family.ids["right"], family.ids["leaf"]]
    for database in (account_db(twig), "accounts"):
        doc = await family.store.get(database, twig)
        await family.store.put(database, {**doc, "pvt_tree": halfway})
    assert (await moved(family, "leaf", "right")).status == 200
    assert await tree(family, "leaf") == ["master", "right"]
    assert await tree(family, "twig") == ["master", "right", "leaf"]
    assert (await moved(family, "leaf", "right")).status == 200
    assert await tree(family, "twig") == ["master", "right", "leaf"]


@pytest.mark.parametrize(("name", "to"), [("left", "twig"), ("left", "left"), ("master", "left")])
async def test_nobody_moves_below_themselves(family, name, to):
    assert (await moved(family, name, to)).status == 400
    assert await tree(family, name) == ([] if name == "master" else ["master"])


async def test_only_the_master_moves_unless_the_system_says_otherwise(family):
    for by in ("left", "leaf", "right"):
        assert (await moved(family, "twig", "left", by)).status == 403
    config = {"_id": "crossbar.accounts", "default": {"allow_move": "tree"}}
    await family.store.put("system_config", config)
    assert (await moved(family, "twig", "right", "left")).status == 403
    assert (await moved(family, "twig", "left", "leaf")).status == 403
    assert (await moved(family, "twig", "left", "left")).status == 200
    assert await tree(family, "twig") == ["master", "left"]


async def test_a_move_names_where_to(family):
    path = f"/accounts/{family.ids['leaf']}/move"
    assert (await family.post(path, {}, family.tokens["master"])).status == 400
    assert (await family.post(path, {"to": "0" * 32}, family.tokens["master"])).status == 400


async def reseller(family, name) -> tuple[bool, str | None]:
    names = {id: name for name, id in family.ids.items()}
    facts = (await family.get(f"/accounts/{family.ids[name]}", family.tokens["master"])).data["_read_only"]
    return facts["is_reseller"], names.get(facts["reseller_id"])


async def test_those_below_belong_to_the_nearest_reseller(family):
    path = f"/accounts/{family.ids['left']}/reseller"
    reply = await family.put(path, {}, family.tokens["master"])
    assert (reply.status, reply.data["_read_only"]["is_reseller"]) == (200, True)
    assert await reseller(family, "left") == (True, "master")
    assert await reseller(family, "leaf") == await reseller(family, "twig") == (False, "left")
    await family.put(f"/accounts/{family.ids['leaf']}/reseller", {}, family.tokens["master"])
    assert await reseller(family, "twig") == (False, "leaf")
    assert await reseller(family, "leaf") == (True, "left")
    await family.delete(f"/accounts/{family.ids['leaf']}/reseller", family.tokens["master"])
    assert await reseller(family, "twig") == (False, "left")
    # Who moves away belongs to others.
    await moved(family, "leaf", "right")
    assert await reseller(family, "twig") == await reseller(family, "leaf") == (False, "master")


async def test_only_the_master_makes_resellers(family):
    for by in ("left", "leaf", "right"):
        for method in ("PUT", "DELETE"):
            path = f"/accounts/{family.ids['leaf']}/reseller"
            assert (await family.ask(method, path, {}, token=family.tokens[by])).status == 403


async def test_siblings_are_those_beside_one_and_a_setting_hides_them(family):
    path = f"/accounts/{family.ids['left']}/siblings"
    for by in ("left", "master"):
        assert [row["name"] for row in (await family.get(path, family.tokens[by])).data] == ["right"]
    assert (await family.get(f"/accounts/{family.ids['master']}/siblings", family.tokens["master"])).data == []
    await family.store.put("system_config", {"_id": "crossbar.accounts", "default": {"allow_sibling_listing": False}})
    assert (await family.get(path, family.tokens["left"])).status == 403
    assert (await family.get(path, family.tokens["master"])).status == 200


async def test_a_disabled_account_shuts_out_all_that_are_below(family):
    path = f"/accounts/{family.ids['left']}"
    assert (await family.patch(path, {"enabled": False}, family.tokens["master"])).status == 200
    for name in ("left", "leaf", "twig"):
        assert (await family.get("/about", family.tokens[name])).status == 423
        given = family.credentials(family.ids[name], f"admin_{name}")
        assert (await family.put("/user_auth", given)).status == 423
    assert (await family.get("/about", family.tokens["right"])).status == 200
    assert (await family.get(f"/accounts/{family.ids['twig']}", family.tokens["master"])).status == 200
    await family.patch(path, {"enabled": True}, family.tokens["master"])
    assert (await family.get("/about", family.tokens["twig"])).status == 200


async def test_a_branch_goes_with_everything_below_it_when_that_is_said(family):
    path = f"/accounts/{family.ids['left']}"
    assert (await family.delete(path, family.tokens["master"])).status == 500
    reply = await family.delete(f"{path}?recursive=true", family.tokens["master"])
    assert (reply.status, reply.data["_read_only"]["deleted"]) == (200, True)
    for name in ("left", "leaf", "twig"):
        assert (await family.store.get(account_db(family.ids[name]), family.ids[name]))["pvt_deleted"] is True
        assert (await family.get("/about", family.tokens[name])).status == 401
    rows = (await family.get(f"/accounts/{family.ids['master']}/descendants", family.tokens["master"])).data
    assert [row["name"] for row in rows] == ["right"]


async def test_changes_of_the_tree_are_audited(family):
    await moved(family, "leaf", "right")
    await family.put(f"/accounts/{family.ids['left']}/reseller", {}, family.tokens["master"])
    await family.delete(f"/accounts/{family.ids['right']}?recursive=true", family.tokens["master"])
    rows = (await family.get("/supervision/audit", family.tokens["master"])).data
    assert [row["action"] for row in rows[:3]] == ["account_deleted", "reseller_set", "account_moved"]
    assert {row["by_account"] for row in rows[:3]} == {family.ids["master"]}


async def nobody(holder: str) -> bool:
    return False


async def everybody(holder: str) -> bool:
    return True


async def test_of_nodes_that_take_one_thing_at_once_one_gets_it(world):
    taken = await asyncio.gather(*(claimed(world.store, "realm:x", f"h{i}", 0.0, nobody) for i in range(8)))
    assert sum(taken) == 1


async def test_a_claim_is_taken_over_only_from_one_who_has_it_no_more(world):
    assert await claimed(world.store, "realm:x", "one", 0.0, nobody)
    assert not await claimed(world.store, "realm:x", "two", GRACE - 1, nobody)
    assert not await claimed(world.store, "realm:x", "two", GRACE, everybody)
    assert await claimed(world.store, "realm:x", "two", GRACE, nobody)
    assert (await world.store.get(DATABASE, "realm:x"))["holder"] == "two"


async def test_a_realm_that_another_node_is_just_taking_is_not_free(family):
    await claimed(family.store, "realm:new.example.com", "f" * 32, family.node.clock.time(), nobody)
    reply = await family.put("/accounts", {"name": "new", "realm": "new.example.com"}, family.tokens["left"])
    assert (reply.status, set(reply.data)) == (400, {"realm"})

"""Numbers: making, taking, keeping and giving them back; and whose they are for routing."""

import asyncio

import pytest

from mirliton.actors.store.names import account_db
from mirliton.whapps.numbers.keeping import NumberRefused, Numbers
from mirliton.whapps.numbers.ownership import own_number
from mirliton.whapps.numbers.states import STATES, TRANSITIONS

NUMBER = "+14155550100"


@pytest.fixture
async def family(world):
    """master > (parent > child, other)"""
    world.ids, world.tokens = {}, {}
    for name, parent in (("master", None), ("parent", "master"), ("child", "parent"), ("other", "master")):
        world.ids[name], world.tokens[name] = await world.admin(name, world.ids.get(parent))
    await world.make_master(world.ids["master"])
    return world


async def does(family, method, who, by=None, path=NUMBER, data=None):
    url = f"/accounts/{family.ids[who]}/phone_numbers/{path.replace('+', '%2B')}"
    body = data if data is not None or method in ("GET", "DELETE") else {}
    return await family.ask(method, url, body, token=family.tokens[by or who])


async def made(family, who, **data):
    reply = await does(family, "PUT", who, "master", data=data)
    assert reply.status == 201, reply.raw
    return reply.data


async def holder(family) -> str | None:
    found = await own_number(family.store, NUMBER)
    return found and {id: name for name, id in family.ids.items()}[found.account_id]


async def numbers_of(family, who) -> dict:
    url = f"/accounts/{family.ids[who]}/phone_numbers"
    return (await family.get(url, family.tokens[who])).data["numbers"]


async def test_a_number_is_made_and_then_routes_to_its_account(family):
    number = await made(family, "child", prepend={"enabled": True, "name": "x"})
    assert (number["id"], number["state"], number["assigned_to"]) == (NUMBER, "in_service", family.ids["child"])
    assert number["features"]["prepend"]["enabled"] is True
    assert await holder(family) == "child"
    assert list(await numbers_of(family, "child")) == [NUMBER]
    assert (await does(family, "GET", "child")).data["state"] == "in_service"
    assert (await does(family, "GET", "child", path="4155550100")).data["id"] == NUMBER
    assert (await does(family, "GET", "other")).status == 404
    again = await does(family, "PUT", "other", "master")
    assert (again.status, again.body["message"]) == (409, "number_exists")


async def test_only_the_master_makes_numbers_unless_the_account_may(family):
    assert (await does(family, "PUT", "child")).status == 403
    doc = await family.store.get(account_db(family.ids["child"]), family.ids["child"])
    await family.store.put(account_db(family.ids["child"]), {**doc, "pvt_wnm_allow_additions": True})
    assert (await does(family, "PUT", "child")).status == 201


async def test_a_number_in_stock_is_found_taken_and_given_back_to_it(family):
    await made(family, "master", create_with_state="available")
    assert await holder(family) is None
    url = f"/accounts/{family.ids['child']}/phone_numbers"
    found = (await family.get(f"{url}?prefix=415&quantity=5", family.tokens["child"])).data
    assert [row["number"] for row in found] == [NUMBER]
    check = {"numbers": [NUMBER, "+14155550199"]}
    assert (await family.post(f"{url}/check", check, family.tokens["child"])).data == {
        NUMBER: "success",
        "+14155550199": "error",
    }
    taken = await does(family, "PUT", "child", path=f"{NUMBER}/activate")
    assert (taken.status, taken.data["state"]) == (201, "in_service")
    assert await holder(family) == "child"
    assert (await family.get(f"{url}?prefix=415", family.tokens["child"])).data == []
    gone = await does(family, "DELETE", "child")
    assert (gone.status, gone.data["state"]) == (200, "available")
    assert await holder(family) is None
    assert await numbers_of(family, "child") == {}
    assert (await does(family, "DELETE", "child")).status == 404


async def test_of_those_who_take_a_number_at_once_one_gets_it(family):
    await made(family, "master", create_with_state="available")
    who = ["child", "other", "parent", "child", "other"]
    replies = await asyncio.gather(*(does(family, "PUT", name, path=f"{NUMBER}/activate") for name in who))
    winners = {name for name, reply in zip(who, replies, strict=True) if reply.status == 201}
    assert len(winners - {"parent"}) <= 1
    assert await holder(family) in winners
    held = {name for name in ("child", "other", "parent") if await numbers_of(family, name)}
    assert held == {await holder(family)}


async def test_a_number_that_is_kept_goes_down_the_tree_and_comes_back(family):
    await made(family, "parent", create_with_state="reserved")
    assert await holder(family) is None
    assert (await does(family, "PUT", "other", path=f"{NUMBER}/activate")).status == 403
    assert (await does(family, "PUT", "child", path=f"{NUMBER}/activate")).data["state"] == "in_service"
    assert await numbers_of(family, "parent") == {}
    back = await does(family, "DELETE", "child")
    assert (back.data["state"], back.data["assigned_to"]) == ("reserved", family.ids["parent"])
    assert list(await numbers_of(family, "parent")) == [NUMBER]
    # One of our own that nobody keeps any more is gone, and can be made anew.
    assert (await does(family, "DELETE", "parent")).data["state"] == "deleted"
    assert (await does(family, "GET", "parent")).status == 404
    await made(family, "other")
    assert await holder(family) == "other"


async def test_whoever_has_power_over_both_moves_a_number_between_them(family):
    await made(family, "child")
    assert (await does(family, "PUT", "other", path=f"{NUMBER}/activate")).status == 403
    assert (await does(family, "PUT", "parent", path=f"{NUMBER}/activate")).status == 201
    assert await holder(family) == "parent"
    assert await numbers_of(family, "child") == {}


async def test_a_number_that_is_ported_in_is_put_into_service(family):
    ported = await does(family, "PUT", "child", "master", path=f"{NUMBER}/port")
    assert (ported.status, ported.data["state"]) == (201, "port_in")
    assert (await does(family, "PUT", "child", path=f"{NUMBER}/reserve")).status == 400
    assert (await does(family, "PUT", "child", path=f"{NUMBER}/activate")).data["state"] == "in_service"


async def test_features_are_changed_and_may_be_denied(family):
    await made(family, "child")
    reply = await does(family, "PATCH", "child", data={"cnam": {"display_name": "Ann"}})
    assert reply.data["features"] == {"cnam": {"display_name": "Ann"}}
    assert (await does(family, "POST", "child", data={"prepend": {"enabled": True}})).data["features"] == {
        "prepend": {"enabled": True}
    }
    doc = await family.store.get("numbers/+1415", NUMBER)
    await family.store.put("numbers/+1415", {**doc, "pvt_features_denied": ["cnam"]})
    assert (await does(family, "PATCH", "child", data={"cnam": {"display_name": "Ann"}})).status == 403
    assert (await does(family, "PATCH", "child", data={"cnam": {"display_name": ""}})).status == 400
    # Nobody would send an ambulance there.
    assert (
        await does(
            family,
            "PATCH",
            "child",
            data={"e911": {"postal_code": "9", "street_address": "x", "locality": "y", "region": "z"}},
        )
    ).status == 400


async def test_a_collection_tells_of_each_number(family):
    url = f"/accounts/{family.ids['child']}/phone_numbers/collection"
    numbers = [NUMBER, "+14155550101", "nonsense"]
    reply = await family.put(url, {"numbers": numbers}, family.tokens["master"])
    assert (set(reply.data["success"]), set(reply.data["error"])) == (set(numbers[:2]), {"nonsense"})
    reply = await family.patch(url, {"numbers": numbers[:2], "ringback": {"early": "x"}}, family.tokens["child"])
    assert set(reply.data["success"]) == set(numbers[:2])
    reply = await family.put(f"{url}/activate", {"numbers": numbers[:1]}, family.tokens["child"])
    assert reply.data["success"][NUMBER]["state"] == "in_service"
    reply = await family.ask("DELETE", url, {"numbers": numbers}, token=family.tokens["child"])
    assert set(reply.data["error"]) == {"nonsense"}
    assert await numbers_of(family, "child") == {}
    assert (await family.put(url, {"numbers": "no"}, family.tokens["master"])).status == 400


async def test_who_has_a_number_is_told_to_those_above(family):
    await made(family, "child")
    for who, status in (("child", 200), ("parent", 200), ("master", 200), ("other", 404)):
        assert (await does(family, "GET", who, path=f"{NUMBER}/identify")).status == status


async def test_kinds_of_numbers_are_told(family):
    token = family.tokens["child"]
    kind = (await family.get("/phone_numbers/classifiers/4155550100", token)).data
    assert (kind["name"], kind["e164"], kind["number"]) == ("did_us", NUMBER, "4155550100")
    assert "emergency" in (await family.get("/phone_numbers/classifiers", token)).data


async def test_what_an_interrupted_change_left_is_mended(family):
    await made(family, "child")
    child = account_db(family.ids["child"])
    # The account's copy was never written, and another has one of a number that it lost.
    copy = await family.store.get(child, NUMBER)
    await family.store.delete(child, NUMBER, copy["_rev"])
    await family.store.put(account_db(family.ids["other"]), {k: v for k, v in copy.items() if k != "_rev"})
    assert await numbers_of(family, "child") == {}
    assert (await does(family, "POST", "child", path=f"fix/{NUMBER}")).status == 200
    assert list(await numbers_of(family, "child")) == [NUMBER]
    assert (await does(family, "POST", "other", path="fix")).status == 200
    assert await numbers_of(family, "other") == {}
    assert await holder(family) == "child"


async def test_with_an_account_its_numbers_go(family):
    await made(family, "child")
    assert (await family.delete(f"/accounts/{family.ids['child']}", family.tokens["parent"])).status == 200
    assert await holder(family) is None
    await made(family, "other")


async def test_a_hard_delete_is_the_masters(family):
    await made(family, "child")
    assert (await does(family, "DELETE", "child", path=f"{NUMBER}?hard=true")).status == 403
    assert (await does(family, "DELETE", "child", "master", path=f"{NUMBER}?hard=true")).data["state"] == "deleted"


@pytest.mark.parametrize("deed", TRANSITIONS)
async def test_a_deed_is_done_in_the_states_of_the_table_and_in_no_other(world, deed):
    account_id = await world.account("acme")
    numbers = Numbers(world.store, world.node.clock.time)
    for position, state in enumerate(sorted(STATES)):
        number = f"+1415555{position:04d}"
        await numbers.create(number, account_id, {})
        doc = await world.store.get("numbers/+1415", number)
        await world.store.put("numbers/+1415", {**doc, "pvt_state": state})
        if state in TRANSITIONS[deed]:
            after = await numbers.change(number, account_id, deed)
            assert after["pvt_state"] == ("deleted" if deed == "release" else TRANSITIONS[deed][state])
        else:
            with pytest.raises(NumberRefused):
                await numbers.change(number, account_id, deed)

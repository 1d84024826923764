"""An account's limits: set from above, told to its actor."""

from mirliton.actors.admission import ReloadLimits, account_name
from mirliton.actors.allotments import consumption
from mirliton.actors.store import Month
from mirliton.actors.store.names import account_db, modb
from mirliton.runtime.testing import Probe


async def test_limits_have_defaults_until_they_are_set(world):
    account_id, token = await world.admin("acme")
    reply = await world.get(f"/accounts/{account_id}/limits", token)
    assert reply.status == 200
    assert reply.data["allow_prepay"] is True


async def test_they_are_set_from_above_and_told_to_the_actor(world):
    parent, token = await world.admin("parent")
    child, child_token = await world.admin("child", parent)
    actor = await Probe.start(world.node, name=account_name(child))
    reply = await world.post(f"/accounts/{child}/limits", {"calls": 2}, token)
    assert (reply.status, reply.data["calls"]) == (200, 2)
    assert await actor.expect(ReloadLimits) == ReloadLimits()
    doc = await world.store.get(account_db(child), "limits")
    assert (doc["calls"], doc["pvt_type"]) == (2, "limits")
    assert (await world.post(f"/accounts/{child}/limits", {"calls": 3}, token)).data["calls"] == 3
    assert (await world.get(f"/accounts/{child}/limits", child_token)).data["calls"] == 3


async def test_an_account_does_not_set_its_own(world):
    account_id, token = await world.admin("acme")
    assert (await world.post(f"/accounts/{account_id}/limits", {"calls": 999}, token)).status == 403
    await world.make_master(account_id)
    assert (await world.post(f"/accounts/{account_id}/limits", {"calls": 999}, token)).status == 200


async def test_they_have_a_schema(world):
    parent, token = await world.admin("parent")
    child, _ = await world.admin("child", parent)
    reply = await world.post(f"/accounts/{child}/limits", {"calls": "many"}, token)
    assert (reply.status, set(reply.data)) == (400, {"calls"})


async def test_allotments_are_set_from_above_kept_beside_the_limits_and_told_to_the_actor(world):
    parent, token = await world.admin("parent")
    child, child_token = await world.admin("child", parent)
    path = f"/accounts/{child}/allotments"
    assert (await world.get(path, child_token)).data == {}
    actor = await Probe.start(world.node, name=account_name(child))
    toll = {"outbound_toll": {"amount": 600, "cycle": "monthly", "increment": 60}}
    assert (await world.post(path, toll, child_token)).status == 403
    assert (await world.post(path, toll, token)).data == toll
    assert await actor.expect(ReloadLimits) == ReloadLimits()
    assert (await world.post(f"/accounts/{child}/limits", {"calls": 2}, token)).status == 200
    assert (await world.get(path, child_token)).data == toll
    assert "pvt_allotments" not in (await world.get(f"/accounts/{child}/limits", token)).data


async def test_allotments_tell_what_was_used_of_them(world):
    parent, token = await world.admin("parent")
    child, child_token = await world.admin("child", parent)
    path = f"/accounts/{child}/allotments"
    await world.post(path, {"toll": {"amount": 600, "cycle": "daily"}}, token)
    now = world.node.clock.time()
    used = consumption(child, "toll", 90, "call", now, now)
    month = Month.at(now)
    db = modb(child, month.year, month.month)
    await world.store.create_database(db)
    await world.store.put(db, used)
    told = (await world.get(f"{path}/consumed", child_token)).data["toll"]
    assert (told["amount"], told["consumed"], told["remaining"], told["cycle"]) == (600, 90, 510, "daily")


async def test_allotments_that_are_none_are_refused_with_what_is_wrong(world):
    parent, token = await world.admin("parent")
    child, _ = await world.admin("child", parent)
    path = f"/accounts/{child}/allotments"
    for wrong in ({"toll": {"amount": 1}}, {"toll": {"amount": -1, "cycle": "daily"}}, {"to ll": {}}, []):
        assert (await world.post(path, wrong, token)).status == 400, wrong


async def test_an_account_between_another_and_its_reseller_does_not_change_its_limits(world):
    master, master_token = await world.admin("master")
    await world.make_master(master)
    reseller, reseller_token = await world.admin("reseller", master, pvt_reseller=True)
    middle, middle_token = await world.admin("middle", reseller, pvt_reseller_id=reseller)
    child = await world.account("child", middle, pvt_reseller_id=reseller)
    alone = await world.account("alone", middle)
    path = f"/accounts/{child}/limits"
    assert (await world.post(path, {"calls": 3}, middle_token)).status == 403
    assert (await world.get(path, middle_token)).status == 200
    assert (await world.post(f"/accounts/{child}/allotments", {}, middle_token)).status == 403
    assert (await world.post(path, {"calls": 4}, reseller_token)).data["calls"] == 4
    assert (await world.post(path, {"calls": 5}, master_token)).data["calls"] == 5
    # Without a reseller whoever stands above does.
    assert (await world.post(f"/accounts/{alone}/limits", {"calls": 3}, middle_token)).status == 200

"""An account's limits: set from above, told to its actor."""

from mirliton.actors.account import ReloadLimits, account_name
from mirliton.actors.store.names import account_db
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

"""Callflows: numbers, patterns and flows."""

import pytest


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def made(world, acme, **fields):
    flow = {"module": "hangup", "data": {}}
    return await world.put(f"/accounts/{acme[0]}/callflows", {"flow": flow, **fields}, acme[1])


async def test_a_callflow_is_made_and_listed(world, acme):
    flow = {"module": "menu", "data": {"id": "a" * 32}, "children": {"1": {"module": "hangup", "data": {}}}}
    reply = await made(world, acme, name="main", numbers=["1000"], flow=flow)
    assert reply.status == 201
    assert reply.data["flow"]["children"]["1"]["module"] == "hangup"
    [row] = (await world.get(f"/accounts/{acme[0]}/callflows", acme[1])).data
    assert (row["numbers"], set(row["modules"])) == (["1000"], {"menu", "hangup"})


async def test_a_number_or_pattern_leads_to_one_callflow(world, acme):
    await made(world, acme, name="main", numbers=["1000", "1001"], patterns=["^2[0-9]+$"])
    reply = await made(world, acme, numbers=["3000", "1001", "1000"], patterns=["^2[0-9]+$"])
    assert reply.status == 400
    assert set(reply.data) == {"numbers", "patterns"}
    error = reply.data["numbers"]["unique"]
    assert error["cause"] == "1001"
    assert all(word in error["message"] for word in ("main", "1000", "1001"))
    assert "3000" not in error["message"]


async def test_a_callflow_keeps_its_own_numbers_when_it_changes(world, acme):
    id = (await made(world, acme, numbers=["1000"])).data["id"]
    path = f"/accounts/{acme[0]}/callflows/{id}"
    assert (await world.patch(path, {"numbers": ["1000", "1001"]}, acme[1])).status == 200
    other = (await made(world, acme, numbers=["2000"])).data["id"]
    reply = await world.patch(f"/accounts/{acme[0]}/callflows/{other}", {"numbers": ["1001"]}, acme[1])
    assert reply.status == 400
    await world.delete(path, acme[1])
    assert (await world.patch(f"/accounts/{acme[0]}/callflows/{other}", {"numbers": ["1001"]}, acme[1])).status == 200


async def test_a_pattern_must_be_a_regular_expression(world, acme):
    reply = await made(world, acme, patterns=["^1", "("])
    assert reply.status == 400
    assert set(reply.data["patterns.1"]) == {"regexp"}


async def test_a_flows_actions_are_judged_by_their_own_schemas(world, acme):
    flow = {"module": "menu", "data": {"id": "x"}, "children": {"1": {"module": "teleport", "data": {}}}}
    reply = await made(world, acme, numbers=["1000"], flow=flow)
    assert reply.status == 400
    assert any(field.startswith("flow") for field in reply.data)
    assert any("teleport" in str(error) for error in reply.data.values())

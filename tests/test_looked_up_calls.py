"""Calls on a switch that looks up over HTTP what each is to do: they end as those of a switch that parks by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mirliton.actors.switching import ROUTER
from mirliton.ecallmgr.simulator import await_answer, hang_up
from mirliton.ecallmgr.switch_http import SWITCH_HTTP
from mirliton.runtime import Node
from mirliton.whapps.callflow.listener import Listener
from scenarios import SCENARIOS, Scenario
from scene import CONTEXT, PATIENCE, causes
from tenants import ALICE, DEMO
from world import World, a_world


@pytest.fixture
async def a_small_world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, looks_up=True) as world:
        yield world


def asked(node: Node) -> int:
    """How often it was asked where a call goes."""
    cell = node.find(ROUTER)
    assert cell is not None
    assert isinstance(cell.actor, Listener)
    return cell.actor.decided


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_a_call_that_was_looked_up_ends_as_its_phones_have_it(a_small_world: World, scenario: Scenario) -> None:
    lookups = a_small_world.switch.lookups
    assert lookups is not None
    call, *others = await scenario.run(a_small_world)
    assert call.cause == scenario.ends
    assert causes(await a_small_world.cdrs(of=scenario.expected.total())) == scenario.expected
    assert lookups.asked >= 1 + len(others)
    assert (lookups.failed, lookups.obeyed) == (0, [])
    # The switch asked before it parked the call; its actor has not asked again.
    assert asked(a_small_world.node) == lookups.asked
    await a_small_world.is_whole()
    await a_small_world.is_quiet()
    a_small_world.nothing_broke()


@pytest.mark.parametrize(
    "name", ["$${mirliton_password}", '<X-PRE-PROCESS cmd="exec" data="id"/>', "${system(id)}'\"]"]
)
async def test_a_caller_makes_the_switch_carry_out_nothing(a_small_world: World, name: str) -> None:
    switch = a_small_world.switch
    call = await switch.place_call(
        "alice", "1002", realm=DEMO.realm, context=CONTEXT, name=name, headers={"X-Y": name},
        script=(await_answer(), hang_up(after=1)),
    )  # fmt: skip
    assert await call.wait_ended(PATIENCE) == "NORMAL_CLEARING"
    assert switch.lookups is not None
    assert (switch.lookups.failed, switch.lookups.obeyed) == (0, [])


async def test_a_call_that_cannot_be_looked_up_is_parked_by_the_switch_and_routed_all_the_same(
    a_small_world: World,
) -> None:
    lookups = a_small_world.switch.lookups
    assert lookups is not None
    lookups._url = "http://127.0.0.1:1/fetch"
    call = await a_small_world.place(ALICE, "1002", script=(await_answer(), hang_up(after=1)))
    assert await call.wait_ended(PATIENCE) == "NORMAL_CLEARING"
    assert lookups.failed == 1
    assert asked(a_small_world.node) == 1


async def test_a_call_is_not_lost_when_its_lookup_is_killed(a_small_world: World) -> None:
    node = a_small_world.node
    call = await a_small_world.place(ALICE, "1002", script=(await_answer(), hang_up(after=1)))
    killed = node.whereis(SWITCH_HTTP)
    assert killed is not None
    node.exit(killed, "kill")
    assert await call.wait_ended(PATIENCE) == "NORMAL_CLEARING"
    await a_small_world.is_whole()
    await a_small_world.is_quiet()

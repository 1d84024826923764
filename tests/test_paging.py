"""Paging and intercom, on a whole node and a simulated switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.store.documents import stamp
from mirliton.actors.switching import call_name, executor_name
from scene import PATIENCE, eventually
from tenants import ALICE, BOB, CAROL, DEMO
from world import World, a_world

PAGE, INTERCOM = "7000", "*97"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world
        await world.is_whole()
        await world.is_quiet()
        world.nothing_broke()


async def _page_group(world: World, **data: Any) -> None:
    members = [{"endpoint_type": "user", "id": who.user_id} for who in (BOB, CAROL)]
    after = {"_": {"module": "response", "data": {"code": 486}, "children": {}}}
    flow = {
        "module": "page_group",
        "data": {"audio": "one-way", "timeout": 60, "endpoints": members, **data},
        "children": after,
    }
    doc = {"_id": "callflow-page", "numbers": [PAGE], "flow": flow}
    await world.store.put(DEMO.db, stamp(doc, type="callflow", account_id=DEMO.account_id))


async def _members(world: World, size: int) -> Any:
    """The room that has so many members."""
    found: list[Any] = []

    async def there() -> bool:
        found[:] = [room for room in world.switch.conferences.values() if len(room.members) == size]
        return bool(found)

    assert await eventually(there, PATIENCE)
    return found[0]


@pytest.mark.parametrize("audio", ["one-way", "two-way"])
@pytest.mark.parametrize("kills", [False, True])
async def test_who_is_paged_hears_and_perhaps_answers(office: World, audio: str, kills: bool) -> None:
    await _page_group(office, audio=audio)
    headers: list[Any] = []
    office.switch.watchers.append(
        lambda name, event: (
            headers.append(event) if name == "CHANNEL_CREATE" and event["Call-Direction"] == "outbound" else None
        )
    )
    pager = await office.place(ALICE, PAGE)
    room = await _members(office, 2)  # carol is busy
    assert [member.speak for member in room.members.values()] == [True, audio == "two-way"]
    assert {event.get("variable_sip_h_Alert-Info") for event in headers} == {"Auto Answer"}
    if kills:
        for name in (executor_name(pager.uuid), call_name(pager.uuid)):
            pid = office.node.whereis(name)
            assert pid is not None
            office.node.exit(pid, "kill")
    called = next(member.leg for member in room.members.values() if member.leg.uuid != pager.uuid)
    pager.hang_up()
    assert await pager.wait_ended(PATIENCE) == "NORMAL_CLEARING"
    assert await eventually(lambda: _gone(office, called.uuid), PATIENCE)


async def _gone(world: World, uuid: str) -> bool:
    return uuid not in world.switch.legs


async def test_a_page_ends_when_all_who_were_paged_are_gone(office: World) -> None:
    await _page_group(office)
    pager = await office.place(ALICE, PAGE)
    room = await _members(office, 2)
    for member in list(room.members.values()):
        if member.leg.uuid != pager.uuid:
            member.leg.remote.hang_up()
    assert await pager.wait_ended(PATIENCE) == "NORMAL_CLEARING"


@pytest.mark.parametrize("endpoints", [[], [{"endpoint_type": "user", "id": "nobody"}], "all"])
async def test_a_page_to_nobody_goes_on(office: World, endpoints: Any) -> None:
    await _page_group(office, endpoints=endpoints)
    pager = await office.place(ALICE, PAGE)
    assert await pager.wait_ended(PATIENCE) == "USER_BUSY"


async def test_an_intercom_call_is_answered_by_the_phone_itself(office: World) -> None:
    flow = {"module": "intercom", "data": {}, "children": {}}
    doc = {"_id": "callflow-intercom", "patterns": [r"^\*97([0-9]+)$"], "flow": flow}
    await office.store.put(DEMO.db, stamp(doc, type="callflow", account_id=DEMO.account_id))
    seen: list[Any] = []
    office.switch.watchers.append(lambda name, event: seen.append(event) if name == "CHANNEL_CREATE" else None)
    caller = await office.place(ALICE, f"{INTERCOM}{BOB.number}")
    phone = await caller.wait_bridged(PATIENCE)
    rung = [event for event in seen if event["Call-Direction"] == "outbound"]
    assert [event.get("variable_sip_h_Alert-Info") for event in rung] == ["Auto Answer"]
    assert [event.get("variable_sip_h_Call-Info") for event in rung] == ["answer-after=0"]
    phone.hang_up()
    await caller.wait_ended(PATIENCE)

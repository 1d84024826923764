"""temporal_route: which child it takes, by whose clock, and the menu that forces rules on and off."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

OPEN, CLOSED, SET = "1" * 32, "2" * 32, "3" * 32


def _end(code: int) -> dict[str, Any]:
    return {"module": "response", "data": {"code": code}}


async def _with_rules(here: Any, data: Any = None, **account: Any) -> None:
    """Open from nine to five on weekdays, closed all the time; 200s say which child was taken."""
    await here.put({"_id": here.account_id, "pvt_type": "account", "name": "acme", **account})
    wdays = ["monday", "tuesday", "wensday", "thursday", "friday"]
    hours = {"time_window_start": 9 * 3600, "time_window_stop": 17 * 3600}
    await here.put({"_id": OPEN, "pvt_type": "temporal_rule", "cycle": "weekly", "wdays": wdays, **hours})
    await here.put({"_id": CLOSED, "pvt_type": "temporal_rule", "cycle": "daily"})
    await here.put({"_id": SET, "pvt_type": "temporal_rule_set", "temporal_rules": [OPEN]})
    children = {OPEN: _end(401), CLOSED: _end(402), SET: _end(403), "_": _end(404)}
    await here.flow_of(
        {"module": "temporal_route", "data": data if data is not None else {"rules": [OPEN]}, "children": children}
    )


async def _at(here: Any, moment: str, zone: str = "Europe/Berlin") -> int:
    """The code that a call at this moment is refused with."""
    wanted = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).timestamp()
    await here.node.advance(wanted - here.node.clock.time())
    (respond,) = [command for _, command in (await here.call()).commands]
    return int(respond.response_code)


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2036-03-28T08:59:59", 404),
        ("2036-03-28T09:00:00", 401),
        # Clocks have changed in the night before.
        ("2036-03-31T08:59:00", 404),
        ("2036-03-31T09:00:00", 401),
        ("2036-03-31T17:01:00", 404),
        ("2036-03-29T12:00:00", 404),
    ],
)
async def test_the_first_rule_that_holds_is_the_child(world: Any, moment: str, code: int) -> None:
    async with world() as here:
        await _with_rules(here, timezone="Europe/Berlin")
        assert await _at(here, moment) == code


async def test_the_actions_own_time_zone_comes_before_the_accounts(world: Any) -> None:
    async with world() as here:
        await _with_rules(here, {"rules": [OPEN], "timezone": "Asia/Tokyo"}, timezone="Europe/Berlin")
        assert await _at(here, "2036-03-28T09:00:00", "Asia/Tokyo") == 401


@pytest.mark.parametrize("zone", [None, "Nowhere/Atlantis", "../../etc/passwd", 5])
async def test_without_a_known_time_zone_it_is_kazoos(world: Any, zone: Any) -> None:
    async with world() as here:
        await _with_rules(here, timezone=zone)
        assert await _at(here, "2036-03-28T09:00:00", "America/Los_Angeles") == 401


async def test_a_rule_set_is_one_child_and_rules_go_in_order(world: Any) -> None:
    async with world() as here:
        await _with_rules(here, {"rule_set": SET}, timezone="UTC")
        assert await _at(here, "2036-03-28T10:00:00", "UTC") == 403
    async with world() as here:
        await _with_rules(here, {"rules": ["gone", CLOSED, OPEN]}, timezone="UTC")
        assert await _at(here, "2036-03-28T10:00:00", "UTC") == 402


@pytest.mark.parametrize("data", [{}, {"rules": "x"}, {"rules": [5, None]}, {"rule_set": "gone"}, {"rules": ["../x"]}])
async def test_without_a_rule_that_is_there_it_is_the_default(world: Any, data: Any) -> None:
    async with world() as here:
        await _with_rules(here, data)
        assert await _at(here, "2036-03-28T10:00:00") == 404


@pytest.mark.parametrize(
    ("action", "said", "enabled"),
    [
        ("enable", "temporal-marked_enabled", True),
        ("disable", "temporal-marked_disabled", False),
        ("reset", "temporal-marker_reset", None),
    ],
)
async def test_rules_are_forced(world: Any, action: str, said: str, enabled: bool | None) -> None:
    async with world() as here:
        await _with_rules(here, {"rules": [OPEN, "gone", CLOSED], "action": action})
        await here.put({**(await here.get(CLOSED)), "enabled": False})
        log = await here.call()
        assert (log.said(), log.hangups) == ([said], ["NORMAL_CLEARING"])
        assert [(await here.get(rule)).get("enabled") for rule in (OPEN, CLOSED)] == [enabled, enabled]


async def test_a_menu_offers_that(world: Any, caller: Any) -> None:
    async with world(caller({"temporal-menu": ["", "7", "2"]})) as here:
        await _with_rules(here, {"rules": [OPEN], "action": "menu"})
        asked = ["temporal-menu?"] * 3
        assert (await here.call()).said() == ["answer", *asked, "temporal-marked_disabled"]
        assert (await here.get(OPEN))["enabled"] is False


async def test_a_menu_that_nobody_answers_ends(world: Any) -> None:
    async with world() as here:
        await _with_rules(here, {"rules": [OPEN], "action": "menu"})
        log = await here.call()
        assert log.said() == ["answer", *["temporal-menu?"] * 10]
        assert log.hangups == ["NORMAL_CLEARING"]

"""Callflows of ours: for who may not call a number, and an account's preflow before what was dialled."""

from __future__ import annotations

from typing import Any

import pytest

from killed_calls import Scenario, changes_nothing
from mirliton.whapps.callflow.built_in import RESTRICTED

PRE = "9" * 32
TONE = {"module": "play", "data": {"id": "tone_stream://1", "answer": False}}
AFTER = {"module": "play", "data": {"id": "tone_stream://2", "answer": False}, "children": {"_": TONE}}


async def test_who_may_not_call_a_number_is_told_so(world: Any) -> None:
    async with world() as here:
        here.flow = RESTRICTED
        log = await here.call()
        assert log.said() == ["answer", "cf-unauthorized_call"]
        assert log.hangups == ["NORMAL_CLEARING"]


async def _with_preflow(here: Any) -> None:
    await here.put({"_id": PRE, "pvt_type": "callflow", "numbers": ["pre"], "flow": {**TONE, "children": {"_": TONE}}})
    await here.flow_of(AFTER)


async def test_a_preflows_first_action_comes_before_the_flow(world: Any) -> None:
    async with world() as here:
        here.ccvs["Preflow-ID"] = PRE
        await _with_preflow(here)
        assert (await here.call()).said() == ["tone_stream://1", "tone_stream://2", "tone_stream://1"]


@pytest.mark.parametrize("preflow", ["gone", "_design/x", "a" * 2000])
async def test_a_preflow_that_is_not_there_is_passed_over(world: Any, preflow: str) -> None:
    async with world() as here:
        here.ccvs["Preflow-ID"] = preflow
        await here.flow_of(AFTER)
        assert (await here.call()).said() == ["noop", "tone_stream://2", "tone_stream://1"]


@pytest.mark.parametrize("who", ["executor", "executor+call"])
async def test_a_kill_in_a_preflow_changes_nothing(world: Any, caller: Any, who: str) -> None:
    await changes_nothing(world, caller, Scenario({}, _with_preflow, ccvs={"Preflow-ID": PRE}), who)


async def test_a_flow_that_leads_round_in_circles_ends(world: Any) -> None:
    async with world() as here:
        await here.flow_of({**TONE, "children": {"_": {"module": "callflow", "data": {"id": here.flow}}}})
        log = await here.call()
        assert log.said() == ["tone_stream://1"] * 25
        assert log.hangups == ["NORMAL_CLEARING"]

"""Chaos of OS processes: programs of a real node supervisor are killed and stopped by a plan."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from mirliton.supervisors.chaos import ChaosRun, ProgramField, Report, parent_of, read_plan

PROGRAMS = ({"name": "one", "main": "world:node"}, {"name": "two", "main": "world:node", "stall": 1.0})
REST: dict[str, Any] = {"invariants": {"returned_within": 20.0, "settle": 0.0, "same_processes": True}}


def plan(**attack: Any) -> Any:
    return read_plan({"attack": [{"what": "programs", "at": [0.0]} | attack], "duration": 5.0} | REST)


@pytest.fixture
def field(supervise: Any) -> ProgramField:
    parent = supervise(*PROGRAMS)
    for program in ("one", "two"):
        parent.event("program_ready", node=program)
    return ProgramField(parent.process.pid)


async def carry_out(field: ProgramField, made: Any, **options: Any) -> Report:
    async with asyncio.timeout(40):
        return await ChaosRun(field, made, seed=1, **options).carry_out()


async def test_a_killed_program_is_back(field: ProgramField) -> None:
    before = field.at("one")
    report = await carry_out(field, plan(names=["one"]))
    (hit,) = report.hits
    assert (hit.target, hit.fate, report.held) == ("one", "back", True), report.text()
    assert field.at("one") != before
    assert parent_of(int(field.at("one").pid)) == field.supervisor


async def test_a_stopped_program_goes_on(field: ProgramField) -> None:
    before = field.at("one")
    report = await carry_out(field, plan(names=["one"], how="stop", **{"for": 0.3}))
    assert ([hit.fate for hit in report.hits], report.hits[0].note) == (["back"], "")
    assert field.at("one") == before
    assert report.lasted >= 0.3


async def test_one_that_is_stopped_beyond_its_stall_is_restarted(field: ProgramField) -> None:
    before = field.at("two")
    report = await carry_out(field, plan(names=["two"], how="stop", **{"for": 4.0}))
    assert ([hit.fate for hit in report.hits], report.hits[0].note) == (["back"], "it was restarted")
    assert field.at("two") != before


async def test_it_is_back_when_it_is_ready(field: ProgramField) -> None:
    asked: list[str] = []

    async def third_time(program: str) -> bool:
        asked.append(program)
        return len(asked) > 2

    field = ProgramField(field.supervisor, ready=third_time)
    report = await carry_out(field, plan(names=["o*"]))
    assert ([hit.fate for hit in report.hits], asked) == (["back"], ["one"] * 3)


async def test_the_node_supervisors_intensity_is_kept(field: ProgramField) -> None:
    made = read_plan(
        {"attack": [{"what": "programs", "every": 0.01}], "duration": 1.0, "guard": {"at_once": 50}} | REST
    )
    report = await carry_out(ProgramField(field.supervisor, intensity=2, period=30.0), made)
    assert (len(report.hits), report.held) == (2, True), report.text()
    assert report.held_back["the node supervisor would give up over it"] > 50


async def test_a_node_supervisor_that_gave_up_is_told(field: ProgramField) -> None:
    made = read_plan(
        {
            "attack": [{"what": "programs", "names": ["one"], "beyond_intensity": True, "every": 0.1}],
            "duration": 20.0,
            "invariants": {"returned_within": 2.0, "every": 0.1},
        }
    )
    report = await carry_out(field, made)
    assert not report.held
    assert {one.failed for one in report.invariants if one.failed} & {"node supervisor"} or report.lost


async def test_who_carries_the_plan_out_is_no_target() -> None:
    field = ProgramField(parent_of(os.getpid()))
    run = ChaosRun(field, plan(names=["*"]), seed=1)
    spared = (await run.preview())["groups"][0]["spared"]
    assert spared[field.name_of(os.getpid())] == "the run is steered by it"

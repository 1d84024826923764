"""Calls that somebody is killed in: run a scenario, kill at one moment, and compare what was done and what is stored.

By default some moments of each scenario are tried, spread over its whole length; with MIRLITON_EVERY_MOMENT set in the
environment, each of them (a few minutes).
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Scenario:
    """A caller, and what is in the store when the call comes."""

    keys: dict[str, list[str]]
    prepare: Callable[[Any], Awaitable[None]]
    records: tuple[Any, ...] = ()
    bridges: tuple[dict[str, str], ...] = ()
    leaves_a_message: bool = False
    """The caller hangs up while something of it is still to be done."""
    ccvs: dict[str, Any] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    """Kinds of documents that stay as they are when the leg ends with all who knew of it (docs/callflow.md)."""
    wishes: dict[str, Any] = field(default_factory=dict)
    """What else the caller does."""
    least: int = 3
    """Commands that it has at least."""


KINDS = (
    "mailbox_message",
    "vmbox",
    "media",
    "user",
    "device",
    "temporal_rule",
    "callflow",
    "call_recording",
    "parked_call",
)
MOMENTS = {"executor": 20, "call": 9, "executor+call": 9}
"""How many moments are tried by default."""


async def outcome_of(world: Any, caller: Any, scenario: Scenario, kill_at: dict[int, str], real_call: bool) -> Any:
    """What was done in a run, and what is in the store after it."""
    wishes = caller(scenario.keys, scenario.records, scenario.bridges, **scenario.wishes)
    async with world(wishes, real_call=real_call) as here:
        here.ccvs.update(scenario.ccvs)
        await scenario.prepare(here)
        here.ticks.kill_at = kill_at
        log = await here.call()
        moments, kills = here.moments, here.ticks.kills
        if scenario.leaves_a_message and "executor+call" in kill_at.values():
            # Nobody is left who knows of the call: the message is found when the mailbox is used again.
            await here.call_again(caller({"vm-person": ["hangup"]}), after=7200.0)
        stored = {doc["_id"]: _settled(doc) for kind in KINDS for doc in await here.docs(kind)}
        return (log.commands, log.hangups, stored), moments, kills


def _settled(doc: dict[str, Any]) -> dict[str, Any]:
    """A document without what tells how often, and in which second, it was written."""
    kept = {name: value for name, value in doc.items() if name not in ("_rev", "pvt_modified")}
    audio = {name: stub["digest"] for name, stub in doc.get("_attachments", {}).items()}
    return {**kept, "_attachments": audio}


def chosen(moments: int, who: str, share: int = 1) -> Iterator[int]:
    """Which moments are tried: all, or some at equal distances, others for everybody who is killed."""
    if "MIRLITON_EVERY_MOMENT" in os.environ:
        return iter(range(1, moments + 1))
    step = max(1, moments * share // MOMENTS[who])
    return iter(range(1 + len(who) % step, moments + 1, step))


async def changes_nothing(world: Any, caller: Any, scenario: Scenario, who: str, share: int = 1) -> None:
    """Assert that a kill at any of the chosen moments changes nothing. `share`: one of so many of them is tried."""
    real_call = who != "executor"
    expected, moments, _ = await outcome_of(world, caller, scenario, {}, real_call)
    assert len(expected[0]) >= scenario.least, "the scenario does nothing"
    for moment in chosen(moments, who, share):
        found, _, kills = await outcome_of(world, caller, scenario, {moment: who}, real_call)
        assert kills, f"nobody was killed at {moment}"
        assert _same(found, expected, scenario, who), f"differs when killed at {moment}"


async def several_change_nothing(world: Any, caller: Any, scenario: Scenario, name: str, seed: int) -> None:
    """Assert that a few kills at moments drawn from the seed change nothing."""
    expected, moments, _ = await outcome_of(world, caller, scenario, {}, True)
    chance = random.Random(f"{name}/{seed}")
    kill_at = {chance.randint(1, moments): chance.choice(["executor", "call", "executor+call"]) for _ in range(4)}
    found, _, kills = await outcome_of(world, caller, scenario, kill_at, True)
    assert kills
    assert _same(found, expected, scenario, *kill_at.values()), f"differs with {kill_at}"


def _same(found: Any, expected: Any, scenario: Scenario, *who: str) -> bool:
    """Whether two runs did the same, less what may stay unfinished when nobody is left who knows of the call."""
    if "executor+call" not in who or not scenario.unfinished:
        return bool(found == expected)
    kinds = set(scenario.unfinished)
    done, wanted = (
        (*run[:2], {doc_id: doc for doc_id, doc in run[2].items() if doc["pvt_type"] not in kinds})
        for run in (found, expected)
    )
    return bool(done == wanted)

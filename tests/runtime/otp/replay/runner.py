"""Runs the steps of a scenario in virtual time, and compares."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

from mirliton.runtime.testing import virtual_node

from .processes import Act, Plain, Server
from .world import World


async def replay(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    """Our trace of a scenario: result, events and living processes after each step."""
    trace = []
    async with virtual_node() as node:
        world = World(node, scenario["scripts"], Plain, Server)
        for step in scenario["steps"]:
            result = await run_step(world, step)
            await node.advance(0)
            trace.append({"result": result, "events": world.events, "alive": world.alive()})
            world.events = []
        node.on_exit.clear()
    return trace


async def run_step(world: World, step: dict[str, Any]) -> Any:
    node = world.node
    match step["op"]:
        case "spawn":
            await node.start(Plain, world, step["as"], trap=step.get("trap", False))
        case "kill":
            node.exit(world.pids[step["target"]], "kill")
        case "advance":
            await node.advance(step["ms"] / 1000)
        case "do":
            return await tell(world, step)
        case other:
            raise NotImplementedError(other)
    return "ok"


async def tell(world: World, step: dict[str, Any]) -> Any:
    node, pid, action = world.node, world.pids[step["who"]], step["act"]
    if pid.cell is None:
        return {"died": "noproc"}
    if "async" in step:
        pid.cell.actor.actions.append((action, True, step["async"]))
        node.send(pid, Act())
        return "ok"
    outcome = asyncio.get_running_loop().create_future()
    hears_of_end = asyncio.get_running_loop().create_future()
    node.signals.watch(pid, hears_of_end)
    # What an actor says of itself (exit, error, throw) is never caught; else only where the step wants it.
    caught = action[0] not in ("exit", "error", "throw") and not step.get("nocatch")
    pid.cell.actor.actions.append((action, caught, outcome))
    node.send(pid, Act())
    await node.drive(asyncio.wait([outcome, hears_of_end], return_when=asyncio.FIRST_COMPLETED))
    if outcome.done():
        return outcome.result()
    return {"died": world.terms.encode(hears_of_end.result())}


def grouped(events: list[dict[str, Any]], mode: str) -> Any:
    """The events so that equal means: as strongly ordered as the recording promises."""
    behaviour = [event for event in events if event["ev"] != "report"]
    if mode == "total":
        return behaviour
    if mode == "set":
        return sorted(json.dumps(event, sort_keys=True) for event in behaviour)
    groups = defaultdict(list)
    for event in behaviour:
        groups[f"{event['p']}#{event.get('n', '')}" if mode == "per_process" else event["p"]].append(event)
    return dict(groups)


async def difference(scenario: dict[str, Any], results: dict[int, Any]) -> str:
    """Where ours went another way than the recording, in words; empty when nowhere.

    `results` holds, by step, what we answer on purpose instead of what Erlang answers.
    """
    ours = await replay(scenario)
    for number, (step, mine, theirs) in enumerate(zip(scenario["steps"], ours, scenario["trace"], strict=True)):
        expected = {
            "result": results.get(number, theirs["result"]),
            "events": grouped(theirs["events"], scenario["compare"]),
            "alive": theirs["alive"],
        }
        got = {**mine, "events": grouped(mine["events"], scenario["compare"])}
        for key, value in expected.items():
            if got[key] != value:
                return f"step {number} {json.dumps(step)}: {key}\nrecorded {value}\nours     {got[key]}"
    return ""

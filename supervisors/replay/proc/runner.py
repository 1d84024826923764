"""Running a proc scenario step by step in virtual time, each to its quiet end."""

from __future__ import annotations

import asyncio
from typing import Any

from mirliton.runtime import Pid
from mirliton.runtime.testing import VirtualNode, virtual_node
from mirliton.supervisors.replay.logs import silence
from mirliton.supervisors.replay.proc import (  # noqa: F401 - they fill the table
    groups,
    names,
    requests,
    servers,
    signals,
    statems,
    sys,
    timers,
)
from mirliton.supervisors.replay.proc.actions import unknown
from mirliton.supervisors.replay.proc.plain import Act, Order, Plain
from mirliton.supervisors.replay.proc.script import CALLERS
from mirliton.supervisors.replay.proc.world import World
from mirliton.supervisors.replay.scenario import Scenario

Entry = dict[str, Any]

_ENDS_ITSELF = ("exit", "error", "throw")
"""What an actor is told to raise is never caught."""


async def replay_processes(scenario: Scenario) -> list[Entry]:
    """Our trace of a proc scenario: an entry for each step."""
    _check_actions(scenario)
    trace = []
    async with virtual_node("replay@localhost") as node:
        silence(node)
        world = World(node, scenario.scripts)
        try:
            for number, step in enumerate(scenario.steps):
                result = await _step(node, world, step)
                await node.advance(0)
                entry = {"result": result, "events": world.take_events(), "alive": world.alive()}
                trace.append({"step": number, "op": step["op"], **entry})
        finally:
            world.close()
    return trace


def _check_actions(scenario: Scenario) -> None:
    """Raise ValueError for an action that nobody knows, before anything is begun."""
    for number, step in enumerate(scenario.steps):
        if step["op"] == "do" and (strange := unknown([step["act"]])):
            raise ValueError(f"step {number}: action {strange[0]!r} is not known")
    for request, script in scenario.scripts.items():
        if strange := unknown(script.get("do", []), (*CALLERS, "set")):
            raise ValueError(f"script {request!r}: action {strange[0]!r} is not known")


async def _step(node: VirtualNode, world: World, step: dict[str, Any]) -> Any:
    match step:
        case {"op": "spawn", "as": label}:
            await node.start(Plain, world, label, trap=step.get("trap", False))
        case {"op": "kill", "target": label}:
            node.exit(world.pid(label), "kill")
        case {"op": "advance", "ms": milliseconds}:
            await node.advance(milliseconds / 1000)
        case {"op": "do", "who": label, "act": [*_]}:
            return await _tell(node, world, world.pid(label), step)
        case _:
            raise ValueError(f"step {step!r} is not known")
    return "ok"


async def _tell(node: VirtualNode, world: World, pid: Pid, step: dict[str, Any]) -> Any:
    """Have a plain actor do an action; its result, or what it died of."""
    if pid.cell is None:
        return "ok" if "async" in step else {"died": "noproc"}
    actor = pid.cell.actor
    if not isinstance(actor, Plain):
        raise ValueError(f"{step['who']!r} is no plain actor")
    act = step["act"]
    if "async" in step:
        actor.orders.append(Order(act, True, step["async"]))
        node.send(pid, Act())
        return "ok"
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()
    end: asyncio.Future[Any] = loop.create_future()
    monitor = node.signals.watch(pid, end)
    caught = act[0] not in _ENDS_ITSELF and not step.get("nocatch")
    actor.orders.append(Order(act, caught, outcome))
    node.send(pid, Act())
    try:
        await node.drive(asyncio.wait([outcome, end], return_when=asyncio.FIRST_COMPLETED))
    finally:
        node.signals.unwatch(monitor)
    return outcome.result() if outcome.done() else {"died": world.term(end.result())}

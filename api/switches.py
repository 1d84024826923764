"""The switches as operators see them: who has which, and taking one out before maintenance.

A switch that drains refuses new calls with 503, so that a proxy tries another, and is named to proxies no more; the
calls on it go on. The switch itself keeps that it does (FreeSWITCH: `fsctl pause inbound`), so it holds whoever has the
switch, and ends with a restart of the switch.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from mirliton.actors.kapi.channels import QueryChannelsReq
from mirliton.actors.switching import (
    CHANNELS,
    DRAINS,
    AskSwitches,
    Incomplete,
    SwitchApi,
    as_far_as_known,
    switch_name,
)
from mirliton.runtime import CallError, Process


class NoSuchSwitch(Exception):
    """There is no switch of this name among `known`."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no switch {name!r}; there are: {', '.join(known) or 'none'}")


class SwitchTrouble(Exception):
    """The switch `name` cannot be told, or does not do, what was asked of it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"switch {name!r}: {reason}")


async def switches(process: Process) -> list[dict[str, Any]]:
    """All switches, by name: `node` that has it (None: nobody just now), `state` ("up", "draining", or why it cannot be
    asked), `legs` that are up (None where they are not known). Raises CallError where nobody knows of switches."""
    names, found = await asyncio.gather(
        process.call(CHANNELS, AskSwitches()), process.call(CHANNELS, QueryChannelsReq(fields=("node",)))
    )
    unknown = found.missing if isinstance(found, Incomplete) else ()
    legs = Counter(str(row["node"]) for row in as_far_as_known(found).channels.values())
    states = await asyncio.gather(*(_state(process, name) for name in names))
    return [
        {"switch": name, "node": node, "state": state, "legs": None if name in unknown else legs[name]}
        for name, (node, state) in sorted(zip(names, states, strict=True))
    ]


async def drain(process: Process, name: str, *, on: bool) -> None:
    """Let a switch take no new calls, or take them again. Raises NoSuchSwitch, SwitchTrouble, CallError."""
    names = await process.call(CHANNELS, AskSwitches())
    if name not in names:
        raise NoSuchSwitch(name, names)
    answer = await process.call(switch_name(name), SwitchApi(f"fsctl {'pause' if on else 'resume'} inbound"))
    if not isinstance(answer, str) or not answer.startswith("+OK"):
        raise SwitchTrouble(name, str(getattr(answer, "reason", None) or getattr(answer, "text", None) or answer))


async def _state(process: Process, name: str) -> tuple[str | None, str]:
    pid = process.whereis(switch_name(name))
    if pid is None:
        return None, "nobody has it"
    try:
        answer = await process.call(pid, SwitchApi(DRAINS))
    except CallError as error:
        return pid.node, str(error)
    if not isinstance(answer, str):
        return pid.node, str(getattr(answer, "reason", answer))
    return pid.node, "draining" if answer.strip() == "true" else "up"

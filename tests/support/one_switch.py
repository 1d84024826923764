"""A node with one connection to one simulated switch, over real sockets; probes stand where its news goes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from mirliton.actors.switching import (
    Dump,
    LegEvent,
    LegParked,
    Snapshot,
    SwitchUp,
    channels_name,
    switch_name,
)
from mirliton.ecallmgr.connection import Connection, SwitchAddress
from mirliton.ecallmgr.registrations import REGISTRAR
from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import Node
from mirliton.runtime.testing import Probe
from mirliton.supervisors import Supervisor, Tree, worker

SIM: Final = switch_name("sim")
PATIENCE: Final = 10.0
"""Real seconds that anything may take that must happen."""


class OneSwitch:
    """`channels` and `registrar` note what they are told."""

    def __init__(self, node: Node, switch: SimulatedSwitch, channels: Probe, registrar: Probe) -> None:
        self.node = node
        self.switch = switch
        self.channels = channels
        self.registrar = registrar

    async def connect(self, *, up: bool = True, around: Surroundings | None = None, **address: Any) -> SwitchUp | None:
        """Start the connection under a supervisor; with `up` wait until it stands."""
        settings = {"reconnect_first": 0.02, "reconnect_most": 0.1, "command_timeout": 5.0, **address}
        password = settings.pop("password", "ClueCon")
        where = SwitchAddress("sim", "127.0.0.1", self.switch.port, password, **settings)
        connection = worker(Connection, where, around or Surroundings(), name=SIM)
        await self.node.start(Supervisor, Tree("one_for_one", [connection], intensity=1000, period=1.0))
        return await self.is_up() if up else None

    async def is_up(self) -> SwitchUp:
        """Wait for the news that the connection stands."""
        up: SwitchUp = await self.channels.expect(SwitchUp, PATIENCE)
        return up

    async def ask(self, request: Any, timeout: float = PATIENCE) -> Any:
        return await self.node.call(SIM, request, timeout=timeout)

    async def parked(self, **call: Any) -> tuple[str, RemoteCall]:
        """A call that waits in park: its leg's id, and the caller's side of it."""
        placed = await self.switch.place_call("alice", "1002", realm="demo.test", **call)
        await self.channels.expect(
            lambda news: isinstance(news, LegParked) and news.leg.call_id == placed.uuid, PATIENCE
        )
        return placed.uuid, placed

    async def event(self, cls: type, call_id: str | None = None, probe: Probe | None = None) -> LegEvent:
        """The next event of this kind that a probe is told (the channel table, unless another is given)."""

        def matches(news: Any) -> bool:
            return isinstance(news, LegEvent) and type(news.event) is cls and call_id in (None, news.event.call_id)

        found: LegEvent = await (probe or self.channels).expect(matches, PATIENCE)
        return found

    async def seen(self, leg: str, condition: Callable[[Snapshot], bool]) -> Snapshot:
        """Look at a leg until what is seen fits."""
        async with asyncio.timeout(PATIENCE):
            while True:
                seen = await self.ask(Dump(leg))
                if isinstance(seen, Snapshot) and condition(seen):
                    return seen
                await asyncio.sleep(0.01)

    def state(self) -> dict[str, Any]:
        """What the connection says of itself."""
        cell = self.node.find(SIM)
        assert cell is not None
        state: dict[str, Any] = cell.actor.state()  # type: ignore[attr-defined]
        return state


@contextlib.asynccontextmanager
async def one_switch(*, speed: float = 20.0) -> AsyncIterator[OneSwitch]:
    """Nothing may be left at the end: no socket, thread or open file."""
    files = open_files()
    async with SimulatedSwitch(speed=speed) as switch:
        async with Node("test@localhost", strict=True) as node:
            channels = await Probe.start(node, name=channels_name("sim"))
            registrar = await Probe.start(node, name=REGISTRAR)
            yield OneSwitch(node, switch, channels, registrar)
        assert not node.strict_violations
        await until(lambda: not switch.connections, "sockets are left")
        await until(lambda: not hub_threads(), "the hub's thread is left")
        assert not switch.failures
    await until(lambda: open_files() <= files, "files are left open")


def hub_threads() -> list[threading.Thread]:
    """The threads of event sockets."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("esl-hub")]


def open_files() -> int:
    """How many files and sockets this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(condition: Callable[[], object], what: str, within: float = PATIENCE) -> None:
    """Wait until it holds; raises TimeoutError with `what` does not."""
    try:
        async with asyncio.timeout(within):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(what) from None

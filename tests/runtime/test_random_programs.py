"""Random programs of spawn, link, monitor, exit and trap, against a model of a few lines.

The model knows Erlang's rules (OTP reference, "Processes") and nothing of the runtime; both must agree on who lives,
what each died of, and what each received in which order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.runtime import CoroutineProcess, Down, ExitSignal, NoProc, Pid
from mirliton.runtime.testing import virtual_node

REASONS = ["normal", "shutdown", "boom", "kill", "killed"]


class Model:
    """The processes by number: what is linked, watched, trapped, received, and who is dead of what."""

    def __init__(self) -> None:
        self.links: dict[int, dict[int, None]] = {}
        self.monitors: dict[int, tuple[int, int]] = {}
        self.traps: dict[int, bool] = {}
        self.mail: dict[int, list[Any]] = {}
        self.dead: dict[int, str] = {}
        self.firing: deque[tuple[int, int, str]] = deque()

    def alive(self, p: int) -> bool:
        return p in self.traps and p not in self.dead

    def spawn(self, by: int | None, trap: bool, link: bool) -> None:
        p = len(self.traps)
        self.traps[p], self.mail[p], self.links[p] = trap, [], {}
        if link and by is not None:
            self.links[by][p] = self.links[p][by] = None

    def link(self, p: int, q: int) -> bool:
        """Whether it raised noproc."""
        if p == q:
            return False
        if self.alive(q):
            self.links[p][q] = self.links[q][p] = None
        elif self.traps[p]:
            self.mail[p].append(("exit", q, "noproc"))
        else:
            return True
        return False

    def unlink(self, p: int, q: int) -> None:
        if self.alive(q):
            self.links[p].pop(q, None)
            self.links[q].pop(p, None)

    def monitor(self, p: int, q: int, ref: int) -> None:
        if self.alive(q):
            self.monitors[ref] = (p, q)
        else:
            self.mail[p].append(("down", ref, "noproc"))

    def demonitor(self, p: int, ref: int) -> None:
        if ref in self.monitors and self.monitors[ref][0] == p:
            del self.monitors[ref]

    def signal(self, p: int, q: int, reason: str) -> None:
        if not self.alive(q):
            return
        if reason == "kill":
            self.die(q, "killed")
        elif self.traps[q]:
            self.mail[q].append(("exit", p, reason))
        elif reason != "normal" or p == q:
            self.die(q, reason)

    def die(self, p: int, reason: str) -> None:
        self.end(p, reason)
        while self.firing:
            q, sender, why = self.firing.popleft()
            if not self.alive(q):
                continue
            if self.traps[q]:
                self.mail[q].append(("exit", sender, why))
            elif why != "normal":
                self.end(q, why)

    def end(self, p: int, reason: str) -> None:
        self.dead[p] = reason
        for ref, (watcher, watched) in list(self.monitors.items()):
            if watched == p:
                del self.monitors[ref]
                if self.alive(watcher):
                    self.mail[watcher].append(("down", ref, reason))
            elif watcher == p:
                del self.monitors[ref]
        for q in self.links.pop(p):
            self.links[q].pop(p, None)
            self.firing.append((q, p, reason))


class Subject(CoroutineProcess):
    """Notes its mail. (Not a GenServer, which would obey its parent.)"""

    async def init(self, world: World, number: int, trap: bool) -> None:
        self.world = world
        self.number = number
        self.trap_exit(trap)

    async def run(self) -> None:
        while True:
            self.world.note(self.number, await self.receive())


class World:
    """The same on the runtime."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.pids: list[Pid] = []
        self.refs: dict[int, Any] = {}
        self.mail: dict[int, list[Any]] = {}
        self.dead: dict[int, Any] = {}
        node.on_exit.append(lambda cell, reason, *_: self.dead.__setitem__(self.number(cell.pid), reason))

    def number(self, pid: Pid) -> int:
        return self.pids.index(pid)

    def note(self, p: int, received: Any) -> None:
        if isinstance(received, ExitSignal):
            self.mail[p].append(("exit", self.number(received.sender), received.reason))
        else:
            assert isinstance(received, Down)
            ref = next(n for n, ref in self.refs.items() if ref == received.ref)
            self.mail[p].append(("down", ref, received.reason))

    def actor(self, p: int) -> CoroutineProcess:
        cell = self.pids[p].cell
        assert cell is not None
        return cell.actor

    async def spawn(self, by: int | None, trap: bool, link: bool) -> None:
        p = len(self.pids)
        self.mail[p] = []
        if by is None:
            self.pids.append(self.node.spawn(Subject, self, p, trap))
        else:
            start = self.actor(by).spawn_link if link else self.actor(by).spawn
            self.pids.append(start(Subject, self, p, trap))
        await self.node.idle()


_process = st.integers(0, 4)
steps = st.one_of(
    st.tuples(st.just("spawn"), _process, st.booleans(), st.booleans()),
    st.tuples(st.just("link"), _process, _process),
    st.tuples(st.just("unlink"), _process, _process),
    st.tuples(st.just("monitor"), _process, _process),
    st.tuples(st.just("demonitor"), _process, _process),
    st.tuples(st.just("signal"), _process, _process, st.sampled_from(REASONS)),
    st.tuples(st.just("end"), _process, _process, st.sampled_from(REASONS)),
    st.tuples(st.just("trap"), _process, st.booleans()),
    st.tuples(st.just("idle")),
)


@given(st.lists(steps, min_size=4, max_size=40), st.booleans())
@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_program_of_links_monitors_and_exits_does_what_erlang_does(program: list[Any], settled: bool) -> None:
    asyncio.run(_both(program, settled))


async def _both(program: list[Any], settled: bool) -> None:
    model = Model()
    async with virtual_node() as node:
        world = World(node)
        for number in range(3):
            model.spawn(None, number == 0, False)
            await world.spawn(None, number == 0, False)
        refs = 0
        for step in program:
            kind, *arguments = step
            if kind == "idle":
                await node.idle()
                continue
            count = len(world.pids)
            p = arguments[0] % count
            if not model.alive(p):
                continue
            q = arguments[1] % count if len(arguments) > 1 else 0
            match kind:
                case "spawn":
                    model.spawn(p, arguments[1], arguments[2])
                    await world.spawn(p, arguments[1], arguments[2])
                case "link":
                    raised = model.link(p, q)
                    try:
                        world.actor(p).link(world.pids[q])
                        assert not raised
                    except NoProc:
                        assert raised
                case "unlink":
                    model.unlink(p, q)
                    world.actor(p).unlink(world.pids[q])
                case "monitor":
                    model.monitor(p, q, refs)
                    world.refs[refs] = world.actor(p).monitor(world.pids[q])
                    refs += 1
                case "demonitor" if refs:
                    ref = arguments[1] % refs
                    model.demonitor(p, ref)
                    world.actor(p).demonitor(world.refs[ref])
                case "signal":
                    model.signal(p, q, arguments[2])
                    node.exit(world.pids[q], arguments[2], world.pids[p])
                case "end":
                    # As raising Exit in it does: any reason is one, also "kill".
                    model.die(p, arguments[2])
                    node.signals.die(world.pids[p].cell, arguments[2])
                case "trap":
                    model.traps[p] = arguments[1]
                    world.actor(p).trap_exit(arguments[1])
            if settled:
                await node.idle()
        await node.idle()
        assert world.dead == model.dead
        for p in range(len(world.pids)):
            if p not in model.dead:
                assert world.mail[p] == model.mail[p]
                assert {world.number(peer.pid) for peer in world.pids[p].cell.links or ()} == set(model.links[p])
            else:
                # What it had not handled at its death is lost; the beginning is the same.
                assert world.mail[p] == model.mail[p][: len(world.mail[p])]
        assert sum(len(cell.monitors or ()) for cell in node.processes()) == len(model.monitors)
        node.on_exit.clear()

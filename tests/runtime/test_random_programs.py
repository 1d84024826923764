"""Random programs of spawn, link, monitor, exit, trap, names, aliases and mail, against a model of a few lines.

The model knows Erlang's rules (OTP reference, "Processes") and nothing of the runtime; both must agree on who lives,
what each died of, and what each received in which order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirliton.runtime import (
    CoroutineProcess,
    Down,
    ExitSignal,
    GenServer,
    Name,
    NameNotRegistered,
    NameTaken,
    NoProc,
    NoReply,
    Pid,
    Stop,
    message,
)
from mirliton.runtime.testing import virtual_node

REASONS = ["normal", "shutdown", "boom", "kill", "killed"]
NAMES = [Name("test", "red"), Name("test", "blue")]


@message("test.program.letter")
class Letter:
    """The `n`th message of a program, sent by process number `sender`."""

    sender: int
    n: int


class Model:
    """The processes by number: what is linked, watched, trapped, received, and who is dead of what."""

    def __init__(self) -> None:
        self.links: dict[int, dict[int, None]] = {}
        self.monitors: dict[int, tuple[int, int]] = {}
        self.traps: dict[int, bool] = {}
        self.mail: dict[int, list[Any]] = {}
        self.dead: dict[int, str] = {}
        self.names: dict[int, int] = {}
        self.aliases: dict[int, int] = {}
        self.firing: deque[tuple[int, int | None, str]] = deque()
        """Who hears over a link of whose end; with None: the dead one whose watchers hear."""

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

    def monitor(self, p: int, q: int | None, ref: int) -> None:
        if q is not None and self.alive(q):
            self.monitors[ref] = (p, q)
        else:
            self.mail[p].append(("down", ref, "noproc"))

    def demonitor(self, p: int, ref: int, flush: bool) -> None:
        """With `flush` while nothing of the mailbox has been read."""
        if flush:
            self.mail[p] = [mail for mail in self.mail[p] if mail[:2] != ("down", ref)]
        if ref in self.monitors and self.monitors[ref][0] == p:
            del self.monitors[ref]

    def send(self, p: int, q: int | None, n: int) -> None:
        if q is not None and self.alive(q):
            self.mail[q].append(("letter", p, n))

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
            if sender is None:
                self.tell_watchers(q, why)
            elif not self.alive(q):
                continue
            elif self.traps[q]:
                self.mail[q].append(("exit", sender, why))
            elif why != "normal":
                self.end(q, why)

    def end(self, p: int, reason: str) -> None:
        self.dead[p] = reason
        self.names = {name: q for name, q in self.names.items() if q != p}
        self.aliases = {alias: q for alias, q in self.aliases.items() if q != p}
        links = self.links.pop(p)
        for q in links:
            self.links[q].pop(p, None)
            self.firing.append((q, p, reason))
        if links:
            self.firing.append((p, None, reason))  # links are told first
        else:
            self.tell_watchers(p, reason)

    def tell_watchers(self, p: int, reason: str) -> None:
        for ref, (watcher, watched) in list(self.monitors.items()):
            if watched == p:
                del self.monitors[ref]
                if self.alive(watcher):
                    self.mail[watcher].append(("down", ref, reason))
            elif watcher == p:
                del self.monitors[ref]


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
        self.aliases: dict[int, Name] = {}
        self.mail: dict[int, list[Any]] = {}
        self.dead: dict[int, Any] = {}
        node.on_exit.append(lambda cell, reason, *_: self.dead.__setitem__(self.number(cell.pid), reason))

    def number(self, pid: Pid) -> int:
        return self.pids.index(pid)

    def note(self, p: int, received: Any) -> None:
        if isinstance(received, ExitSignal):
            self.mail[p].append(("exit", self.number(received.sender), received.reason))
        elif isinstance(received, Letter):
            self.mail[p].append(("letter", received.sender, received.n))
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
_name = st.integers(0, len(NAMES) - 1)
steps = st.one_of(
    st.tuples(st.just("spawn"), _process, st.booleans(), st.booleans()),
    st.tuples(st.just("link"), _process, _process),
    st.tuples(st.just("unlink"), _process, _process),
    st.tuples(st.just("monitor"), _process, _process),
    st.tuples(st.just("demonitor"), _process, _process, st.booleans()),
    st.tuples(st.just("monitor_name"), _process, _name),
    st.tuples(st.just("register"), _process, _name),
    st.tuples(st.just("unregister"), _process, _name),
    st.tuples(st.just("send"), _process, _process),
    st.tuples(st.just("send_name"), _process, _name),
    st.tuples(st.just("alias"), _process),
    st.tuples(st.just("unalias"), _process, _process),
    st.tuples(st.just("send_alias"), _process, _process),
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
        refs = aliases = 0
        for n, step in enumerate(program):
            kind, *arguments = step
            if kind == "idle":
                await node.idle()
                continue
            count = len(world.pids)
            p = arguments[0] % count
            if not model.alive(p):
                continue
            q = arguments[1] % count if len(arguments) > 1 else 0
            word = arguments[1] % len(NAMES) if len(arguments) > 1 else 0
            alias = arguments[1] % aliases if len(arguments) > 1 and aliases else 0
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
                    flush = arguments[2] and not settled
                    if flush and not world.mail[p]:
                        model.demonitor(p, ref, True)
                        world.actor(p).demonitor(world.refs[ref], flush=True)
                    elif not flush:
                        model.demonitor(p, ref, False)
                        world.actor(p).demonitor(world.refs[ref])
                case "monitor_name":
                    model.monitor(p, model.names.get(word), refs)
                    world.refs[refs] = world.actor(p).monitor(NAMES[word])
                    refs += 1
                case "register":
                    taken = word in model.names
                    model.names.setdefault(word, p)
                    with pytest.raises(NameTaken) if taken else contextlib.nullcontext():
                        world.actor(p).register(NAMES[word])
                case "unregister":
                    mine = model.names.get(word) == p
                    if mine:
                        del model.names[word]
                    with contextlib.nullcontext() if mine else pytest.raises(NameNotRegistered):
                        world.actor(p).unregister(NAMES[word])
                case "send":
                    model.send(p, q, n)
                    world.actor(p).send(world.pids[q], Letter(p, n))
                case "send_name":
                    model.send(p, model.names.get(word), n)
                    world.actor(p).send(NAMES[word], Letter(p, n))
                case "alias":
                    model.aliases[aliases] = p
                    world.aliases[aliases] = world.actor(p).alias()
                    aliases += 1
                case "unalias" if aliases:
                    mine = model.aliases.get(alias) == p
                    if mine:
                        del model.aliases[alias]
                    assert world.actor(p).unalias(world.aliases[alias]) is mine
                case "send_alias" if aliases:
                    model.send(p, model.aliases.get(alias), n)
                    world.actor(p).send(world.aliases[alias], Letter(p, n))
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
        assert {NAMES.index(name) for name in node.registry.names("test")} == set(model.names)
        assert len(node.registry.names("alias")) == len(model.aliases)
        node.on_exit.clear()


# Wherever a signal finds a process


@message("test.program.stop")
class Leave:
    """Stop with `reason`, which takes a while."""

    reason: str


class Worker(GenServer):
    """Does what holds a process up; its terminate takes a second."""

    def init(self, trap: bool) -> None:
        self.trap_exit(trap)
        self.heard: list[Any] = []

    def handle_cast(self, request: Any) -> Any:
        match request:
            case Leave(reason):
                return Stop(reason)
            case "sleep":
                return self.sleep(100)
            case "call":
                return self.call(Name("test", "silent"), "anything", None)
            case "foreign":
                return asyncio.Event().wait()

    def handle_call(self, request: Any, sender: Any) -> NoReply:
        return NoReply()

    def handle_info(self, received: Any) -> None:
        self.heard.append(received)

    async def terminate(self, reason: Any) -> None:
        await self.sleep(1)


@pytest.mark.parametrize("trap", [False, True])
@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("state", ["idle", "suspended", "flooded", "sleep", "call", "foreign", "starting"])
async def test_a_signal_takes_effect_at_once_whatever_the_process_is_doing(state: str, reason: str, trap: bool) -> None:
    async with virtual_node() as node:
        await node.start(Worker, True, name=Name("test", "silent"))
        victim = node.spawn(Worker, trap) if state == "starting" else await node.start(Worker, trap)
        match state:
            case "suspended":
                await node.sys.suspend(victim)
            case "flooded":
                for n in range(10_000):
                    node.send(victim, Letter(0, n))
            case "sleep" | "call" | "foreign":
                node.cast(victim, state)
                for _ in range(5):
                    await asyncio.sleep(0)
        # One that has not begun its init traps nothing yet.
        trapping = trap and state != "starting"
        node.exit(victim, reason)
        dies = reason == "kill" or (reason != "normal" and not trapping)
        assert (victim.cell is None) is dies, "no turn of the loop was needed"
        if victim.cell is not None:
            kinds = [type(item[0]) for item in victim.cell.all_mail()]
            assert (ExitSignal in kinds) is trapping
        node.exit(victim, "kill")


@given(st.sampled_from(REASONS), st.lists(st.sampled_from(REASONS), max_size=3), st.booleans())
@settings(max_examples=100, deadline=None)
def test_an_exit_during_terminate_counts_by_the_same_rules(stop: str, signals: list[str], trap: bool) -> None:
    async def run() -> Any:
        async with virtual_node() as node:
            victim = await node.start(Worker, trap)
            end = asyncio.ensure_future(node.wait_exit(victim, None))
            node.cast(victim, Leave(stop))
            await node.advance(0.1)
            for signal in signals:
                node.exit(victim, signal)
            await node.advance(2)
            return end.result()

    expected = stop
    for signal in signals:
        if signal == "kill":
            expected = "killed"
            break
        if signal != "normal" and not trap:
            expected = signal
            break
    assert asyncio.run(run()) == expected

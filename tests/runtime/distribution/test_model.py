"""Random programs over two nodes whose network is cut, loses, doubles and breaks, against a small model.

What must hold whatever happens: messages of one process to another arrive at most once and in their order; every
monitor gives exactly one Down, every link one exit, every call one end; and when all is quiet both nodes agree on what
is linked, and nothing is left of what has ended.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from far_world import Far
from mirliton.runtime import CallError, Down, ExitSignal
from mirliton.runtime.testing import Cluster, virtual_cluster
from mirliton.runtime.transport import Hub, Limits

A, B = "a@host", "b@host"
PROCESSES = 4
SETTLE = 30.0
"""Virtual seconds in which all that is on its way must have come to its end."""

process = st.integers(0, PROCESSES - 1)
STEPS = st.one_of(
    st.tuples(st.just("send"), process, process),
    st.tuples(st.just("link"), process, process),
    st.tuples(st.just("unlink"), process, process),
    st.tuples(st.just("monitor"), process, process),
    st.tuples(st.just("demonitor"), process, process),
    st.tuples(st.just("call"), process, process),
    st.tuples(st.just("kill"), process, process),
    st.tuples(st.just("exit"), process, process),
    st.tuples(st.sampled_from(["cut", "heal", "break", "disconnect", "loss", "doubling", "slow", "calm"])),
    st.tuples(st.just("wait"), st.sampled_from([0.0005, 0.002, 0.3, 6.0])),
)


class World:
    """The program, and what the model knows of it."""

    def __init__(self, cluster: Cluster, processes: list[Far]) -> None:
        self.cluster = cluster
        self.processes = processes
        self.faulty = False
        self.sent: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.monitors: list[tuple[int, int, Any]] = []
        self.demonitored: set[Any] = set()
        self.calls: list[asyncio.Future[Any]] = []
        self._number = 0
        self._broken: set[str] = set()
        self._unlinked: set[frozenset[int]] = set()
        self._linked: dict[tuple[int, int], bool] = {}
        self._exits: dict[tuple[int, int], int] = {}

    async def step(self, what: str, *args: Any) -> None:
        if what in ("cut", "heal", "break", "disconnect", "loss", "doubling", "slow", "calm"):
            self.faulty |= what not in ("heal", "calm", "doubling", "slow")
            getattr(self, f"do_{what}")()
        elif what == "wait":
            await self.cluster.advance(args[0])
        else:
            one, other = args
            if self.processes[one].alive:
                self.processes[one].begin(lambda me: self._act(me, what, one, other))
        await self.cluster.idle()
        self.check_exits()

    def _act(self, me: Any, what: str, one: int, other: int) -> Any:
        to = self.processes[other].pid
        if what == "send":
            self._number += 1
            self.sent[one, other].append(self._number)
            me.send(to, (one, self._number))
        elif what == "link":
            me.link(to)
        elif what == "unlink":
            self._unlinked.add(frozenset((one, other)))
            me.unlink(to)
        elif what == "monitor":
            self.monitors.append((one, other, me.monitor(to)))
        elif what == "demonitor":
            mine = [ref for watcher, watched, ref in self.monitors if (watcher, watched) == (one, other)]
            for ref in mine:
                me.demonitor(ref, flush=True)
            self.demonitored.update(mine)
        elif what == "call" and one != other:
            self.calls.append(me.node.loop.create_task(self._call(me.node, to)))
        elif what == "kill":
            me.exit(to, "kill")
        elif what == "exit":
            me.exit(to, ("from", one))

    @staticmethod
    async def _call(node: Any, to: Any) -> Any:
        try:
            return await node.call(to, "hello", timeout=None)
        except CallError as error:
            return error

    # Faults

    def do_cut(self) -> None:
        self.cluster.hub.cut(A, B)

    def do_heal(self) -> None:
        self.cluster.hub.heal(A, B)
        self.cluster.hub.loss = 0.0
        for name in list(self._broken):
            self._broken.remove(name)
            self.cluster.hub.reconnect(name)

    def do_break(self) -> None:
        if A not in self._broken:
            self._broken.add(A)
            self.cluster.hub.disconnect(A)

    def do_disconnect(self) -> None:
        self.cluster.at(A).disconnect_node(B)

    def do_loss(self) -> None:
        self.cluster.hub.loss = 0.3

    def do_doubling(self) -> None:
        self.cluster.hub.doubling = 0.5

    def do_slow(self) -> None:
        self.cluster.hub.slow.add(B)

    def do_calm(self) -> None:
        self.cluster.hub.slow.clear()
        self.cluster.hub.doubling = 0.0

    # What must hold

    async def end(self) -> None:
        self.do_heal()
        self.do_calm()
        await self.cluster.advance(SETTLE)
        await self.cluster.all_up()
        self.check_exits()
        self.check_links_agree()
        assert self.cluster.at(A).hanging() == self.cluster.at(B).hanging()
        linked = [(one, peer.pid) for one in self.processes if one.alive for peer in one.node.find(one.pid).links]
        seen_before = [len(one.seen) for one in self.processes]
        exits_due: dict[Any, int] = defaultdict(int)
        # All of them end in some order; who is left last hears of all others.
        order = [one for one in self.processes if one.alive]
        for dead in order[:-1]:
            for one, peer in linked:
                if peer == dead.pid and one.alive and one is not dead:
                    exits_due[one.pid, peer] += 1
            dead.node.exit(dead.pid, "kill")
            await self.cluster.advance(0.1)
        for one, before in zip(self.processes, seen_before, strict=True):
            heard: dict[Any, int] = defaultdict(int)
            for mail in one.seen[before:]:
                if type(mail) is ExitSignal:
                    heard[one.pid, mail.sender] += 1
            assert heard == {key: due for key, due in exits_due.items() if key[0] == one.pid}
        self.check_messages()
        self.check_monitors()
        for call in self.calls:
            assert call.done()
        for last in order[-1:]:
            last.node.exit(last.pid, "kill")
        await self.cluster.advance(0.1)
        self.check_nothing_is_left()

    def check_exits(self) -> None:
        """A link that is there no more, and that nobody undid, gave an exit."""
        for one, process in enumerate(self.processes):
            if not process.alive:
                continue
            peers = {peer.pid for peer in process.node.find(process.pid).links}
            for other, peer in enumerate(self.processes):
                exits = sum(sender == peer.pid and reason != ("from", other) for sender, reason in process.exits)
                was_linked, is_linked = self._linked.get((one, other), False), peer.pid in peers
                if was_linked and not is_linked and frozenset((one, other)) not in self._unlinked:
                    assert exits > self._exits[one, other], f"{one} heard nothing of the end of its link to {other}"
                self._linked[one, other], self._exits[one, other] = is_linked, exits

    def check_messages(self) -> None:
        received: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, one in enumerate(self.processes):
            for mail in one.seen:
                if type(mail) is tuple:
                    received[mail[0], number].append(mail[1])
        for pair, numbers in received.items():
            sent = iter(self.sent[pair])
            assert all(number in sent for number in numbers), f"{pair}: sent {self.sent[pair]}, received {numbers}"

    def check_monitors(self) -> None:
        for watcher, watched, ref in self.monitors:
            one = self.processes[watcher]
            downs = [mail for mail in one.seen if type(mail) is Down and mail.ref == ref]
            if ref in self.demonitored:
                assert len(downs) <= 1
            elif one.alive:
                assert len(downs) == (watched != watcher), f"{watcher} watches {watched}: {downs}"
            assert len(downs) <= 1
            for down in downs:
                assert down.process == self.processes[watched].pid
                assert self.faulty or down.reason != "noconnection"

    def check_links_agree(self) -> None:
        links = {(one.pid, peer.pid) for one in self.processes if one.alive for peer in one.node.find(one.pid).links}
        assert links == {(other, one) for one, other in links}

    def check_nothing_is_left(self) -> None:
        for node in self.cluster.nodes:
            assert len(node) == 0
            assert len(node.calls) == 0
            assert self.cluster.at(node.name).hanging() == 0


async def run(steps: list[tuple[Any, ...]], seed: int) -> None:
    hub = Hub(seed, jitter=0.002)
    async with virtual_cluster(A, B, hub=hub, limits=Limits(silence=2.0)) as cluster:
        nodes = [cluster.nodes[number % 2] for number in range(PROCESSES)]
        world = World(cluster, [await Far.on(cluster, node, trap=True) for node in nodes])
        for step in steps:
            await world.step(*step)
        await world.end()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40), st.integers(0, 10_000))
@example([("link", 0, 1), ("unlink", 1, 0), ("unlink", 0, 1), ("link", 0, 1)], 0)
@example([("link", 0, 1), ("wait", 0.3), ("unlink", 0, 1), ("link", 0, 1), ("unlink", 1, 0), ("wait", 0.3)], 0)
@example([("link", 0, 1), ("link", 3, 2), ("call", 0, 3), ("wait", 0.0005), ("break",)], 0)
@example([("monitor", 0, 1), ("wait", 0.3), ("demonitor", 0, 1)], 0)
@example([("monitor", 0, 1), ("wait", 0.002), ("break",), ("kill", 3, 1), ("heal",)], 0)
@example([("send", 0, 1)] * 3 + [("loss",)] + [("send", 0, 1), ("wait", 0.002)] * 5 + [("heal",)], 1)
def test_whatever_happens_between_two_nodes_the_promises_hold(steps: list[tuple[Any, ...]], seed: int) -> None:
    asyncio.run(run(steps, seed))

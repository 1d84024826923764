"""Whatever a stranger sends, nothing happens; whatever an insider sends, the node stands."""

from __future__ import annotations

import random
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from far_world import Far, Scribe
from frame_fuzz import Insider, Stranger, some_names
from mirliton.runtime import Name
from mirliton.runtime.testing import Cluster, virtual_cluster
from mirliton.runtime.testing.cluster import SECRET
from mirliton.runtime.transport import Endpoint, Keyring
from mirliton.runtime.transport.counters import REFUSALS
from mirliton.runtime.transport.memory import MemoryNetwork

FEW = 20_000
MANY = 1_000_000
SLICE = 1_000
"""Frames between two looks of the nodes at what has come."""
GROWTH = 30_000_000
"""Bytes that the whole process may have more after any number of frames."""
SLOWEST = 2.0
"""Real seconds for one frame, on a machine that is busy with something else."""


async def seen_by_a_stranger(cluster: Cluster) -> tuple[MemoryNetwork, list[bytes]]:
    """Frames of all kinds that pass between two nodes, and the end that takes more of them."""
    a, b = cluster.nodes
    recorded: list[bytes] = []
    end = cluster.hub.tap("b@host", recorded.append)
    here = await Far.on(cluster, a, trap=True)
    there = await Far.on(cluster, b, trap=True, name=Name("service", "peer"))
    await here.do(lambda me: (me.link(there.pid), me.monitor(there.pid)))
    for number, what in enumerate([*some_names(), "text", 7, b"bytes", {"a": [1, 2.5, None]}]):
        a.send(there.pid, what)
        await cluster.drive(a.call(Name("service", "peer").at("b@host"), [number, what]))
    c = await cluster.start("c@host")
    await cluster.all_up()
    await c.stop()
    await cluster.drive(cluster.at("c@host").close())  # with a goodbye
    cluster.nodes.remove(c)
    await cluster.advance(5.0)
    cluster.hub.tap("b@host", lambda _: None)
    return end, recorded


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def standing(cluster: Cluster) -> dict[str, Any]:
    """What must stay as it is at b, whatever a stranger sends."""
    node, part = cluster.nodes[1], cluster.at("b@host")
    return {
        "nodes": part.nodes(),
        "up": part.counters.ups,
        "down": dict(part.counters.downs),
        "envelopes": part.counters.envelopes_in,
        "processes": sorted(str(cell.pid) for cell in node.processes()),
        "mail": [len(cell) for cell in node.processes()],
    }


def session_of(cluster: Cluster, at: str, other: str) -> tuple[int, int, int]:
    """What the other node has to say there for its next batch to be read."""
    peer = cluster.at(at)._mesh.peers.get(other)
    return (peer.session.theirs, peer.session.mine, peer.inbound.sequence + 1) if peer is not None else (0, 0, 0)


async def nothing_happens(count: int, seed: int) -> float:
    """Send so many frames of a stranger's; real seconds that it took to refuse them."""
    async with virtual_cluster("a@host", "b@host") as cluster:
        end, seen = await seen_by_a_stranger(cluster)
        stranger = Stranger(seen, seed)
        await cluster.advance(0.01)
        before, counters = standing(cluster), cluster.at("b@host").counters
        refused, sent, spent = counters.refused.total(), counters.frames_out, 0.0
        memory = resident()
        with capture_logs() as lines:
            for number in range(0, count, SLICE):
                frames = [stranger.frame() for _ in range(SLICE)]
                began = time.perf_counter()
                for data in frames:
                    end.take(data)
                spent += time.perf_counter() - began
                if number % (100 * SLICE) == 0:
                    await cluster.idle()
        await cluster.idle()
        assert counters.refused.total() - refused == count
        assert {fault for fault, times in counters.refused.items() if times} <= {
            "too_long", "too_short", "version", "unknown_key", "signature",
        }  # fmt: skip
        assert counters.frames_out == sent, "no answer goes to a stranger"
        assert len(lines) <= len(REFUSALS), "a line for each kind of fault a minute"
        assert standing(cluster) == before
        await cluster.advance(10.0)
        assert standing(cluster)["down"] == before["down"]
        assert await cluster.drive(cluster.nodes[0].call(Name("service", "peer").at("b@host"), "here?")) == "here?"
        assert resident() - memory < GROWTH
    return spent


async def test_twenty_thousand_mutated_frames_of_a_stranger_do_nothing() -> None:
    await nothing_happens(FEW, seed=1)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_a_million_mutated_frames_of_a_stranger_do_nothing() -> None:
    began = time.perf_counter()
    spent = await nothing_happens(MANY, seed=2)
    whole = time.perf_counter() - began
    print(f"{MANY} frames refused in {spent:.1f} s, {spent / MANY * 1e6:.2f} µs each; {whole:.0f} s in all")


async def test_frames_that_are_played_back_in_any_order_do_nothing_and_are_hardly_answered() -> None:
    dice = random.Random(3)
    async with virtual_cluster("a@host", "b@host") as cluster:
        end, seen = await seen_by_a_stranger(cluster)
        counters = cluster.at("b@host").counters
        before, sent = standing(cluster), counters.frames_out
        with capture_logs() as lines:
            for _ in range(20):
                for data in dice.choices(seen, k=1_000):
                    end.take(data)
                await cluster.advance(0.5)
        now = standing(cluster)
        assert (now["processes"], now["mail"]) == (before["processes"], before["mail"])
        assert (now["nodes"], now["down"]["connection_closed"]) == (["a@host"], before["down"]["connection_closed"])
        assert counters.downs.total() == sum(before["down"].values())
        assert len(lines) <= len(REFUSALS)
        # Eight hellos from tick to tick to each of two nodes, of which one is not there any more; and signs of life.
        assert counters.frames_out - sent < 20 * (8 + 8 + 3)
        assert await cluster.drive(cluster.nodes[0].call(Name("service", "peer").at("b@host"), "here?")) == "here?"


async def test_nonsense_that_is_rightly_signed_is_counted_and_the_node_stands() -> None:
    async with virtual_cluster("a@host", "b@host") as cluster:
        end, seen = await seen_by_a_stranger(cluster)
        a, b = cluster.nodes
        me, to = Endpoint(a.name, a.incarnation), Endpoint(b.name, b.incarnation)
        insider = Insider(Keyring(SECRET), seen, me, to, lambda: session_of(cluster, "b@host", "a@host"), seed=4)
        counters, memory, slowest = cluster.at("b@host").counters, resident(), 0.0
        with capture_logs() as lines:
            for number in range(FEW // 2):
                began = time.perf_counter()
                end.take(insider.frame())
                slowest = max(slowest, time.perf_counter() - began)
                if number % 100 == 0:
                    await cluster.advance(0.01)
        assert counters.refused["malformed"] > FEW // 10
        assert counters.refused["unreadable"] > 0
        refusals = [line for line in lines if line["event"] == "frame_refused"]
        assert len(refusals) <= len(REFUSALS)
        assert slowest < SLOWEST
        assert resident() - memory < GROWTH
        # Its processes may have been killed, as whoever knows the secret may; the node stands, also for others.
        fresh = await cluster.drive(b.start(Scribe))
        c = await cluster.start("c@host")
        await cluster.advance(10.0)
        assert await cluster.drive(c.call(fresh, "here?")) == "here?"

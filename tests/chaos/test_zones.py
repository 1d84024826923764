"""Two zones as their operators run them: a RabbitMQ each, nodes that are OS processes, settings files, one store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from broker import missing, running_broker
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton_run import MIRLITON, free_ports
from tcp_cut import TcpCut, a_way_that_can_be_cut

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.lax("OS processes and brokers: what is tried is the real thing"),
    pytest.mark.timeout(300),
]

COOKIE: Final = "what all nodes of both zones know"
NODES: Final = {"east": ("a@host", "b@host"), "west": ("c@host", "d@host")}
ALL: Final = {f"{node}+{zone}" for zone, nodes in NODES.items() for node in nodes}
SHARDS: Final = 8
PATIENCE: Final = 60.0


class ZoneNode:
    """One `mirliton node`."""

    def __init__(self, folder: Path, name: str, metrics: int) -> None:
        self.name = name
        self.folder = folder
        self.metrics = metrics
        environment = {**os.environ, "MIRLITON_METRICS_PORT": str(metrics)}
        self._log = (folder / f"{name}.log").open("wb")
        self._process = subprocess.Popen(
            [*MIRLITON, "node", "--name", name, "--apps", "acdc"],
            cwd=folder, env=environment, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def ask(self, do: str, **request: Any) -> Any:
        with Control(self.folder / "var" / f"{self.name}.sock", 20.0) as control:
            return control.ask(do, **request)

    def cards(self) -> dict[str, dict[str, Any]]:
        return {card["node"]: card for card in self.ask("cluster")}

    def count(self, metric: str) -> float:
        """What it has counted, all labels together."""
        text = httpx.get(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10.0).text
        return sum(float(value) for value in re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", text, flags=re.MULTILINE))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class World:
    """All of it."""

    def __init__(self, nodes: dict[str, ZoneNode], ways: tuple[TcpCut, TcpCut]) -> None:
        self.nodes = nodes
        self._ways = ways

    def part(self) -> None:
        for way in self._ways:
            way.cut()

    def rejoin(self) -> None:
        for way in self._ways:
            way.heal()

    def seen(self) -> dict[str, set[str]]:
        """Which nodes each sees, itself included."""
        return {name: set(node.cards()) for name, node in self.nodes.items()}

    def acting(self, zone: str) -> list[str]:
        cards = self.nodes[f"{NODES[zone][0]}+{zone}"].cards()
        return sorted(name for name, card in cards.items() if name.endswith(f"+{zone}") and "acdc" in card["acting"])

    def shards(self, zone: str) -> dict[str, tuple[int, int]]:
        """How many each node of a zone owns, and has ever taken."""
        cards = self.nodes[f"{NODES[zone][0]}+{zone}"].cards()
        return {name: (card["shards"], card["taken"]) for name, card in cards.items() if name.endswith(f"+{zone}")}

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + PATIENCE
        while not await asyncio.to_thread(_is_so, condition):
            assert time.monotonic() < ends, f"{what}: {await asyncio.to_thread(self.seen)}"
            await asyncio.sleep(0.2)


def _is_so(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (CommandError, httpx.HTTPError):
        return False  # it is still starting


def settings(store: Path, zone: str, own: str, other_zone: str, other: str) -> str:
    return (
        f'[amqp]\nuri = "{own}"\ncookie = "{COOKIE}"\nsilence = 2.0\n'
        f'[zones]\nname = "{zone}"\nothers = "{other_zone}={other}"\n'
        f'[store]\npath = "{store}"\n[entities]\nshards = {SHARDS}\n'
    )


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[int, int]]:
    with running_broker(tmp_path / "east-broker") as east, running_broker(tmp_path / "west-broker") as west:
        yield east.port, west.port


@pytest.fixture
async def world(brokers: tuple[int, int], tmp_path: Path) -> AsyncIterator[World]:
    async with a_way_that_can_be_cut(brokers[0]) as to_east, a_way_that_can_be_cut(brokers[1]) as to_west:
        east, west, across_to_east, across_to_west = (
            f"amqp://guest:guest@127.0.0.1:{port}/" for port in (*brokers, to_east.port, to_west.port)
        )
        ports = free_ports(4)
        with contextlib.ExitStack() as open_:
            nodes = {}
            for zone, own, other_zone, other in (
                ("east", east, "west", across_to_west),
                ("west", west, "east", across_to_east),
            ):
                folder = tmp_path / zone
                folder.mkdir()
                (folder / "mirliton.toml").write_text(settings(tmp_path / "store.db", zone, own, other_zone, other))
                for name in NODES[zone]:
                    nodes[f"{name}+{zone}"] = node = ZoneNode(folder, name, ports.pop())
                    open_.callback(node.close)
            yield World(nodes, (to_east, to_west))


async def test_a_zone_that_is_cut_off_goes_on_alone_and_rejoins_without_duplicates(world: World) -> None:
    await world.until(lambda: all(seen == ALL for seen in world.seen().values()), "all see each other")
    for zone in NODES:
        await world.until(lambda zone=zone: len(world.acting(zone)) == 1, f"one acts in {zone}")
        # Each zone has all of the shards, though both have one store.
        await world.until(
            lambda zone=zone: sorted(owned for owned, _ in world.shards(zone).values()) == [SHARDS // 2] * 2,
            f"the shards of {zone} are even",
        )
    acting = {zone: world.acting(zone) for zone in NODES}
    shards = {zone: world.shards(zone) for zone in NODES}

    world.part()
    mine = {zone: {f"{node}+{zone}" for node in nodes} for zone, nodes in NODES.items()}
    await world.until(
        lambda: world.seen() == {name: mine[name.rpartition("+")[2]] for name in ALL}, "each zone sees itself alone"
    )
    await asyncio.sleep(5.0)
    for zone in NODES:
        cards = world.nodes[f"{NODES[zone][0]}+{zone}"].cards()
        assert all(card["ready"] for card in cards.values()), cards
        assert (world.acting(zone), world.shards(zone)) == (acting[zone], shards[zone])

    world.rejoin()
    await world.until(lambda: all(seen == ALL for seen in world.seen().values()), "all see each other again")
    await asyncio.sleep(5.0)
    for zone in NODES:
        assert (world.acting(zone), world.shards(zone)) == (acting[zone], shards[zone]), "nothing moved"
    for node in world.nodes.values():
        for metric in ("mirliton_name_conflicts_total", "mirliton_step_downs_total", "mirliton_entity_stale_total"):
            assert await asyncio.to_thread(node.count, metric) == 0, (node.name, metric)

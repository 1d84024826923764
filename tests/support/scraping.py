"""A whole node that has had trouble of every kind, and what it then tells Prometheus."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from mirliton.actors.switching import switch_name
from mirliton.api.cli.root import tree
from mirliton.api.listening import Where
from mirliton.api.metrics import METRICS
from mirliton.api.server import API
from mirliton.config import Settings, load
from mirliton.runtime import GenServer, Name, Node, StartError, Watchdog
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Hub, Keyring
from mirliton.supervisors import Supervisor, Tree, stop_supervisor, worker
from mirliton.supervisors.chaos import ChaosRun, ProcessField, read_plan
from mirliton.supervisors.failover import failover
from scene import PASSWORD, PATIENCE, SPEED, a_switch, eventually, free_port

OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0"
HELD: Final = 0.2
"""Seconds after which a handler is ended here."""
TROUBLE: Final = Name("service", "trouble")


KILL_ONE: Final = {
    "attack": [{"names": ["service:store"], "at": [0.0]}],
    "duration": 0.1,
    "invariants": {"settle": 0.0, "no_leaks": False},
}


class Trouble(GenServer):
    """Starts, crashes, holds the loop, has a full mailbox and ends as it is told."""

    mailbox_limit = 1
    mailbox_overflow = "drop_newest"

    def init(self, starts: bool = True) -> None:
        self.trap_exit(True)
        if not starts:
            raise ValueError("told not to start")

    def handle_cast(self, request: Any) -> None:
        if request == "hold the loop":
            time.sleep(10 * HELD)
        raise ValueError(request)

    def terminate(self, reason: Any) -> None:
        raise ValueError("does not end as told")


class Narrow(GenServer):
    """Loses what it is sent."""

    mailbox_limit = 1
    mailbox_overflow = "drop_newest"


async def scrape_of_a_troubled_node(folder: Path) -> dict[str, Metric]:
    """The metric families, by name, of a node with all its parts, a switch and a call; something happened to have each
    of them say something."""
    records = free_port()
    async with a_switch(records, SPEED, looks_up=True) as switch:
        settings = _settings(folder, switch.port, records)
        async with (
            Node("troubled@localhost", watchdog=Watchdog(slow=HELD / 2, stalled=HELD)) as node,
            Distribution(node, Hub().network(), Keyring("the secret of a cluster of one")),
        ):
            await node.start(Supervisor, tree(settings))
            await node.start(Supervisor, failover("ecallmgr", []))
            await _connected(node, settings)
            await switch.place_call("anybody", "nowhere", realm="nobody.test", context="context_2")
            await _cause_trouble(node)
            async with ClientSession() as session:
                api, metrics = await node.call(API, Where()), await node.call(METRICS, Where())
                async with session.get(f"http://{api.host}:{api.port}/v2/nonsense"):
                    pass
                url = f"http://{metrics.host}:{metrics.port}/metrics"
                async with session.get(url, headers={"Accept": OPENMETRICS}) as response:
                    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
                    text = await response.text()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _settings(folder: Path, switch_port: int, records: int) -> Settings:
    return load(
        environment={
            "MIRLITON_NODE_STATE_DIR": str(folder),
            "MIRLITON_API_PORT": str(free_port()),
            "MIRLITON_METRICS_PORT": str(free_port()),
            "MIRLITON_LEG_RECORDS_PORT": str(records),
            "MIRLITON_SIMULATOR_PORT": str(switch_port),
            "MIRLITON_SIMULATOR_PASSWORD": PASSWORD,
            # Nobody is there: the edge goes on trying.
            "MIRLITON_EDGE_AMQP_URI": f"amqp://guest:guest@127.0.0.1:{free_port()}/",
        }
    )


async def _connected(node: Node, settings: Settings) -> None:
    async def is_connected() -> bool:
        cell = node.find(switch_name(settings.simulator.name))
        return cell is not None and cell.actor.connects > 0

    assert await eventually(is_connected, PATIENCE), "the node did not connect to the switch"


async def _cause_trouble(node: Node) -> None:
    narrow = await node.start(Narrow)
    for message in ("first", "second"):
        node.send(narrow, message)
    keeper = await node.start(Supervisor, Tree("one_for_one", [worker(Trouble, name=TROUBLE)], intensity=2))
    for told in ("crash", "hold the loop"):
        pid = node.whereis(TROUBLE)
        assert pid is not None
        node.cast(pid, told)
        await node.wait_exit(pid)
        assert await eventually(lambda: _came_back(node), PATIENCE)
    await ChaosRun(ProcessField(node), read_plan(KILL_ONE)).carry_out()
    await node.sys.suspend(TROUBLE)
    for _ in range(3):
        node.cast(TROUBLE, "crash")
    await stop_supervisor(node, keeper)
    helpless = await node.start(Supervisor, Tree("one_for_one", [worker(Trouble, name=TROUBLE)], intensity=0))
    pid = node.whereis(TROUBLE)
    assert pid is not None
    node.exit(pid, "kill")
    await node.wait_exit(helpless)
    try:
        await node.start(Supervisor, Tree("one_for_one", [worker(Trouble, starts=False)]))
    except StartError:
        return
    raise AssertionError("it should not have started")


async def _came_back(node: Node) -> bool:
    return node.whereis(TROUBLE) is not None

"""The node as a program of the node supervisor: one OS process, one event loop, one tree.

One of a cluster is ready when it is connected to the broker; at its end its processes end before it leaves the cluster,
so that those who watch them elsewhere are told why.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mirliton.actors.store import StoreError
from mirliton.api.cli import joined, root
from mirliton.api.cli.demo import load_demo
from mirliton.api.cli.logs import configure
from mirliton.api.cli.root import ROOT
from mirliton.api.cluster_messages import CLUSTER, Card, Drain
from mirliton.config import Settings
from mirliton.runtime import CallError, Crash, Node, Shutdown, StartError, Watchdog
from mirliton.runtime.distribution import Distribution
from mirliton.supervisors import Supervisor
from mirliton.supervisors.node_heartbeat import Heartbeat

DRAIN_LOOK: Final = 0.25
"""Seconds between looks whether a draining node has anything left."""


def main(heartbeat: Heartbeat, settings: Settings, log: Path | None) -> int:
    """Run until SIGTERM; the exit status. A tree that cannot start at all is told in one line."""
    configure(settings.logging, log)
    return asyncio.run(_run(heartbeat, settings))


async def _run(heartbeat: Heartbeat, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    heartbeat.start(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    limits = Watchdog(settings.node.slow_handler, settings.node.stalled_handler)
    node = Node(settings.node_name, watchdog=limits, short_pauses=True)
    if not settings.amqp.uri:
        async with node:
            return await _serve(heartbeat, settings, node, stop)
    state = settings.node.state_dir
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return _refused(node, f"the state directory {state} cannot be made: {error.strerror}", os.EX_UNAVAILABLE)
    try:
        distribution = joined.distribution(node, settings.amqp, settings.zones)
    except OSError as error:
        return _refused(node, f"the certificates for the broker cannot be used: {error}", os.EX_CONFIG)
    node.attach(loop)
    await distribution.open()
    try:
        if not await _connected(distribution, stop):
            return os.EX_OK
        return await _serve(heartbeat, settings, node, stop)
    finally:
        await node.stop(settings.node.shutdown_timeout)
        await distribution.close()


async def _connected(distribution: Distribution, stop: asyncio.Event) -> bool:
    """Wait for the broker (whoever started the node bounds that); False when the node is told to end before."""
    connected = asyncio.ensure_future(distribution.connected(timeout=None))
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait({connected, asked}, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (connected, asked):
        waiting.cancel()
    return not stop.is_set()


async def _serve(heartbeat: Heartbeat, settings: Settings, node: Node, stop: asyncio.Event) -> int:
    loop = asyncio.get_running_loop()
    tree = (joined if settings.amqp.uri else root).tree(settings)
    try:
        top = await node.start(Supervisor, tree, name=ROOT)
    except StartError as error:
        return _refused(node, first_cause(error.reason), os.EX_UNAVAILABLE)
    if settings.demo.enabled and "api" in settings.node.all_apps:
        try:
            await load_demo(node, settings)
        except StoreError as error:
            return _refused(node, f"the demo account cannot be loaded: {error}", os.EX_UNAVAILABLE)
    if settings.amqp.uri:
        heartbeat.on_drain(_drain_once(node, heartbeat), loop)
    heartbeat.ready()
    ended = loop.create_task(node.wait_exit(top, timeout=None))
    asked = loop.create_task(stop.wait())
    await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        node.log.error("root_gave_up", reason=str(ended.result()))
        return os.EX_SOFTWARE
    heartbeat.leaving()
    ended.cancel()
    await node.stop(settings.node.shutdown_timeout)
    return os.EX_OK


def _refused(node: Node, cause: str, status: int) -> int:
    node.log.error("node_cannot_start", reason=cause)
    sys.stderr.write(f"mirliton: {cause}\n")
    return status


def _drain_once(node: Node, heartbeat: Heartbeat) -> Callable[[], None]:
    """What the host supervisor's request to drain does: as `mirliton cluster drain --force`, and tell it when done."""
    under_way: list[asyncio.Task[None]] = []

    def drain() -> None:
        if not under_way:
            under_way.append(node.loop.create_task(_drained(node, heartbeat)))

    return drain


async def _drained(node: Node, heartbeat: Heartbeat) -> None:
    card: object = None
    while not (isinstance(card, Card) and card.drained):
        try:
            # Again each time: who was told may have been restarted, and have forgotten.
            card = await node.call(CLUSTER, Drain(force=True), timeout=60.0)
        except CallError as error:
            node.log.warning("drain_not_told", error=str(error))
        await asyncio.sleep(DRAIN_LOOK)
    heartbeat.drained()


def first_cause(reason: object) -> str:
    """The innermost reason of a start that failed, in one line: which part, and what was wrong."""
    part = ""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, tuple) and len(reason.detail) == 3:
        part, reason = f"{reason.detail[1]}: ", reason.detail[2]
    return f"{part}{reason.text if isinstance(reason, Crash) else reason}"

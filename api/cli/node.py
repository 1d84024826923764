"""The node as a program of the node supervisor: one OS process, one event loop, one tree."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from mirliton.actors.store import StoreError
from mirliton.api.cli.demo import load_demo
from mirliton.api.cli.logs import configure
from mirliton.api.cli.root import ROOT, tree
from mirliton.config import Settings
from mirliton.runtime import Crash, Node, Shutdown, StartError, Watchdog
from mirliton.supervisors import Supervisor
from mirliton.supervisors.node_heartbeat import Heartbeat


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
    node = Node(settings.node.name, watchdog=limits, short_pauses=True)
    async with node:
        try:
            root = await node.start(Supervisor, tree(settings), name=ROOT)
        except StartError as error:
            cause = first_cause(error.reason)
            node.log.error("node_cannot_start", reason=cause)
            sys.stderr.write(f"mirliton: {cause}\n")
            return os.EX_UNAVAILABLE
        if settings.demo.enabled:
            try:
                await load_demo(node, settings)
            except StoreError as error:
                node.log.error("demo_cannot_load", reason=str(error))
                sys.stderr.write(f"mirliton: the demo account cannot be loaded: {error}\n")
                return os.EX_UNAVAILABLE
        heartbeat.ready()
        ended = loop.create_task(node.wait_exit(root, timeout=None))
        asked = loop.create_task(stop.wait())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            node.log.error("root_gave_up", reason=str(ended.result()))
            return os.EX_SOFTWARE
        heartbeat.leaving()
        ended.cancel()
        await node.stop(settings.node.shutdown_timeout)
    return os.EX_OK


def first_cause(reason: object) -> str:
    """The innermost reason of a start that failed, in one line: which part, and what was wrong."""
    part = ""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, tuple) and len(reason.detail) == 3:
        part, reason = f"{reason.detail[1]}: ", reason.detail[2]
    return f"{part}{reason.text if isinstance(reason, Crash) else reason}"

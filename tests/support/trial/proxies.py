"""The ways to the broker as a program of the host supervisor: a proxy for each node, to cut each off alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from mirliton.supervisors.chaos import Proxy
from mirliton.supervisors.chaos.proxy_control import ProxyControl
from mirliton.supervisors.node_heartbeat import Heartbeat


def main(heartbeat: Heartbeat, folder: str, broker: str, *ways: str) -> int:
    """`broker` is its port; each of `ways` is "node=port". Runs until SIGTERM; the exit status."""
    return asyncio.run(_run(heartbeat, Path(folder), int(broker), ways))


async def _run(heartbeat: Heartbeat, folder: Path, broker: int, ways: tuple[str, ...]) -> int:
    loop = asyncio.get_running_loop()
    heartbeat.start(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with contextlib.AsyncExitStack() as open_:
        for way in ways:
            node, _, port = way.partition("=")
            proxy = await open_.enter_async_context(Proxy(("127.0.0.1", broker), ("127.0.0.1", int(port))))
            await open_.enter_async_context(ProxyControl(proxy, folder / f"{node}.proxy"))
        heartbeat.ready()
        await stop.wait()
        heartbeat.leaving()
    return os.EX_OK

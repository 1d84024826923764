"""The simulated switch as a program of the node supervisor: an OS process of its own, so that it outlives the node."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from mirliton.api.cli.demo import PHONES, REALM, script_of
from mirliton.api.cli.logs import configure
from mirliton.config import Settings
from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.errors import SimulatorError
from mirliton.supervisors.node_heartbeat import Heartbeat


def main(heartbeat: Heartbeat, settings: Settings, log: Path | None) -> int:
    """Run until SIGTERM; the exit status."""
    configure(settings.logging, log)
    return asyncio.run(_run(heartbeat, settings))


async def _run(heartbeat: Heartbeat, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    heartbeat.start(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    own, records = settings.simulator, settings.leg_records
    credentials = f"{records.username}:{records.password.reveal()}@" if records.password.reveal() else ""
    switch = SimulatedSwitch(
        own.host,
        own.port,
        own.password.reveal(),
        own.name,
        cdr_url=f"http://{credentials}{records.host}:{records.port}{records.path}" if records.enabled else None,
        cdr_spool=settings.node.state_dir / "leg-records",
    )
    try:
        await switch.start()
    except SimulatorError as error:
        structlog.get_logger("mirliton").error("simulated_switch_cannot_start", reason=str(error))
        sys.stderr.write(f"mirliton: the simulated switch {error}\n")
        return os.EX_UNAVAILABLE
    if settings.demo.enabled:
        for phone in PHONES:
            switch.phone(phone.user, REALM, script=script_of(phone))
    heartbeat.ready()
    await stop.wait()
    heartbeat.leaving()
    await switch.stop()
    return os.EX_OK

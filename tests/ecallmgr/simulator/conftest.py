"""Builders for the simulator's tests: switches at high speed, and clients that listen to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import SimulatedSwitch, SimulatorClient

SPEED = 50.0  # simulated seconds per real one


@pytest.fixture
async def a_switch() -> AsyncIterator[Callable[..., Awaitable[SimulatedSwitch]]]:
    """Starts switches; at the end they are stopped, and none may have failed inside."""
    started: list[SimulatedSwitch] = []

    async def start(**options: Any) -> SimulatedSwitch:
        options.setdefault("speed", SPEED)
        options.setdefault("heartbeat", 0)
        switch = SimulatedSwitch(**options)
        await switch.start()
        started.append(switch)
        return switch

    yield start
    for switch in started:
        await switch.stop()
        assert switch.failures == []


@pytest.fixture
async def switch(a_switch: Callable[..., Awaitable[SimulatedSwitch]]) -> SimulatedSwitch:
    """A switch that parks every call."""
    return await a_switch()


@pytest.fixture
async def a_client() -> AsyncIterator[Callable[..., Awaitable[SimulatorClient]]]:
    """Connects clients that listen to `events` (none by default)."""
    clients: list[SimulatorClient] = []

    async def connect(switch: SimulatedSwitch, events: str = "") -> SimulatorClient:
        client = SimulatorClient("127.0.0.1", switch.port, switch.password)
        await client.connect()
        clients.append(client)
        await client.login()
        if events:
            reply, _ = await client.command(f"event json {events}")
            assert reply.startswith("+OK")
        return client

    yield connect
    for client in clients:
        await client.close()


@pytest.fixture
async def client(switch: SimulatedSwitch, a_client: Callable[..., Awaitable[SimulatorClient]]) -> SimulatorClient:
    """A client that listens to everything on `switch`."""
    return await a_client(switch, "all")

"""What is outside of a node under a plan: connections through a proxy, and services that a command restarts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chaos_house import house
from eventually import until
from mirliton.runtime.testing import virtual_node
from mirliton.supervisors import Supervisor
from mirliton.supervisors.chaos import (
    ChaosFailed,
    ChaosRun,
    PlanError,
    ProcessField,
    Proxy,
    ProxyControl,
    Report,
    connection_field,
    read_plan,
    service_field,
)
from mirliton.supervisors.testing import chaos

PYTHON = sys.executable
QUICK: dict[str, Any] = {"invariants": {"returned_within": 20.0, "settle": 0.0}}


class Caller:
    """A client that asks all the time, and connects anew when it must."""

    def __init__(self, port: int) -> None:
        self.connects = 0
        self.answers = 0
        self._port = port

    async def run(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.connects += 1
                while True:
                    writer.write(b"?")
                    await reader.readexactly(1)
                    self.answers += 1
                    await asyncio.sleep(0.002)
            await asyncio.sleep(0.01)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(100):
            writer.write(data)
    writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()) as proxy:
        yield proxy


@pytest.fixture
async def caller(proxy: Proxy) -> AsyncIterator[Caller]:
    caller = Caller(proxy.port)
    task = asyncio.create_task(caller.run())
    await until(lambda: caller.answers > 0)
    yield caller
    task.cancel()
    await asyncio.wait([task])


def a_plan(*attacks: dict[str, Any], **more: Any) -> Any:
    return read_plan({"attack": list(attacks), "duration": 5.0} | QUICK | more)


async def carried_out(field: Any, plan: Any, **options: Any) -> Report:
    async with asyncio.timeout(40):
        return await ChaosRun(field, plan, seed=1, **options).carry_out()


@pytest.mark.parametrize(
    ("how", "reconnects"), [("drop", 1), ("cut", 1), ("hang", 0), ("half_open", 1), ("delay", 0), ("throttle", 0)]
)
async def test_connections_are_troubled_and_back(proxy: Proxy, caller: Caller, how: str, reconnects: int) -> None:
    options = {"delay": {"delay": 0.05}, "throttle": {"bytes_per_second": 1000.0}}.get(how, {})
    attack = {"what": "connections", "names": ["b*"], "how": how, "for": 0.1, "at": [0.0]} | options
    report = await carried_out(connection_field({"broker": proxy}), a_plan(attack))
    (hit,) = report.hits
    assert (hit.target, hit.kind, hit.fate, report.held) == ("broker", "connections", "back", True), report.text()
    assert proxy.how is None
    assert caller.connects >= 1 + reconnects
    assert reconnects or caller.connects == 1
    answered = caller.answers
    await until(lambda: caller.answers > answered + 5)


async def test_a_client_that_does_not_come_back_is_lost(proxy: Proxy) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    await until(lambda: proxy.status()["alive"] == 0 and proxy.status()["connections"] == 1)
    plan = a_plan({"what": "connections", "how": "drop", "at": [0.0]}, invariants={"returned_within": 0.2})
    report = await carried_out(connection_field({"broker": proxy}), plan)
    assert ([hit.fate for hit in report.hits], report.held) == (["lost"], False)
    assert "0 of 1 connections pass" in report.text()
    writer.close()


async def test_one_proxy_has_one_trouble_at_a_time(proxy: Proxy, caller: Caller) -> None:
    attacks = [{"what": "connections", "how": "hang", "for": 0.3, "at": [at]} for at in (0.0, 0.1)]
    report = await carried_out(connection_field({"broker": proxy}), a_plan(*attacks, guard={"at_once": 5}))
    assert len(report.hits) == 1
    assert report.held_back == {"it is being troubled": 1}


@pytest.mark.parametrize("cut_off", [False, True])
async def test_a_run_that_is_stopped_leaves_no_trouble_behind(proxy: Proxy, caller: Caller, cut_off: bool) -> None:
    plan = a_plan({"what": "connections", "how": "hang", "for": 3000.0, "at": [0.0]})
    run = ChaosRun(connection_field({"broker": proxy}), plan, seed=1)
    task = asyncio.create_task(run.carry_out())
    await until(lambda: proxy.how == "hang")
    if cut_off:
        task.cancel()
        await asyncio.wait([task])
    else:
        run.stop()
        assert (await asyncio.wait_for(task, 20)).held
    await until(lambda: proxy.how is None)


async def test_a_proxy_in_another_process_is_reached_over_its_socket(
    proxy: Proxy, caller: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "proxy.sock"
    plan = a_plan({"what": "connections", "how": "cut", "for": 0.1, "at": [0.0]}, proxies={"broker": str(path)})
    field = {name: Path(socket) for name, socket in plan.proxies.items()}
    async with ProxyControl(proxy, path):
        report = await carried_out(connection_field(field), plan)
    assert ([hit.fate for hit in report.hits], caller.connects > 1) == (["back"], True)
    report = await carried_out(connection_field(field), plan)
    assert [hit.fate for hit in report.hits] == ["unmoved"]
    assert "cannot be asked" in report.hits[0].note


async def test_a_dry_run_touches_nothing_and_tells_what_would_be_hit(proxy: Proxy, caller: Caller) -> None:
    plan = a_plan({"what": "connections", "how": "cut", "at": [0.0, 1.0]}, guard={"never": ["a*"]})
    preview = await ChaosRun(connection_field({"broker": proxy, "api": proxy}), plan, seed=1).preview()
    assert [strike["would_hit"] for strike in preview["strikes"]] == ["broker", "broker"]
    assert preview["groups"][0]["spared"] == {"api": "the guard spares it by name"}
    assert proxy.how is None
    assert caller.connects == 1


# Services

LISTENER = """
import pathlib, signal, socket, sys, os
if os.fork():
    sys.exit()
os.setsid()
line = socket.create_server(("127.0.0.1", int(sys.argv[1])))
pathlib.Path(sys.argv[2]).write_text(str(os.getpid()))
signal.alarm(60)
signal.pause()
"""


async def test_a_service_is_restarted_by_its_command_and_back_when_it_answers(
    unused_tcp_port: int, tmp_path: Path
) -> None:
    note, script = tmp_path / "pid", tmp_path / "listener.py"
    script.write_text(LISTENER)
    command = [PYTHON, str(script), str(unused_tcp_port), str(note)]
    service = {"restart": command, "answers": f"127.0.0.1:{unused_tcp_port}"}
    plan = a_plan({"what": "services", "names": ["bro*"], "how": "restart", "at": [0.0]}, services={"broker": service})
    try:
        report = await carried_out(service_field(plan.services), plan)
        (hit,) = report.hits
        assert (hit.target, hit.fate, report.held) == ("broker", "back", True), report.text()
        assert hit.took is not None
    finally:
        await until(note.exists)
        await until(lambda: note.read_text() != "")

        os.kill(int(note.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"restart": ["/no/such/command"]}, "/no/such/command cannot be run: No such file"),
        ({"restart": [PYTHON, "-c", "import sys; sys.exit('no broker here')"]}, "ended with 1: no broker here"),
        ({"restart": [PYTHON, "-c", "import time; time.sleep(99)"], "timeout": 0.2}, "did not end within 0.2 s"),
        ({"restart": [PYTHON, "-c", ""], "answers": "127.0.0.1:1"}, "nobody answers at 127.0.0.1:1"),
    ],
)
async def test_a_restart_that_comes_to_nothing_is_told(service: dict[str, Any], said: str) -> None:
    plan = a_plan(
        {"what": "services", "how": "restart", "at": [0.0]},
        services={"broker": service},
        invariants={"returned_within": 1.0},
    )
    report = await carried_out(service_field(plan.services), plan)
    assert ([hit.fate for hit in report.hits], report.held) == (["lost"], False)
    assert said in report.hits[0].note


# Together

BOTH = {
    "attack": [
        {"names": ["supervisor:pool"], "every": 0.05, "count": 2},
        {"what": "connections", "how": "drop", "at": [0.05]},
    ],
    "duration": 0.2,
    "guard": {"at_once": 5},
}


async def test_one_plan_is_of_processes_and_of_connections(proxy: Proxy, caller: Caller) -> None:
    async with virtual_node() as kit:
        await kit.drive(kit.start(Supervisor, house(20)))
        async with chaos([kit, connection_field({"broker": proxy})], BOTH, seed=1) as run:
            await kit.advance(0.3)
            await until(lambda: all(hit.fate != "pending" for hit in run.report.hits))
        assert sorted(hit.target for hit in run.report.hits) == ["broker", "supervisor:pool", "supervisor:pool"]
        assert caller.connects == 2


async def test_what_there_is_no_field_of_is_told_before_anything_happens(proxy: Proxy) -> None:
    async with virtual_node() as kit:
        with pytest.raises(PlanError, match=r"attack\.1\.what is 'connections', but must be what can be attacked here"):
            ChaosRun(ProcessField(kit), read_plan(BOTH))
        with pytest.raises(ValueError, match="not two of the same"):
            ChaosRun([ProcessField(kit), ProcessField(kit)], read_plan(BOTH))


async def test_what_does_not_hold_fails_the_test(proxy: Proxy, caller: Caller) -> None:
    plan = {"attack": [{"what": "connections", "how": "cut", "for": 30.0, "at": [0.0]}], "duration": 1.0}

    async def answered() -> None:
        assert proxy.how is None, "the broker is away"

    checked = plan | {"invariants": {"checks": ["answered"], "every": 0.05}}
    with pytest.raises(ChaosFailed, match="the broker is away"):
        async with chaos(connection_field({"broker": proxy}), checked, seed=1, checks={"answered": answered}) as run:
            await run.finished()

"""Steering a simulator from another process: `api simulator`, and the program itself."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mirliton.ecallmgr.simulator import ClientError, SimulatedSwitch, SimulatorClient

AClient = Callable[..., Awaitable[SimulatorClient]]


async def test_phones_and_calls_from_outside(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    answers = [{"do": "answer", "after": 0.5}]
    phone = await client.steer({"do": "phone", "user": "1001", "realm": "demo.local", "script": answers})
    assert phone == {"user": "1001", "realm": "demo.local", "contact": "127.0.0.1:5090", "registered": True}
    request = {"do": "call", "from": "1000@demo.local", "to": "2000", "name": "Ann", "headers": {"X-A": "b"}}
    placed: Any = await client.steer(request)
    created = await client.event("CHANNEL_CREATE")
    assert (created["Unique-ID"], created["variable_sip_h_X-A"]) == (placed["uuid"], "b")
    assert created["Caller-Caller-ID-Name"] == "Ann"
    await client.execute(placed["uuid"], "bridge", "user/1001@demo.local", lock=False)
    await client.event("CHANNEL_BRIDGE")
    await client.steer({"do": "act", "uuid": placed["uuid"], "step": {"do": "digits", "text": "12"}})
    assert [(await client.event("DTMF"))["DTMF-Digit"] for _ in range(2)] == ["1", "2"]
    listed: Any = await client.steer({"do": "list"})
    assert {call["partner"] for call in listed["calls"]} == {call["uuid"] for call in listed["calls"]}
    assert listed["phones"][0]["user"] == "1001"
    ended: Any = await client.steer({"do": "act", "uuid": placed["uuid"], "step": {"do": "hang_up"}})
    assert ended["cause"] == "NORMAL_CLEARING"


async def test_scripts_and_registrations_from_outside(switch: SimulatedSwitch, client: SimulatorClient) -> None:
    await client.steer({"do": "phone", "user": "1001", "realm": "r", "register": False})
    assert await client.api("originate user/1001@r &park()") == "-ERR USER_NOT_REGISTERED\n"
    await client.steer({"do": "register", "user": "1001", "realm": "r"})
    await client.steer({"do": "script", "user": "1001", "realm": "r", "script": "busy"})
    assert await client.api("originate user/1001@r &park()") == "-ERR USER_BUSY\n"
    await client.steer({"do": "unregister", "user": "1001", "realm": "r"})
    assert await client.api("originate user/1001@r &park()") == "-ERR USER_NOT_REGISTERED\n"
    await client.steer({"do": "remove_phone", "user": "1001", "realm": "r"})
    assert await client.api("originate user/1001@r &park()") == "-ERR SUBSCRIBER_ABSENT\n"


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"do": "dance"}, "do is 'dance'; expected phone"),
        ({"do": "call", "to": "2000"}, "from is None; expected text"),
        ({"do": "call", "from": "1", "to": "2", "headers": {"a": 1}}, "headers is .*; expected an object of texts"),
        ({"do": "register", "user": "x", "realm": "y"}, "no phone x@y is defined"),
        ({"do": "act", "uuid": "gone", "step": {"do": "answer"}}, "no live call has the uuid gone"),
        ({"do": "fault", "fault": "earthquake"}, "fault is 'earthquake'; expected drop"),
        ({"do": "fault", "fault": "drop", "which": "some"}, "which is 'some'; expected all"),
        ({"do": "fault", "fault": "lose_events", "count": -1}, "count is -1"),
        ({"do": "script", "user": "1001", "script": []}, "no phone 1001@"),
    ],
)
async def test_wrong_requests_are_refused_saying_why(
    request_: dict[str, object], complaint: str, client: SimulatorClient
) -> None:
    with pytest.raises(ClientError, match=complaint):
        await client.steer(request_)


async def test_what_is_no_json_is_refused(client: SimulatorClient) -> None:
    assert (await client.api("simulator {oops")).startswith("-ERR the request is '{oops'; expected JSON")
    assert (await client.api("simulator 1")).startswith("-ERR the request is 1; expected an object")


async def test_faults_from_outside(switch: SimulatedSwitch, client: SimulatorClient, a_client: AClient) -> None:
    steer = await a_client(switch)
    await steer.steer({"do": "fault", "fault": "drop", "which": "events"})
    await client.until_closed()
    for fault in ("never_answer", "answer_twice", "delay_answers", "lose_events", "refuse_auth", "clear"):
        assert await steer.steer({"do": "fault", "fault": fault}) == {}
    before = switch.core_uuid
    await steer.steer({"do": "fault", "fault": "restart"})
    await steer.until_closed()
    again = await a_client(switch)
    assert switch.core_uuid != before
    assert (await again.steer({"do": "list"}))["core_uuid"] == switch.core_uuid  # type: ignore[index]


# --- the program


class Program:
    """A simulator in another process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """Its next line of output."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 20)).decode().strip()

    async def end(self) -> tuple[int, str]:
        """Its exit status and what it wrote to standard error."""
        _, errors = await asyncio.wait_for(self.process.communicate(), 20)
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


@pytest.fixture
async def a_program() -> AsyncIterator[Callable[..., Awaitable[Program]]]:
    programs: list[Program] = []

    async def start(*arguments: str) -> Program:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "mirliton.ecallmgr.simulator", *arguments)
        programs.append(Program(await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)))
        return programs[-1]

    yield start
    for program in programs:
        if program.process.returncode is None:
            program.process.kill()
            await program.process.wait()


async def test_the_program_says_where_it_listens_and_stops_in_order(
    a_program: Callable[..., Awaitable[Program]], tmp_path: Path
) -> None:
    phones = tmp_path / "phones.json"
    phones.write_text(json.dumps([{"user": "1001", "realm": "demo.local", "script": "busy"}]))
    program = await a_program("--port", "0", "--phones", str(phones), "--speed", "50", "--password", "secret")
    line = await program.line()
    assert line.startswith("simulated switch fs1.local listens on 127.0.0.1:")
    async with SimulatorClient("127.0.0.1", int(line.rpartition(":")[2]), "secret") as client:
        await client.command("event json all")
        assert await client.api("originate user/1001@demo.local &park()") == "-ERR USER_BUSY\n"
        program.process.send_signal(signal.SIGTERM)
        await client.event("SHUTDOWN")
        await client.until_closed()
    assert await program.end() == (0, "")


async def test_a_port_in_use_is_one_line(a_program: Callable[..., Awaitable[Program]], switch: SimulatedSwitch) -> None:
    program = await a_program("--port", str(switch.port))
    status, errors = await program.end()
    assert status == 1
    assert errors.strip() == f"simulator: cannot listen on 127.0.0.1:{switch.port}: Address already in use"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--port", "x"), "'x' is not a port"),
        (("--speed", "0"), "'0' is not a speed"),
        (("--cdr-url", "localhost:80"), "'localhost:80' is not an http or https address"),
        (
            ("--cdr-url", "http://localhost", "--cdr-spool", "/dev/null"),
            "simulator: [Errno 17] File exists: '/dev/null'",
        ),
        (("--phones", "no-such-file.json"), "no-such-file.json is ''; expected a readable JSON file"),
    ],
)
async def test_wrong_arguments_are_one_line(
    arguments: tuple[str, ...], complaint: str, a_program: Callable[..., Awaitable[Program]]
) -> None:
    status, errors = await (await a_program("--port", "0", *arguments)).end()
    assert status != 0
    assert complaint in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors

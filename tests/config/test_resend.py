"""The resend script delivers spooled leg records, exactly those, and loses none."""

import asyncio
import fcntl
import os
import shutil
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

FOLDER = Path(__file__).resolve().parents[2] / "config" / "freeswitch" / "resend"
SCRIPT = FOLDER / "resend-leg-records"
DELIVERED, SET_ASIDE, CANNOT_WORK, AWAY = 0, 1, 2, 75

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("sh", "curl", "flock", "find")),
    reason="the script needs sh, curl, flock and find",
)


@dataclass
class Receiver:
    """Stands in for Mirliton's receiver: answers each leg as told, 200 by default, and keeps what it got."""

    url: str = ""
    answers: dict[str, int] = field(default_factory=dict)
    taken: dict[str, bytes] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        leg = request.query["uuid"]
        body = await request.read()
        self.requests.append(request)
        status = self.answers.get(leg, 200)
        if status == 200:
            self.taken[leg] = body
        return web.Response(status=status)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/leg-records", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/leg-records"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool with space"
    folder.mkdir()
    return folder


def a_record(spool: Path, leg: str, body: bytes = b'{"variables":{}}\n', age: float = 0) -> Path:
    path = spool / f"{leg}.cdr.json"
    path.write_bytes(body)
    then = time.time() - age
    os.utime(path, (then, then))
    return path


async def resend(spool: Path, url: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        "sh",
        str(SCRIPT),
        str(spool),
        url,
        env={"PATH": os.environ["PATH"], **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, said.decode()


def left(spool: Path) -> set[str]:
    return {str(path.relative_to(spool)) for path in spool.rglob("*.cdr.json")}


async def test_records_are_posted_as_freeswitch_posts_them_and_removed(spool: Path, receiver: Receiver) -> None:
    body = '{"name":"Ä \\" @x"}\n'.encode()
    a_record(spool, "leg-1", body)
    a_record(spool, "leg-2")
    code, said = await resend(spool, receiver.url)
    assert (code, left(spool)) == (DELIVERED, set())
    assert "2 sent" in said
    assert receiver.taken["leg-1"] == body
    assert {request.headers["Content-Type"] for request in receiver.requests} == {"application/json"}


async def test_an_empty_spool_is_nothing_to_speak_of(spool: Path, receiver: Receiver) -> None:
    assert await resend(spool, receiver.url) == (DELIVERED, "")


async def test_while_nobody_answers_everything_stays(spool: Path, unused_url: str) -> None:
    a_record(spool, "leg-1")
    code, said = await resend(spool, unused_url)
    assert (code, left(spool)) == (AWAY, {"leg-1.cdr.json"})
    assert "the rest waits" in said


@pytest.fixture
def unused_url(unused_tcp_port: int) -> str:
    return f"http://127.0.0.1:{unused_tcp_port}/leg-records"


@pytest.mark.parametrize("status", [301, 401, 404, 500, 503])
async def test_an_answer_that_may_change_keeps_the_record(spool: Path, receiver: Receiver, status: int) -> None:
    receiver.answers["leg-1"] = status
    a_record(spool, "leg-1")
    code, said = await resend(spool, receiver.url)
    assert (code, left(spool)) == (AWAY, {"leg-1.cdr.json"})
    assert f"status {status}" in said


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_a_refused_record_does_not_hold_up_the_others(spool: Path, receiver: Receiver, status: int) -> None:
    receiver.answers["leg-1"] = status
    a_record(spool, "leg-1")
    a_record(spool, "leg-2")
    code, said = await resend(spool, receiver.url)
    assert (code, left(spool)) == (SET_ASIDE, {"refused/leg-1.cdr.json"})
    assert f"leg-1 was refused with {status}" in said
    assert set(receiver.taken) == {"leg-2"}
    assert await resend(spool, receiver.url) == (DELIVERED, "")


async def test_a_record_still_being_written_is_left_alone(spool: Path, receiver: Receiver) -> None:
    a_record(spool, "leg-1", b'{"variables":{"sip')
    a_record(spool, "leg-2", b"")
    assert await resend(spool, receiver.url) == (DELIVERED, "")
    assert left(spool) == {"leg-1.cdr.json", "leg-2.cdr.json"}
    assert receiver.requests == []


async def test_a_record_cut_off_by_a_crash_is_set_aside_after_a_while(spool: Path, receiver: Receiver) -> None:
    a_record(spool, "leg-1", b'{"variables":{"sip', age=400)
    code, _ = await resend(spool, receiver.url)
    assert (code, left(spool)) == (SET_ASIDE, {"incomplete/leg-1.cdr.json"})


async def test_other_files_are_not_touched(spool: Path, receiver: Receiver) -> None:
    (spool / "notes.txt").write_text("mine\n")
    (spool / "folder.cdr.json").mkdir()
    a_record(spool, "a&b=c d")
    code, _ = await resend(spool, receiver.url)
    assert (code, left(spool)) == (SET_ASIDE, {"folder.cdr.json", "refused/a&b=c d.cdr.json"})
    assert receiver.requests == []
    assert (spool / "notes.txt").exists()


async def test_credentials_are_sent_but_not_shown(spool: Path, receiver: Receiver) -> None:
    credentials = 'mirliton:q"uo\\te $HOME'
    a_record(spool, "leg-1")
    code, said = await resend(spool, receiver.url, CREDENTIALS=credentials)
    assert code == DELIVERED
    expected = "Basic " + b64encode(credentials.encode()).decode()
    assert receiver.requests[0].headers["Authorization"] == expected
    assert "uo" not in said


async def test_a_run_takes_no_more_than_its_limit(spool: Path, receiver: Receiver) -> None:
    for index in range(5):
        a_record(spool, f"leg-{index}")
    code, _ = await resend(spool, receiver.url, LIMIT="3")
    assert (code, len(receiver.taken), len(left(spool))) == (DELIVERED, 3, 2)


async def test_two_runs_do_not_meet(spool: Path, receiver: Receiver) -> None:
    a_record(spool, "leg-1")
    with (spool / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = await resend(spool, receiver.url)
    assert (code, left(spool)) == (DELIVERED, {"leg-1.cdr.json"})
    assert "another run" in said


async def test_a_missing_spool_is_said_clearly(spool: Path, receiver: Receiver) -> None:
    code, said = await resend(spool / "none", receiver.url)
    assert code == CANNOT_WORK
    assert "no such folder" in said


def test_the_script_can_be_run_as_it_is() -> None:
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text().startswith("#!/bin/sh\n")


def test_the_unit_runs_the_script_and_takes_an_absent_receiver_for_success() -> None:
    service = (FOLDER / "mirliton-leg-records.service").read_text()
    assert "ExecStart=/usr/local/bin/resend-leg-records" in service
    assert f"SuccessExitStatus={AWAY}" in service
    assert "Type=oneshot" in service
    assert "OnUnitInactiveSec=10s" in (FOLDER / "mirliton-leg-records.timer").read_text()

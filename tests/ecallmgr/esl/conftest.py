"""The world of the event socket tests: recordings, and a switch that does what its script says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from mirliton.ecallmgr.esl import EventSocket, Hub

PASSWORD = "ClueCon"
NOTICE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class Block(NamedTuple):
    """One block of a recording: who sent it (S switch, C client, X end), its bytes, the length of its body."""

    direction: str
    data: bytes
    head: int

    @property
    def body(self) -> bytes:
        return self.data[self.head :]


def _blocks(path: Path) -> Iterator[Block]:
    data = path.read_bytes()
    at = 0
    while data.startswith(b"# ", at):
        at = data.index(b"\n", at) + 1
    while at < len(data):
        end = data.index(b"\n", at)
        found = re.fullmatch(rb"#### \d+ ([SCX]) t=\S+ head=(\d+) body=(\d+)", data[at:end])
        assert found, f"{path.name}: no block at byte {at}"
        head, body = int(found[2]), int(found[3])
        yield Block(found[1].decode(), data[end + 1 : end + 1 + head + body], head)
        at = end + 1 + head + body + 1


@pytest.fixture(scope="session")
def captures(reference: Path) -> Path:
    """The folder of recordings of a real FreeSWITCH's event socket."""
    return reference / "esl-captures"


@pytest.fixture(scope="session")
def read_capture(captures: Path) -> Callable[[str], list[Block]]:
    """The blocks of one recording."""
    return lambda name: list(_blocks(captures / name))


@pytest.fixture(scope="session")
def socket_captures(captures: Path) -> list[str]:
    """The names of all recordings of the event socket (the others are of HTTP and of Erlang terms)."""
    return sorted(path.name for path in captures.glob("*.txt") if path.name != "xml_curl_fetch.txt")


def frame(content_type: str, body: bytes = b"", **headers: str) -> bytes:
    """A frame as the switch writes it; header names with _ for -."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or content_type in ("api/response", "text/event-json"):
        lines.append(f"Content-Length: {len(body)}")
    return "\n".join([f"Content-Type: {content_type}", *lines]).encode() + b"\n\n" + body


class Peer:
    """The scripted switch's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.commands: list[str] = []

    async def command(self) -> str:
        """The next command, with its content."""
        head = (await self.reader.readuntil(b"\n\n")).decode()
        found = re.search(r"^content-length: (\d+)$", head, re.MULTILINE | re.IGNORECASE)
        body = (await self.reader.readexactly(int(found[1]))).decode() if found else ""
        self.commands.append(head.rstrip("\n") + (f"\n\n{body}" if body else ""))
        return self.commands[-1]

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reply(self, text: str = "+OK", **headers: str) -> None:
        self.send(frame("command/reply", Reply_Text=text, **headers))

    def response(self, text: str) -> None:
        self.send(frame("api/response", text.encode()))

    def event(self, name: str, **headers: str) -> None:
        pairs = {"Event-Name": name, **{key.replace("_", "-"): value for key, value in headers.items()}}
        body = ",".join(f'"{key}":"{value}"' for key, value in pairs.items())
        self.send(frame("text/event-json", f"{{{body}}}".encode()))

    def notice(self, text: bytes = NOTICE) -> None:
        self.send(frame("text/disconnect-notice", text))

    async def login(self, password: str = PASSWORD) -> None:
        """Greet, take the password, and answer the subscription if there comes one."""
        self.send(frame("auth/request"))
        assert await self.command() == f"auth {password}"
        self.reply("+OK accepted")

    async def subscription(self) -> None:
        assert (await self.command()).startswith("event json ")
        self.reply("+OK event listener enabled json")

    async def until_closed(self) -> None:
        """Take no more commands but `exit`, which is answered as FreeSWITCH does."""
        heard = b""
        while piece := await self.reader.read(65536):
            heard += piece
            if heard.endswith(b"exit\n\n"):
                self.reply("+OK bye")
                self.notice()
                self.close()

    async def silence(self) -> None:
        """Read and say nothing, until the client closes."""
        while await self.reader.read(65536):
            pass

    def close(self) -> None:
        self.writer.close()


Script = Callable[[Peer], Awaitable[None]]


class ScriptedSwitch:
    """Listens, and runs its script for each connection. A script's error fails the test."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.peers: list[Peer] = []
        self.errors: list[BaseException] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for peer in self.peers:
            peer.writer.transport.abort()
        await self._server.wait_closed()
        assert self.errors == []

    async def idle(self, timeout: float = 10.0) -> None:
        """Wait until all scripts have ended."""
        async with asyncio.timeout(timeout):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self.peers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(reader, writer)
        self.peers.append(peer)
        try:
            await self.script(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        except BaseException as error:  # noqa: BLE001  # `stop` fails the test with it
            self.errors.append(error)


@pytest_asyncio.fixture
async def switch() -> AsyncIterator[Callable[[Script], Awaitable[ScriptedSwitch]]]:
    """Starts a switch that does what its script says; stopped at the end of the test."""
    started: list[ScriptedSwitch] = []

    async def start(script: Script) -> ScriptedSwitch:
        made = ScriptedSwitch(script)
        await made.start()
        started.append(made)
        return made

    yield start
    for made in started:
        await made.stop()


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[Hub]:
    """A hub thread, gone at the end of the test."""
    made = Hub("esl-hub-test")
    yield made
    await made.stop()


class Owner:
    """Whoever uses a connection: notes what it is told, and can wait for it."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.closed: list[BaseException] = []
        self._changed = asyncio.Event()

    def on_event(self, event: object) -> None:
        self.events.append(event)
        self._changed.set()

    def on_closed(self, reason: BaseException) -> None:
        self.closed.append(reason)
        self._changed.set()

    async def wait(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def reason(self) -> BaseException:
        await self.wait(lambda: bool(self.closed))
        assert len(self.closed) == 1
        return self.closed[0]


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def connection(hub: Hub, owner: Owner) -> Callable[..., EventSocket]:
    """Makes an EventSocket for a scripted switch, owned by `owner`."""

    def make(switch: ScriptedSwitch, **options: object) -> EventSocket:
        settings: dict[str, object] = {
            "hub": hub,
            "on_event": owner.on_event,
            "on_closed": owner.on_closed,
            "liveness": None,
            **options,
        }
        password = str(settings.pop("password", PASSWORD))
        return EventSocket("127.0.0.1", switch.port, password, **settings)  # type: ignore[arg-type]

    return make


@pytest.fixture
def as_frame() -> Callable[..., bytes]:
    """Writes a frame as the switch does."""
    return frame

"""A small event-socket client, to steer a simulated switch in another process and to look at it in tests.

It is no product of the switch side: Mirliton's own connection to switches is `mirliton.ecallmgr.esl`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import orjson

from mirliton.ecallmgr.simulator.errors import Late, SimulatorError
from mirliton.ecallmgr.simulator.events import Value

MAX_FRAME = 64 * 1024 * 1024
MAX_EVENTS = 100_000
SECONDS = 10.0  # real time that an answer may take


class ClientError(SimulatorError):
    """The switch refused, or is gone; `reason` says which."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class SimulatorClient:
    """One connection: commands are answered in order, events wait until they are taken (`event json …`).

    `async with SimulatorClient(host, port, password) as client:` connects and logs in. Waits take real
    seconds and raise Late; a refusal or a lost connection raises ClientError.
    """

    def __init__(self, host: str, port: int, password: str) -> None:
        self._host, self._port, self._password = host, port, password
        self._answers: deque[tuple[dict[str, str], bytes]] = deque()
        self.events: deque[dict[str, Value]] = deque(maxlen=MAX_EVENTS)
        self.notices: list[str] = []
        self.closed = False
        self._news = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._greeted = False

    async def __aenter__(self) -> Self:
        await self.connect()
        await self.login()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect, without logging in."""
        try:
            reader, self._writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            reason = f"cannot connect to {self._host}:{self._port}: {error.strerror or error}"
            raise ClientError(reason) from None
        self._task = asyncio.create_task(self._read(reader))

    async def login(self, within: float = SECONDS) -> None:
        """Wait for the greeting and give the password."""
        await self.until(lambda: self._greeted, "the greeting", within)
        reply, _ = await self.command(f"auth {self._password}", within)
        if reply != "+OK accepted":
            raise ClientError(f"login refused: {reply}")

    async def close(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- commands

    def send(self, text: str) -> None:
        """Send a command without waiting for its answer."""
        if self._writer is None or self.closed:
            raise ClientError("the connection is closed")
        self._writer.write(text.encode("utf-8", "surrogateescape") + b"\n\n")

    async def command(self, text: str, within: float = SECONDS) -> tuple[str, dict[str, str]]:
        """Send a command: its Reply-Text and all headers of the answer."""
        self.send(text)
        headers, _ = await self.answer(within)
        return headers.get("Reply-Text", ""), headers

    async def api(self, text: str, within: float = SECONDS) -> str:
        """Run an api command: its text."""
        self.send(f"api {text}")
        _, body = await self.answer(within)
        return body.decode("utf-8", "surrogateescape")

    async def sendmsg(self, uuid: str, headers: Mapping[str, str], within: float = SECONDS) -> str:
        """Send a message to a call: the Reply-Text."""
        lines = [f"sendmsg {uuid}", *(f"{name}: {value}" for name, value in headers.items())]
        return (await self.command("\n".join(lines), within))[0]

    async def execute(self, uuid: str, name: str, data: str = "", *, event_uuid: str = "", lock: bool = True) -> str:
        """Run an application on a call, with event-lock by default."""
        headers = {"call-command": "execute", "execute-app-name": name}
        if data:
            headers["execute-app-arg"] = data
        if event_uuid:
            headers["Event-UUID"] = event_uuid
        if lock:
            headers["event-lock"] = "true"
        return await self.sendmsg(uuid, headers)

    async def steer(self, request: Mapping[str, object], within: float = SECONDS) -> object:
        """`api simulator`: what it answered; raises ClientError with what was wrong."""
        answer = await self.api("simulator " + orjson.dumps(request).decode(), within)
        if not answer.startswith("+OK "):
            raise ClientError(answer.removeprefix("-ERR ").strip())
        result: object = orjson.loads(answer[4:])
        return result

    async def answer(self, within: float = SECONDS) -> tuple[dict[str, str], bytes]:
        """The next answer: its headers and body."""
        await self.until(lambda: bool(self._answers), "an answer", within)
        return self._answers.popleft()

    # --- events

    async def event(self, match: Callable[[dict[str, Value]], bool] | str, within: float = SECONDS) -> dict[str, Value]:
        """Take events until one matches (a name, or a test of its headers): that one."""
        found: list[dict[str, Value]] = []

        def look() -> bool:
            while self.events and not found:
                event = self.events.popleft()
                if event["Event-Name"] == match if isinstance(match, str) else match(event):
                    found.append(event)
            return bool(found)

        await self.until(look, f"the event {match if isinstance(match, str) else 'that matches'}", within)
        return found[0]

    async def until(self, condition: Callable[[], bool], what: str, within: float = SECONDS) -> None:
        """Wait until something that arrives makes `condition` true."""
        try:
            async with asyncio.timeout(within):
                while not condition():
                    if self.closed:
                        raise ClientError(f"the connection closed before {what}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Late(what, within) from None

    async def until_closed(self, within: float = SECONDS) -> None:
        """Wait until the switch closes the connection."""
        try:
            async with asyncio.timeout(within):
                while not self.closed:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Late("the end of the connection", within) from None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\n\n")
                headers: dict[str, str] = {}
                for line in head.decode("utf-8", "surrogateescape").splitlines():
                    name, colon, value = line.partition(": ")
                    if colon:
                        headers[name] = value
                length = headers.get("Content-Length", "0")
                size = int(length) if length.isdigit() else 0
                if size > MAX_FRAME:
                    raise ValueError(f"a frame of {size} bytes")
                self._take(headers, await reader.readexactly(size) if size else b"")
                self._news.set()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
            return  # gone, or nonsense: either way nothing more can be understood
        finally:
            self.closed = True
            self._news.set()

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        match headers.get("Content-Type"):
            case "auth/request":
                self._greeted = True
            case "text/event-json":
                self.events.append(orjson.loads(body))
            case "text/event-plain" | "text/event-xml":
                self.events.append({"Event-Name": "", "_raw": body.decode("utf-8", "surrogateescape")})
            case "text/disconnect-notice" | "text/rude-rejection":
                self.notices.append(body.decode())
            case _:
                self._answers.append((headers, body))

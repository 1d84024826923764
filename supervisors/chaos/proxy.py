"""A TCP proxy that makes trouble on order: put it between a client and its server (a broker, say), and cut, delay, drop
or slow down what passes.

    async with Proxy(("127.0.0.1", 5672)) as proxy:
        network = AmqpNetwork(f"amqp://guest:guest@127.0.0.1:{proxy.port}/")
        ...
        proxy.trouble("hang", seconds=3.0)      # or for as long as nobody says: proxy.heal()

What it can do:
- "drop": every connection is reset, at once and once; new ones get through.
- "cut": every connection is reset, and so is each new one, until it is over.
- "hang": connections stay, and nothing passes, as with a pulled cable; what was sent meanwhile passes afterwards.
- "half_open": every connection loses one end; the other, which is `kept`, hears nothing of it, until it is over and it
  is reset. New ones get through.
- "delay": all bytes come `delay` seconds later, and up to `jitter` more.
- "throttle": each way of each connection passes `bytes_per_second`.

One trouble replaces the one before. It listens on a loopback address unless told otherwise: whoever reaches it reaches
the server. proxy_control.py steers one in another OS process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Literal, Self, get_args

from mirliton.supervisors.chaos.errors import ChaosRefused
from mirliton.supervisors.chaos.passage import CALM, PIECE, Passage, Side, Sky, Weather, reset

Trouble = Literal["drop", "cut", "hang", "half_open", "delay", "throttle"]
TROUBLES: Final[tuple[str, ...]] = get_args(Trouble)
CONNECT_TIMEOUT: Final = 5.0
MOST_CONNECTIONS: Final = 10_000
MOST_SECONDS: Final = 86_400.0
MOST_DELAY: Final = 60.0
FEWEST_BYTES: Final = 1.0


class Proxy:
    """Between `open` and `close` (or in `async with`) it passes on what comes to `listen` (port 0: any free one) to
    `to`; both are host and port. `connect_timeout` seconds bound the way to the server; connections beyond
    `most_connections` are reset. It begins untroubled, and so it does after every `open`."""

    def __init__(
        self,
        to: tuple[str, int],
        listen: tuple[str, int] = ("127.0.0.1", 0),
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self.to = to
        self.host, self._wanted_port = listen
        self.how: Trouble | None = None
        """The trouble just now."""
        self._connect_timeout = connect_timeout
        self._most = most_connections
        self._sky = Sky()
        self._server: asyncio.Server | None = None
        self._passages: dict[Passage, asyncio.Task[None]] = {}
        self._half_open: list[Passage] = []
        self._healing: asyncio.TimerHandle | None = None
        self._before = 0
        self._accepted = 0
        self._refused = 0

    async def open(self) -> None:
        """Listen. Raises OSError where that cannot be."""
        self._server = await asyncio.start_server(self._serve, self.host, self._wanted_port, limit=PIECE)

    async def close(self) -> None:
        """Reset everything and listen no more."""
        self.heal()
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._passages.values())
        for passage in list(self._passages):
            passage.end()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError while it does not."""
        if self._server is None:
            raise RuntimeError("the proxy is not open")
        return int(self._server.sockets[0].getsockname()[1])

    # Trouble

    def trouble(
        self,
        how: Trouble,
        seconds: float | None = None,
        *,
        delay: float = 0.0,
        jitter: float = 0.0,
        bytes_per_second: float = 0.0,
        kept: Side = "client",
    ) -> None:
        """Make trouble from now on, for `seconds`, or until `heal`. Raises ChaosRefused for what cannot be meant."""
        _check(how, seconds, delay, jitter, bytes_per_second, kept)
        self.heal()
        self._before = len(self._passages)
        self._watch()
        if how in ("drop", "cut"):
            for passage in list(self._passages):
                passage.end()
        if how == "drop":
            return
        if how == "half_open":
            self._half_open = list(self._passages)
            for passage in self._half_open:
                passage.lose("server" if kept == "client" else "client")
        self.how = how
        self._sky.turn(
            Weather(
                open=how != "hang",
                delay=delay if how == "delay" else 0.0,
                jitter=jitter if how == "delay" else 0.0,
                bytes_per_second=bytes_per_second if how == "throttle" else 0.0,
            )
        )
        if seconds is not None:
            self._healing = asyncio.get_running_loop().call_later(seconds, self.heal)

    def heal(self) -> None:
        """End the trouble, if there is one."""
        if self._healing is not None:
            self._healing.cancel()
            self._healing = None
        if self.how is None:
            return
        self.how = None
        self._sky.turn(CALM)
        for passage in self._half_open:
            passage.end()
        self._half_open = []
        self._watch()

    def status(self) -> dict[str, Any]:
        """As JSON: the trouble just now; connections; how many there were before the last trouble; and how many of the
        present ones pass: they have heard their server since it ended, or came through it with nothing to say."""
        return {
            "how": self.how,
            "to": f"{self.to[0]}:{self.to[1]}",
            "connections": len(self._passages),
            "before": self._before,
            "alive": sum(passage.alive for passage in self._passages),
            "accepted": self._accepted,
            "refused": self._refused,
        }

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a request says: {"do": "trouble", "how": …, "for": seconds, …}, {"do": "heal"} or {"do": "status"};
        what follows is the status. Raises ChaosRefused."""
        wanted = dict(request)
        do = wanted.pop("do", None)
        if do == "trouble":
            options = {("seconds" if key == "for" else key): value for key, value in wanted.items()}
            if unknown := sorted(options.keys() - _OPTIONS):
                raise ChaosRefused(f"a trouble takes no {', '.join(map(str, unknown))[:200]}")
            if "how" not in options:
                raise ChaosRefused(f"how must be one of {', '.join(TROUBLES)}")
            self.trouble(**options)
        elif do == "heal":
            self.heal()
        elif do != "status":
            raise ChaosRefused("a request says do: trouble, heal or status")
        return self.status()

    # Connections

    def _watch(self) -> None:
        for passage in self._passages:
            passage.watch()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        if self.how == "cut" or self._server is None or len(self._passages) >= self._most:
            self._refused += 1
            reset(writer)
            return
        passage = Passage(self._sky, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._passages[passage] = task
        try:
            await passage.run(*self.to, self._connect_timeout)
        finally:
            del self._passages[passage]


_OPTIONS: Final = frozenset({"how", "seconds", "delay", "jitter", "bytes_per_second", "kept"})


def _check(how: Any, seconds: Any, delay: Any, jitter: Any, bytes_per_second: Any, kept: Any) -> None:
    """What another process, or a person, has asked for."""
    if how not in TROUBLES:
        raise ChaosRefused(f"how must be one of {', '.join(TROUBLES)}")
    if seconds is not None:
        _number("for", seconds, 0.001, MOST_SECONDS)
    _number("delay", delay, 0.0, MOST_DELAY)
    _number("jitter", jitter, 0.0, MOST_DELAY)
    if how == "delay" and delay + jitter <= 0:
        raise ChaosRefused("a delay needs a delay, or a jitter, above 0")
    _number("bytes_per_second", bytes_per_second, FEWEST_BYTES if how == "throttle" else 0.0, math.inf)
    if kept not in get_args(Side):
        raise ChaosRefused(f"kept must be one of {', '.join(get_args(Side))}")


def _number(key: str, value: Any, low: float, high: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise ChaosRefused(f"{key} must be a number from {low:g} to {high:g}")

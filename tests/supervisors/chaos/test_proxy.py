"""A proxy that makes trouble: what each trouble does to real connections, and that none outlives its time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eventually import until
from mirliton.supervisors.chaos import ChaosRefused, Proxy, ProxyControl, ask_proxy

PATIENCE = 20.0
SHORT = 0.2
"""Seconds in which nothing must come."""


class Echo:
    """A server that sends back what it gets, and remembers how its connections ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            self.ends.append("end")
        except ConnectionError:
            self.ends.append("reset")
        finally:
            self.open -= 1
            writer.close()


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hears(self, data: bytes) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(len(data)) == data

    async def echoes(self, data: bytes = b"hello") -> bool:
        self.say(data)
        return await self.hears(data)

    async def hears_nothing(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHORT):
                return await self.reader.read(1) == b"nothing must come"
        return True

    async def is_reset(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read() == b"a reset must come"
            except ConnectionResetError:
                return True


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with server:
        yield echo, server.sockets[0].getsockname()[1]


@pytest.fixture
async def proxy(echo: tuple[Echo, int]) -> AsyncIterator[Proxy]:
    async with Proxy(("127.0.0.1", echo[1])) as proxy:
        yield proxy


async def test_untroubled_it_passes_everything_on_in_order(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    data = random.Random(1).randbytes(5_000_000)
    line.say(data)
    assert await line.hears(data)
    line.writer.write_eof()
    assert await line.reader.read() == b""  # the end as well
    await until(lambda: proxy.status()["connections"] == 0)


async def test_a_drop_resets_what_is_there_and_new_connections_get_through(
    proxy: Proxy, echo: tuple[Echo, int]
) -> None:
    line = await Line.to(proxy.port)
    assert await line.echoes()
    proxy.trouble("drop")
    assert await line.is_reset()
    await until(lambda: echo[0].ends == ["reset"])
    assert await (await Line.to(proxy.port)).echoes()


async def test_while_it_is_cut_new_connections_are_reset_as_well_and_the_end_comes_by_itself(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    assert await line.echoes()
    proxy.trouble("cut", SHORT)
    assert await line.is_reset()
    assert await (await Line.to(proxy.port)).is_reset()
    await until(lambda: proxy.how is None)
    assert await (await Line.to(proxy.port)).echoes()


async def test_what_hangs_passes_later_on_the_same_connection(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    assert await line.echoes()
    proxy.trouble("hang")
    line.say(b"are you there?")
    waiting = await Line.to(proxy.port)
    waiting.say(b"and I?")
    assert await line.hears_nothing()
    assert await waiting.hears_nothing()
    proxy.heal()
    assert await line.hears(b"are you there?")
    assert await waiting.hears(b"and I?")


async def test_who_sends_into_a_hang_is_held_back_and_the_proxy_does_not_swallow_it_all(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    assert await line.echoes()
    proxy.trouble("hang")
    data = random.Random(2).randbytes(60_000_000)
    line.say(data)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await line.writer.drain()
    assert len(line.writer.transport._buffer) > 30_000_000  # type: ignore[attr-defined] # how much its sender still has
    line.writer.transport.abort()


@pytest.mark.parametrize("kept", ["client", "server"])
async def test_a_half_open_connection_lives_on_at_one_end_only(proxy: Proxy, echo: tuple[Echo, int], kept: Any) -> None:
    line = await Line.to(proxy.port)
    assert await line.echoes()
    proxy.trouble("half_open", kept=kept)
    if kept == "client":
        await until(lambda: echo[0].ends == ["reset"])
        line.say(b"is anybody there?")
        assert await line.hears_nothing()
    else:
        assert await line.is_reset()
        assert (echo[0].open, echo[0].ends) == (1, [])
    assert await (await Line.to(proxy.port)).echoes()
    proxy.heal()
    if kept == "client":
        assert await line.is_reset()
    else:
        await until(lambda: "reset" in echo[0].ends)


async def test_a_delay_is_there_both_ways_and_ends_with_its_trouble(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    loop = asyncio.get_running_loop()
    proxy.trouble("delay", delay=0.1, jitter=0.02)
    began = loop.time()
    assert await line.echoes()
    assert loop.time() - began >= 0.2
    proxy.trouble("delay", delay=50.0)
    line.say(b"late")
    assert await line.hears_nothing()
    proxy.heal()
    assert await line.hears(b"late")
    assert loop.time() - began < 40.0


async def test_many_pieces_are_delayed_together_and_not_one_after_the_other(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    loop = asyncio.get_running_loop()
    proxy.trouble("delay", delay=0.05)
    began = loop.time()
    for number in range(100):
        line.say(b"%d" % (number % 10))
        await asyncio.sleep(0.001)
    assert await line.hears(b"0123456789" * 10)
    assert loop.time() - began < 5.0  # 100 times 0.1 s would be 10


async def test_a_throttled_way_passes_so_many_bytes_a_second(proxy: Proxy) -> None:
    line = await Line.to(proxy.port)
    proxy.trouble("throttle", bytes_per_second=20_000)
    began = asyncio.get_running_loop().time()
    assert await line.echoes(bytes(10_000))
    assert asyncio.get_running_loop().time() - began >= 0.35
    proxy.heal()
    assert await line.echoes(bytes(1_000_000))


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with Proxy(("127.0.0.1", 1)) as proxy:
        assert await (await Line.to(proxy.port)).is_reset()


async def test_connections_beyond_the_bound_are_reset(echo: tuple[Echo, int]) -> None:
    async with Proxy(("127.0.0.1", echo[1]), most_connections=1) as proxy:
        first = await Line.to(proxy.port)
        assert await first.echoes()
        assert await (await Line.to(proxy.port)).is_reset()
        assert await first.echoes()


async def test_closing_it_resets_everything_whatever_the_trouble(echo: tuple[Echo, int]) -> None:
    for how in ("hang", "half_open", "cut"):
        async with Proxy(("127.0.0.1", echo[1])) as proxy:
            line = await Line.to(proxy.port)
            assert await line.echoes()
            proxy.trouble(how)  # type: ignore[arg-type] # of a list
        assert await line.is_reset()


async def test_its_status_tells_which_connections_pass_again(proxy: Proxy) -> None:
    lines = [await Line.to(proxy.port) for _ in range(3)]
    for line in lines:
        assert await line.echoes()
    proxy.trouble("hang")
    lines[0].say(b"are you there?")
    await until(lambda: proxy.status()["alive"] == 2)  # two have nothing to say
    assert {key: proxy.status()[key] for key in ("how", "connections", "before")} == {
        "how": "hang", "connections": 3, "before": 3,
    }  # fmt: skip
    proxy.heal()
    await until(lambda: proxy.status()["alive"] == 3)
    proxy.trouble("drop")
    await until(lambda: proxy.status()["connections"] == 0)
    fourth = await Line.to(proxy.port)
    await until(lambda: proxy.status()["connections"] == 1)
    assert (proxy.status()["before"], proxy.status()["alive"]) == (3, 0)  # it is new, and has not heard anything
    assert await fourth.echoes()
    await until(lambda: proxy.status()["alive"] == 1)


async def test_one_in_another_process_is_steered_over_a_socket_of_its_owners(proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    line = await Line.to(proxy.port)
    assert await line.echoes()
    async with ProxyControl(proxy, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        status = await ask_proxy(path, {"do": "trouble", "how": "delay", "delay": 0.01, "for": 30.0})
        assert (status["how"], status["before"]) == ("delay", 1)
        assert (await ask_proxy(path, {"do": "heal"}))["how"] is None
        for request, said in [
            ({"do": "trouble"}, "how must be one of drop, cut"),
            ({"do": "trouble", "how": "blow up"}, "how must be one of drop, cut"),
            ({"do": "trouble", "how": "hang", "fro": 1}, "a trouble takes no fro"),
            ({"do": "trouble", "how": "hang", "for": "long"}, "for must be a number"),
            ({"do": "trouble", "how": "hang", "for": float("nan")}, "for must be a number"),
            ({"do": "trouble", "how": "delay"}, "a delay needs a delay"),
            ({"do": "trouble", "how": "throttle"}, "bytes_per_second must be a number"),
            ({"do": "trouble", "how": "half_open", "kept": ["both"]}, "kept must be one of client, server"),
            ({}, "do: trouble, heal or status"),
        ]:
            with pytest.raises(ChaosRefused, match=said):
                await ask_proxy(path, request)
        assert await line.echoes()
    with pytest.raises(ChaosRefused, match="cannot be asked"):
        await ask_proxy(path, {"do": "status"})


async def test_nonsense_on_its_socket_is_answered_and_harms_nobody(proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    async with ProxyControl(proxy, path):
        for nonsense in (b"\xff\xfe\n", b"[" * 3000 + b"\n", b"7\n", b'{"do": {"do": []}}\n', b"\n"):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(nonsense)
            assert not json.loads(await reader.readline())["ok"]
            writer.close()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert (await ask_proxy(path, {"do": "status"}))["how"] is None


async def test_a_dead_ones_socket_is_replaced_but_no_other_file(proxy: Proxy, tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        await ProxyControl(proxy, path).__aenter__()
    assert path.read_text() == "precious"
    path.unlink()
    for _ in range(2):  # the first one dies, and leaves its file
        await ProxyControl(proxy, path).__aenter__()
    assert (await ask_proxy(path, {"do": "status"}))["how"] is None

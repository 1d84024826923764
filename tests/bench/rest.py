"""The REST API under load: 64 clients that read a user's document, and change it with every tenth request.

The server runs in an OS process of its own with an SQLite store, the clients in another. The floor is aiohttp alone,
which answers each request with as many bytes that it has ready: no token is looked at, nothing is read or stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector, web

from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import account_db
from mirliton.actors.store.sealing import Keyring
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api.listening import Where
from mirliton.api.server import API, ApiServer
from mirliton.config import ApiSettings
from mirliton.runtime import Node
from tests.bench.measuring import Figures, percentile
from tests.bench.running import ROOT

CLIENTS: Final = 64
WRITES: Final = 10
"""Of so many requests one is a write."""
ACCOUNT: Final = "a" * 32
USERS: Final = 64
KEY: Final = "b" * 64
START: Final = 30.0
"""Seconds until the server must be there."""
WARM: Final = 200


async def ours(count: int) -> Figures:
    return await _load("ours", count)


async def floor(count: int) -> Figures:
    return await _load("floor", count)


async def _load(side: str, count: int) -> Figures:
    async with _a_server(side) as url, ClientSession(connector=TCPConnector(limit=CLIENTS)) as session:
        token = ""
        if side == "ours":
            async with session.put(f"{url}/v2/api_auth", json={"data": {"api_key": KEY}}) as reply:
                token = (await reply.json())["auth_token"]
        await _ask(session, url, token, min(count, WARM))
        began = time.perf_counter()
        times = await _ask(session, url, token, count)
        took = time.perf_counter() - began
    return {"rate": count / took, "p50": percentile(times, 50) * 1e3, "p99": percentile(times, 99) * 1e3}


async def _ask(session: ClientSession, url: str, token: str, count: int) -> list[float]:
    """Have so many requests answered; how long each took."""
    numbers, times = iter(range(count)), []

    async def client(own: int) -> None:
        path = f"{url}/v2/accounts/{ACCOUNT}/users/{own:032}"
        headers = {"X-Auth-Token": token}
        for number in numbers:
            began = time.perf_counter()
            method, data = ("PATCH", {"data": {"language": f"x{number}"}}) if number % WRITES == 0 else ("GET", None)
            async with session.request(method, path, json=data, headers=headers) as reply:
                await reply.read()
                if reply.status != 200:
                    raise RuntimeError(f"{method} was answered with {reply.status}")
            times.append(time.perf_counter() - began)

    await asyncio.gather(*(client(own) for own in range(CLIENTS)))
    return times


@contextlib.asynccontextmanager
async def _a_server(side: str) -> AsyncIterator[str]:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.rest",
        side,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        line = await asyncio.wait_for(program.stdout.readline(), START)
        yield json.loads(line)["url"]
    finally:
        # It ends when nobody holds the other end any more.
        program.stdin.close()
        await asyncio.wait_for(program.wait(), START)


async def _serve(side: str) -> None:
    serving = _api if side == "ours" else _bare
    async with serving() as port:
        print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def _api() -> AsyncIterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        async with Node("bench", short_pauses=True) as node:
            await node.start(StoreServer, str(Path(folder) / "bench.db"), Keyring("k1:" + "k" * 40), name=STORE)
            await _furnish(StoreClient(node))
            await node.start(ApiServer, ApiSettings(port=0, bucket_tokens=0), name=API)
            yield (await node.call(API, Where())).port


async def _furnish(store: StoreClient) -> None:
    await store.create_database("accounts")
    await store.create_database(account_db(ACCOUNT))
    account = stamp(
        {"_id": ACCOUNT, "name": "bench", "realm": "bench.example.com", "pvt_tree": [], "pvt_api_key": KEY},
        type="account",
        account_id=ACCOUNT,
    )
    await store.put(account_db(ACCOUNT), account)
    await store.put("accounts", account)
    users = [
        stamp(
            {"_id": f"{number:032}", "first_name": "Ada", "last_name": "King", "username": f"user{number}"},
            type="user",
            account_id=ACCOUNT,
        )
        for number in range(USERS)
    ]
    await store.bulk(account_db(ACCOUNT), users)


@contextlib.asynccontextmanager
async def _bare() -> AsyncIterator[int]:
    body = json.dumps({"data": {"name": "x" * 900}, "status": "success"}).encode()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site: Any = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    asyncio.run(_serve(sys.argv[1]))

"""The floor: what asyncio alone does, one Task waiting on one Queue per actor, with no addresses, links or supervision
but a Task that starts another when one ends. It is what one writes in an afternoon."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from tests.bench.measuring import Figures, resident, spread

Mailbox = asyncio.Queue[Any]


async def ping_pong(count: int) -> Figures:
    here, there = Mailbox(), Mailbox()

    async def pong() -> None:
        while True:
            here.put_nowait(await there.get())

    task = asyncio.create_task(pong())
    began = time.perf_counter()
    for _ in range(count):
        there.put_nowait("ball")
        await here.get()
    took = time.perf_counter() - began
    await _end(task)
    return {"": count / took}


async def one_way(count: int) -> Figures:
    mailbox = Mailbox()
    done = asyncio.get_running_loop().create_future()

    async def sink() -> None:
        for _ in range(count):
            await mailbox.get()
        done.set_result(None)

    task = asyncio.create_task(sink())
    began = time.perf_counter()
    for _ in range(count // 100):
        for _ in range(100):
            mailbox.put_nowait("drop")
        await asyncio.sleep(0)
    await done
    took = time.perf_counter() - began
    await task
    return {"": count / took}


async def calls(count: int) -> Figures:
    mailbox = Mailbox()

    async def server() -> None:
        while True:
            request, reply = await mailbox.get()
            reply.set_result(request)

    task = asyncio.create_task(server())
    loop = asyncio.get_running_loop()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        reply = loop.create_future()
        mailbox.put_nowait(("request", reply))
        await reply
        took.append(time.perf_counter() - began)
    await _end(task)
    return {"rate": count / sum(took), **spread(took, 1e6)}


async def idle(count: int) -> Figures:
    async def actor(mailbox: Mailbox) -> None:
        while True:
            await mailbox.get()

    before = resident()
    began = time.perf_counter()
    tasks = [asyncio.create_task(actor(Mailbox())) for _ in range(count)]
    await asyncio.sleep(0)  # each has run to its first wait
    took = time.perf_counter() - began
    size = (resident() - before) / count
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"bytes": size, "rate": count / took}


async def restarts(count: int) -> Figures:
    mailbox = Mailbox()
    running: list[asyncio.Task[None]] = []

    async def actor() -> None:
        while True:
            request, reply = await mailbox.get()
            reply.set_result(request)

    async def supervisor() -> None:
        while True:
            task = asyncio.create_task(actor())
            running[:] = [task]
            await asyncio.wait([task])

    loop = asyncio.get_running_loop()
    keeper = asyncio.create_task(supervisor())
    await asyncio.sleep(0)
    took = []
    for _ in range(count):
        began = time.perf_counter()
        running[0].cancel()
        while running[0].cancelling():  # noqa: ASYNC110 - what the floor does is what is measured
            await asyncio.sleep(0)
        reply = loop.create_future()
        mailbox.put_nowait(("request", reply))
        await reply
        took.append(time.perf_counter() - began)
    await _end(keeper)
    await _end(running[0])
    return spread(took, 1e6)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

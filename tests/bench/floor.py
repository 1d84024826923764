"""The floor, messages: what asyncio alone does, one Task waiting on one Queue per actor, with no addresses, links or
supervision. It is what one writes in an afternoon."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from tests.bench.measuring import PICKED, Figures, spread

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
    await end(task)
    return {"rate": count / took}


async def one_way(count: int) -> Figures:
    return await _flood(1, count, 100)


async def fan_in(count: int) -> Figures:
    return await _flood(100, count, 10)


async def _flood(sources: int, count: int, burst: int) -> Figures:
    mailbox = Mailbox()
    bursts = count // (sources * burst)
    messages = sources * bursts * burst

    async def sink() -> None:
        for _ in range(messages):
            await mailbox.get()

    async def source() -> None:
        for _ in range(bursts):
            for _ in range(burst):
                mailbox.put_nowait("drop")
            await asyncio.sleep(0)

    began = time.perf_counter()
    task = asyncio.create_task(sink())
    await asyncio.gather(*(source() for _ in range(sources)))
    await task
    return {"rate": messages / (time.perf_counter() - began)}


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
    await end(task)
    return {"rate": count / sum(took), **spread(took, 1e6)}


async def selective(count: int) -> Figures:
    here, there = Mailbox(), Mailbox()
    passed_over: list[Any] = []

    async def wall() -> None:
        while True:
            here.put_nowait(await there.get())

    async def receive(kind: type) -> Any:
        for index, message in enumerate(passed_over):
            if isinstance(message, kind):
                del passed_over[index]
                return message
        while not isinstance(message := await here.get(), kind):
            passed_over.append(message)
        return message

    task = asyncio.create_task(wall())
    for number in range(count):
        here.put_nowait(number)
    began = time.perf_counter()
    for _ in range(PICKED):
        there.put_nowait("ball")
        await receive(str)
    took = time.perf_counter() - began
    await end(task)
    return {"rate": PICKED / took}


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

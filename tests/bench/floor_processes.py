"""The floor, processes and timers: a Task and a Queue per actor; supervision is a Task that starts another when one
ends."""

from __future__ import annotations

import asyncio
import time

from tests.bench.floor import Mailbox, end
from tests.bench.measuring import Figures, kept_short, resident, spread


async def idle(count: int) -> Figures:
    async with kept_short():
        return await _idle(count)


async def _idle(count: int) -> Figures:
    async def actor(mailbox: Mailbox) -> None:
        while True:
            await mailbox.get()

    before = resident()
    began = time.perf_counter()
    tasks = []
    for _ in range(count // 100):
        tasks += [asyncio.create_task(actor(Mailbox())) for _ in range(100)]
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
    await end(keeper)
    await end(running[0])
    return spread(took, 1e6)


async def skynet(count: int) -> Figures:
    async with kept_short():
        return await _skynet(count)


async def _skynet(count: int) -> Figures:
    async def actor(asker: Mailbox, number: int, size: int) -> None:
        if size == 1:
            asker.put_nowait(number)
            return
        mailbox = Mailbox()
        part = size // 10
        tasks = [asyncio.create_task(actor(mailbox, number + child * part, part)) for child in range(10)]
        asker.put_nowait(sum([await mailbox.get() for _ in tasks]))

    mailbox = Mailbox()
    began = time.perf_counter()
    root = asyncio.create_task(actor(mailbox, 0, count))
    assert await mailbox.get() == count * (count - 1) // 2
    took = time.perf_counter() - began
    await root
    return {"seconds": took}


async def supervised(count: int) -> Figures:
    async with kept_short():
        return await _supervised(count)


async def _supervised(count: int) -> Figures:
    requests, children = Mailbox(), set[asyncio.Task[None]]()

    async def actor(mailbox: Mailbox) -> None:
        while True:
            await mailbox.get()

    def begin() -> None:
        child = asyncio.create_task(actor(Mailbox()))
        children.add(child)
        child.add_done_callback(ended)

    def ended(child: asyncio.Task[None]) -> None:
        children.discard(child)
        if not stopping:
            begin()

    async def supervisor() -> None:
        while True:
            reply = await requests.get()
            begin()
            reply.set_result(None)

    stopping = False
    loop = asyncio.get_running_loop()
    keeper = asyncio.create_task(supervisor())
    began = time.perf_counter()
    for _ in range(count):
        reply = loop.create_future()
        requests.put_nowait(reply)
        await reply
    took = time.perf_counter() - began
    assert len(children) == count
    stopping = True
    for child in children:
        child.cancel()
    await asyncio.gather(*children, return_exceptions=True)
    await end(keeper)
    return {"seconds": took}


async def timers(count: int) -> Figures:
    async with kept_short():
        return await _timers(count)


async def _timers(count: int) -> Figures:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    handles = [loop.call_later(3600.0, print, "late") for _ in range(count)]
    half = time.perf_counter()
    for handle in handles:
        handle.cancel()
    await asyncio.sleep(0)  # the loop throws the cancelled ones out
    ended = time.perf_counter()
    return {"set": count / (half - began), "cancel": count / (ended - half)}

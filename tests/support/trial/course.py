"""A trial, from the first process to the verdict."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import Document, SqliteStore
from trial.evidence import judge_calls, judge_doubles, judge_records, messages_in, read, records_in
from trial.ground import AWAY, SWITCHES, Ground, a_ground
from trial.memory import Memory, watch_memory
from trial.mixture import PATIENCE
from trial.requests import Clients
from trial.trouble import make_trouble
from trial.verdict import Verdict

WARM_UP: Final = 5.0
"""Seconds of calls before the trouble begins, and after it has ended."""
RECORDS_WITHIN: Final = 90.0
Say = Callable[[str], None]


async def a_trial(folder: Path, *, duration: float, rate: float, seed: int, say: Say) -> Verdict:
    """Hold one in `folder`, where all that is left of it stays: `duration` seconds of trouble, `rate` calls a second.

    Raises TimeoutError or RuntimeError where it cannot be held to its end.
    """
    loop = asyncio.get_running_loop()
    memory = Memory()
    async with a_ground(folder, seed) as ground:
        agents = (await ground.ask_switch(SWITCHES[0], "log_in"))["logged_in"]
        say(f"all is up in {folder}; {agents} agents logged in")
        async with Clients(ground) as clients, _beside(watch_memory(ground, memory)), _beside(_tell(ground, say)):
            began = loop.time()
            for name in SWITCHES:
                await ground.ask_switch(name, "begin", rate=rate / len(SWITCHES))
            await asyncio.sleep(WARM_UP)
            done = await make_trouble(ground, duration, seed)
            await asyncio.sleep(WARM_UP)
            for name in SWITCHES:
                await ground.ask_switch(name, "end")
            lasted = loop.time() - began
            say("no more calls are placed; the rest is seen to their ends")
            await ground.until(lambda: _calls_up(ground), 2 * PATIENCE + 30.0, "the end of all calls")
        at_the_end = await _look_at_the_end(ground)
        legs, calls = read(folder, "legs"), read(folder, "calls")
        store = SqliteStore(ground.var / "mirliton.db")
        await store.open()
        try:
            records = await records_when_complete(store, len(legs))
            messages = await messages_in(store)
        finally:
            await store.close()
        switches = {name: await ground.ask_switch(name, "status") for name in SWITCHES}
    verdict = Verdict(
        duration,
        rate,
        seed,
        done,
        judge_calls(calls),
        judge_records(legs, calls, records),
        judge_doubles(legs, calls, messages),
        clients.seen,
        memory,
        switches,
        at_the_end,
        lasted=lasted,
        most_up=_most_up(calls),
    )
    verdict.judge_times()
    return verdict


@contextlib.asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    """What goes on meanwhile; its failure is the block's."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, Exception):
        raise result


async def _tell(ground: Ground, say: Say) -> None:
    """How far it has come, now and then."""
    while True:
        await asyncio.sleep(10.0)
        with contextlib.suppress(*AWAY):
            told = [await ground.ask_switch(name, "status") for name in SWITCHES]
            placed, up = sum(sum(each["placed"].values()) for each in told), sum(each["up"] for each in told)
            say(
                f"{placed} calls placed, {up} up, {sum(each['unposted'] for each in told)} records wait at the switches"
            )


async def _calls_up(ground: Ground) -> str:
    up = [(await ground.ask_switch(name, "status"))["legs"] for name in SWITCHES]
    return f"{sum(up)} legs are up" if sum(up) else ""


async def _look_at_the_end(ground: Ground) -> list[str]:
    """Everything is as before, and each thing there once."""

    async def wrong() -> str:
        cards = await ground.cards()
        acting = [app for card in cards.values() for app in card["acting"]]
        if doubled := {app for app in acting if acting.count(app) > 1}:
            return f"active twice: {sorted(doubled)}"
        if executors := {name: card["executors"] for name, card in cards.items() if card["executors"]}:
            return f"executors of calls that are over: {executors}"
        if channels := await ground.ask("api1", "channels"):
            return f"{len(channels)} channels of calls that are over"
        return ""

    try:
        await ground.is_whole()
        await ground.until(wrong, 60.0, "quiet")
    except TimeoutError as late:
        return [str(late)]
    return []


async def records_when_complete(store: SqliteStore, wanted: int) -> list[Document]:
    """All records, when there are as many as wanted and none is provisional, or time is up."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + RECORDS_WITHIN
    while True:
        records = await records_in(store)
        complete = len(records) >= wanted and not any(record.get("pvt_provisional") for record in records)
        if complete or loop.time() > ends:
            return records
        await asyncio.sleep(2.0)


def _most_up(calls: list[dict[str, Any]]) -> int:
    moments = sorted([(call["began"], 1) for call in calls] + [(call["ended"], -1) for call in calls])
    most = now = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most

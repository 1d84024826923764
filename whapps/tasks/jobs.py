"""What is done at intervals, by one node for all: months made ahead, views built, what was deleted removed for good.

Kazoo: kt_modb_creation, kt_cleanup and others of kz_tasks_trigger. Which job was done when stands in the database, so
that it is due once for the whole system; a job that was begun and not ended for an hour is begun again. Each may be
done twice.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mirliton.actors.store import Conflict, DatabaseNotFound, Document, Month, Store, StoreError, update
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.upkeep import make_months, purge
from mirliton.actors.system_config import config_of
from mirliton.runtime import Completed, GenServer, Name, TimerFired
from mirliton.whapps.tasks.record import DATABASE

JOBS: Final = Name("service", "tasks_jobs")
LOOK_EVERY: Final = 60.0
BEGIN_AGAIN: Final = 3600.0
DAY: Final = 86_400.0

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """`do` says what it did, or (None) that there was nothing to do now; `every` is in seconds."""

    name: str
    every: float
    do: Callable[[Store, float], Awaitable[str | None]]


async def _months(store: Store, now: float) -> str | None:
    """From the day `creation_day` of a month on, the databases of the next are made (Kazoo: 28)."""
    day = _number(await config_of(store, "tasks.modb_creation"), "creation_day", 28, 1)
    if datetime.fromtimestamp(now, UTC).day < day:
        return None
    month = Month.at(now).next
    return f"{await make_months(store, month)} databases of {month} made"


async def _purge(store: Store, now: float) -> str | None:
    """What was deleted `purge_after_d` days ago goes for good; unless that is set, never."""
    days = _number(await config_of(store, "tasks"), "purge_after_d", 0, 0)
    return f"{await purge(store, now - days * DAY)} documents purged" if days else None


async def _refresh(store: Store, now: float) -> str | None:
    """Views are built while it is quiet, and those that nobody declares any more are removed."""
    return f"{await store.refresh()} views built"


ALL: Final = (
    Job("modb_creation", 3600.0, _months),
    Job("purge", DAY, _purge),
    Job("refresh", 7 * DAY, _refresh),
)


class Jobs(GenServer):
    """Under JOBS. A restart loses nothing: what was begun is begun again an hour later."""

    def init(self, jobs: tuple[Job, ...] = ALL) -> None:
        self.jobs = jobs
        self.done = dict.fromkeys((job.name for job in jobs), 0)
        self.start_timer(LOOK_EVERY, "look")

    def state(self) -> Any:
        return dict(self.done)

    def handle_info(self, message: Any) -> None:
        match message:
            case TimerFired(message="look"):
                self.background(self._look(), "look")
            case Completed(tag="look", error=error):
                if error is not None:
                    self.log.warning("jobs_not_done", error=str(error))
                self.start_timer(LOOK_EVERY, "look")
            case _:
                super().handle_info(message)

    async def _look(self) -> None:
        """Do what is due, one after the other."""
        store = StoreClient(self)
        for job in self.jobs:
            if not await due(store, job, self.node.clock.time()):
                continue
            began = time.monotonic()
            try:
                did = await job.do(store, self.node.clock.time())
                await _note(store, job, {"done": self.node.clock.time()})
            except StoreError as error:
                self.log.warning("job_not_done", job=job.name, error=str(error))
                continue
            self.done[job.name] += 1
            if did is not None:
                self.log.info("job_done", job=job.name, did=did, seconds=round(time.monotonic() - began, 1))


async def due(store: Store, job: Job, now: float) -> bool:
    """Whether it is this caller's to do a job now; who hears so has begun it. Raises StoreError."""
    begun = False

    def claim(doc: Document) -> Document | None:
        nonlocal begun
        done, started = float(doc.get("done") or 0), float(doc.get("begun") or 0)
        begun = now - done >= job.every and (started <= done or now - started >= BEGIN_AGAIN)
        return {**doc, "pvt_type": "task_job", "begun": now} if begun else None

    try:
        await _update(store, job, claim)
    except Conflict:
        return False
    return begun


async def _note(store: Store, job: Job, fields: Mapping[str, Any]) -> None:
    await _update(store, job, lambda doc: {**doc, **fields})


async def _update(store: Store, job: Job, change: Callable[[Document], Document | None]) -> None:
    try:
        await update(store, DATABASE, f"job-{job.name}", change, create=True)
    except DatabaseNotFound:
        await store.create_database(DATABASE)
        await update(store, DATABASE, f"job-{job.name}", change, create=True)


def _number(config: Config, name: str, default: int, least: int) -> int:
    value = config.get(name)
    return value if type(value) is int and value >= least else default

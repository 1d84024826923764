"""Work handed from an event loop to threads, and its results handed back.

A job is taken by a thread exactly once or not at all: whoever *claims* it first, the thread that would do it or the
deadline that gives it up, has it. So a job whose caller was told "not done" never happens afterwards. Queues are
bounded in jobs and in weight (bytes), and a full one refuses at once; the loop never waits for a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import structlog

from mirliton.actors.store.errors import StoreClosed, StoreError, StoreOverloaded, StoreTimeout, StoreUnavailable

log = structlog.get_logger()

Tool = TypeVar("Tool")
"""What the thread gives the job to work with: a connection, say."""

Done: TypeAlias = "tuple[Job[Any], Any, BaseException | None]"
"""A finished job with its result or its error."""


class Job(Generic[Tool]):
    """One call's work, its deadline and where its result is awaited."""

    __slots__ = ("_claims", "_path", "deadline", "future", "loop", "operation", "timeout", "weight", "work")

    def __init__(
        self, operation: str, work: Callable[[Tool], Any], *, path: str, timeout: float, weight: int = 0
    ) -> None:
        self.operation = operation
        self.work = work
        self.weight = weight
        self.deadline = time.monotonic() + timeout
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self._path = path
        self.timeout = timeout
        # list.pop is one step under the interpreter's lock, so of two threads only one gets the token.
        self._claims = [None]

    def claim(self) -> bool:
        """Whether the caller is the one to decide this job's fate."""
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def expire(self) -> None:
        """Give up on the job; called on its loop when the deadline passes."""
        if not self.future.done():
            outcome: Literal["not done", "unknown"] = "not done" if self.claim() else "unknown"
            self.future.set_exception(StoreTimeout(self._path, self.operation, self.timeout, outcome))


class WorkQueue(Generic[Tool]):
    """Jobs on their way to the threads that do them."""

    def __init__(self, path: str, name: str, *, jobs: int, weight: int) -> None:
        self._path = path
        self._name = name
        self._most_jobs = jobs
        self._most_weight = weight
        self._waiting: deque[Job[Tool]] = deque()
        self._weight = 0
        self._closed: StoreError | None = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, job: Job[Tool]) -> None:
        """Add a job. A job heavier than the bound is taken when it is alone.

        Raises StoreOverloaded, and StoreClosed or why else the queue was closed.
        """
        with self._changed:
            if self._closed:
                raise self._closed.with_traceback(None)  # one error for many calls: it must not collect their frames
            if len(self._waiting) >= self._most_jobs:
                raise StoreOverloaded(self._path, self._name, f"{self._most_jobs} calls")
            if self._waiting and self._weight + job.weight > self._most_weight:
                raise StoreOverloaded(self._path, self._name, f"{self._most_weight} bytes")
            self._waiting.append(job)
            self._weight += job.weight
            self._changed.notify()

    def take(self, most: int, *, sharers: int = 1, weight: int | None = None) -> list[Job[Tool]]:
        """Wait for work and take some, up to `most` jobs and about `weight`, leaving `sharers` others their share.

        Empty when the queue is closed and nothing is left.
        """
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            share = min(most, -(-len(self._waiting) // sharers))
            jobs: list[Job[Tool]] = []
            taken = 0
            while self._waiting and len(jobs) < share and (weight is None or not jobs or taken < weight):
                job = self._waiting.popleft()
                taken += job.weight
                jobs.append(job)
            self._weight -= taken
            return jobs

    def close(self, error: StoreError | None = None) -> None:
        """Take no more jobs (`error` says why); the threads end when they have done those that are here."""
        with self._changed:
            self._closed = self._closed or error or StoreClosed(self._path)
            self._changed.notify_all()

    def abandon(self) -> None:
        """Fail every job that no thread has taken yet."""
        with self._changed:
            jobs, self._weight = list(self._waiting), 0
            self._waiting.clear()
            error = self._closed or StoreClosed(self._path)
        hand_back([(job, None, error) for job in jobs if job.claim()])


async def run(queue: WorkQueue[Tool], job: Job[Tool]) -> Any:
    """Queue the job and wait for its result until its deadline."""
    queue.put(job)
    timer = job.loop.call_later(job.timeout, job.expire)
    try:
        return await job.future
    finally:
        timer.cancel()
        job.claim()  # cancelled while it waited: it need not happen any more


def hand_back(done: Sequence[Done]) -> None:
    """Give results to the loops that await them, waking each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[Done]] = {}
    for one in done:
        loops.setdefault(one[0].loop, []).append(one)
    for loop, results in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, results)
        except RuntimeError:
            # The loop was closed while its work was under way: nobody is left to be told.
            log.warning("store results have no receiver", jobs=[job.operation for job, _, _ in results][:10])


def _settle(results: Sequence[Done]) -> None:
    for job, value, error in results:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(value)
        else:
            job.future.set_exception(error)


class Worker(threading.Thread, Generic[Tool]):
    """A thread that does a queue's jobs; starting and stopping are awaited on the loop that made it."""

    def __init__(self, name: str, path: str, queue: WorkQueue[Tool]) -> None:
        # Daemon: a process that is told to end does not wait for the store; what was acknowledged is on the disk.
        super().__init__(name=name, daemon=True)
        self.path = path
        self.queue = queue
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def serve(self, ready: Callable[[], None]) -> None:
        """Open, call `ready`, do the queue's jobs until there are no more, close."""
        raise NotImplementedError

    def run(self) -> None:
        """The thread's life. When it cannot go on, the queue takes nothing more and says why."""
        try:
            self.serve(lambda: self._tell(self.ready, None))
        except BaseException as error:  # noqa: BLE001 - it ends the thread; those who wait are told
            self._fail(error)
        finally:
            self._tell(self.ended, None)

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, StoreError):
            log.error("store thread failed", thread=self.name, path=self.path, exc_info=error)
            error = StoreUnavailable(self.path, f"its thread {self.name} failed: {error!r}")
        self.queue.close(error)
        self.queue.abandon()
        self._tell(self.ready, error)

    def _tell(self, future: asyncio.Future[None], error: BaseException | None) -> None:
        def settle() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(settle)
        except RuntimeError:
            log.warning("store thread outlived its loop", thread=self.name, path=self.path)

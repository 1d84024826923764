"""The way to the database: every call has a place in the pool, a deadline, and a rule for being made again.

A call that changes nothing is made again when it is interrupted, on the next host if need be. One that writes is made
again only where no host has heard it: otherwise a write that was done would meet itself as a conflict, or be done
twice. So what a caller is told of a write is always true: done (its revision), not done (the error of that), or
unknown (StoreInterrupted, StoreTimeout).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from mirliton.actors.store.couch_address import CouchAddress, CouchTuning
from mirliton.actors.store.couch_answer import Answer, AnswerLost, NotSent
from mirliton.actors.store.couch_hosts import Hosts
from mirliton.actors.store.errors import (
    StoreAway,
    StoreClosed,
    StoreDamaged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreInterrupted,
    StoreOverloaded,
    StoreTimeout,
    TooLarge,
)

if TYPE_CHECKING:
    from mirliton.actors.store.couch_host import CouchHost

_OF_A_PROXY: Final = frozenset({502, 503, 504})
"""Statuses by which a proxy, or a node of a cluster, says that it could not reach who should answer."""
_PASSING: Final = _OF_A_PROXY | {408, 429, 500}


_CLOSED: Final = "the store was closed"
"""Tells our own cancelling from others'."""


@dataclass(slots=True)
class LineCounts:
    """What was asked since the store was opened."""

    requests: int = 0
    """Sent to a host, repetitions included."""
    repeated: int = 0
    interrupted: int = 0
    """Calls that ended with StoreInterrupted or StoreTimeout."""
    waiting: int = 0
    """Calls that are under way or wait for a connection."""


class Line:
    """The open way to one cluster."""

    def __init__(self, address: CouchAddress) -> None:
        self.path = str(address)
        self.tuning: CouchTuning = address.tuning
        self.counts = LineCounts()
        # The client takes a third of a second to import, which whoever does not use it need not wait for.
        from mirliton.actors.store.couch_host import CouchHost, new_session

        self._session = new_session(address.tuning)
        self.hosts = Hosts(self.path, [CouchHost(url, address, self._session) for url in address.urls], address.tuning)
        self._room = asyncio.Semaphore(address.tuning.pool)
        self._polls = asyncio.Semaphore(address.tuning.polls)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._polling: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def close(self, timeout: float) -> None:
        """Let what is under way finish for `timeout` seconds, then end it with StoreClosed; polls end at once."""
        self._closed = True
        for task in list(self._polling):
            task.cancel(_CLOSED)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=timeout)
        for task in list(self._under_way):
            task.cancel(_CLOSED)
        await self.hosts.close()
        await self._session.aclose()

    async def read(
        self,
        operation: str,
        method: Literal["GET", "POST", "PUT"],
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        poll: bool = False,
    ) -> Answer:
        """Ask what may be asked again. A `poll`, which waits for something to happen, takes no place in the pool."""
        return await self._within(
            operation,
            lambda progress: self._read(progress, operation, method, path, query, body),
            timeout,
            poll=poll,
        )

    async def write(
        self,
        operation: str,
        method: Literal["POST", "PUT", "DELETE"],
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        data: Callable[[], AsyncIterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Ask what must be heard once at most. `data` makes the content anew for a host after one that heard nothing.

        Raises StoreInterrupted where it may have been heard.
        """

        async def attempt(progress: _Progress) -> Answer:
            while True:
                host = await self.hosts.choose()
                content = data() if data else body
                try:
                    answer = await self._ask(progress, host, method, path, query, content, headers)
                except NotSent as error:
                    self.hosts.failed(host, str(error))
                    continue
                except AnswerLost as error:
                    self.hosts.failed(host, str(error))
                    raise StoreInterrupted(self.path, operation, str(error)) from None
                if answer.status in _OF_A_PROXY:
                    self.hosts.failed(host, f"it answers {answer.status} {answer.reason}")
                if answer.status in _PASSING - {429}:
                    raise self._interrupted(operation, answer)
                return answer

        return await self._within(operation, attempt, timeout)

    @contextlib.asynccontextmanager
    async def stream(
        self, operation: str, *path: str, rev: str, span: tuple[int, int] | None = None
    ) -> AsyncIterator[Answer | AsyncIterator[bytes]]:
        """A file in chunks, or what the host says instead; the deadline is for all of it."""
        progress = _Progress()
        try:
            async with self._place(operation), asyncio.timeout(self.tuning.transfer_timeout), self._room:
                host = await self.hosts.choose()
                progress.host = host
                self.counts.requests += 1
                async with host.stream(*path, query={"rev": rev}, span=span, timeout=self.tuning.timeout) as found:
                    yield found
        except TimeoutError:
            raise self._late(operation, self.tuning.transfer_timeout, progress) from None
        except (NotSent, AnswerLost) as error:
            self.hosts.failed(host, str(error))
            self.counts.interrupted += 1
            raise StoreInterrupted(self.path, operation, str(error)) from None

    def failure(self, operation: str, answer: Answer) -> StoreError:
        """The error of an answer that the operation itself has no meaning for."""
        text = f"{answer.error} {answer.reason}".strip()
        if answer.status in (401, 403):
            return StoreDenied(self.path, operation, text)
        if answer.status == 413:
            return TooLarge(f"what {operation} sent (the server has the limit: {text})", 0, 0)
        if "enospc" in text or "no space" in text:
            return StoreFull(self.path, text)
        if answer.status in _PASSING:
            return self._interrupted(operation, answer)
        if answer.data is None or answer.status < 400:
            return StoreDamaged(self.path, f"what answers {operation} is no CouchDB: {answer.status} {answer.reason!r}")
        return StoreDamaged(self.path, f"{operation} was answered with {answer.status} {text}")

    # --- under the hood ---

    async def _read(
        self,
        progress: _Progress,
        operation: str,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, Any] | None,
        body: bytes | None,
    ) -> Answer:
        pause = self.tuning.first_pause
        for left in reversed(range(self.tuning.attempts)):
            host = await self.hosts.choose()
            try:
                answer = await self._ask(progress, host, method, path, query, body, None)
            except NotSent as error:
                self.hosts.failed(host, str(error))
                failure: StoreError = StoreAway(self.path, "no host could be reached", f"{host!r}: {error}")
            except AnswerLost as error:
                self.hosts.failed(host, str(error))
                failure = StoreInterrupted(self.path, operation, str(error))
            else:
                if answer.status not in _PASSING or "builtin" in answer.error + answer.reason:
                    return answer  # a builtin reduce met what it cannot add: that does not pass
                if answer.status in _OF_A_PROXY:
                    self.hosts.failed(host, f"it answers {answer.status} {answer.reason}")
                failure = self._interrupted(operation, answer)
                if left:
                    await asyncio.sleep(pause)
                    pause *= 2
            if left:
                self.counts.repeated += 1
        raise failure

    async def _ask(
        self,
        progress: _Progress,
        host: CouchHost,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, Any] | None,
        content: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        self.counts.requests += 1
        progress.host = host
        try:
            return await host.ask(
                method, *path, query=query, content=content, headers=headers, timeout=progress.timeout
            )
        except NotSent:
            progress.host = None
            raise

    async def _within(
        self,
        operation: str,
        work: Callable[[_Progress], Awaitable[Answer]],
        timeout: float | None,
        *,
        poll: bool = False,
    ) -> Answer:
        room = self._polls if poll else self._room
        seconds = self.tuning.timeout if timeout is None else timeout
        progress = _Progress(seconds)
        try:
            async with self._place(operation, poll=poll), asyncio.timeout(seconds), room:
                return await work(progress)
        except TimeoutError:
            raise self._late(operation, seconds, progress) from None
        except StoreInterrupted:
            self.counts.interrupted += 1
            raise

    @contextlib.asynccontextmanager
    async def _place(self, operation: str, *, poll: bool = False) -> AsyncIterator[None]:
        """A place among those under way or waiting; ends with StoreClosed when the store closes meanwhile."""
        if self._closed:
            raise StoreClosed(self.path)
        if not poll and self.counts.waiting >= self.tuning.pool + self.tuning.queue:
            raise StoreOverloaded(self.path, "request", f"{self.tuning.queue} calls")
        task = asyncio.current_task()
        assert task is not None, operation
        self.counts.waiting += not poll
        among = self._polling if poll else self._under_way
        mine = task not in among
        among.add(task)
        try:
            yield
        except asyncio.CancelledError as error:
            if error.args == (_CLOSED,):
                task.uncancel()
                raise StoreClosed(self.path) from None
            raise
        finally:
            self.counts.waiting -= not poll
            if mine:
                among.discard(task)

    def _interrupted(self, operation: str, answer: Answer) -> StoreError:
        text = f"{answer.status} {answer.error} {answer.reason}".strip()
        if answer.status == 429:
            return StoreOverloaded(self.path, "server's", text)
        return StoreInterrupted(self.path, operation, text)

    def _late(self, operation: str, seconds: float, progress: _Progress) -> StoreTimeout:
        self.counts.interrupted += 1
        if progress.host is None:
            return StoreTimeout(self.path, operation, seconds, "not done")
        self.hosts.doubt(progress.host)
        return StoreTimeout(self.path, operation, seconds, "unknown")


@dataclass(slots=True)
class _Progress:
    """How far a call is: which host may have heard it, if any."""

    timeout: float = 60.0
    host: CouchHost | None = None

"""Which host is asked: the first, in the order of preference, that is not away.

A host is away once a connection to it failed, broke, or was answered by a proxy in its stead, or once it left a call
and then a probe without answer; it is probed at growing
intervals and is asked again when it answers. When all are away, calls wait for one for `patience` seconds (a
restart goes unnoticed); after that they are refused at once, until a probe succeeds.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from mirliton.actors.store.couch_address import CouchTuning
from mirliton.actors.store.errors import StoreAway

if TYPE_CHECKING:
    from mirliton.actors.store.couch_host import CouchHost

log = structlog.get_logger()


@dataclass(slots=True)
class _State:
    since: float
    reason: str
    probing: asyncio.Task[None]


class Hosts:
    """The hosts and who of them is away. `path` names the store in errors."""

    def __init__(self, path: str, hosts: Sequence[CouchHost], tuning: CouchTuning) -> None:
        self.path = path
        self.hosts = list(hosts)
        self._tuning = tuning
        self._away: dict[CouchHost, _State] = {}
        self._doubted: dict[CouchHost, asyncio.Task[None]] = {}
        self._outage: float | None = None
        self._back = asyncio.Event()
        self.failures = 0

    @property
    def away(self) -> dict[str, str]:
        """The hosts that are away, and why."""
        return {repr(host): state.reason for host, state in self._away.items()}

    async def choose(self) -> CouchHost:
        """The host to ask. Raises StoreAway when all are away and stay so."""
        while True:
            for host in self.hosts:
                if host not in self._away:
                    return host
            left = self._tuning.patience - (_now() - (self._outage or _now()))
            if left <= 0:
                raise self._unavailable()
            self._back.clear()
            try:
                async with asyncio.timeout(left):
                    await self._back.wait()
            except TimeoutError:
                raise self._unavailable() from None

    def failed(self, host: CouchHost, reason: str) -> None:
        """The host did not do: nobody is sent to it until a probe succeeds."""
        self.failures += 1
        if host in self._away:
            return
        log.warning("store host away", host=repr(host), reason=reason)
        self._away[host] = _State(_now(), reason, asyncio.get_running_loop().create_task(self._probe(host)))
        if len(self._away) == len(self.hosts) and self._outage is None:
            self._outage = _now()

    def doubt(self, host: CouchHost) -> None:
        """The host took a question and did not answer in time: it is away if it does not answer a probe either."""
        if host not in self._away and host not in self._doubted:
            self._doubted[host] = asyncio.get_running_loop().create_task(self._ask_the_silent(host))

    async def _ask_the_silent(self, host: CouchHost) -> None:
        try:
            reason = await self._reason(host)
            if reason is not None:
                self.failed(host, reason)
        finally:
            del self._doubted[host]

    async def close(self) -> None:
        """End the probes."""
        tasks = [*(state.probing for state in self._away.values()), *self._doubted.values()]
        self._away.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _probe(self, host: CouchHost) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret
            reason = await self._reason(host)
            state = self._away.get(host)
            if state is None:
                return
            if reason is None:
                break
            state.reason = reason
            pause = min(max(pause * 2, self._tuning.first_pause), self._tuning.longest_pause)
        log.info("store host back", host=repr(host), seconds=round(_now() - state.since, 3))
        del self._away[host]
        self._outage = None
        self._back.set()

    async def _reason(self, host: CouchHost) -> str | None:
        try:
            async with asyncio.timeout(self._tuning.connect_timeout):
                return await host.probe(self._tuning.connect_timeout)
        except TimeoutError:
            return f"no answer within {self._tuning.connect_timeout:g} s"

    def _unavailable(self) -> StoreAway:
        seconds = _now() - (self._outage or _now())
        reasons = "; ".join(f"{host}: {reason}" for host, reason in self.away.items())
        return StoreAway(self.path, f"no host has answered for {seconds:.1f} s", reasons)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""Clients of the REST API: they make documents and ask for channels, while what answers is being killed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from mirliton.api.cli.demo import ADMIN, kept_password
from trial.ground import Ground

CLIENTS: Final = 3
PAUSE: Final = 0.3
TIMEOUT: Final = 15.0
RETRYABLE: Final = frozenset({429, 503})


@dataclass
class Requests:
    """What came of them. One that was not answered may be done or not; it must not be done twice."""

    made: set[str] = field(default_factory=set)
    """Names of documents whose making was answered."""
    unsure: set[str] = field(default_factory=set)
    """Those whose making was not."""
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Answers after which one tries again, and connections that broke."""
    wrong: list[str] = field(default_factory=list)
    """Answers that there must not be."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


class Clients:
    """In `async with` they work."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.seen = Requests()
        self._base = f"http://127.0.0.1:{ground.ports['api']}/v2"
        self._number = 0

    async def __aenter__(self) -> Clients:
        self._http = httpx.AsyncClient(timeout=TIMEOUT, limits=httpx.Limits(max_keepalive_connections=CLIENTS))
        await self._log_in()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(CLIENTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._look_back()
        finally:
            await self._http.aclose()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _log_in(self) -> None:
        credentials = hashlib.md5(f"{ADMIN}:{kept_password(self.ground.var)}".encode()).hexdigest()
        body = {"data": {"credentials": credentials, "account_name": "demo", "method": "md5"}}
        answer = await self._http.put(f"{self._base}/user_auth", json=body)
        answer.raise_for_status()
        told = answer.json()
        self._account = f"{self._base}/accounts/{told['data']['account_id']}"
        self._http.headers["X-Auth-Token"] = told["auth_token"]

    async def _work(self, worker: int) -> None:
        while True:
            self._number += 1
            name = f"menu {worker} {self._number}"
            answer = await self._ask("PUT", f"{self._account}/menus", {"data": {"name": name}})
            if answer is None:
                self.seen.unsure.add(name)
            elif answer.status_code == 201:
                self.seen.made.add(name)
            else:
                self._wrong("PUT menus", answer)
            await asyncio.sleep(PAUSE)
            answer = await self._ask("GET", f"{self._account}/channels", None)
            if answer is not None and answer.status_code != 200:
                self._wrong("GET channels", answer)
            await asyncio.sleep(PAUSE)

    def _wrong(self, what: str, answer: httpx.Response) -> None:
        self.seen.wrong.append(f"{what}: {answer.status_code} {answer.text[:300]}")

    async def _ask(self, method: str, url: str, body: Any) -> httpx.Response | None:
        """The answer; None where there is none, or one that says to try again."""
        try:
            answer = await self._http.request(method, url, json=body)
        except httpx.TransportError as error:
            self.seen.refused[type(error).__name__] += 1
            return None
        if answer.status_code in RETRYABLE:
            self.seen.refused[str(answer.status_code)] += 1
            if "Retry-After" not in answer.headers:
                self._wrong(f"{method} without Retry-After", answer)
            return None
        self.seen.answered += 1
        return answer

    async def _look_back(self) -> None:
        """Every document that was answered for is there, and none is there twice."""
        found: Counter[str] = Counter()
        query: dict[str, str] = {"page_size": "500"}
        while True:
            answer = await self._http.get(f"{self._account}/menus", params=query)
            answer.raise_for_status()
            told = answer.json()
            found.update(row["name"] for row in told["data"])
            if not (following := told.get("next_start_key")):
                break
            query["start_key"] = following
        self.seen.lost = sorted(self.seen.made - found.keys())
        self.seen.doubled = sorted(name for name, count in found.items() if count > 1)

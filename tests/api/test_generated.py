"""Requests made up from the API's own description, by schemathesis: none may crash it, hang it or see what is others'.

Each goes to one's own account, to a stranger's or to none, with ids of documents that are there, of the stranger's and
of none, as an administrator, as a plain user, as the master (where that harms nobody) and as nobody. All that the
stranger has bears a mark, which nobody but the master may ever be shown.
"""

import asyncio
import contextlib
import json
import random
import warnings
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from yarl import URL

from mirliton.api.openapi import describe
from mirliton.api.routes import all_routes
from mirliton.config import ApiSettings

MARK = "canary-7f3a"
HANGS = 20.0
"""Seconds, on a machine that is slow and busy; an answer takes milliseconds."""
MASTERS = {"rates", "resources", "system_configs", "schemas", "about", "accounts"}
"""Resources that the master is let loose on; with others it could stop the node itself."""
KEPT = {
    ("DELETE", "accounts/{account_id}"),
    ("DELETE", "token_auth"),
    ("PUT", "user_auth/recovery"),
    ("POST", "accounts/{account_id}/move"),
    ("PUT", "accounts/{account_id}/auth"),
    ("PUT", "accounts/{account_id}/users/{user_id}/auth"),
    ("POST", "accounts/{account_id}/token_restrictions"),
}
"""What would take those who ask away; tested elsewhere."""
PROCESSES = {"channels", "registrations", "parked_calls", "sup", "supervision", "presence", "conferences", "queues"}
"""Asked of processes that are not here; each such answer takes its time."""


def operations() -> list[Any]:
    """All operations but those above."""
    routes = [route for route in all_routes() if route.resource not in PROCESSES and not route.shape.endswith("status")]
    described = json.loads(json.dumps(describe(routes)))
    for method, shape in KEPT:
        described["paths"].get(f"/{shape}", {}).pop(method.lower(), None)
    loaded = schemathesis.openapi.from_dict(described)
    return [found.ok() for found in loaded.get_all_operations()]


def cases(operation: Any, count: int, number: int) -> list[Any]:
    """Made-up requests of one kind, good and bad ones."""
    return [
        case
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for case in drawn(operation.as_strategy(generation_mode=mode), count, number)
    ]


def drawn(strategy: Any, count: int, number: int) -> list[Any]:
    made: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=strategy)
    def collect(case: Any) -> None:
        made.append(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Where there is nothing to be got wrong, there is nothing.
        with contextlib.suppress(Unsatisfiable):
            collect()
    return made[:count]


class House:
    """Two accounts below the master: ours and a stranger's, each with a document of every kind."""

    async def build(self, world) -> "House":
        self.world = world
        master, master_token = await world.admin("master")
        await world.make_master(master)
        self.ours, ours_token = await world.admin("ours", master)
        # Not beside ours: accounts may be shown their siblings' names.
        self.strangers, stranger_token = await world.admin(MARK, await world.account("between", master))
        await world.user(self.ours, "plain", "user")
        self.tokens = {"admin": ours_token, "master": master_token}
        self.tokens["plain"] = await world.login(self.ours, "plain")
        self.ids: dict[str, list[str]] = {}
        for account, token, mark in ((self.ours, ours_token, "mine"), (self.strangers, stranger_token, MARK)):
            await self.furnish(account, token, mark)
        return self

    async def furnish(self, account: str, token: str, mark: str) -> None:
        documents: dict[str, Any] = {
            "users": {"first_name": mark, "last_name": mark, "username": f"u-{mark}", "password": "secret"},
            "devices": {"name": mark, "sip": {"username": f"d-{mark}", "password": f"p-{mark}"}},
            "callflows": {"numbers": ["1"], "name": mark, "flow": {"module": "hangup", "data": {"x": mark}}},
            "vmboxes": {"name": mark, "mailbox": "1"},
            "temporal_rules_sets": {"name": mark, "temporal_rules": [mark]},
            "groups": {"name": mark, "endpoints": {}},
            "clicktocall": {"name": mark, "extension": "1"},
            "resources": {"name": mark, "gateways": []},
        }
        documents["temporal_rules"] = {"name": mark, "cycle": "daily"}
        for noun in ("menus", "media", "directories", "blacklists", "lists", "connectivity"):
            documents[noun] = {"name": mark}
        for noun, data in documents.items():
            made = await self.world.put(f"/accounts/{account}/{noun}", data, token)
            assert made.status == 201, (noun, made.raw)
            self.ids.setdefault(noun, []).append(made.data["id"])
        now = self.world.node.clock.time()
        box = self.ids["vmboxes"][-1]
        message = await self.world.message(account, box, at=now, audio=mark.encode(), caller_id_name=mark)
        self.ids.setdefault("messages", []).append(message)
        self.ids.setdefault("cdrs", []).append(
            await self.world.cdr(account, f"call-{account[:6]}", at=now, caller_id_name=mark)
        )

    def path(self, case: Any, dice: random.Random) -> str:
        """The case's path, often with ids of what is there."""
        filled, before = [], ""
        for segment in case.path.strip("/").split("/"):
            if not segment.startswith("{"):
                before = segment
                filled.append(segment)
                continue
            given = str((case.path_parameters or {}).get(segment[1:-1], ""))
            known = [self.ours, self.ours, self.ours, self.strangers] if before == "accounts" else self.ids.get(before)
            if known and dice.random() < 0.8:
                given = dice.choice(known)
            filled.append(given)
        return "/".join(URL.build(path=f"/{part}").raw_path[1:].replace("/", "%2F") for part in filled)

    async def ask(self, case: Any, dice: random.Random) -> str:
        """Send a case; what is wrong with the answer is an AssertionError. Answers what came."""
        route = next(route for route in all_routes() if f"/{route.shape}" == case.path)
        who = dice.choice(["admin", "admin", "admin", "plain", "nobody", "master"])
        if who == "master" and route.resource not in MASTERS:
            who = "admin"
        headers = {"X-Auth-Token": self.tokens[who]} if who in self.tokens else {}
        body = None
        if case.method in ("PUT", "POST", "PATCH"):
            given = case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else None
            body = given.encode() if isinstance(given, str) else json.dumps(given).encode()
            headers["Content-Type"] = dice.choice(["application/json"] * 9 + ["text/csv"])
        query = [(str(key), str(value)) for key, value in (case.query or {}).items()]
        path = self.path(case, dice)
        url = URL(f"{self.world.url}/v2/{path}", encoded=True).with_query(query)
        async with asyncio.timeout(HANGS):
            async with self.world.session.request(case.method, url, data=body, headers=headers) as response:
                raw = await response.read()
        what = f"{case.method} {path} {query} as {who}: {body!r}"[:2000]
        assert response.status != 500, f"{what}\n{raw[:500]!r}"
        assert who == "master" or MARK.encode() not in raw, f"{what}\n{raw[:2000]!r}"
        assert b"$argon2id$" not in raw, what
        if response.content_type == "application/json" and route.resource not in ("openapi",):
            answer = json.loads(raw)
            wanted = ("success",) if response.status < 300 else ("error", "fatal")
            assert answer["status"] in wanted, what
            assert {"data", "request_id", "node", "timestamp", "version"} <= set(answer), what
        return f"{response.status // 100}xx"


async def run(world, rounds: int, count: int, some: int | None = None) -> dict[str, int]:
    """How many answers of each kind came, from all operations or from `some` of them."""
    house = await House().build(world)
    dice = random.Random(7)
    seen: dict[str, int] = {}
    waiting = asyncio.Semaphore(16)

    async def one(case: Any) -> None:
        async with waiting:
            answered = await house.ask(case, dice)
            seen[answered] = seen.get(answered, 0) + 1

    every = operations()
    every = every if some is None else dice.sample(every, some)
    for number in range(rounds):
        for operation in every:
            made = await asyncio.to_thread(cases, operation, count, number)
            await asyncio.gather(*(one(case) for case in made))
    for name, token in house.tokens.items():
        assert (await world.get("/about", token)).status == 200, (
            f"{name} is out: what was tried after that says nothing"
        )
    return seen


@pytest.fixture
async def unlimited(empty_world):
    await empty_world.start(ApiSettings(port=0, bucket_tokens=0))
    return empty_world


async def test_made_up_requests_neither_crash_the_api_nor_see_what_is_others(unlimited):
    seen = await run(unlimited, rounds=1, count=1, some=50)
    assert seen["2xx"] > 5
    assert seen["4xx"] > 30


@pytest.mark.chaos
@pytest.mark.timeout(3600)
async def test_twenty_thousand_made_up_requests(unlimited):
    seen = await run(unlimited, rounds=20, count=4)
    assert sum(seen.values()) >= 20_000
    assert seen["2xx"] > 1000

"""What all worlds have: a switch with everybody's phones, a store, and ways to call and to look at what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tenants
from mirliton.actors.store import Document, Month, Months, SqliteStore, Store, StoreError
from mirliton.ecallmgr.simulator import Script
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.runtime import CallError
from tenants import DEMO, TENANTS, Person, Tenant
from watched_switch import WatchedSwitch

SPEED: Final = 20.0
"""Seconds of a phone's time that pass in a real one."""
PATIENCE: Final = 20.0
"""Real seconds that anything may take that must happen."""
CONTEXT: Final = "context_2"
SWITCH: Final = "sim"
PASSWORD: Final = "ClueCon"
RECORDS: Final = "/leg-records"
LOOKUPS: Final = "/fetch"
_LOOK_EVERY: Final = 0.02


def free_port() -> int:
    """A port of the loopback address that is free now, outside the range from which outgoing connections take theirs.

    None is given out twice, so that several worlds can start at once.
    """
    while True:
        port = _chance.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


_chance = random.SystemRandom()
_given: set[int] = set()


def a_switch(http_port: int, speed: float, *, looks_up: bool = False) -> WatchedSwitch:
    """A switch that posts its records to that port, and tries again soon when nobody takes them; one that looks up
    there what calls do, or goes by its static dialplan."""
    base = f"http://127.0.0.1:{http_port}"
    url, lookup = f"{base}{RECORDS}", f"{base}{LOOKUPS}" if looks_up else None
    return WatchedSwitch(
        speed=speed, lookup_url=lookup, cdr_url=url, cdr_delay=speed / 10, cdr_resend_every=speed / 4, heartbeat=0
    )


def add_phones(switch: WatchedSwitch) -> None:
    """All phones of all tenants, registered. Each tenant's phones are at an address of their own."""
    for number, tenant in enumerate(TENANTS):
        for person in tenant.people:
            contact = f"127.0.0.1:{5090 + number}"
            switch.phone(person.name, tenant.realm, script=person.script, contact=contact)


@dataclass
class Messages:
    """What is in the mailboxes: messages that can be heard, and those whose recording nobody has fetched yet."""

    heard: list[Document]
    unfinished: list[Document]


class Scene:
    """A switch and a store, whoever serves them. `of` is the number of documents to wait for."""

    def __init__(self, switch: WatchedSwitch, store: Store) -> None:
        self.switch = switch
        self.store = store

    async def place(
        self, caller: Person, number: str, *, tenant: Tenant = DEMO, script: Script = (), uuid: str | None = None
    ) -> RemoteCall:
        """A phone dials."""
        return await self.switch.place_call(
            caller.name, number, realm=tenant.realm, context=CONTEXT, script=script, uuid=uuid
        )

    async def cdrs(self, of: int = 0, within: float = PATIENCE) -> list[Document]:
        """All records of all tenants and of nobody's legs: when there are at least `of` and none is provisional any
        more, as the end of a leg that nobody saw is until the switch has delivered its own record, or time is up."""
        found: list[Document] = []

        async def enough() -> bool:
            found[:] = await all_cdrs(self.store)
            return len(found) >= of and not any(doc.get("pvt_provisional") for doc in found)

        await eventually(enough, within)
        return found

    async def messages(self, of: int = 0, within: float = PATIENCE) -> Messages:
        """The voicemail messages of DEMO, when at least `of` can be heard, or time is up."""
        months = Months(self.store, DEMO.account_id)
        now = Month.at(time.time())
        found = Messages([], [])

        async def enough() -> bool:
            view = "mailbox_messages/count_per_box_folder"
            rows = await months.view(view, now.previous, now.next, reduce=False)
            docs = [await months.get(str(row.id)) for row in rows]
            found.heard[:] = [doc for doc in docs if doc["metadata"].get("folder")]
            found.unfinished[:] = [doc for doc in docs if not doc["metadata"].get("folder")]
            return len(found.heard) >= of

        await eventually(enough, within)
        return found

    async def connected(self) -> None:
        """The node sees its switch."""
        assert await eventually(self._sees_switch, PATIENCE), "no node is connected to the switch"

    async def _sees_switch(self) -> bool:
        return len(self.switch.connections) == 2 and all(one.session.authenticated for one in self.switch.connections)

    def _on_the_switch(self) -> list[str]:
        """What is left on the switch that should not be when no call is up."""
        complaints = [f"{leg!r} is still there" for leg in self.switch.legs.values()]
        if len(self.switch.connections) != 2:
            complaints.append(f"{len(self.switch.connections)} connections to the switch, not 2")
        return complaints


async def all_cdrs(store: Store) -> list[Document]:
    """Every record there is, in whatever database."""
    found: list[Document] = []
    for db in await store.databases():
        if db == "anonymous_cdrs" or (db.startswith("account/") and "-" in db):
            for row in (await store.all_docs(db, include_docs=True)).rows:
                if row.doc is not None and row.doc.get("pvt_type") == "cdr":
                    found.append(row.doc)
    return found


def causes(cdrs: list[Document]) -> Counter[tuple[str, str]]:
    """How often legs ended how: by (direction, cause)."""
    return Counter((str(doc.get("call_direction")), str(doc.get("hangup_cause"))) for doc in cdrs)


async def eventually(condition: Callable[[], Awaitable[bool]], within: float) -> bool:
    """Look again and again until it holds; false when it did not within so many real seconds.

    For what has no event of its own. A look that fails because the node is being repaired just now is no answer.
    """
    deadline = asyncio.get_running_loop().time() + within
    while True:
        with contextlib.suppress(CallError, StoreError, OSError):
            if await condition():
                return True
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_LOOK_EVERY)


_furnished: dict[str, Path] = {}


async def furnish(path: Path) -> None:
    """A store file with all tenants in it. Made once, then copied."""
    made = _furnished.get("store")
    if made is None or not made.exists():
        made = Path(tempfile.mkdtemp(prefix="mirliton-furnished-")) / "furnished.db"
        async with _opened(made) as store:
            await tenants.move_in(store)
            await store.refresh()
        _furnished["store"] = made
    await asyncio.to_thread(shutil.copy, made, path)


@contextlib.asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()

"""A whole small Mirliton to place calls in: a node with its tree, a simulated switch, two tenants with their phones.

    async with a_world(tmp_path) as world:
        call = await world.place(ALICE, "1002", script=(await_answer(), hang_up(after=3)))
        assert await call.wait_ended() == "NORMAL_CLEARING"
        assert len(await world.cdrs(of=2)) == 2
        await world.is_quiet()

Everything is real but the switch and its phones: sockets, files, supervisors. The node is strict. A second of a phone's
time passes in a fraction of a real one (`speed`); the node's own time is real.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tenants
from mirliton.actors import account
from mirliton.actors.account import AccountUsage, account_name
from mirliton.actors.store import Document, Month, Months, SqliteStore
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.ecallmgr import app as ecallmgr
from mirliton.ecallmgr.connection import SwitchAddress
from mirliton.ecallmgr.simulator import Script
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.switch_http import Media, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import CallError, Name, Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.cdr import app as cdr
from tenants import DEMO, TENANTS, Person, Tenant
from watched_switch import WatchedSwitch
from wholeness import Footprint, left_over, missing_children

SPEED: Final = 20.0
PATIENCE: Final = 20.0
"""Real seconds that anything may take that must happen."""
ROOT: Final = Name("supervisor", "mirliton")
CONTEXT: Final = "context_2"
SWITCH: Final = "sim"
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


def house(store: Path, switch_port: int, http_port: int, password: str = "ClueCon") -> Tree:
    """The tree of a node with one switch, shaped as `mirliton run` has it."""
    secret = b"s" * 32
    media = Media(f"http://127.0.0.1:{http_port}", secret)
    switch = SwitchAddress(SWITCH, "127.0.0.1", switch_port, password, reconnect_first=0.05, reconnect_most=0.5)
    http = SwitchHttpAddress("127.0.0.1", http_port, "/leg-records", "switch", "", secret)
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, str(store), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            supervisor(account.tree()),
            supervisor(cdr.tree()),
            supervisor(callflow.tree(media)),
            supervisor(ecallmgr.tree([switch], Surroundings(context=CONTEXT), http)),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
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


class World:
    """What a test sees of it. `of` is the number of records to wait for."""

    def __init__(self, node: Node, switch: WatchedSwitch, tree: Tree) -> None:
        self.node = node
        self.switch = switch
        self.tree = tree
        self.store = StoreClient(node)
        self.before: Footprint

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
        now = Month.at(self.node.clock.time())
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

    async def is_whole(self, within: float = PATIENCE) -> None:
        """Every supervisor has all its children, now or soon; raises AssertionError with what is missing."""
        complaints: list[str] = []

        async def whole() -> bool:
            complaints[:] = await missing_children(self.node, self.tree)
            return not complaints

        assert await eventually(whole, within), "\n".join(complaints)

    async def is_quiet(self, within: float = PATIENCE) -> None:
        """Nothing is left of calls that have ended, here or on the switch; raises AssertionError with what is."""
        complaints: list[str] = []

        async def quiet() -> bool:
            complaints[:] = [*left_over(self.node, self.before), *self._on_the_switch()]
            return not complaints

        assert await eventually(quiet, within), "\n".join(complaints)

    def _on_the_switch(self) -> list[str]:
        complaints = [f"{leg!r} is still there" for leg in self.switch.legs.values()]
        if len(self.switch.connections) != 2:
            complaints.append(f"{len(self.switch.connections)} connections to the switch, not 2")
        return complaints

    def nothing_broke(self) -> None:
        """No process crashed, no message failed to travel, and the simulator itself has no fault."""
        crashed = [dossier for dossier in self.node.dossiers if dossier.reason != "killed"]
        assert not crashed, "\n".join(f"{each.class_name}: {each.why}\n{each.traceback}" for each in crashed)
        assert not self.node.strict_violations
        assert not self.switch.failures

    async def counts_no_calls(self, tenant: Tenant) -> None:
        """The tenant's account counts no call any more. It learns of an end late that came while nobody listened."""

        async def none() -> bool:
            usage = await self.node.call(account_name(tenant.account_id), AccountUsage())
            return usage.calls == 0

        if self.node.whereis(account_name(tenant.account_id)) is not None:
            assert await eventually(none, PATIENCE), f"{tenant.realm} counts calls that have ended"

    async def connected(self) -> None:
        """The node sees its switch."""
        assert await eventually(self._sees_switch, PATIENCE), "the node is not connected to its switch"

    async def _sees_switch(self) -> bool:
        return len(self.switch.connections) == 2 and all(one.session.authenticated for one in self.switch.connections)


async def all_cdrs(store: StoreClient) -> list[Document]:
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


async def eventually(condition: Callable[[], Any], within: float) -> bool:
    """Look again and again until it holds; false when it did not within so many real seconds.

    For what has no event of its own. A look that fails because the node is being repaired just now is no answer.
    """
    deadline = asyncio.get_running_loop().time() + within
    while True:
        with contextlib.suppress(CallError):
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


@contextlib.asynccontextmanager
async def a_world(
    folder: Path, *, speed: float = SPEED, strict: bool = True, name: str = "test"
) -> AsyncIterator[World]:
    """Start everything in `folder`; at the end everything is stopped, in order."""
    store = folder / f"{name}.db"
    await furnish(store)
    http_port = free_port()
    async with (
        WatchedSwitch(
            speed=speed, cdr_url=f"http://127.0.0.1:{http_port}/leg-records", cdr_delay=speed / 10, heartbeat=0
        ) as switch,
        Node(f"{name}@localhost", strict=strict) as node,
    ):
        add_phones(switch)
        tree = house(store, switch.port, http_port)
        await node.start(Supervisor, tree)
        world = World(node, switch, tree)
        await world.connected()
        await eventually(lambda: _idle(node), PATIENCE)
        world.before = Footprint.of(node)
        yield world


async def _idle(node: Node) -> bool:
    return not node.scheduler.tasks and not len(node.calls)

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

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from entity_home import an_entity_home
from mirliton.actors.admission import AccountUsage, account_name
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.ecallmgr import app as ecallmgr
from mirliton.ecallmgr.connection import SwitchAddress
from mirliton.ecallmgr.switch_http import Media, SwitchHttpAddress
from mirliton.ecallmgr.translate import Surroundings
from mirliton.ecallmgr.xml_curl.answering import LookupSettings
from mirliton.runtime import Name, Node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.acdc import app as acdc
from mirliton.whapps.callflow import app as callflow
from mirliton.whapps.callflow.overload import Bounds
from mirliton.whapps.cdr import app as cdr
from mirliton.whapps.media_mgr import app as media_mgr
from mirliton.whapps.stepswitch import app as stepswitch
from scene import (
    CONTEXT,
    LOOKUPS,
    PASSWORD,
    PATIENCE,
    RECORDS,
    SPEED,
    SWITCH,
    Scene,
    a_switch,
    add_phones,
    eventually,
    free_port,
    furnish,
)
from tenants import Tenant
from watched_switch import WatchedSwitch
from wholeness import Footprint, left_over, missing_children

PATIENT: Final = Bounds(calls=1_000_000, delay=60.0)
"""Lets every call in, however slow the machine."""
ROOT: Final = Name("supervisor", "mirliton")


def house(store: Path, switch_port: int, http_port: int, bounds: Bounds = PATIENT) -> Tree:
    """The tree of a node with one switch, shaped as `mirliton run` has it; beyond `bounds` new calls are refused."""
    secret = b"s" * 32
    media = Media(f"http://127.0.0.1:{http_port}", secret)
    switch = SwitchAddress(SWITCH, "127.0.0.1", switch_port, PASSWORD, reconnect_first=0.05, reconnect_most=0.5)
    lookups = LookupSettings(LOOKUPS, Surroundings(context=CONTEXT))
    http = SwitchHttpAddress("127.0.0.1", http_port, RECORDS, "switch", "", secret, lookups=lookups)
    return Tree(
        "one_for_one",
        [
            worker(StoreServer, str(store), id="store", name=STORE, keep_mail=True, shutdown=10.0),
            an_entity_home(),
            supervisor(cdr.tree()),
            supervisor(callflow.tree(media, bounds)),
            supervisor(stepswitch.tree()),
            supervisor(acdc.tree()),
            supervisor(media_mgr.tree(media, None)),
            supervisor(ecallmgr.tree([switch], Surroundings(context=CONTEXT), http)),
        ],
        intensity=5,
        period=10.0,
        name=ROOT,
    )


class World(Scene):
    """A node in this very process, and its switch."""

    def __init__(self, node: Node, switch: WatchedSwitch, tree: Tree) -> None:
        super().__init__(switch, StoreClient(node))
        self.node = node
        self.tree = tree
        self.before: Footprint

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
            return bool(usage.calls == 0)

        if self.node.whereis(account_name(tenant.account_id)) is not None:
            assert await eventually(none, PATIENCE), f"{tenant.realm} counts calls that have ended"


@contextlib.asynccontextmanager
async def a_world(
    folder: Path, *, speed: float = SPEED, strict: bool = True, name: str = "test", looks_up: bool = False
) -> AsyncIterator[World]:
    """Start everything in `folder`; at the end everything is stopped, in order."""
    store = folder / f"{name}.db"
    await furnish(store)
    http_port = free_port()
    async with (
        a_switch(http_port, speed, looks_up=looks_up) as switch,
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

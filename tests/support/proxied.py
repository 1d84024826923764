"""A whole small place with a real Kamailio: a broker or two, a node with the edge, an account with devices."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import phone_book
import sipp
from broker import Broker
from eventually import until
from kamailio import Kamailio
from mirliton.actors.edge import EDGE, Edge, EdgeIs, EdgeStatus
from mirliton.actors.kapi.registration import RegFlush, RegQuery
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api.cli import edge
from mirliton.config import EdgeSettings, Secret
from mirliton.ecallmgr.registrations import REGISTRAR, Registrar
from mirliton.runtime import CallError, Node
from mirliton.supervisors import Supervisor, Tree, stop_supervisor, worker
from mirliton.whapps.registrar.listener import AUTHN, Listener
from phone_book import REALM
from sipp import PATIENCE

SWITCHES = ("fs1", "fs2")
INTERFACE = "sipinterface_1"


class Place:
    """A node in this process, and the proxy's port."""

    def __init__(self, node: Node, kamailio: Kamailio, folder: Path) -> None:
        self.node, self.kamailio, self.folder = node, kamailio, folder
        self.store = StoreClient(node)

    async def registers(
        self,
        user: str,
        password: str,
        status: int = 200,
        *,
        port: int | None = None,
        expires: int = 300,
        contact: int = 0,
    ) -> sipp.Result:
        """A phone registers; raises AssertionError when the answer is another."""
        scenario = sipp.register(user, REALM, password, status, expires)
        result = await sipp.run(self.folder, scenario, to=self.kamailio.port, port=port)
        assert result.went_well, f"{result.statuses()}\n{result.messages}\n{self.kamailio.log[-3000:]}"
        return result

    async def registered(self) -> dict[str, dict[str, object]]:
        """Rows of the table of registrations, by username."""
        answer = await self.node.call(REGISTRAR, RegQuery(realm=REALM))
        return {row["username"]: row for row in answer.fields}

    async def is_registered(self, user: str, wanted: bool = True) -> None:
        """Wait until a phone is in the table, or is in it no more."""
        await self._until(lambda rows: (user in rows) is wanted)

    async def tells(self, user: str, field: str, value: object) -> None:
        """Wait until the table says so of a phone."""
        await self._until(lambda rows: rows.get(user, {}).get(field) == value)

    async def _until(self, holds: Callable[[dict[str, dict[str, object]]], bool]) -> None:
        ends = time.monotonic() + PATIENCE
        while not holds(rows := await self.registered_or_none()):
            if time.monotonic() > ends:
                raise TimeoutError(f"the table says {rows}")
            await asyncio.sleep(0.02)

    async def registered_or_none(self) -> dict[str, dict[str, object]]:
        """The same while the registrar may be away."""
        try:
            return await self.registered()
        except CallError:
            return {}

    async def forget_all(self) -> None:
        """Have Kamailio forget the realm's phones."""
        await self.node.call(REGISTRAR, RegFlush(REALM))
        await until(lambda: not self.kamailio.rows("SELECT contact FROM location"))

    async def kamailio_holds(self, user: str, wanted: bool = True) -> None:
        """Wait until Kamailio's own table has a phone, or has it no more."""
        query = f"SELECT contact FROM location WHERE username = '{user}'"
        await until(lambda: bool(self.kamailio.rows(query)) is wanted)

    @property
    def authn(self) -> Listener:
        cell = self.node.find(AUTHN)
        assert cell is not None
        assert isinstance(cell.actor, Listener)
        return cell.actor

    @property
    def edge(self) -> Edge:
        cell = self.node.find(EDGE)
        assert cell is not None
        assert isinstance(cell.actor, Edge)
        return cell.actor

    async def status(self) -> EdgeIs:
        found = await self.node.call(EDGE, EdgeStatus())
        assert isinstance(found, EdgeIs)
        return found


@contextlib.asynccontextmanager
async def a_place(folder: Path, brokers: Sequence[Broker], kamailio: Kamailio) -> AsyncIterator[Place]:
    """Start a node; at the end everything of it is stopped."""
    uris = " ".join(broker.url for broker in brokers)
    settings = EdgeSettings(amqp_uri=Secret(uris), reconnect_first=0.1, reconnect_most=0.5)
    async with Node("mirliton@test") as node:
        await node.start(StoreServer, str(folder / "store.db"), name=STORE)
        await phone_book.write(StoreClient(node))
        registrar = worker(Registrar, (), edge.address(settings), name=REGISTRAR)
        await node.start(Supervisor, Tree("one_for_one", [registrar]))
        above = await node.start(Supervisor, edge.tree(settings, SWITCHES, INTERFACE))
        place = Place(node, kamailio, folder)
        await until(lambda: all(place.edge.up.values()))
        try:
            yield place
        finally:
            await stop_supervisor(node, above)

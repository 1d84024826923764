"""A server that is killed and started again in the middle of everything: what was told stays true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import couch_server
from couch_server import CouchServer
from eventually import until
from mirliton.actors.store import CouchStore, Store, StoreTimeout, StoreUnavailable, opened, update
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.metrics import StoreCollector
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor, Tree, worker

pytestmark = pytest.mark.timeout(120 if couch_server.is_ready() else couch_server.INSTALL_SECONDS + 120)
KILLS = 3
DB = "account/aa/aa/" + "a" * 28


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[CouchServer]:
    with couch_server.running(tmp_path / "couch") as running:
        yield running


async def kill_and_start(server: CouchServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


class Writer:
    """Writes documents of its own and counts in one that all share, as long as it is told to."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.told: dict[str, str] = {}
        self.counted = 0
        self.unknown = 0
        self.refused = 0

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            id = f"{self.name}-{number}"
            try:
                self.told[id] = await self.store.put(DB, {"_id": id, "n": number})
                await update(self.store, DB, "counter", self._one_more, attempts=100)
                self.counted += 1
            except StoreUnavailable as error:
                if getattr(error, "outcome", "not done") == "unknown":
                    self.unknown += 1
                else:
                    self.refused += 1
                    await asyncio.sleep(0.02)

    def _one_more(self, doc):
        # The name makes each edit one of a kind, as Kazoo's pvt_modified and pvt_node do.
        return {**doc, "n": doc["n"] + 1, "by": f"{self.name}-{self.counted}"}


async def test_no_acknowledged_write_is_lost_and_no_counter_counts_twice(server, couch_address):
    async with opened(CouchStore(couch_address(server.url, timeout=5.0, longest_pause=0.2))) as store:
        await store.create_database(DB)
        await store.put(DB, {"_id": "counter", "n": 0})
        writers = [Writer(store, f"writer{n}") for n in range(4)]
        stop = asyncio.Event()
        tasks = [asyncio.create_task(writer.run(stop)) for writer in writers]
        for _ in range(KILLS):
            seen = sum(writer.counted for writer in writers)
            await until(lambda seen=seen: sum(each.counted for each in writers) > seen + 20, 30)
            await kill_and_start(server)
        seen = sum(writer.counted for writer in writers)
        await until(lambda: sum(each.counted for each in writers) > seen + 20, 30)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
        for writer in writers:
            assert writer.told
            found = await store.get_many(DB, list(writer.told))
            assert [doc and doc["_rev"] for doc in found] == list(writer.told.values())
        counted = sum(writer.counted for writer in writers)
        unknown = sum(writer.unknown for writer in writers)
        assert counted <= (await store.get(DB, "counter"))["n"] <= counted + unknown
        assert store.statistics().host_failures >= KILLS


async def test_views_and_attachments_are_there_after_a_restart(server, couch_address):
    async with opened(CouchStore(couch_address(server.url))) as store:
        await store.create_database(DB)
        flow = {"_id": "cf", "pvt_type": "callflow", "numbers": ["1001"]}
        await store.put(DB, flow)
        await store.put_attachment(DB, "m", "x.wav", "audio/x-wav", b"sound" * 50_000)
        await kill_and_start(server)
        found = await store.view(DB, "callflows/listing_by_number", key="1001")
        assert [row.id for row in found.rows] == ["cf"]
        assert (await store.get_attachment(DB, "m", "x.wav")).data == b"sound" * 50_000


async def test_a_server_that_hangs_costs_its_callers_the_deadline(server, couch_address):
    async with opened(CouchStore(couch_address(server.url, timeout=1.0, longest_pause=0.2))) as store:
        await store.create_database(DB)
        server.pause()
        calls = [store.get(DB, str(n)) for n in range(50)]
        outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 10)
        assert {type(outcome) for outcome in outcomes} <= {StoreTimeout, StoreUnavailable}
        server.go_on()
        await until(lambda: not store.statistics().away, 20)
        assert await store.put(DB, {"_id": "a"})


async def test_the_stores_actor_lives_through_it(server, couch_address):
    address = couch_address(server.url, timeout=5.0, longest_pause=0.2)
    async with Node("test@localhost") as node:
        child = worker(StoreServer, address, id="store", name=STORE, keep_mail=True)
        await node.start(Supervisor, Tree("one_for_one", [child]))
        before = node.whereis(STORE)
        store = StoreClient(node)
        await store.create_database(DB)
        rev = await store.put(DB, {"_id": "a", "n": 1})
        await asyncio.to_thread(server.kill)
        away = asyncio.create_task(store.get(DB, "a"))  # within the patience: it waits
        await asyncio.to_thread(server.start)
        assert (await away)["_rev"] == rev
        samples = {sample.name: sample.value for each in StoreCollector(node).collect() for sample in each.samples}
        assert samples["mirliton_store_repeated_total"] >= 1
        assert samples["mirliton_store_hosts_away"] == 0
        node.exit(before, "kill")  # its successor opens the same database
        assert (await store.get(DB, "a"))["_rev"] == rev
        assert node.whereis(STORE) != before


async def test_the_stores_actor_starts_while_its_database_is_away(couch_address):
    address = couch_address(f"http://127.0.0.1:{couch_server.free_port()}", timeout=1.0, patience=0.1)
    async with Node("test@localhost") as node:
        await node.start(StoreServer, address, name=STORE)
        with pytest.raises(StoreUnavailable, match="no host has answered"):
            await StoreClient(node).get(DB, "a")

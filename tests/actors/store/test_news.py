"""Who is told that documents changed: by message from the node that wrote, and by following the database."""

from __future__ import annotations

import asyncio
import sys

import pytest

from eventually import until
from mirliton.actors.edge import Publish
from mirliton.actors.edge.doc_updates import DocUpdates
from mirliton.actors.kapi import publication_of, to_headers
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.store import CouchStore, SqliteStore, opened
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.follower import FOLLOWER, Follower
from mirliton.actors.store.news import EVERYTHING, SCOPE, listen
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.runtime import GenServer, Name, Node, Reply, message
from mirliton.runtime.testing import Probe, virtual_cluster

ACCOUNT = "ab" * 16
DB = f"account/ab/ab/{'ab' * 14}"


async def listener(node: Node, *what: str) -> Probe:
    """A probe that is told of changes."""
    probe = await Probe.start(node)
    for each in what:
        node.groups.scope(SCOPE).join(each, probe.pid)
    return probe


def events(probe: Probe) -> list[tuple[str, str, str | None]]:
    return [(update.event_name, update.id, update.type) for update in probe.messages]


@pytest.fixture
async def node(tmp_path):
    async with Node("test@localhost", strict=True) as made:
        await made.start(StoreServer, str(tmp_path / "s.db"), name=STORE)
        yield made


@pytest.fixture
async def client(node):
    made = StoreClient(node)
    await made.create_database(DB)
    return made


class TestMessages:
    async def test_each_kind_of_write_is_told_as_kazoo_names_it(self, node, client):
        probe = await listener(node, "account")
        doc = {"_id": "d", "pvt_type": "device", "pvt_account_id": ACCOUNT, "pvt_created": 5, "pvt_modified": 6}
        rev = await client.put(DB, doc)
        rev = await client.put(DB, {**doc, "_rev": rev, "name": "x"})
        rev = await client.put_attachment(DB, "d", "f", "text/plain", b"x", rev)
        stub = (await client.get(DB, "d"))["_attachments"]
        rev = await client.put(DB, {**doc, "_rev": rev, "_attachments": stub, "pvt_deleted": True})
        await client.delete(DB, "d", rev)
        await client.put_attachment(DB, "e", "f", "text/plain", b"x")
        assert events(probe) == [
            ("doc_created", "d", "device"),
            ("doc_edited", "d", "device"),
            ("doc_edited", "d", None),
            ("doc_deleted", "d", "device"),
            ("doc_deleted", "d", None),
            ("doc_created", "e", None),
        ]
        first = probe.messages[0]
        assert (first.account_id, first.date_created, first.date_modified, first.doc) == (ACCOUNT, 5, 6, None)
        assert first.rev.startswith("1-")

    async def test_of_a_bulk_only_what_was_written_is_told(self, node, client):
        await client.put(DB, {"_id": "there"})
        probe = await listener(node, DB)
        await client.bulk(DB, [{"_id": "new"}, {"_id": "there"}])
        assert events(probe) == [("doc_created", "new", None)]

    async def test_what_failed_is_not_told(self, node, client):
        await client.put(DB, {"_id": "there"})
        probe = await listener(node, EVERYTHING)
        with pytest.raises(Exception, match="revision"):
            await client.put(DB, {"_id": "there"})
        with pytest.raises(Exception, match="no database"):
            await client.put("nowhere", {"_id": "x"})
        assert probe.messages == []

    async def test_one_that_listens_in_several_ways_is_told_once(self, node, client):
        probe = await listener(node, "account", DB, EVERYTHING)
        await client.put(DB, {"_id": "a"})
        assert len(probe.messages) == 1

    async def test_nobody_hears_of_what_he_did_not_ask_for(self, node, client):
        probe = await listener(node, "accounts", f"{DB}-202601")
        await client.put(DB, {"_id": "a"})
        await client.create_database("offnet")
        assert probe.messages == []

    async def test_databases_that_come_and_go_are_told(self, node, client):
        probe = await listener(node, "offnet")
        await client.create_database("offnet")
        await client.create_database("offnet")
        await client.delete_database("offnet")
        assert events(probe) == [("db_created", "offnet", "database"), ("db_deleted", "offnet", "database")]

    async def test_a_document_with_odd_private_fields_is_told_all_the_same(self, node, client):
        probe = await listener(node, "account")
        odd = {"pvt_type": 5, "pvt_created": "x", "pvt_modified": -1, "pvt_account_id": []}
        await client.put(DB, {"_id": "a b/c", **odd})
        [update] = probe.messages
        assert (update.type, update.date_created, update.account_id) == (None, None, ACCOUNT)
        to_headers(update)
        assert publication_of(update).routing_key.startswith("doc_created.")

    async def test_a_write_is_answered_although_nobody_could_be_told(self, node, client, monkeypatch):
        await listener(node, "account")
        monkeypatch.setattr("mirliton.actors.store.news._updates", None)
        assert (await client.put(DB, {"_id": "a"})).startswith("1-")
        assert await client.get(DB, "a")

    async def test_every_node_is_told(self, tmp_path):
        async with virtual_cluster("a@host", "b@host") as cluster:
            a, b = cluster.nodes
            await a.start(StoreServer, str(tmp_path / "s.db"), name=STORE)
            here, there = await listener(a, "accounts"), await listener(b, "accounts")
            await cluster.advance(1.0)
            client = StoreClient(a)
            await cluster.drive(client.create_database("accounts"))
            await cluster.drive(client.put("accounts", {"_id": "x", "pvt_type": "account"}))
            await cluster.advance(1.0)
            told = [("db_created", "accounts", "database"), ("doc_created", "x", "account")]
            assert events(here) == events(there) == told

    async def test_third_parties_are_told_by_the_edge(self, node, client):
        edge = await Probe.start(node)
        await node.start(DocUpdates, edge.pid)
        await client.put(DB, {"_id": "a", "pvt_type": "device", "sip": {"password": "secret"}})
        [published] = edge.messages
        assert isinstance(published, Publish)
        key = publication_of(published.message).routing_key
        assert key.startswith("doc_created.") and key.endswith(".device.a")
        assert "secret" not in repr(to_headers(published.message))


class Cache(GenServer):
    """Keeps a document until it is told that it changed."""

    def init(self, db: str) -> None:
        self.db = db
        self.known: dict[str, object] = {}
        self.flushed: list[DocUpdate] = []
        listen(self, "account" if db.startswith("account/") else db)

    async def handle_call(self, request, sender):
        if request.id not in self.known:
            self.known[request.id] = (await StoreClient(self).get(self.db, request.id)).get("n")
        return Reply(self.known[request.id])

    def handle_info(self, message):
        if isinstance(message, DocUpdate):
            self.flushed.append(message)
            self.known.clear()


@message("test.cached")
class Cached:
    id: str


CACHE = Name("service", "cache")


class TestFollowing:
    """Third parties write to the database itself."""

    @pytest.fixture
    def third_party(self, backend, tmp_path, request, couch_address):
        """A store of its own on the same data."""
        if backend == "sqlite":
            return SqliteStore(tmp_path / "s.db")
        return CouchStore(couch_address(request.getfixturevalue("couch_url")))

    @pytest.fixture
    async def house(self, backend, tmp_path, request, couch_address, third_party):
        """A node with a store, a follower and a cache; and whoever else writes, with a database."""
        where = str(tmp_path / "s.db")
        if backend == "couchdb":
            where = couch_address(request.getfixturevalue("couch_url"))
        async with opened(third_party):
            await third_party.create_database("offnet")
            await third_party.create_database(DB)
            try:
                async with Node("test@localhost", strict=True) as node:
                    await node.start(StoreServer, where, name=STORE)
                    yield node
            finally:
                for db in await third_party.databases():
                    await third_party.delete_database(db)

    async def followed(self, node, db):
        cache = await node.start(Cache, db, name=CACHE)
        await node.start(Follower, name=FOLLOWER)
        follower = node.find(FOLLOWER).actor
        await until(lambda: db in follower.feeds and follower.feeds[db].place is not None)
        return node.find(cache).actor, follower

    @pytest.mark.parametrize("db", ["offnet", DB])
    async def test_a_change_of_a_third_party_takes_effect(self, house, third_party, db):
        rev = await third_party.put(db, {"_id": "a", "n": 1})
        await StoreClient(house).get(db, "a")  # so the database is in use
        cache, follower = await self.followed(house, db)
        assert await house.call(CACHE, Cached("a")) == 1
        rev = await third_party.put(db, {"_id": "a", "_rev": rev, "n": 2})
        await until(lambda: any(update.rev == rev for update in cache.flushed))
        assert await house.call(CACHE, Cached("a")) == 2
        assert follower.found >= 1

    async def test_what_was_told_by_message_is_not_told_again(self, house, third_party):
        cache, follower = await self.followed(house, "offnet")
        client = StoreClient(house)
        await client.put("offnet", {"_id": "own", "pvt_type": "resource"})
        rev = await third_party.put("offnet", {"_id": "foreign"})
        await until(lambda: any(update.rev == rev for update in cache.flushed))
        assert [update.id for update in cache.flushed] == ["own", "foreign"]
        assert [update.type for update in cache.flushed] == ["resource", None]
        assert follower.found == 1

    async def test_a_killed_follower_begins_again(self, house, third_party):
        cache, _ = await self.followed(house, "offnet")
        house.exit(house.whereis(FOLLOWER), "kill")
        await until(lambda: house.whereis(FOLLOWER) is None)
        await house.start(Follower, name=FOLLOWER)
        follower = house.find(FOLLOWER).actor
        await until(lambda: follower.feeds.get("offnet") and follower.feeds["offnet"].place)
        await third_party.put("offnet", {"_id": "a"})
        await until(lambda: [update.id for update in cache.flushed] == ["a"])

    async def test_a_database_made_later_is_followed_from_its_beginning(self, house, third_party):
        await third_party.delete_database("offnet")
        cache = house.find(await house.start(Cache, "offnet", name=CACHE)).actor
        await house.start(Follower, name=FOLLOWER)
        follower = house.find(FOLLOWER).actor
        await until(lambda: "offnet" in follower.feeds and follower.feeds["offnet"].since == "0")
        await third_party.create_database("offnet")
        await third_party.put("offnet", {"_id": "first"})
        await until(lambda: "first" in [update.id for update in cache.flushed])

    async def test_databases_that_nobody_listens_to_any_more_are_left(self, house):
        _, follower = await self.followed(house, "offnet")
        house.exit(house.whereis(CACHE), "kill")
        await until(lambda: not follower.feeds)


@pytest.mark.timeout(60)
async def test_two_programs_share_a_file_and_hear_of_each_others_writes(node, client, tmp_path):
    program = (
        "import asyncio, sys\n"
        "from mirliton.actors.store import SqliteStore, opened, update\n"
        "async def main():\n"
        "    async with opened(SqliteStore(sys.argv[1])) as store:\n"
        "        await update(store, sys.argv[2], 'a', lambda doc: doc | {'n': 2})\n"
        "asyncio.run(main())\n"
    )
    await client.put(DB, {"_id": "a", "n": 1})
    await node.start(Cache, DB, name=CACHE)
    await node.start(Follower, name=FOLLOWER)
    follower = node.find(FOLLOWER).actor
    await until(lambda: DB in follower.feeds and follower.feeds[DB].place is not None)
    assert await node.call(CACHE, Cached("a")) == 1
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path / "s.db"), DB)
    assert await process.wait() == 0
    cache = node.find(CACHE).actor
    await until(lambda: bool(cache.flushed))
    assert await node.call(CACHE, Cached("a")) == 2

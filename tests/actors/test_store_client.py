"""The store as processes see it: its actor is killed in the middle of everything, and what was told stays true."""

import asyncio
import random

import pytest

from mirliton.actors.store import errors
from mirliton.actors.store.client import ATTEMPTS, StoreClient
from mirliton.actors.store.errors import (
    AttachmentNotFound,
    Conflict,
    DatabaseNotFound,
    DocumentNotFound,
    StoreError,
    StoreUnavailable,
)
from mirliton.actors.store.server import OPERATIONS, STORE, StoreFault, StoreRequest, StoreServer
from mirliton.runtime import CallError, GenServer, Node, NoReply, StartError
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.supervisors import Supervisor, Tree, worker

DB = "account/aa/aa/" + "a" * 28


class House:
    def __init__(self, node, path):
        self.node, self.path = node, path
        self.store = StoreClient(node)

    async def start(self):
        child = worker(StoreServer, str(self.path), id="store", name=STORE, keep_mail=True)
        await self.node.start(Supervisor, Tree("one_for_one", [child], intensity=10_000, period=1.0))
        await self.store.create_database(DB)

    def kill(self, reason="kill"):
        pid = self.node.whereis(STORE)
        if pid is not None:
            self.node.exit(pid, reason)


@pytest.fixture
async def house(tmp_path):
    async with Node("test@localhost", strict=True) as node:
        made = House(node, tmp_path / "s.db")
        await made.start()
        yield made


# The same as without a process between


async def test_documents_come_and_go(house):
    store = house.store
    rev = await store.put(DB, {"_id": "a", "n": 1})
    assert (await store.get(DB, "a"))["n"] == 1
    rev = await store.put(DB, {"_id": "a", "_rev": rev, "n": 2})
    assert [doc and doc["n"] for doc in await store.get_many(DB, ["a", "b"])] == [2, None]
    rows = await store.bulk(DB, [{"_id": "b"}, {"_id": "a"}])
    assert [(row.id, row.error) for row in rows] == [("b", None), ("a", "conflict")]
    assert [row.id for row in (await store.all_docs(DB)).rows] == ["a", "b"]
    rev = await store.put_attachment(DB, "a", "x.wav", "audio/wav", b"sound", rev)
    found = await store.get_attachment(DB, "a", "x.wav")
    assert (found.data, found.content_type) == (b"sound", "audio/wav")
    rev = await store.delete_attachment(DB, "a", "x.wav", rev)
    await store.delete(DB, "a", rev)
    assert await store.databases() == [DB]
    assert await store.refresh(DB) >= 0
    await store.delete_database(DB)
    assert await store.databases() == []


async def test_what_the_store_raises_is_raised(house):
    store = house.store
    with pytest.raises(DocumentNotFound) as missing:
        await store.get(DB, "none")
    assert "none" in str(missing.value)
    with pytest.raises(DatabaseNotFound):
        await store.get("account/bb/bb/" + "b" * 28, "x")
    rev = await store.put(DB, {"_id": "a"})
    with pytest.raises(Conflict):
        await store.put(DB, {"_id": "a"})
    with pytest.raises(Conflict):
        await store.delete(DB, "a", "1-" + "0" * 32)
    with pytest.raises(AttachmentNotFound):
        await store.get_attachment(DB, "a", "none")
    with pytest.raises(StoreError):
        await store.view(DB, "no/such_view")
    await store.delete(DB, "a", rev)
    with pytest.raises((DocumentNotFound, Conflict)):
        await store.delete(DB, "a", rev)
    with pytest.raises(DatabaseNotFound):
        await store.delete_database("account/bb/bb/" + "b" * 28)


@pytest.mark.parametrize(
    "kind", [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, StoreError)]
)
def test_every_error_travels_with_its_facts(kind):
    error = kind.__new__(kind)
    error.args = ("what and where",)
    vars(error).update(db="x", id="y", count=3, odd=object())
    arrived = StoreFault.of(error).error()
    assert type(arrived) is kind
    assert str(arrived)
    assert (vars(arrived)["db"], vars(arrived)["count"]) == ("x", 3)
    assert isinstance(vars(arrived)["odd"], str)


def test_a_fault_of_an_unknown_kind_is_a_store_error():
    for kind in ("Nonsense", "", "annotations", "StoreFault", "Final"):
        assert type(StoreFault(kind, "text", {}).error()) is StoreError


async def test_only_operations_of_the_store_are_done(house):
    assert all(hasattr(StoreClient, operation) for operation in OPERATIONS)
    for operation in ("close", "open", "__init__", "nonsense"):
        with pytest.raises(CallError):
            await house.node.call(STORE, StoreRequest(operation, (), {}), timeout=1.0)


async def test_arguments_that_are_none_are_an_error_not_the_end(house):
    before = house.node.whereis(STORE)
    for request in (StoreRequest("get", (), {}), StoreRequest("get", (DB, 7), {}), StoreRequest("put", (DB, None), {})):
        answer = await house.node.call(STORE, request)
        assert isinstance(answer, StoreFault)
    assert house.node.whereis(STORE) == before


async def test_a_store_that_cannot_be_opened_does_not_start(tmp_path):
    async with Node("test@localhost") as node:
        with pytest.raises(StartError):
            await node.start(StoreServer, str(tmp_path / "no" / "such" / "folder" / "s.db"), name=STORE)


# Killed


@pytest.mark.parametrize("reason", ["kill", "boom"])
async def test_nothing_that_was_acknowledged_is_lost(house, reason):
    """Writers go on while the store is killed again and again; each write ends as its writer was told."""
    chance = random.Random(reason)
    told = {}
    done = 0

    async def write(writer):
        nonlocal done
        rev, number = None, 0
        while done < 25:
            number += 1
            doc = {"_id": f"doc-{writer}", "n": number, **({"_rev": rev} if rev else {})}
            rev = await house.store.put(DB, doc)
            told[writer] = number
            many = await house.store.bulk(DB, [{"_id": f"one-{writer}-{number}"}, {"_id": f"two-{writer}-{number}"}])
            assert [row.error for row in many] == [None, None]

    writers = [asyncio.create_task(write(n)) for n in range(8)]
    while done < 25:
        await asyncio.sleep(chance.choice([0.0, 0.002, 0.01, 0.03]))
        house.kill(reason)
        done += 1
    await asyncio.wait_for(asyncio.gather(*writers), 60)
    for writer, number in told.items():
        assert (await house.store.get(DB, f"doc-{writer}"))["n"] == number
        for each in range(1, number + 1):
            assert None not in await house.store.get_many(DB, [f"one-{writer}-{each}", f"two-{writer}-{each}"])


async def test_its_successor_can_open_it_at_once(house):
    for n in range(10):
        house.kill()
        assert await house.store.put(DB, {"_id": f"doc-{n}"})


class Forgetful(GenServer):
    """Between client and store: does what is asked, dies before it answers, `times` times over."""

    def init(self, real, times):
        self.real, self.times = real, times

    def handle_call(self, request, sender):
        self.background(self.call(self.real, request), sender)
        return NoReply()

    def handle_info(self, message):
        left = self.times.setdefault("left", self.times["all"])
        if left:
            self.times["left"] = left - 1
            self.exit(self.pid, "kill")
        else:
            self.reply(message.tag, message.value)


@pytest.fixture
async def forgetful(tmp_path):
    """A store of which each answer is lost once; `ready()` loses the next."""
    async with Node("test@localhost") as node:
        real = await node.start(StoreServer, str(tmp_path / "s.db"))
        times = {"all": 0}
        child = worker(Forgetful, real, times, id="store", name=STORE, keep_mail=True)
        await node.start(Supervisor, Tree("one_for_one", [child], intensity=1000, period=1.0))
        store = StoreClient(node)
        await store.create_database(DB)
        await store.put(DB, {"_id": "there", "n": 1})

        def lose(count=1):
            times["left"] = count

        store.lose = lose
        yield store


async def test_a_write_whose_answer_was_lost_is_not_a_conflict(forgetful):
    forgetful.lose()
    rev = await forgetful.put(DB, {"_id": "new", "n": 1})
    assert (await forgetful.get(DB, "new"))["_rev"] == rev
    forgetful.lose(3)
    rev = await forgetful.put(DB, {"_id": "new", "_rev": rev, "n": 2})
    assert (await forgetful.get(DB, "new")) == {"_id": "new", "_rev": rev, "n": 2}


async def test_a_real_conflict_is_one_also_when_answers_are_lost(forgetful):
    forgetful.lose()
    with pytest.raises(Conflict):
        await forgetful.put(DB, {"_id": "there", "n": 2})
    forgetful.lose()
    with pytest.raises(DocumentNotFound):
        await forgetful.get(DB, "none")


async def test_many_writes_whose_answer_was_lost(forgetful):
    forgetful.lose()
    rows = await forgetful.bulk(DB, [{"_id": "x", "n": 1}, {"_id": "there", "n": 2}])
    assert [(row.id, row.error) for row in rows] == [("x", None), ("there", "conflict")]
    assert rows[0].rev == (await forgetful.get(DB, "x"))["_rev"]


async def test_removals_whose_answer_was_lost(forgetful):
    rev = (await forgetful.get(DB, "there"))["_rev"]
    forgetful.lose()
    rev = await forgetful.put_attachment(DB, "there", "x", "audio/wav", b"1", rev)
    assert (await forgetful.get(DB, "there"))["_rev"] == rev
    forgetful.lose()
    rev = await forgetful.delete_attachment(DB, "there", "x", rev)
    assert (await forgetful.get(DB, "there"))["_rev"] == rev
    forgetful.lose()
    await forgetful.delete(DB, "there", rev)
    with pytest.raises(DocumentNotFound):
        await forgetful.get(DB, "there")
    forgetful.lose()
    await forgetful.delete_database(DB)
    assert await forgetful.databases() == []


async def test_a_database_made_twice(forgetful):
    forgetful.lose()
    assert isinstance(await forgetful.create_database(DB.replace("a", "b")), bool)


async def test_a_removal_of_what_somebody_changed_is_a_conflict(forgetful):
    forgetful.lose()
    with pytest.raises(Conflict):
        await forgetful.delete(DB, "there", "1-" + "0" * 32)
    assert (await forgetful.get(DB, "there"))["n"] == 1


# A store that is not there


async def test_without_a_store_everything_fails_in_time():
    async with virtual_node() as node:
        store = StoreClient(node)
        begun = node.clock.now()
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(store.get(DB, "x"), 20)
        assert node.clock.now() - begun < 60
        assert ATTEMPTS < 20


async def test_a_store_that_does_not_answer():
    """Whether it was done is not known: it is not asked again, which would only add to what waits."""
    async with virtual_node() as node:
        probe = await Probe.start(node, name=STORE)
        with pytest.raises(StoreUnavailable):
            await node.drive(StoreClient(node).put(DB, {"_id": "x"}))
        assert len(probe.messages) == 1


async def test_opening_and_closing_are_not_a_clients_affair(house):
    await house.store.open()
    await house.store.close()
    assert await house.store.databases() == [DB]

"""One document per leg, whichever way and in whichever order it is reported; only what is stored is acknowledged."""

import asyncio
import itertools
import random
from dataclasses import replace

import pytest

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.errors import StoreError, StoreUnavailable
from mirliton.actors.store.names import modb
from mirliton.actors.store.server import STORE, StoreFault, StoreServer
from mirliton.actors.switching import CDR, CdrNotStored, CdrRefused, CdrStored
from mirliton.runtime import CallError, Node
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.whapps.cdr import app, listener
from mirliton.whapps.cdr.document import ANONYMOUS
from mirliton.whapps.cdr.listener import AT_ONCE, Listener

ACCOUNT = "0123456789abcdef0123456789abcdef"


class House:
    """The application's own tree beside a real store."""

    def __init__(self, node, path):
        self.node, self.path = node, path
        self.store = StoreClient(node)

    async def start(self):
        tree = Tree(
            "one_for_one",
            [worker(StoreServer, str(self.path), id="store", name=STORE, keep_mail=True), supervisor(app.tree())],
            intensity=1000,
            period=1.0,
        )
        await self.node.start(Supervisor, tree)

    def report(self, call_id="leg-1", account_id=ACCOUNT, *, provisional=False, age=10.0, **more):
        created = int((self.node.clock.time() - age) * 1_000_000)
        extended = {"Provisional": True} if provisional else None
        return CdrReport(account_id, call_id, channel_created_time=created, extended_data=extended, **more)

    async def tell(self, report):
        return await self.node.call(CDR, report, timeout=20.0)

    async def documents(self):
        """All there are: the leg's id, its cause, and whether it is provisional."""
        found = []
        for db in await self.store.databases():
            rows = (await self.store.all_docs(db, include_docs=True)).rows
            found += [row.doc for row in rows]
        return [(doc["call_id"], doc.get("hangup_cause"), bool(doc.get("pvt_provisional"))) for doc in found]

    def state(self):
        return self.node.find(CDR).actor.state()


@pytest.fixture
async def house(tmp_path):
    async with Node("test@localhost", strict=True) as node:
        made = House(node, tmp_path / "s.db")
        await made.start()
        yield made


async def test_a_report_is_answered_when_it_is_stored(house):
    report = house.report(hangup_cause="NORMAL_CLEARING")
    answer = await house.tell(report)
    assert isinstance(answer, CdrStored)
    [db] = await house.store.databases()
    assert db.startswith("account/01/23/456789abcdef0123456789abcdef-20")
    doc = await house.store.get(db, answer.id)
    assert (doc["call_id"], doc["hangup_cause"], doc["pvt_account_id"]) == ("leg-1", "NORMAL_CLEARING", ACCOUNT)


@pytest.mark.parametrize("order", list(itertools.permutations(["inferred", "event", "posted"])), ids="-".join)
async def test_in_whichever_order_there_is_one_document(house, order):
    """The switch's own word is kept, and by whichever way it came first."""
    reports = {
        "inferred": house.report(provisional=True, hangup_cause="NORMAL_UNSPECIFIED"),
        "event": house.report(hangup_cause="USER_BUSY"),
        "posted": house.report(hangup_cause="USER_BUSY"),
    }
    reports = {
        name: house.report(provisional=name == "inferred", hangup_cause=each.hangup_cause)
        for name, each in reports.items()
    }
    answers = [await house.tell(reports[name]) for name in order * 2]
    assert all(isinstance(answer, CdrStored) for answer in answers)
    assert len({answer.id for answer in answers}) == 1
    assert await house.documents() == [("leg-1", "USER_BUSY", False)]
    assert (house.state()["stored"], house.state()["doubles"]) == (1, 5)


async def test_what_is_known_to_be_stored_is_not_looked_at_again(house, monkeypatch):
    """Each leg is reported twice, by its last event and by the switch."""
    monkeypatch.setattr(listener, "REMEMBERED", 5)
    report = house.report(hangup_cause="X")
    first = await house.tell(report)
    house.node.exit(house.node.whereis(STORE), "kill")
    assert await house.tell(report) == first
    for n in range(20):
        await house.tell(house.report(f"other-{n}"))
    assert len(house.node.find(CDR).actor.known) == 5
    assert await house.tell(report) == first
    assert await house.tell(house.report(provisional=True)) == first
    assert len(await house.documents()) == 21


async def test_an_inferred_end_is_not_taken_for_the_last_word(house):
    inferred = house.report(provisional=True, hangup_cause="A")
    for _ in range(2):
        await house.tell(inferred)
    await house.tell(replace(inferred, extended_data=None, hangup_cause="B"))
    assert await house.documents() == [("leg-1", "B", False)]


async def test_an_end_inferred_before_anybody_knew_whose_leg_it_was_is_taken_back(house):
    inferred = house.report(account_id="", provisional=True, hangup_cause="A")
    known = replace(inferred, account_id=ACCOUNT, extended_data=None, hangup_cause="B")
    await house.tell(inferred)
    assert await house.documents() == [("leg-1", "A", True)]
    await house.tell(known)
    assert await house.documents() == [("leg-1", "B", False)]
    assert await house.tell(inferred) == await house.tell(known)
    assert await house.documents() == [("leg-1", "B", False)]


async def test_nobodys_leg_whose_end_is_known_stays_nobodys(house):
    nobodys = house.report("other", account_id="", hangup_cause="A")
    await house.tell(nobodys)
    await house.tell(house.report("leg-1"))
    assert len(await house.documents()) == 2


async def test_all_at_once_there_is_one_document(house):
    reports = [house.report(provisional=n % 3 == 0, hangup_cause="A" if n % 3 == 0 else "B") for n in range(30)]
    answers = await asyncio.gather(*(house.tell(report) for report in reports))
    for answer, report in zip(answers, reports, strict=True):
        if not isinstance(answer, CdrStored):
            # Two that wanted to replace the inferred one at the same time: the second comes again.
            assert isinstance(await house.tell(report), CdrStored)
    assert await house.documents() == [("leg-1", "B", False)]


async def test_an_inferred_end_does_not_replace_another(house):
    await house.tell(house.report(provisional=True, hangup_cause="SYSTEM_SHUTDOWN"))
    await house.tell(house.report(provisional=True, hangup_cause="NORMAL_UNSPECIFIED"))
    assert await house.documents() == [("leg-1", "SYSTEM_SHUTDOWN", True)]


@pytest.mark.parametrize("account_id", ["", "nonsense", "../../etc/passwd", ACCOUNT.upper(), "0" * 31])
async def test_legs_of_no_account_are_kept_apart(house, account_id):
    assert isinstance(await house.tell(house.report("leg-1", account_id)), CdrStored)
    assert await house.store.databases() == [ANONYMOUS]
    assert len(await house.documents()) == 1


async def test_legs_of_many_months_and_accounts(house):
    other = ACCOUNT[::-1]
    for n in range(12):
        await house.tell(house.report(f"leg-{n}", ACCOUNT if n % 2 else other, age=n * 31 * 86_400.0))
    dbs = await house.store.databases()
    assert len(dbs) == 12
    assert len(await house.documents()) == 12


async def test_a_database_is_made_once_however_many_come(house):
    answers = await asyncio.gather(*(house.tell(house.report(f"leg-{n}")) for n in range(200)))
    assert all(isinstance(answer, CdrStored) for answer in answers)
    assert len(await house.store.databases()) == 1
    assert len(await house.documents()) == 200


# What cannot be stored


async def test_what_can_never_be_stored_is_refused(house):
    for report in (CdrReport(ACCOUNT, ""), house.report("x" * 100_000), house.report(duration_seconds=[])):
        answer = await house.tell(report)
        assert isinstance(answer, CdrRefused), answer
        assert answer.reason
    assert await house.documents() == []


async def test_what_is_no_report_is_refused(house):
    with pytest.raises(CallError):
        await house.node.call(CDR, "nonsense", timeout=1.0)


async def test_a_store_that_is_away_or_full():
    async with virtual_node() as node:
        faults = [StoreError("the disk is full"), StoreUnavailable("store", "away"), RuntimeError("a fault of ours")]
        store = await Probe.start(node, name=STORE, answer=lambda request: StoreFault.of(faults[0]))
        await node.start(Listener, name=CDR)
        report = CdrReport(ACCOUNT, "leg-1")
        assert isinstance(await node.drive(node.call(CDR, report, timeout=60.0)), CdrNotStored)
        faults.pop(0)
        assert isinstance(await node.drive(node.call(CDR, report, timeout=60.0)), CdrNotStored)
        store.answer = None
        assert isinstance(await node.drive(node.call(CDR, report, timeout=60.0)), CdrNotStored)
        assert node.find(CDR).actor.state()["storing"] == 0


async def test_reports_wait_in_bounded_numbers(monkeypatch):
    monkeypatch.setattr(listener, "WAITING", 50)
    async with virtual_node() as node:
        store = await Probe.start(node, name=STORE)
        await node.start(Listener, name=CDR)
        calls = [
            asyncio.ensure_future(node.call(CDR, CdrReport("", f"leg-{n}"), timeout=None)) for n in range(AT_ONCE + 80)
        ]
        await node.idle()
        assert len(store.messages) == AT_ONCE
        told = [call.result() for call in calls if call.done()]
        assert told == [CdrNotStored("too many reports wait")] * 30
        while store.callers:
            store.reply("1-x")
            await node.idle()
        assert sum(isinstance(call.result(), CdrStored) for call in calls) == AT_ONCE + 50


# Killed


async def test_what_was_acknowledged_is_there_whatever_is_killed(house):
    """Reporters come again until they are answered, as the table and the switches do."""
    chance = random.Random(7)
    told = {}
    over = asyncio.Event()

    async def report(n):
        cause = f"CAUSE_{n}"
        while True:
            try:
                answer = await house.tell(house.report(f"leg-{n}", provisional=n % 5 == 0, hangup_cause=cause))
            except CallError:
                await asyncio.sleep(0.01)
                continue
            if isinstance(answer, CdrStored):
                told[f"leg-{n}"] = cause
                return
            assert isinstance(answer, CdrNotStored)
            await asyncio.sleep(0.01)

    async def kill():
        while not over.is_set():
            await asyncio.sleep(chance.choice([0.0, 0.002, 0.01]))
            pid = house.node.whereis(chance.choice([CDR, STORE, CDR]))
            if pid is not None and chance.random() < 0.3:
                house.node.exit(pid, "kill")

    killer = asyncio.create_task(kill())
    for batch in range(6):
        await asyncio.wait_for(asyncio.gather(*(report(n) for n in range(batch * 25, batch * 25 + 25))), 30)
    over.set()
    await killer
    assert {call_id: cause for call_id, cause, _ in await house.documents()} == told
    assert len(await house.documents()) == 150


async def test_a_leg_reported_on_both_sides_of_midnight_is_one(house):
    """The month is that of its beginning, whenever the report comes."""
    reports = [house.report(age=40 * 86_400.0, hangup_cause="X") for _ in range(2)]
    assert (await house.tell(reports[0])).id == (await house.tell(reports[1])).id
    assert len(await house.documents()) == 1
    [db] = await house.store.databases()
    assert db != modb(ACCOUNT, 2000, 1)

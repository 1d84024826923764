"""An account counts its calls exactly: at once, after a restart, and when it was not told of an end."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from entity_home import entities_at
from mirliton.actors import account
from mirliton.actors.account import ADMISSION_GRACE, AUDIT_EVERY, MOST_WAITING, RELEASED_KEPT
from mirliton.actors.admission import (
    AccountUnavailable,
    AccountUsage,
    AdmitCall,
    Admitted,
    CallLimitReached,
    CallReleased,
    ReloadLimits,
    account_name,
    admit,
)
from mirliton.actors.kapi.channels import QueryAccountChannelsReq, QueryAccountChannelsResp
from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.limits import UNLIMITED, Limits
from mirliton.actors.store.errors import DatabaseNotFound, DocumentNotFound, StoreError
from mirliton.actors.store.names import account_db
from mirliton.actors.store.news import SCOPE
from mirliton.actors.store.server import STORE, StoreFault
from mirliton.actors.switching import CHANNELS, LegAdmitted
from mirliton.runtime import CallError, CoroutineProcess
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.supervisors.entities.starting import ENTITIES_SUPERVISOR

ACCOUNT = "a" * 32
NAME = account_name(ACCOUNT)


class House:
    """An account, the channel table that it asks (`up`: the calls, and whether each was admitted) and the store."""

    def __init__(self, node, limits):
        self.node = node
        self.limits = limits
        self.up = {}
        self.legs_called = []
        self.noted = 0

    async def start(self):
        self.channels = await Probe.start(self.node, name=CHANNELS, answer=self._table)
        self.store = await Probe.start(self.node, name=STORE, answer=self._store)
        self.entities = await entities_at(self.node)
        await self.ensure()

    async def ensure(self):
        """Have it run: any question starts it."""
        await self.usage()

    def note(self):
        """What the account told the table comes before what it asks."""
        for message in self.channels.messages[self.noted :]:
            if isinstance(message, LegAdmitted) and message.call_id in self.up:
                self.up[message.call_id] = True
        self.noted = len(self.channels.messages)

    def _table(self, request):
        self.note()
        assert request == QueryAccountChannelsReq(account_id=ACCOUNT)
        rows = [{"uuid": uuid, "direction": "inbound", "is_authorized": admitted} for uuid, admitted in self.up.items()]
        rows += [{"uuid": uuid, "direction": "outbound", "is_authorized": True} for uuid in self.legs_called]
        return QueryAccountChannelsResp(tuple(rows))

    def _store(self, request):
        if request.args == ("system_config", "jonny5"):
            return StoreFault.of(DocumentNotFound(*request.args))
        assert (request.operation, request.args[1]) == ("get", "limits")
        if isinstance(self.limits, StoreError):
            return StoreFault.of(self.limits)
        return {"_id": "limits", "_rev": "1-x", **self.limits}

    async def admit(self, call_id):
        self.up.setdefault(call_id, False)
        return await self.node.drive(self.node.call(NAME, AdmitCall(call_id), timeout=60.0))

    async def release(self, call_id):
        del self.up[call_id]
        self.node.cast(NAME, CallReleased(call_id))
        await self.node.idle()

    async def usage(self):
        return await self.node.drive(self.node.call(NAME, AccountUsage()))

    def kill(self):
        pid = self.node.whereis(NAME)
        if pid is not None:
            self.node.exit(pid, "kill")


@pytest.fixture
async def house():
    async with virtual_node() as node:
        made = House(node, {"calls": 2})
        await made.start()
        yield made


# One after the other


async def test_calls_are_admitted_up_to_the_limit(house):
    assert await house.admit("a") == Admitted(1)
    assert await house.admit("b") == Admitted(2)
    assert await house.admit("c") == CallLimitReached(2, 2)
    await house.release("a")
    assert await house.admit("c") == Admitted(2)
    usage = await house.usage()
    assert (usage.calls, usage.limit, set(usage.call_ids)) == (2, 2, {"b", "c"})


async def test_a_call_that_asks_again_is_counted_once(house):
    for _ in range(5):
        assert await house.admit("a") == Admitted(1)
    assert await house.admit("b") == Admitted(2)
    assert await house.admit("b") == Admitted(2)


async def test_the_end_of_a_call_that_was_not_counted_changes_nothing(house):
    await house.admit("a")
    house.node.cast(NAME, CallReleased("x"))
    house.node.cast(NAME, CallReleased("x"))
    assert (await house.usage()).calls == 1


async def test_a_call_that_ended_before_it_asked_takes_no_place(house):
    """The caller hangs up just when the callflow begins."""
    house.node.cast(NAME, CallReleased("a"))
    assert isinstance(await house.admit("a"), Admitted)
    assert (await house.usage()).calls == 0


# Limits

GONE = {"calls": 3, "pvt_deleted": True}


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ({}, None),
        ({"calls": None}, None),
        ({"calls": -1}, None),
        ({"calls": "-1"}, None),
        ({"calls": 0}, 0),
        ({"calls": 7}, 7),
        ({"calls": "7"}, 7),
        ({"calls": 7.9}, 7),
        ({"calls": 10**15}, 10**15),
        ({"calls": True}, 0),
        ({"calls": False}, 0),
        ({"calls": "many"}, 0),
        ({"calls": ""}, 0),
        ({"calls": "1e9"}, 0),
        ({"calls": "9" * 5000}, 0),
        ({"calls": []}, 0),
        ({"calls": {"a": 1}}, 0),
        ({"calls": float("nan")}, 0),
        ({"calls": float("inf")}, 0),
        ({"calls": "٣"}, 0),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_a_limits_document_says(limits, limit):
    assert Limits.of(limits, {}).calls == (UNLIMITED if limit is None else limit)


@pytest.mark.parametrize("missing", [DocumentNotFound("db", "limits"), DatabaseNotFound("db"), {}, {"calls": -1}, GONE])
async def test_without_a_limit_everybody_is_admitted(missing):
    async with virtual_node() as node:
        house = House(node, missing)
        await house.start()
        for n in range(50):
            assert await house.admit(f"call-{n}") == Admitted(n + 1)
        assert (await house.usage()).limit is None


async def test_a_changed_limit_counts_at_once(house):
    await house.admit("a")
    await house.admit("b")
    house.limits = {"calls": 1}
    house.node.cast(NAME, ReloadLimits())
    await house.node.idle()
    await house.release("a")
    assert await house.admit("c") == CallLimitReached(1, 1)
    house.limits = StoreError("the disk is full")
    house.node.cast(NAME, ReloadLimits())
    await house.node.idle()
    assert (await house.usage()).limit == 1, "the last that is known"


# Restarts and audits


async def test_a_limits_document_that_anybody_has_changed_counts(house):
    """Told by whoever wrote it, or found in the database's history."""
    assert isinstance(await house.admit("a"), Admitted)
    house.limits = {"calls": 1}
    [listener] = house.node.groups.scope(SCOPE).members(account_db(ACCOUNT))
    house.node.send(listener, DocUpdate("limits", account_db(ACCOUNT), "doc_edited"))
    await house.node.idle()
    assert isinstance(await house.admit("b"), CallLimitReached)


async def test_a_restart_counts_again_before_it_admits(house):
    await house.admit("a")
    await house.admit("b")
    house.legs_called = ["a-1", "a-2"]
    house.kill()
    assert await house.admit("c") == CallLimitReached(2, 2)
    assert await house.admit("a") == Admitted(2)


async def test_a_call_that_was_not_admitted_before_a_restart_is_not_after_it(house):
    """It is in the table all the same: it waits for its answer, or is being refused."""
    await house.admit("a")
    await house.admit("b")
    house.up["c"] = False
    house.kill()
    assert await house.admit("c") == CallLimitReached(2, 2)
    assert (await house.usage()).calls == 2


async def test_an_end_while_it_counts_again_is_not_forgotten(house):
    """The table's answer may be older than the end."""
    await house.admit("a")
    table = house.channels.answer
    house.channels.answer = None
    house.kill()
    await house.node.idle()
    answer = table(QueryAccountChannelsReq(account_id=ACCOUNT))
    await house.release("a")
    house.channels.reply(answer)
    house.channels.answer = table
    await house.node.idle()
    assert (await house.usage()).calls == 0


async def test_calls_whose_end_was_not_told_are_forgotten_by_the_audit(house):
    await house.admit("a")
    await house.admit("b")
    del house.up["a"]
    await house.node.advance(AUDIT_EVERY + 1)
    assert (await house.usage()).call_ids == ("b",)
    assert await house.admit("c") == Admitted(2)


async def test_a_call_need_not_be_in_the_table_at_once(house):
    await house.node.advance(AUDIT_EVERY - ADMISSION_GRACE / 2)
    await house.ensure()
    await house.admit("a")
    del house.up["a"]
    await house.node.advance(ADMISSION_GRACE / 2 + 1)
    assert (await house.usage()).calls == 1
    await house.node.advance(AUDIT_EVERY)
    assert (await house.usage()).calls == 0


async def test_it_admits_nobody_while_it_cannot_count(house):
    await house.admit("a")
    house.note()
    house.node.exit(house.channels.pid, "kill")
    house.kill()
    asked = asyncio.ensure_future(house.node.call(NAME, AdmitCall("b"), timeout=60.0))
    await house.node.advance(20)
    assert not asked.done()
    house.channels = await Probe.start(house.node, name=CHANNELS, answer=house._table)
    house.noted = 0
    assert await house.node.drive(asked) == Admitted(2)


async def test_a_store_that_is_away_stops_no_calls_that_are_counted(house):
    await house.admit("a")
    house.limits = StoreError("the disk is full")
    await house.node.advance(AUDIT_EVERY * 3)
    assert await house.admit("b") == Admitted(2)
    assert await house.admit("c") == CallLimitReached(2, 2)


async def test_an_account_without_calls_ends_until_it_is_needed(house):
    before = len(list(house.node.processes()))
    await house.node.advance(AUDIT_EVERY * 2)
    assert house.node.whereis(NAME) is None
    assert len(list(house.node.processes())) == before - 2  # the account and its supervisor
    await house.ensure()
    assert await house.admit("a") == Admitted(1)


async def test_its_memory_is_bounded(house, monkeypatch):
    monkeypatch.setattr(account, "MOST_WAITING", 100)
    for n in range(1000):
        house.node.cast(NAME, CallReleased(f"call-{n}"))
    await house.node.idle()
    actor = house.node.find(NAME).actor
    assert len(actor.released) == 100
    await house.admit("a")
    await house.node.advance(RELEASED_KEPT + AUDIT_EVERY * 2)
    assert not actor.released
    assert MOST_WAITING > 1000


# Whoever asks


class Asker(CoroutineProcess):
    """Asks as a callflow does."""

    async def init(self, answers):
        self.answers = answers

    async def run(self):
        try:
            self.answers.append(await admit(self, ACCOUNT, "call", ""))
        except AccountUnavailable as error:
            self.answers.append(error)


async def test_whoever_asks_need_not_know_whether_it_runs():
    async with virtual_node() as node:
        house = House(node, {"calls": 1})
        await house.start()
        await node.advance(AUDIT_EVERY * 2)
        answers = []
        await node.drive(node.start(Asker, answers))
        await node.advance(1)
        assert answers == [Admitted(1)]


@pytest.mark.parametrize("victim", ["account", "its supervisor", "the supervisor of all entities"])
async def test_whoever_asks_is_answered_although_it_dies(house, victim):
    answers = []
    await house.node.drive(house.node.start(Asker, answers))
    cell = house.node.find(NAME)
    victims = {
        "account": cell.pid,
        "its supervisor": cell.parent,
        "the supervisor of all entities": house.node.whereis(ENTITIES_SUPERVISOR),
    }
    house.node.exit(victims[victim], "kill")
    await house.node.advance(60)
    assert answers == [Admitted(1)]


async def test_whoever_asks_for_an_account_that_cannot_count_is_told_so():
    async with virtual_node() as node:
        house = House(node, {"calls": 1})
        await house.start()
        house.node.exit(house.channels.pid, "kill")
        house.kill()
        answers = []
        await node.drive(node.start(Asker, answers))
        await node.advance(300)
        assert isinstance(answers[0], AccountUnavailable)
        assert answers[0].account_id == ACCOUNT


async def test_what_it_does_not_understand_ends_the_caller_with_an_error(house):
    with pytest.raises(CallError):
        await house.node.drive(house.node.call(NAME, "nonsense", timeout=1.0))


# All at once, in any order


@pytest.mark.parametrize("limit", [0, 1, 7])
async def test_however_many_come_at_once(limit):
    async with virtual_node() as node:
        house = House(node, {"calls": limit})
        await house.start()
        house.kill()
        asked = [node.call(NAME, AdmitCall(f"call-{n % 40}"), timeout=60.0) for n in range(80)]
        answers = await node.drive(asyncio.gather(*asked))
        assert sum(isinstance(answer, Admitted) for answer in answers) == 2 * limit
        assert (await house.usage()).calls == limit


steps = st.lists(st.sampled_from(["admit", "again", "release", "kill", "restart", "wait"]), max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 4), steps)
@example(1, ["admit", "kill", "admit", "kill", "release", "admit"])
def test_a_limit_holds_exactly_whatever_happens(limit, done):
    """Against a model that knows no restarts: one count, one step after the other. Kills come in the middle."""
    asyncio.run(_holds(limit, done))


async def _holds(limit, done):
    async with virtual_node() as node:
        house = House(node, {"calls": limit})
        await house.start()
        counted, born, asked, expected = set(), 0, None, None

        async def ask(call_id):
            while True:
                try:
                    return await node.call(NAME, AdmitCall(call_id), timeout=60.0)
                except CallError:
                    continue

        async def settle():
            if asked is not None:
                assert await node.drive(asked) == expected

        for step in done:
            match step:
                case "admit" | "again":
                    await settle()
                    born += step == "admit" or not born
                    call_id = f"call-{born}"
                    if step == "again" and call_id not in house.up:
                        continue
                    house.up.setdefault(call_id, False)
                    if call_id in counted or len(counted) < limit:
                        counted.add(call_id)
                        expected = Admitted(len(counted))
                    else:
                        expected = CallLimitReached(limit, limit)
                    asked = asyncio.ensure_future(ask(call_id))
                    await asyncio.sleep(0)
                case "release" if counted:
                    await settle()
                    call_id = min(counted)
                    counted.discard(call_id)
                    house.up.pop(call_id)
                    node.cast(NAME, CallReleased(call_id))
                case "kill":
                    house.kill()
                case "restart":
                    house.kill()
                    await node.idle()
                case "wait":
                    await node.advance(AUDIT_EVERY / 3)
                    await house.ensure()
        await settle()
        await house.ensure()
        assert set((await house.usage()).call_ids) == counted

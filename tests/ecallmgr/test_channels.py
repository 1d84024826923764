"""The channel table's actor: legs come and go, switches are away, restart or tell nothing, records find no store."""

import asyncio
import random

import pytest

from mirliton.actors.admission import CallReleased, account_name
from mirliton.actors.kapi.call import (
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    ChannelExecuteCompleted,
    ChannelHeld,
    ChannelUnbridged,
    ChannelUnheld,
    DtmfReceived,
)
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.kapi.channels import ChannelStatusReq, QueryAccountChannelsReq, QueryChannelsReq
from mirliton.actors.switching import (
    CDR,
    CHECKPOINT_VARIABLE,
    PARKED,
    ROUTER,
    CdrNotStored,
    CdrRefused,
    CdrStored,
    Dump,
    LegAdmitted,
    LegEvent,
    LegLost,
    LegOwned,
    LegParked,
    LegRenamed,
    LegsMissed,
    ListLegs,
    NoSuchLeg,
    Recheck,
    Snapshot,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
    WatchLegs,
    call_name,
    calls_name,
    channels_name,
    switch_name,
)
from mirliton.ecallmgr import records
from mirliton.ecallmgr.app import calls_tree
from mirliton.ecallmgr.call_keeper import CALLS_GRACE, REVIVALS
from mirliton.ecallmgr.channels import AUDIT_EVERY, READ_GRACE, VANISH_GRACE, Channels
from mirliton.ecallmgr.records import REPORT_RETRY
from mirliton.runtime import NoProc, OutboxFull
from mirliton.runtime.testing import Probe, virtual_node
from mirliton.supervisors import Supervisor, Tree, worker

ACCOUNT = "a" * 32
TABLE = channels_name("fs1")
CALLS = calls_name("fs1")
CREATED = 1_700_000_000_000_000


class Surroundings:
    """A table with one switch (`legs`: what it has), a CDR application (`answer`) and a supervisor of calls."""

    def __init__(self, node):
        self.node = node
        self.legs = {}
        self.away = False
        self.answer = lambda report: CdrStored(report.call_id)
        self.reports = []

    async def start(self, *, real_calls=False, table=True):
        self.switch = await Probe.start(self.node, name=switch_name("fs1"), answer=self._switch)
        self.cdr = await Probe.start(self.node, name=CDR, answer=self._cdr)
        self.account = await Probe.start(self.node, name=account_name(ACCOUNT))
        if real_calls:
            await self.node.start(Supervisor, Tree("one_for_one", [calls()], intensity=100, period=1.0))
            self.router = await Probe.start(self.node, name=ROUTER)
        else:
            self.calls = await Probe.start(self.node, name=CALLS, answer=lambda request: None)
        if table:
            await self.start_table()

    async def start_table(self):
        channels = worker(Channels, "fs1", name=TABLE, keep_mail=True)
        await self.node.start(Supervisor, Tree("one_for_one", [channels], intensity=1000, period=1.0))
        await self.node.idle()

    def _switch(self, request):
        if self.away:
            return SwitchUnavailable("fs1", "away")
        match request:
            case ListLegs():
                return tuple(self.legs)
            case Dump(call_id):
                return self.legs.get(call_id) or NoSuchLeg(call_id)
        raise AssertionError(request)

    def _cdr(self, report):
        self.reports.append(report)
        return self.answer(report)

    async def tell(self, *news):
        for each in news:
            self.node.send(TABLE, each)
        await self.node.idle()

    async def query(self):
        answer = await self.node.drive(self.node.call(TABLE, QueryChannelsReq(fields="all")))
        return dict(answer.channels)

    async def status(self, call_id):
        return (await self.node.drive(self.node.call(TABLE, ChannelStatusReq(call_id)))).status

    @property
    def table(self):
        return self.node.find(TABLE).actor.table

    @property
    def causes(self):
        return [(report.call_id, report.hangup_cause) for report in self.reports]


def calls():
    return worker(Supervisor, calls_tree(CALLS), id="calls", name=CALLS)


@pytest.fixture
async def here():
    async with virtual_node() as node:
        surroundings = Surroundings(node)
        await surroundings.start()
        yield surroundings


def described(cls, call_id, *, direction="inbound", account=ACCOUNT, created=CREATED, **more):
    channel_vars = {"Account-ID": account} if account else {}
    return cls(
        call_id=call_id,
        call_direction=direction,
        custom_channel_vars=channel_vars,
        channel_created_time=created,
        **more,
    )


def told(cls, call_id, *, run="run-1", variables=None, report=None, **more):
    return LegEvent("fs1", described(cls, call_id, **more), variables or {}, run, report)


def parked(call_id, **more):
    return LegParked("fs1", described(ChannelCreated, call_id, **more), {}, "run-1")


def destroyed(call_id, cause="NORMAL_CLEARING", *, account=ACCOUNT, **more):
    report = CdrReport(account, call_id, hangup_cause=cause)
    return told(ChannelDestroyed, call_id, account=account, hangup_cause=cause, report=report, **more)


def seen(call_id, *, variables=None, answered=False, bridged_to=None, run="run-1", **more):
    leg = described(ChannelCreated, call_id, **more)
    return Snapshot("fs1", leg, variables or {}, "park", answered, bridged_to, run)


LATE = [
    told(ChannelExecuteCompleted, "a"),
    told(ChannelUnbridged, "a"),
    told(ChannelAnswered, "a"),
    told(ChannelCreated, "a"),
    parked("a"),
    destroyed("a"),
    LegLost("fs1", described(ChannelCreated, "a")),
    LegOwned("a", {"Account-ID": ACCOUNT}),
    LegAdmitted("a"),
    LegRenamed("fs1", "a", described(ChannelCreated, "b")),
]


# Legs come and go


async def test_a_legs_life(here):
    await here.tell(told(ChannelCreated, "a"), told(ChannelCreated, "b", direction="outbound"))
    shown = await here.query()
    assert (shown["a"]["answered"], shown["a"]["account_id"], shown["a"]["node"]) == (False, ACCOUNT, "fs1")
    await here.tell(
        told(ChannelAnswered, "a", timestamp=63_900_000_000), told(ChannelBridged, "a", other_leg_call_id="b")
    )
    shown = await here.query()
    assert shown["a"]["answered"]
    assert (shown["a"]["other_leg"], shown["b"]["other_leg"]) == ("b", "a"), "a bridge is told of on one of its legs"
    await here.tell(told(ChannelHeld, "a"))
    assert (await here.query())["a"]["is_onhold"]
    await here.tell(told(ChannelUnheld, "a"), told(ChannelUnbridged, "a"))
    shown = await here.query()
    assert not shown["a"]["is_onhold"]
    assert (shown["a"]["other_leg"], shown["b"]["other_leg"]) == (None, None)
    await here.tell(destroyed("b", direction="outbound"), destroyed("a"))
    assert await here.query() == {}
    assert here.causes == [("b", "NORMAL_CLEARING"), ("a", "NORMAL_CLEARING")]
    assert len(here.table) == 0


@pytest.mark.parametrize("late", LATE, ids=lambda news: type(getattr(news, "event", news)).__name__)
async def test_what_comes_after_its_end_does_not_bring_a_leg_back(here, late):
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    assert here.causes == [("a", "NORMAL_CLEARING")]
    here.calls.messages.clear()
    await here.tell(late)
    await here.node.advance(AUDIT_EVERY * 5)
    assert await here.query() == {}
    assert len(here.table) == 0
    assert len(here.reports) == 1
    assert not here.calls.messages


@pytest.mark.parametrize("late", LATE, ids=lambda news: type(getattr(news, "event", news)).__name__)
async def test_nor_while_its_record_is_not_stored(here, late):
    here.answer = lambda report: CdrNotStored("the store is away")
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    here.calls.messages.clear()
    await here.tell(late)
    assert await here.query() == {}
    here.answer = lambda report: CdrStored(report.call_id)
    await here.node.advance(60)
    assert len(here.table) == 0
    assert {report.hangup_cause for report in here.reports} == {"NORMAL_CLEARING"}
    assert not here.calls.messages


async def test_a_new_leg_may_have_the_id_of_an_earlier(here):
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    await here.tell(told(ChannelCreated, "a", created=CREATED + 5_000_000))
    assert (await here.query()).keys() == {"a"}


async def test_events_that_do_not_introduce_a_leg_make_no_row(here):
    await here.tell(told(ChannelExecuteCompleted, "a"), LegEvent("fs1", DtmfReceived("b", dtmf_digit="1"), {}, "run-1"))
    assert await here.query() == {}


async def test_a_leg_of_which_only_the_end_was_told_is_recorded(here):
    await here.tell(destroyed("a", "ORIGINATOR_CANCEL"))
    assert here.causes == [("a", "ORIGINATOR_CANCEL")]
    assert len(here.table) == 0


async def test_a_renamed_leg(here):
    await here.tell(
        told(ChannelCreated, "a"),
        told(ChannelCreated, "b", direction="outbound"),
        told(ChannelBridged, "a", other_leg_call_id="b"),
        LegRenamed("fs1", "b", described(ChannelCreated, "c", direction="outbound"), "run-1"),
    )
    shown = await here.query()
    assert shown.keys() == {"a", "c"}
    assert (shown["a"]["other_leg"], shown["c"]["other_leg"]) == ("c", "a")
    await here.tell(destroyed("c", direction="outbound"))
    assert here.causes == [("c", "NORMAL_CLEARING")]


# Calls


async def test_a_parked_leg_gets_its_call(here):
    await here.tell(told(ChannelCreated, "a"), parked("a"))
    [tree] = here.calls.messages[0].spec
    assert tree.children[0].name == call_name("a")


@pytest.mark.parametrize("kind", [{"direction": "outbound"}, {"channel_is_loopback": True}], ids=["called", "loopback"])
async def test_only_legs_that_come_in_get_one(here, kind):
    await here.tell(told(ChannelCreated, "a", **kind), parked("a", **kind))
    assert not here.calls.messages


async def test_real_calls_live_and_end_with_their_legs():
    async with virtual_node() as node:
        here = Surroundings(node)
        await here.start(real_calls=True)
        here.legs["a"] = seen("a", account="")
        await here.tell(told(ChannelCreated, "a", account=""), parked("a", account=""), parked("a", account=""))
        assert node.whereis(call_name("a")) is not None
        assert sum(type(cell.actor).__name__ == "Call" for cell in node.processes()) == 1
        del here.legs["a"]
        await here.tell(destroyed("a", account=""))
        node.send(call_name("a"), destroyed("a", account=""))
        await node.advance(10)
        assert node.whereis(call_name("a")) is None


async def test_calls_come_back_with_their_supervisor():
    async with virtual_node() as node:
        here = Surroundings(node)
        await here.start(real_calls=True)
        for call_id in ("a", "b"):
            here.legs[call_id] = seen(call_id, account="")
            await here.tell(told(ChannelCreated, call_id, account=""), parked(call_id, account=""))
        before = [node.whereis(call_name(call_id)) for call_id in "ab"]
        node.exit(node.whereis(CALLS), "kill")
        await node.advance(1.0)
        after = [node.whereis(call_name(call_id)) for call_id in "ab"]
        assert None not in after
        assert not set(before) & set(after)
        # And again: the new supervisor is watched, too.
        node.exit(node.whereis(CALLS), "kill")
        await node.advance(1.0)
        assert None not in [node.whereis(call_name(call_id)) for call_id in "ab"]


async def test_a_call_whose_own_supervisor_dies_is_back_at_once_but_not_for_ever():
    """What cannot be kept up is tried again at the audit's pace only."""
    async with virtual_node() as node:
        here = Surroundings(node)
        await here.start(real_calls=True)
        here.legs["a"] = seen("a", account="")
        await here.tell(told(ChannelCreated, "a", account=""), parked("a", account=""))
        for _ in range(REVIVALS):
            node.exit(node.find(call_name("a")).parent, "kill")
            await node.advance(CALLS_GRACE * 2)
            assert node.whereis(call_name("a")) is not None
        node.exit(node.find(call_name("a")).parent, "kill")
        await node.advance(1.0)
        assert node.whereis(call_name("a")) is None
        await node.advance(AUDIT_EVERY)
        assert node.whereis(call_name("a")) is not None


async def test_nobody_waits_for_the_actor_of_a_call_that_is_over():
    """It died with its supervisor just when its leg ended: its name must not be kept for a successor."""
    async with virtual_node() as node:
        here = Surroundings(node)
        await here.start(real_calls=True)
        here.legs["a"] = seen("a", account="")
        await here.tell(told(ChannelCreated, "a", account=""), parked("a", account=""))
        del here.legs["a"]
        node.exit(node.find(call_name("a")).parent, "kill")
        node.send(TABLE, destroyed("a", account=""))
        with pytest.raises(NoProc):
            await node.drive(node.call(call_name("a"), "anything", timeout=20.0))
        assert not node.registry.reserved(call_name("a"))


# Records


async def test_a_record_is_reported_until_it_is_stored(here):
    here.answer = lambda report: CdrNotStored("the store is away")
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    for pause in (1, 2, 4, 8, 16, 30, 30):
        before = len(here.reports)
        await here.node.advance(pause * REPORT_RETRY)
        assert len(here.reports) == before + 1
    assert len(here.table) == 1
    here.answer = lambda report: CdrStored(report.call_id)
    await here.node.advance(31)
    assert len(here.table) == 0


async def test_an_application_that_dies_or_is_not_there_is_waited_for(here):
    here.node.exit(here.cdr.pid, "kill")
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    await here.node.advance(5)
    assert not here.reports
    here.cdr = await Probe.start(here.node, name=CDR, answer=here._cdr)
    await here.node.advance(31)
    assert here.causes == [("a", "NORMAL_CLEARING")]
    assert len(here.table) == 0


async def test_a_record_that_is_refused_is_given_up(here):
    here.answer = lambda report: CdrRefused("it names no leg")
    await here.tell(told(ChannelCreated, "a"), destroyed("a"))
    await here.node.advance(100)
    assert len(here.reports) == 1
    assert len(here.table) == 0


async def test_many_records_are_reported_a_bounded_number_at_once(here, monkeypatch):
    monkeypatch.setattr(records, "REPORTS_AT_ONCE", 5)
    here.node.exit(here.cdr.pid, "kill")
    await here.node.idle()
    held = await Probe.start(here.node, name=CDR)
    for n in range(20):
        await here.tell(destroyed(f"leg-{n}"))
    assert len(held.callers) == 5
    while held.callers:
        held.reply(CdrStored("x"))
        await here.node.idle()
        assert len(held.callers) <= 5
    assert len(held.messages) == 20
    assert len(here.table) == 0


async def test_ended_legs_are_kept_up_to_a_bound(here, monkeypatch):
    """Beyond it, the switch's own record is left."""
    monkeypatch.setattr(records, "ENDED_KEPT", 10)
    here.answer = lambda report: CdrNotStored("the store is away")
    for n in range(50):
        await here.tell(destroyed(f"leg-{n}"))
    assert len(here.table) == 10
    assert here.node.find(TABLE).actor.state()["unreported"] == 40
    here.answer = lambda report: CdrStored(report.call_id)
    await here.node.advance(60)
    assert len(here.table) == 0


async def test_the_account_is_told_of_the_end_of_its_calls(here):
    await here.tell(
        told(ChannelCreated, "a"), told(ChannelCreated, "b", direction="outbound"), told(ChannelCreated, "c")
    )
    await here.tell(destroyed("a"), destroyed("b", direction="outbound"))
    assert here.account.messages == [CallReleased("a")]
    await here.node.advance(AUDIT_EVERY * 3)
    assert here.account.messages == [CallReleased("a"), CallReleased("c")], "an end that was inferred is one, too"


# Comparing with the switch


async def test_after_a_start_the_table_is_what_the_switch_says():
    async with virtual_node() as node:
        here = Surroundings(node)
        here.legs = {
            "a": seen("a", answered=True, bridged_to="b", variables={CHECKPOINT_VARIABLE: "x"}),
            "b": seen("b", direction="outbound", bridged_to="a"),
            "c": seen("c", bridged_to="gone"),
        }
        await here.start()
        shown = await here.query()
        assert shown.keys() == {"a", "b", "c"}
        assert (shown["a"]["answered"], shown["a"]["other_leg"], shown["a"]["is_authorized"]) == (True, "b", True)
        assert (shown["c"]["answered"], shown["c"]["other_leg"], shown["c"]["is_authorized"]) == (False, None, False)
        assert len(here.calls.messages) == 2, "each leg that came in has its call"


async def test_a_leg_whose_end_was_missed_is_recorded_as_far_as_it_is_known(here):
    here.legs["a"] = seen("a")
    await here.tell(told(ChannelCreated, "a"))
    del here.legs["a"]
    await here.node.advance(AUDIT_EVERY * 2 + VANISH_GRACE + 1)
    assert here.causes == [("a", "NORMAL_UNSPECIFIED")]
    assert here.reports[0].extended_data == {"Provisional": True}
    assert await here.query() == {}


async def test_an_end_that_is_on_its_way_is_waited_for(here):
    """The switch has the leg no more, and its last event comes within a second."""
    here.legs["a"] = seen("a")
    await here.tell(told(ChannelCreated, "a"))
    del here.legs["a"]
    await here.tell(SwitchUp("fs1", False, "run-1"))
    await here.node.advance(VANISH_GRACE / 2)
    await here.tell(destroyed("a", "USER_BUSY"))
    await here.node.advance(60)
    assert here.causes == [("a", "USER_BUSY")]


async def test_what_differs_once_may_be_on_its_way(here):
    await here.tell(told(ChannelCreated, "a"))
    here.legs["b"] = seen("b")
    await here.node.advance(AUDIT_EVERY + 0.5)
    assert not [request for request in here.switch.messages if isinstance(request, Dump)]
    assert (await here.query()).keys() == {"a"}
    await here.node.advance(AUDIT_EVERY)
    assert {request.call_id for request in here.switch.messages if isinstance(request, Dump)} == {"a", "b"}
    assert "b" in await here.query()


async def test_the_switchs_own_word_replaces_an_inferred_end(here):
    """Whether the inferred record has been stored by then or not."""
    for stored in (True, False):
        here.reports.clear()
        here.answer = (lambda report: CdrStored(report.call_id)) if stored else (lambda report: CdrNotStored("away"))
        leg = f"leg-{stored}"
        await here.tell(told(ChannelCreated, leg), LegLost("fs1", described(ChannelCreated, leg)))
        await here.node.advance(VANISH_GRACE)
        assert here.causes[0] == (leg, "NORMAL_UNSPECIFIED")
        await here.tell(destroyed(leg, "ALLOTTED_TIMEOUT"))
        here.answer = lambda report: CdrStored(report.call_id)
        await here.node.advance(60)
        assert here.causes[-1] == (leg, "ALLOTTED_TIMEOUT")
        assert len(here.table) == 0


async def test_the_switchs_own_word_while_the_inferred_is_being_stored(here):
    here.node.exit(here.cdr.pid, "kill")
    await here.node.idle()
    held = await Probe.start(here.node, name=CDR)
    await here.tell(told(ChannelCreated, "a"), LegLost("fs1", described(ChannelCreated, "a")))
    await here.node.advance(VANISH_GRACE)
    await here.tell(destroyed("a", "USER_BUSY"))
    held.reply(CdrStored("a"))
    await here.node.idle()
    held.reply(CdrStored("a"))
    await here.node.idle()
    assert [report.hangup_cause for report in held.messages] == ["NORMAL_UNSPECIFIED", "USER_BUSY"]
    assert len(here.table) == 0


async def test_a_switch_that_cannot_be_compared_with_loses_no_leg(here):
    await here.tell(told(ChannelCreated, "a"))
    here.away = True
    await here.node.advance(AUDIT_EVERY * 20)
    assert (await here.query()).keys() == {"a"}
    assert not here.reports


async def test_after_events_were_missed_calls_compare_too(here):
    call = await Probe.start(here.node, name=call_name("a"))
    here.legs["a"] = seen("a")
    await here.tell(told(ChannelCreated, "a"), SwitchUp("fs1", False, "run-1"))
    await here.node.idle()
    assert [request for request in call.messages if isinstance(request, Recheck)]


async def test_the_end_of_a_call_that_was_missed_is_told_to_it(here):
    call = await Probe.start(here.node, name=call_name("a"))
    await here.tell(told(ChannelCreated, "a"), LegLost("fs1", described(ChannelCreated, "a")))
    await here.node.advance(VANISH_GRACE)
    [news] = [news for news in call.messages if isinstance(news, LegEvent)]
    assert (type(news.event), news.event.hangup_cause) == (ChannelDestroyed, "NORMAL_UNSPECIFIED")


# Switches


async def test_a_switch_that_is_away_has_its_calls_all_the_same(here):
    await here.tell(told(ChannelCreated, "a"), SwitchDown("fs1", "lost"))
    assert await here.status("a") == "tmpdown"
    here.legs["a"] = seen("a")
    await here.tell(SwitchUp("fs1", False, "run-1"))
    assert await here.status("a") == "active"
    assert not here.reports


async def test_a_switch_that_was_restarted_has_lost_its_calls(here):
    await here.tell(
        told(ChannelCreated, "a"),
        told(ChannelCreated, "b", direction="outbound"),
    )
    here.legs["d"] = seen("d", run="run-2")
    await here.tell(told(ChannelCreated, "d", run="run-2"), SwitchUp("fs1", True, "run-2"))
    assert sorted(here.causes) == [("a", "SYSTEM_SHUTDOWN"), ("b", "SYSTEM_SHUTDOWN")]
    assert all(report.extended_data == {"Provisional": True} for report in here.reports)
    assert (await here.query()).keys() == {"d"}


async def test_a_restart_is_seen_by_whoever_was_started_anew_itself(here):
    """A new connection does not know that there was another run; the rows do."""
    await here.tell(told(ChannelCreated, "a"), SwitchUp("fs1", False, "run-2"))
    assert here.causes == [("a", "SYSTEM_SHUTDOWN")]


async def test_accounts_wait_for_switches_that_were_not_read_yet():
    async with virtual_node() as node:
        here = Surroundings(node)
        here.away = True
        here.legs["a"] = seen("a")
        await here.start()
        question = asyncio.ensure_future(node.call(TABLE, QueryAccountChannelsReq(ACCOUNT), timeout=30.0))
        await node.advance(READ_GRACE - 0.5)
        assert not question.done()
        here.away = False
        await here.tell(SwitchUp("fs1", False, "run-1"))
        assert [row["uuid"] for row in (await question).channels] == ["a"]


async def test_accounts_do_not_wait_for_ever():
    async with virtual_node() as node:
        here = Surroundings(node)
        here.away = True
        await here.start()
        question = asyncio.ensure_future(node.call(TABLE, QueryAccountChannelsReq(ACCOUNT), timeout=30.0))
        await node.advance(READ_GRACE + 0.5)
        assert (await question).channels == ()


# Who may see, whose it is


async def test_watchers_are_sent_all_news_until_they_end(here):
    watcher = await Probe.start(here.node)
    here.node.cast(TABLE, WatchLegs(watcher.pid))
    news = [told(ChannelCreated, "a"), parked("a"), destroyed("a")]
    await here.tell(*news)
    assert watcher.messages == news
    here.node.exit(watcher.pid, "kill")
    await here.tell(told(ChannelCreated, "b"))
    assert not here.node.find(TABLE).actor.watchers


async def test_a_watcher_is_sent_only_what_it_wants(here):
    watcher = await Probe.start(here.node)
    here.node.cast(TABLE, WatchLegs(watcher.pid, only=(PARKED, "CHANNEL_DESTROY")))
    news = [told(ChannelCreated, "a"), parked("a"), destroyed("a")]
    await here.tell(*news)
    assert watcher.messages == news[1:]
    here.node.cast(TABLE, WatchLegs(watcher.pid, only=("CHANNEL_CREATE",)))
    await here.tell(told(ChannelCreated, "b"), parked("b"))
    assert watcher.messages == [*news[1:], told(ChannelCreated, "b")]


async def test_a_watcher_for_whose_node_too_much_waits_misses_news_and_is_told_so(here, monkeypatch):
    watcher = await Probe.start(here.node)
    here.node.cast(TABLE, WatchLegs(watcher.pid))
    await here.node.idle()
    table = here.node.find(TABLE).actor
    send, full = table.send, True

    def tried(to, message):
        if to == watcher.pid and full:
            raise OutboxFull("other@host", 10_000, 20_000_000)
        send(to, message)

    monkeypatch.setattr(table, "send", tried)
    await here.tell(told(ChannelCreated, "a"), parked("a"))
    assert watcher.messages == []
    assert here.node.find(TABLE) is not None and table.watchers.dropped == 2
    full = False
    await here.tell(destroyed("a"), told(ChannelCreated, "b"))
    assert watcher.messages == [LegsMissed("fs1"), destroyed("a"), told(ChannelCreated, "b")]


async def test_who_wants_no_more_news_is_sent_none(here):
    watcher, other = await Probe.start(here.node), await Probe.start(here.node)
    for each in (watcher, other):
        here.node.cast(TABLE, WatchLegs(each.pid))
    here.node.cast(TABLE, WatchLegs(watcher.pid, on=False))
    news = told(ChannelCreated, "a")
    await here.tell(news)
    assert (watcher.messages, other.messages) == ([], [news])


async def test_whose_a_call_is_and_whether_it_is_counted(here):
    await here.tell(told(ChannelCreated, "a", account=""), LegOwned("a", {"Account-ID": ACCOUNT, "CallFlow-ID": "f"}))
    shown = (await here.query())["a"]
    assert (shown["account_id"], shown["callflow_id"], shown["is_authorized"]) == (ACCOUNT, "f", False)
    await here.tell(LegAdmitted("a"), told(ChannelAnswered, "a", account=""))
    shown = (await here.query())["a"]
    assert (shown["account_id"], shown["is_authorized"]) == (ACCOUNT, True)
    await here.tell(told(ChannelCreated, "b", variables={CHECKPOINT_VARIABLE: "x"}))
    assert (await here.query())["b"]["is_authorized"]


async def test_who_pays_for_a_calls_legs_is_noted_until_a_leg_is_given_back(here):
    await here.tell(told(ChannelCreated, "a"), LegAdmitted("a", {"inbound": "flat_rate", "outbound": "per_minute"}))
    assert (await here.query())["a"]["billing"] == {"inbound": "flat_rate", "outbound": "per_minute"}
    await here.tell(LegAdmitted("a", {"outbound": None}))
    assert (await here.query())["a"]["billing"] == {"inbound": "flat_rate"}


async def test_what_it_does_not_understand_does_not_end_it(here):
    await here.tell(told(ChannelCreated, "a"), "nonsense", None, ("report", "a"))
    assert (await here.query()).keys() == {"a"}


# Anything, in any order


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_the_table_ends_as_the_switch_is_and_each_end_is_recorded(seed):
    """Events get lost, come twice or late; the table is killed; records are refused for a time; the switch restarts."""
    chance = random.Random(seed)
    async with virtual_node() as node:
        here = Surroundings(node)
        stored = {}
        here.answer = lambda report: (
            CdrNotStored("busy")
            if chance.random() < 0.3
            else stored.setdefault(report.call_id, CdrStored(report.call_id))
        )
        await here.start()
        run, born, known = 1, 0, set()
        for _ in range(150):
            match chance.choice(["create", "create", "event", "end", "end", "lose", "kill", "restart", "wait", "dump"]):
                case "create":
                    born += 1
                    leg, direction = f"leg-{born}", chance.choice(["inbound", "outbound"])
                    here.legs[leg] = seen(leg, direction=direction, run=f"run-{run}")
                    if chance.random() < 0.8:
                        known.add(leg)
                        await here.tell(told(ChannelCreated, leg, direction=direction, run=f"run-{run}"))
                case "event" if here.legs:
                    leg = chance.choice(list(here.legs))
                    cls = chance.choice([ChannelAnswered, ChannelBridged, ChannelHeld, ChannelExecuteCompleted])
                    await here.tell(
                        *[told(cls, leg, direction=here.legs[leg].leg.call_direction, run=f"run-{run}")]
                        * chance.choice([1, 2])
                    )
                case "end" | "lose" as how if here.legs:
                    leg, gone = chance.choice(list(here.legs.items()))
                    del here.legs[leg]
                    if how == "end":
                        known.add(leg)
                        direction = gone.leg.call_direction
                        await here.tell(
                            *[destroyed(leg, direction=direction, run=f"run-{run}")] * chance.choice([1, 2])
                        )
                        await here.tell(told(ChannelExecuteCompleted, leg, direction=direction, run=f"run-{run}"))
                case "kill":
                    # What it had of legs that have gone meanwhile is lost with it: the switch's own records are left.
                    known -= {uuid for uuid in known if uuid not in here.legs and uuid not in stored}
                    node.exit(node.whereis(TABLE), "kill")
                    await node.idle()
                case "restart" if chance.random() < 0.3:
                    run += 1
                    here.legs.clear()
                    await here.tell(SwitchDown("fs1", "gone"), SwitchUp("fs1", True, f"run-{run}"))
                case "wait":
                    await node.advance(chance.choice([0.3, 1.5, 12.0, 40.0]))
        await node.advance(300)
        here.answer = lambda report: stored.setdefault(report.call_id, CdrStored(report.call_id))
        await node.advance(300)
        assert (await here.query()).keys() == here.legs.keys()
        assert known - here.legs.keys() <= stored.keys()
        assert not stored.keys() & here.legs.keys()
        assert len(here.table) == len(here.legs)

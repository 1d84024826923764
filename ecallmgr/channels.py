"""The channel table of a switch: one row per leg, the truth for who is on the phone there.

It is rebuilt from the switch after a restart and whenever the connection comes back. A leg that came in and waits in
park gets its call actor here; a leg that has ended stays in the table until its record is in the store. Kazoo:
ecallmgr_fs_channels. Who asks about all switches asks CHANNELS (all_channels.py).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from mirliton.actors.admission import CallReleased, account_name
from mirliton.actors.kapi.call import (
    CallEvent,
    ChannelAnswered,
    ChannelBridged,
    ChannelCreated,
    ChannelDestroyed,
    ChannelHeld,
    ChannelUnbridged,
    ChannelUnheld,
)
from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.kapi.channels import ChannelStatusReq
from mirliton.actors.switching import (
    CHECKPOINT_VARIABLE,
    AuditNow,
    Dump,
    LegAdmitted,
    LegEvent,
    LegLost,
    LegOwned,
    LegParked,
    LegRenamed,
    ListLegs,
    NoSuchLeg,
    Recheck,
    Snapshot,
    SwitchDown,
    SwitchUp,
    WatchLegs,
    call_name,
    switch_name,
)
from mirliton.ecallmgr.call_keeper import CallKeeper
from mirliton.ecallmgr.queries import QUESTIONS, answer
from mirliton.ecallmgr.records import Records
from mirliton.ecallmgr.row import Row
from mirliton.ecallmgr.table import Table
from mirliton.ecallmgr.watchers import Watchers
from mirliton.runtime import Completed, Continue, Down, From, GenServer, NoReply, Reply, TimerFired
from mirliton.supervisors.entities import is_over

AUDIT_EVERY: Final = 10.0
"""Seconds between comparisons of the table with the switch's list."""
DUMPS_AT_ONCE: Final = 64
READ_GRACE: Final = 4.0
"""Seconds after the start in which questions wait for a switch that cannot be read."""
VANISH_GRACE: Final = 1.0
"""Seconds in which a leg's last event may still come when the switch has the leg no more."""


class Channels(GenServer):
    """The table of one switch, under `channels_name(switch)`."""

    mailbox_limit = 100_000
    mailbox_overflow = "drop_oldest"

    def init(self, switch: str) -> NoReply:
        self.switch = switch
        self.table = Table()
        self.auditing = False
        self.missed = True
        """Some of the switch's events were missed."""
        self.unread = True
        """The switch has not been asked for its legs since the start: until it is, the table is not the truth."""
        self.held: list[tuple[Any, From]] = []
        self.suspects: frozenset[str] = frozenset()
        """Legs on which table and switch did not agree at the last comparison."""
        self.records = Records(self, self.table)
        self.calls = CallKeeper(self, self.table, switch)
        self.repaired = 0
        self.watchers = Watchers(self, switch)
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {
            "switch": self.switch,
            "legs": len(self.table) - self.table.ended,
            "ended": self.table.ended,
            "reporting": self.records.under_way,
            "repaired": self.repaired,
            "unreported": self.records.left,
        }

    def handle_continue(self, argument: Any) -> None:
        self.calls.watch()
        self._audit()
        self.start_timer(AUDIT_EVERY, "audit")
        self.start_timer(READ_GRACE, "read")

    def handle_call(self, request: Any, sender: From) -> Any:
        if self.unread and isinstance(request, (*QUESTIONS, LegAdmitted)) and not self._is_known(request):
            self.held.append((request, sender))
            return NoReply()
        found = self._answer(request)
        return super().handle_call(request, sender) if found is None else Reply(found)

    def _answer(self, request: Any) -> Any:
        return self._admitted(request) if isinstance(request, LegAdmitted) else answer(self.table, request)

    def _is_known(self, request: Any) -> bool:
        """Whether the answer is the truth already: an account counts its calls by it; an executor gives up a call of
        which the table knows nothing."""
        return isinstance(request, ChannelStatusReq | LegAdmitted) and request.call_id in self.table

    def handle_cast(self, request: Any) -> Any:
        match request:
            case WatchLegs():
                self.watchers.watch(request)
            case _:
                return super().handle_cast(request)
        return None

    # News

    def handle_info(self, message: Any) -> None:
        match message:
            case LegEvent() | LegParked():
                self.watchers.tell(message)
                self._leg_news(message)
            case LegRenamed(_, old, leg, run):
                self.table.rename(old, leg, run)
            case LegOwned(call_id, channel_vars):
                row = self.table.get(call_id)
                if row is not None:
                    row.own(channel_vars)
                    self.table.put(row)
            case LegAdmitted():
                self._admitted(message)
            case LegLost(_, leg):
                if not self.table.is_gone(leg):
                    row = self._row(leg)
                    self._doubt(row)
            case SwitchUp(_, restarted, run):
                self._switch_up(restarted, run)
            case SwitchDown():
                self._reachable(False)
            case Completed(tag=("audit", thorough), value=value, error=error):
                self._audited(thorough, value, error)
            case Completed(tag=("report", uuid), value=value, error=error):
                self.records.answered(uuid, value if error is None else error)
            case Completed(tag=("call", uuid), value=value, error=error):
                self.calls.started(uuid, value, error)
            case AuditNow():
                self.calls.forgive()
                self._audit()
            case TimerFired(message="audit"):
                self.calls.forgive()
                self._audit()
                self.start_timer(AUDIT_EVERY, "audit")
            case TimerFired(message="read"):
                self._read()
            case TimerFired(message=("report", uuid)):
                self.records.report(uuid)
            case TimerFired(message=("vanished", uuid)):
                row = self.table.get(uuid)
                if row is not None and not row.ended:
                    self._vanished(row, "NORMAL_UNSPECIFIED")
            case TimerFired(message="calls"):
                self.calls.restore()
            case TimerFired(message=("call", uuid)):
                self.calls.revive(uuid)
            case Down(ref=ref):
                if not self.calls.is_down(ref):
                    self.watchers.ended(ref)
            case _:
                super().handle_info(message)

    def _leg_news(self, news: LegEvent | LegParked) -> None:
        if isinstance(news, LegEvent) and isinstance(news.event, ChannelDestroyed):
            self._destroyed(news)
            return
        leg = news.leg if isinstance(news, LegParked) else news.event
        known = leg.call_id in self.table
        if not known and (self.table.is_gone(leg) or not isinstance(leg, _INTRODUCING)):
            return
        row = self._row(leg, news.run)
        if row.ended:
            return
        if news.variables.get(CHECKPOINT_VARIABLE):
            row.admitted = True
        if isinstance(news, LegEvent):
            self._event(row, news.event)
        elif row.controlled:
            self.calls.ensure(row)

    def _admitted(self, told: LegAdmitted) -> bool:
        """An account counts this call; False for one that another node has by now: what it says is not so any more."""
        if told.stamp is not None and is_over(self.node, told.stamp):
            self.log.warning("admission_refused", call_id=told.call_id, shard=told.stamp.shard, epoch=told.stamp.epoch)
            return False
        row = self.table.get(told.call_id)
        if row is not None:
            row.admitted = True
            together = {**row.billing, **told.billing}
            row.billing = {direction: payer for direction, payer in together.items() if payer is not None}
        return True

    def _row(self, leg: Any, run: str = "") -> Row:
        row = self.table.get(leg.call_id)
        if row is None:
            row = Row(self.switch, leg, run)
        elif not row.ended:
            row.learn(leg, run)
        self.table.put(row)
        return row

    def _event(self, row: Row, event: CallEvent) -> None:
        match event:
            case ChannelAnswered():
                row.answered = True
                row.answered_at = event.timestamp
            case ChannelBridged():
                row.other_leg = event.other_leg_call_id
                other = self.table.get(event.other_leg_call_id or "")
                if other is not None:
                    # FreeSWITCH tells of a bridge on one of the two legs.
                    other.other_leg = row.uuid
            case ChannelUnbridged():
                other = self.table.get(row.other_leg or "")
                if other is not None and other.other_leg == row.uuid:
                    other.other_leg = None
                row.other_leg = None
            case ChannelHeld():
                row.on_hold = True
            case ChannelUnheld():
                row.on_hold = False

    # A leg's end

    def _destroyed(self, news: LegEvent) -> None:
        event, report = news.event, news.report
        row = self.table.get(event.call_id)
        if row is None:
            if self.table.is_gone(event) and (report is None or not self.table.gone_provisionally(event.call_id)):
                return
            row = Row(self.switch, event, news.run)
        elif row.ended:
            if row.provisional and report is not None:
                row.report = report
                self.records.report(row.uuid)
            return
        else:
            row.learn(event, news.run)
        self.table.put(row)
        self._end(
            row,
            report
            if report is not None
            else row.vanished(event.hangup_cause or "NORMAL_UNSPECIFIED", self.node.clock.time())[1],
        )

    def _end(self, row: Row, report: CdrReport) -> None:
        self.table.end(row)
        row.report = report
        if row.account_id is not None and row.leg.call_direction == "inbound":
            self.cast(account_name(row.account_id), CallReleased(row.uuid))
        self.calls.release(row.uuid)
        self.records.take(row)

    def _doubt(self, row: Row) -> None:
        """The switch has it no more; its last event may be on its way."""
        if not row.ended:
            self.start_timer(VANISH_GRACE, ("vanished", row.uuid))

    def _vanished(self, row: Row, cause: str) -> None:
        """The leg is gone from its switch and nobody told us: end it, and the call that hangs on it."""
        self.repaired += 1
        event, report = row.vanished(cause, self.node.clock.time())
        if self.whereis(call_name(row.uuid)) is not None:
            self.send(call_name(row.uuid), LegEvent(row.switch, event, run=row.run))
        self._end(row, report)

    # The switch

    def _switch_up(self, restarted: bool, run: str) -> None:
        for row in list(self.table.up()):
            of_another_run = row.run != run if row.run and run else restarted
            if of_another_run:
                self._vanished(row, "SYSTEM_SHUTDOWN")
        self._reachable(True)
        self.missed = True
        self._audit()

    def _reachable(self, reachable: bool) -> None:
        for row in self.table.up():
            row.reachable = reachable

    def _audit(self) -> None:
        """Compare the table with the switch's list.

        Thoroughly when events were missed; else what differs may be an event that is on its way, and is looked at when
        it differs a second time.
        """
        if self.auditing:
            return
        self.auditing = True
        thorough, self.missed = self.missed, False
        self.background(self._look(None if thorough else self.suspects), ("audit", thorough))

    async def _look(self, suspects: frozenset[str] | None) -> tuple[frozenset[str], frozenset[str], tuple[Any, ...]]:
        """What the switch lists; on which legs the table and it do not agree; what it says of those that are suspect
        (all, for None)."""
        name = switch_name(self.switch)
        before = {row.uuid for row in self.table.up()}
        listed = await self.call(name, ListLegs(), timeout=15.0)
        if not isinstance(listed, tuple):
            raise ConnectionError(str(getattr(listed, "reason", listed)))
        legs = frozenset(listed)
        differing = frozenset({uuid for uuid in legs if uuid not in self.table} | (before - legs))
        wanted = sorted(differing if suspects is None else differing & suspects)
        answers: list[Any] = []
        for at in range(0, len(wanted), DUMPS_AT_ONCE):
            calls = [self.call(name, Dump(uuid), timeout=15.0) for uuid in wanted[at : at + DUMPS_AT_ONCE]]
            answers += await asyncio.gather(*calls, return_exceptions=True)
        return legs, differing, tuple(answers)

    def _audited(self, thorough: bool, outcome: Any, error: Any) -> None:
        self.auditing = False
        if error is not None:
            self.log.info("audit_failed", switch=self.switch, error=str(error))
            self.missed = self.missed or thorough
            return
        listed, differing, answers = outcome
        self.suspects = differing
        repairs = sum(self._repair(each, listed) for each in answers)
        self.repaired += repairs
        self._read()
        for row in list(self.table.up()):
            if row.controlled and row.uuid in listed:
                self.calls.ensure(row)
                if thorough or repairs:
                    self.cast(call_name(row.uuid), Recheck())
        self.calls.release_all()
        if self.missed:
            self._audit()

    def _read(self) -> None:
        """The switch has been read, or takes too long."""
        self.unread = False
        for request, sender in self.held:
            self.reply(sender, self._answer(request))
        self.held.clear()

    def _repair(self, found: Any, listed: frozenset[str]) -> bool:
        """Make the table say what the switch said of one leg; whether it did not."""
        match found:
            case Snapshot(leg=leg) if leg.call_id not in self.table and not self.table.is_gone(leg):
                row = self._row(leg, found.run)
                row.answered = found.answered
                row.admitted = bool(found.variables.get(CHECKPOINT_VARIABLE))
                row.other_leg = found.bridged_to if found.bridged_to in listed else None
                return True
            case NoSuchLeg(call_id):
                row_gone = self.table.get(call_id)
                if row_gone is not None:
                    self._doubt(row_gone)
        return False


_INTRODUCING: Final = (ChannelCreated, ChannelAnswered, ChannelBridged)
"""Events by which a leg gets its row. (A parked leg is described as if it were created.)"""

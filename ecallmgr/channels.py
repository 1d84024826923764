"""The channel table: one row per leg on any switch, the truth for who is on the phone.

It is rebuilt from the switches after a restart and whenever a connection comes back. A leg that came in and waits in
park gets its call actor here; a leg that has ended stays in the table until its record is in the store. Kazoo:
ecallmgr_fs_channels.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.call import Call
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
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
    QueryChannelsReq,
    QueryChannelsResp,
)
from mirliton.actors.switching import (
    CALLS,
    CDR,
    CdrStored,
    Dump,
    LegEvent,
    LegParked,
    ListLegs,
    NoSuchLeg,
    Recheck,
    Snapshot,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
    WatchLegs,
    call_name,
    switch_name,
)
from mirliton.ecallmgr.row import Row
from mirliton.runtime import Address, Completed, Continue, Down, From, GenServer, NoReply, Ref, Reply, TimerFired
from mirliton.supervisors import Refused, StartChild, Tree, worker

AUDIT_EVERY: Final = 10.0
"""Seconds between comparisons of the table with each switch's list."""
CDR_RETRY: Final = 1.0
ENDED_KEPT: Final = 50_000
"""Ended legs whose record is not stored yet; beyond it the switch's own record (leg_records.py) is the only one."""
CALLS_GRACE: Final = 0.05


def call_tree(switch: str, call_id: str) -> Tree:
    """A call's own small supervisor: what goes wrong in one call costs that call its actor and nothing else.

    Five restarts in ten seconds: each costs a fraction of a millisecond; a sixth means that this call cannot be helped
    here, and the audit starts it afresh.
    """
    return Tree(
        "one_for_one",
        [
            worker(
                Call,
                switch,
                call_id,
                name=call_name(call_id),
                keep_mail=True,
                restart="transient",
                significant=True,
            )
        ],
        intensity=5,
        period=10.0,
        auto_shutdown="any_significant",
    )


class Channels(GenServer):
    """The table, under CHANNELS."""

    def init(self, switches: tuple[str, ...]) -> NoReply:
        self.switches = switches
        self.rows: dict[str, Row] = {}
        self.auditing: set[str] = set()
        self.storing: set[str] = set()
        self.starting: set[str] = set()
        self.to_recheck: set[str] = set()
        self.repaired = 0
        self.calls_ref: Any = None
        self.watchers: dict[Ref, Address] = {}
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self.calls_ref = self.monitor(CALLS)
        for switch in self.switches:
            self._audit(switch)
        self.start_timer(AUDIT_EVERY, "audit")

    # Questions

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case ChannelStatusReq(call_id):
                row = self.rows.get(call_id)
                if row is None or row.ended:
                    return Reply(ChannelStatusResp(call_id=call_id, status="terminated"))
                return Reply(
                    ChannelStatusResp(
                        call_id=call_id,
                        status="active" if row.reachable else "tmpdown",
                        custom_channel_vars=row.leg.custom_channel_vars,
                        other_leg_call_id=row.other_leg,
                        switch_nodename=row.switch,
                    )
                )
            case QueryAccountChannelsReq(account_id):
                return Reply(
                    QueryAccountChannelsResp(
                        channels=tuple(row.as_channel() for row in self._up() if row.account_id == account_id)
                    )
                )
            case QueryChannelsReq():
                wanted = request.call_id
                return Reply(
                    QueryChannelsResp(
                        channels={row.uuid: row.as_channel() for row in self._up() if wanted in (None, row.uuid)}
                    )
                )
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case WatchLegs(watcher):
                self.watchers[self.monitor(watcher)] = watcher
            case _:
                return super().handle_cast(request)
        return None

    def _up(self) -> list[Row]:
        return [row for row in self.rows.values() if not row.ended]

    # News

    def handle_info(self, message: Any) -> None:
        if isinstance(message, LegEvent | LegParked):
            for watcher in self.watchers.values():
                self.send(watcher, message)
        match message:
            case LegEvent():
                self._event(message)
            case LegParked(switch, leg):
                row = self._row(switch, leg)
                if row.controlled and not row.ended:
                    self._ensure_call(row)
            case SwitchUp(switch, restarted):
                if restarted:
                    self._switch_restarted(switch)
                self._reachable(switch, True)
                self.to_recheck.add(switch)
                self._audit(switch)
            case SwitchDown(switch):
                self._reachable(switch, False)
            case Completed(tag=("audit", switch), value=value, error=error):
                self._audited(switch, value if error is None else error)
            case Completed(tag=("cdr", uuid), value=value, error=error):
                self._stored(uuid, value if error is None else error)
            case Completed(tag=("call", uuid), value=value, error=error):
                self.starting.discard(uuid)
                if error is not None or isinstance(value, Refused):
                    self.log.warning("call_not_started", call_id=uuid, error=str(error or value))
            case TimerFired(message="audit"):
                for switch in self.switches:
                    self._audit(switch)
                self.start_timer(AUDIT_EVERY, "audit")
            case TimerFired(message=("cdr", uuid)):
                if uuid in self.rows:
                    self._store(self.rows[uuid])
            case TimerFired(message="calls"):
                self.calls_ref = self.monitor(CALLS)
                for row in self._up():
                    if row.controlled:
                        self._ensure_call(row)
            case Down(ref=ref) if ref == self.calls_ref:
                # All calls' actors died with their supervisor; it comes back at once, and so must they.
                self.start_timer(CALLS_GRACE, "calls")
            case Down(ref=ref):
                self.watchers.pop(ref, None)
            case _:
                super().handle_info(message)

    def _event(self, news: LegEvent) -> None:
        event: CallEvent = news.event
        if isinstance(event, ChannelDestroyed):
            self._end(news.switch, event)
            return
        if event.call_id not in self.rows and not isinstance(event, ChannelCreated | ChannelAnswered | ChannelBridged):
            return
        row = self._row(news.switch, event)
        match event:
            case ChannelAnswered():
                row.answered = True
            case ChannelBridged():
                row.other_leg = event.other_leg_call_id
            case ChannelUnbridged():
                row.other_leg = None
            case ChannelHeld():
                row.on_hold = True
            case ChannelUnheld():
                row.on_hold = False

    def _row(self, switch: str, leg: Any) -> Row:
        row = self.rows.get(leg.call_id)
        if row is None:
            row = self.rows[leg.call_id] = Row(switch, leg)
        else:
            # An event after the end (a switch sends some) does not bring a leg back to life.
            row.learn(leg)
        return row

    # A leg's end

    def _end(self, switch: str, event: ChannelDestroyed) -> None:
        row = self.rows.get(event.call_id)
        if row is None:
            row = self.rows[event.call_id] = Row(switch, event)
        if row.ended:
            return
        row.learn(event)
        row.ended = True
        if len(self.rows) - len(self.storing) > ENDED_KEPT:
            self.log.warning("ended_legs_overflow", call_id=row.uuid)
        name = call_name(row.uuid)
        if self.whereis(name) is None:
            # Its actor died with its supervisor just now; it will not be started again.
            self.node.registry.release(name)
        row.report = row.report_of(event)
        self._store(row)

    def _store(self, row: Row) -> None:
        assert row.report is not None
        self.storing.add(row.uuid)
        self.background(self.call(CDR, row.report, timeout=30.0), ("cdr", row.uuid))

    def _stored(self, uuid: str, answer: Any) -> None:
        self.storing.discard(uuid)
        if isinstance(answer, CdrStored):
            self.rows.pop(uuid, None)
        else:
            self.log.info("cdr_retried", call_id=uuid, answer=str(answer))
            self.start_timer(CDR_RETRY, ("cdr", uuid))

    def _vanished(self, row: Row, cause: str) -> None:
        """The leg is gone from its switch and nobody told us: end it, and the call that hangs on it."""
        self.repaired += 1
        event = ChannelDestroyed(**row.fields(), hangup_cause=cause)
        news = LegEvent(row.switch, event)
        if self.whereis(call_name(row.uuid)) is not None:
            self.send(call_name(row.uuid), news)
        row.provisional = True
        self._end(row.switch, event)

    def _switch_restarted(self, switch: str) -> None:
        for row in [row for row in self._up() if row.switch == switch]:
            self._vanished(row, "SYSTEM_SHUTDOWN")

    def _reachable(self, switch: str, reachable: bool) -> None:
        for row in self._up():
            if row.switch == switch:
                row.reachable = reachable

    # Comparing with the switch

    def _audit(self, switch: str) -> None:
        if switch not in self.auditing:
            self.auditing.add(switch)
            self.background(self._look(switch), ("audit", switch))

    async def _look(self, switch: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """What the switch lists, and what it says of the legs that the table and it do not agree on."""
        name = switch_name(switch)
        before = {row.uuid for row in self._up() if row.switch == switch}
        listed = await self.call(name, ListLegs(), timeout=15.0)
        if isinstance(listed, SwitchUnavailable):
            raise ConnectionError(listed.reason)
        doubtful = [uuid for uuid in listed if uuid not in self.rows]
        doubtful += [uuid for uuid in before if uuid not in set(listed)]
        answers = []
        for uuid in doubtful:
            answers.append(await self.call(name, Dump(uuid), timeout=15.0))
        return listed, tuple(answers)

    def _audited(self, switch: str, outcome: Any) -> None:
        self.auditing.discard(switch)
        if not isinstance(outcome, tuple):
            self.log.info("audit_failed", switch=switch, error=str(outcome))
            return
        listed, answers = outcome
        for answer in answers:
            match answer:
                case Snapshot():
                    if answer.leg.call_id not in self.rows:
                        self.repaired += 1
                    row = self._row(switch, answer.leg)
                    row.answered = answer.answered
                    row.other_leg = answer.bridged_to
                case NoSuchLeg(call_id):
                    gone = self.rows.get(call_id)
                    if gone is not None and not gone.ended:
                        self._vanished(gone, "NORMAL_UNSPECIFIED")
        present = set(listed)
        missed = switch in self.to_recheck or bool(answers)
        self.to_recheck.discard(switch)
        for row in self._up():
            if row.switch == switch and row.controlled and row.uuid in present:
                self._ensure_call(row)
                if missed:
                    self.cast(call_name(row.uuid), Recheck())

    def _ensure_call(self, row: Row) -> None:
        if self.whereis(call_name(row.uuid)) is None and row.uuid not in self.starting:
            self.starting.add(row.uuid)
            start = StartChild([call_tree(row.switch, row.uuid)])
            self.background(self.call(CALLS, start, timeout=10.0), ("call", row.uuid))

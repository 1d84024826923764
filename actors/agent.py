"""An agent of the account's queues: one process per agent at work, whose state no kill can change, of it or its node.

It is an entity, one in the whole cluster, started by the first message; while it works it is started again wherever its
node was lost. What must be remembered is saved before it is answered for (`agent_state.py` says what); what the agent's
phones do is the channel table's to know, and is told by the acdc application's listener. A successor has both and goes
on.

It belongs to one queue or several, and is kept free for one member at a time: it is here that an agent is given to a
queue, so two queues never ring it at once. OTP: a gen_server. It ends when the agent is logged out.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from mirliton.actors.agent_state import MAX_CONNECT_FAILURES, AgentState, Leg
from mirliton.actors.kapi.acdc_agent import EndWrapup, Login, LoginQueue, Logout, LogoutQueue, Pause, Resume
from mirliton.actors.kapi.acdc_stats import CallMissed
from mirliton.actors.kapi.call import ChannelAnswered, ChannelDestroyed
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
)
from mirliton.actors.queue_news import agent_changed, publish
from mirliton.actors.queueing import (
    AGENTS,
    AgentIs,
    AgentLeg,
    AskAgent,
    Granted,
    RecheckLegs,
    Release,
    ReloadAgent,
    Reserve,
    TellQueue,
    cast_if_there,
    ids_of,
    queue_name,
)
from mirliton.actors.store import Document, NotFound, update
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS
from mirliton.runtime import Completed, Continue, From, NoReply, Reply, Stop, TimerFired, TimerRef
from mirliton.supervisors.entities import Entity

RETRY_FIRST: Final = 0.25
"""Pause before what could not be read or stored is tried again; each time it doubles."""
RETRY_MOST: Final = 10.0
AUDIT_EVERY: Final = 30.0
"""Seconds between looks at whether the legs that are known still are up."""
LINGER: Final = 1.0
"""Seconds that the process of an agent that does not work stays."""
MOST_WAITING: Final = 1000
MOST_QUEUES: Final = 100
TAKEN_ELSEWHERE: Final = frozenset({"LOSE_RACE", "ORIGINATOR_CANCEL", "PICKED_OFF"})
"""Why a phone stops ringing that was not the agent's doing."""


class Agent(Entity):
    """One agent, under `agent_name(account_id, agent_id)`."""

    mailbox_limit = 10_000
    mailbox_overflow = "drop_oldest"

    def init(self, key: str, state: Any) -> NoReply:
        self.account_id, agent_id = ids_of(key)
        self.agent = AgentState.of(agent_id, state or {})
        self.queues: tuple[str, ...] = ()
        self.known = False
        """Whether the user and the phones have been asked for: before that nothing is answered."""
        self.is_user = False
        self.held: deque[tuple[Any, From | None]] = deque(maxlen=MOST_WAITING)
        self.retry = RETRY_FIRST
        self.told_since: set[str] = set()
        """Legs of which something was heard since the channel table was asked, or since the last look."""
        self.last: AgentIs | None = None
        """What was told last."""
        self.change: TimerRef | None = None
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"agent": self.agent, "queues": self.queues, "known": self.known}

    @property
    def status(self) -> str:
        """What the agent is doing."""
        return self.agent.status(self._now())

    def handle_continue(self, argument: Any) -> None:
        self.node.groups.join(AGENTS, self.pid)
        self.background(self._load(), "load")
        self.start_timer(AUDIT_EVERY, "audit")
        self.start_timer(LINGER, "leave")

    # What others ask

    def handle_call(self, request: Any, sender: From) -> Any:
        if not self.known:
            self.held.append((request, sender))
            return NoReply()
        return self._answer(request, sender)

    def handle_cast(self, request: Any) -> Any:
        if not self.known:
            self.held.append((request, None))
        else:
            self._hear(request)
        return None

    def _answer(self, request: Any, sender: From) -> Any:
        agent, now = self.agent, self._now()
        match request:
            case AskAgent():
                return Reply(self._is())
            case Reserve(call_id=call_id, offer=offer, patience=patience):
                if not agent.reserve(now, call_id, offer, patience):
                    return Reply(Granted(agent.agent_id, False))
                self._changed(save=True, answer=(sender, True))
                return NoReply()
            case Login():
                if not self.is_user:
                    return Reply(self._is())
                agent.log_in(now)
            case Logout():
                agent.log_out()
            case Pause(time_limit=limit):
                agent.pause(now, limit)
            case Resume():
                agent.resume()
            case EndWrapup():
                agent.end_wrapup()
            case LoginQueue(queue_id=str(queue_id)):
                self.background(self._change_queues(queue_id, True), ("queues", sender))
                return NoReply()
            case LogoutQueue(queue_id=str(queue_id)):
                self.background(self._change_queues(queue_id, False), ("queues", sender))
                return NoReply()
            case _:
                return super().handle_call(request, sender)
        self._changed(save=True, answer=(sender, None))
        return NoReply()

    def _hear(self, request: Any) -> None:
        now = self._now()
        match request:
            case AgentLeg(event):
                self._leg(event)
            case TellQueue(queue):
                self.cast(queue, self._is())
            case Release(call_id, offer, missed, cause):
                if self.agent.release(now, call_id, offer, missed):
                    if missed:
                        self.log.info("agent_missed_call", agent_id=self.agent.agent_id, call_id=call_id, cause=cause)
                        self._tell_missed(call_id, offer, cause)
                    self._changed(save=True)
            case ReloadAgent():
                self.background(self._user(), "user")
            case RecheckLegs():
                self.told_since.clear()
                self.background(self._legs(), "legs")
            case _:
                super().handle_cast(request)

    def handle_info(self, message: Any) -> Any:
        match message:
            case Completed(tag="load", value=value, error=error):
                self._loaded(value, error)
            case Completed(tag="user", value=value, error=None):
                self._belongs(value)
            case Completed(tag=("queues", sender), value=value, error=error):
                if error is None:
                    self._belongs(value)
                else:
                    self.log.warning("agent_queues_not_changed", error=str(error))
                self.reply(sender, self._is())
            case Completed(tag="legs", value=legs, error=error):
                self._rechecked(legs, error)
            case TimerFired(message="legs"):
                self._hear(RecheckLegs())
            case Completed(tag="audit", value=gone, error=error):
                self._audited(gone if error is None else (), error)
            case TimerFired(message="load"):
                self.background(self._load(), "load")
            case TimerFired(message="change"):
                self._changed()
            case TimerFired(message="audit"):
                self.background(self._gone(tuple(self.agent.legs)), "audit")
            case TimerFired(message="leave"):
                if self.known and self.agent.is_done and not self.held:
                    return Stop("normal")
                self.start_timer(LINGER, "leave")
            case _:
                return super().handle_info(message)
        return None

    # Reading

    async def _load(self) -> tuple[Document | None, dict[str, Leg]]:
        """The user, and the agent's legs."""
        return await self._user(), await self._legs()

    async def _user(self) -> Document | None:
        try:
            user = await StoreClient(self).get(account_db(self.account_id), self.agent.agent_id)
        except NotFound:
            return None
        return user if user.get("pvt_type") == "user" and not is_deleted(user) else None

    async def _legs(self) -> dict[str, Leg]:
        rows = await self.call(CHANNELS, QueryAccountChannelsReq(account_id=self.account_id), timeout=10.0)
        assert isinstance(rows, QueryAccountChannelsResp)
        found = {}
        for row in rows.channels:
            if row.get("owner_id") == self.agent.agent_id:
                leg = await self.call(CHANNELS, ChannelStatusReq(call_id=str(row["uuid"])))
                if isinstance(leg, ChannelStatusResp) and leg.status != "terminated":
                    found[str(row["uuid"])] = Leg.of(leg.custom_channel_vars, bool(row.get("answered")))
        return found

    def _loaded(self, value: Any, error: Any) -> None:
        if error is not None:
            self.log.warning("agent_not_read", agent_id=self.agent.agent_id, error=str(error))
            self._later("load")
            return
        user, legs = value
        self.retry = RETRY_FIRST
        before = self.agent.document()
        self.agent.find(self._now(), legs)
        self.known = True
        self._belongs(user)
        self._changed(save=self.agent.document() != before)
        while self.held:
            request, sender = self.held.popleft()
            if sender is None:
                self._hear(request)
            elif isinstance(answer := self._answer(request, sender), Reply):
                self.reply(sender, answer.value)

    def _belongs(self, user: Document | None) -> None:
        """The user document says which queues the agent works for. A user who is gone works no more."""
        before = self.queues
        self.is_user = user is not None
        listed = user.get("queues") if user is not None else None
        self.queues = (
            tuple(dict.fromkeys(each for each in listed if isinstance(each, str)))[:MOST_QUEUES]
            if (isinstance(listed, list))
            else ()
        )
        limit = user.get("max_connect_failures") if user is not None else None
        self.agent.max_missed = limit if type(limit) is int and limit > 0 else MAX_CONNECT_FAILURES
        if not self.is_user and self.agent.at_work != "logged_out":
            self.agent.log_out()
            self._changed(save=True)
        elif self.queues != before:
            self._changed()
        for queue_id in set(before) - set(self.queues):
            cast_if_there(self, queue_name(self.account_id, queue_id), self._is())

    async def _change_queues(self, queue_id: str, belongs: bool) -> Document | None:
        def changed(user: Document) -> Document | None:
            listed = user.get("queues")
            others = [each for each in listed if each != queue_id] if isinstance(listed, list) else []
            after = [*others, queue_id][-MOST_QUEUES:] if belongs else others
            return None if is_deleted(user) or set(after) == set(listed or ()) else {**user, "queues": after}

        try:
            await update(StoreClient(self), account_db(self.account_id), self.agent.agent_id, changed)
        except NotFound:
            return None
        return await self._user()

    # Its phones

    def _leg(self, event: Any) -> None:
        now, agent = self._now(), self.agent
        self.told_since.add(event.call_id)
        if isinstance(event, ChannelDestroyed):
            if event.call_id not in agent.legs and event.call_id not in agent.talking:
                return
            elsewhere = event.hangup_cause in TAKEN_ELSEWHERE
            self._changed(save=agent.leg_ended(now, event.call_id, elsewhere))
            return
        leg = Leg.of(event.custom_channel_vars, isinstance(event, ChannelAnswered))
        self._changed(save=agent.leg_is(event.call_id, leg))

    def _rechecked(self, legs: dict[str, Leg] | None, error: Any) -> None:
        """The channel table has told of all legs; what was heard of one since the question is newer."""
        if legs is None:
            self.log.info("agent_not_rechecked", error=str(error))
            self._later("legs")
            return
        newer, before = self.told_since, self.agent.document()
        found = {leg_id: leg for leg_id, leg in legs.items() if leg_id not in newer}
        known = {leg_id: leg for leg_id, leg in self.agent.legs.items() if leg_id in newer}
        self.agent.find(self._now(), {**found, **known})
        self._changed(save=self.agent.document() != before)

    async def _gone(self, legs: tuple[str, ...]) -> tuple[str, ...]:
        """Which of these legs are not up any more."""
        found = []
        for leg_id in legs:
            answer = await self.call(CHANNELS, ChannelStatusReq(call_id=leg_id))
            if isinstance(answer, ChannelStatusResp) and answer.status == "terminated":
                found.append(leg_id)
        return tuple(found)

    def _audited(self, gone: tuple[str, ...], error: Any) -> None:
        if error is not None:
            self.log.info("agent_not_audited", error=str(error))
        for leg_id in gone:
            if leg_id in self.agent.legs:
                self._changed(save=self.agent.leg_ended(self._now(), leg_id, False))
        self.told_since.clear()
        self.start_timer(AUDIT_EVERY, "audit")

    # Telling and saving

    def _is(self) -> AgentIs:
        return self.agent.told(self._now(), self.queues)

    def _changed(self, *, save: bool = False, answer: tuple[From, bool | None] | None = None) -> None:
        """Something may be different: who needs to know is told, and what must be remembered saved."""
        if not self.known:
            return
        now, told = self._now(), self._is()
        if told != self.last:
            if self.last is None or told.status != self.last.status:
                agent_changed(self, self.account_id, told, now)
            self.last = told
            for queue_id in self.queues:
                cast_if_there(self, queue_name(self.account_id, queue_id), told)
        if self.change is not None:
            self.change.cancel()
            self.change = None
        if (due := self.agent.next_change(now)) is not None:
            self.change = self.start_timer(due - now + 0.001, "change")
        if save:
            self.save(self.agent.document())
        if answer is not None:
            # Both wait for what was saved.
            sender, granted = answer
            self.reply(sender, self._is() if granted is None else Granted(self.agent.agent_id, granted))

    def _later(self, what: str) -> None:
        self.start_timer(self.retry, what)
        self.retry = min(self.retry * 2, RETRY_MOST)

    def _tell_missed(self, call_id: str, offer: str, cause: str) -> None:
        publish(
            self,
            CallMissed(
                call_id,
                self.account_id,
                offer.partition("/")[0],
                agent_id=self.agent.agent_id,
                miss_reason=cause or None,
                miss_timestamp=gregorian(self._now()),
            ),
        )

    def _now(self) -> float:
        return float(self.node.clock.time())

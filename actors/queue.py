"""A queue: one process that knows who waits, in which order, and brings each caller and a free agent together.

It is an entity, one in the whole cluster, started by the first message, or where its node was lost. It saves its line
(who waits, since when, with which priority), and a member is told its place when that is written; the member has it,
too, in its checkpoint on the switch. What an agent is doing is the agent's to know; the turn in the strategies follows
from what agents tell. A successor has the line, reads the document, asks the agents, and waits a moment for members
that the channel table says are its own and that it does not know, before it offers anybody to anybody.

Who rings agents is the member's own executor (`whapps/callflow/actions/acdc_member.py`): its bridge is carried out once
whoever dies. OTP: a gen_server. It ends when it has neither members nor agents.
"""

from __future__ import annotations

import asyncio
import uuid as uuids
from collections import deque
from dataclasses import replace
from typing import Any, Final

from mirliton.actors.agent_state import AgentState
from mirliton.actors.kapi import acdc_queue, acdc_stats
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
)
from mirliton.actors.queue_line import Member, Rules, chosen, in_order, line, restored
from mirliton.actors.queue_news import publish
from mirliton.actors.queueing import (
    MEMBER_VAR,
    QUEUE_VAR,
    AgentIs,
    AskQueue,
    Granted,
    Joined,
    JoinQueue,
    LeaveQueue,
    NotJoined,
    Offered,
    QueueIs,
    Release,
    ReloadQueue,
    Reserve,
    TellQueue,
    TurnedOut,
    agent_name,
    cast_if_there,
    ids_of,
    queue_name,
)
from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import gregorian, is_deleted
from mirliton.actors.store.names import account_db
from mirliton.actors.switching import CHANNELS, as_far_as_known
from mirliton.runtime import (
    CallError,
    Completed,
    Continue,
    Down,
    From,
    NoReply,
    Ref,
    Reply,
    Stop,
    TimerFired,
)
from mirliton.supervisors.entities import Entity, entities_of

RETRY_FIRST: Final = 0.25
"""Pause before a document that could not be read is tried again; each time it doubles."""
RETRY_MOST: Final = 10.0
REBUILDING: Final = 2.0
"""Seconds in which members that waited before may come back first; an executor is restarted within milliseconds."""
AUDIT_EVERY: Final = 15.0
UNSEEN: Final = 60.0
"""Seconds after which a member that waits and says nothing is one no more: it says so every ten."""
PATIENCE: Final = 30.0
"""Seconds beyond the time of ringing in which a member must say what came of an offer: it may hear something first."""
ASK_TIMEOUT: Final = 3.0
MOST_WAITING: Final = 10_000


class Queue(Entity):
    """One queue, under `queue_name(account_id, queue_id)`."""

    mailbox_limit = 100_000
    mailbox_overflow = "refuse"

    def init(self, key: str, state: Any) -> NoReply:
        self.account_id, self.queue_id = ids_of(key)
        self.rules = Rules()
        self.known = False
        self.held: deque[tuple[JoinQueue, From]] = deque(maxlen=MOST_WAITING)
        """Who joined before the document was read; of more the oldest have given up by then, and come again."""
        self.members: dict[str, Member] = restored(state)
        self.seen: dict[str, float] = {}
        self.watched: dict[Ref, str] = {}
        self.agents: dict[str, AgentIs] = {}
        """The agents at work."""
        self.expected: set[str] = set()
        """Calls that waited here before, of which nothing is known yet."""
        self.retry = RETRY_FIRST
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"known": self.known, "expected": len(self.expected), "queue": self._is()}

    @property
    def waiting(self) -> int:
        """Callers who wait, also those that an agent is rung for."""
        return len(self.members)

    def handle_continue(self, argument: Any) -> None:
        self.background(self._load(), "load")
        self.start_timer(AUDIT_EVERY, "audit")

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case JoinQueue():
                if not self.known:
                    self.held.append((request, sender))
                    return NoReply()
                return Reply(self._join(request))
            case AskQueue():
                return Reply(self._is())
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        match request:
            case LeaveQueue():
                self._leave(request)
            case AgentIs():
                self._agent(request)
            case ReloadQueue():
                self.background(self._document(), "document")
            case _:
                return super().handle_cast(request)
        return None

    def handle_info(self, message: Any) -> Any:
        match message:
            case Completed(tag="load", value=value, error=error):
                self._loaded(value, error)
            case Completed(tag="document", value=doc, error=None):
                self.rules = Rules.of(doc)
                self._match()
            case Completed(tag=("asked", call_id, offer), value=granted):
                self._asked(call_id, offer, granted)
            case Completed(tag="audit", value=gone, error=error):
                self._audited(gone, error)
            case TimerFired(message="load"):
                self.background(self._load(), "load")
            case TimerFired(message="rebuilt"):
                self.expected.clear()
                self._match()
            case TimerFired(message=("offer", call_id, offer)):
                self._unanswered(call_id, offer)
            case TimerFired(message="audit"):
                if self.known and not (self.members or self.agents or self.held):
                    return Stop("normal")
                self.background(self._gone(self._doubtful()), "audit")
            case Down(ref=ref) if ref in self.watched:
                self.members[self.watched.pop(ref)].ref = None
            case _:
                return super().handle_info(message)
        return None

    # Reading

    async def _load(self) -> tuple[Document, list[str], set[str], set[str], list[str]]:
        """The document, the queue's agents, which of them are at work, the calls that wait here, and which of those
        that did are not up any more."""
        store, db = StoreClient(self), account_db(self.account_id)
        doc = await self._document()
        rows = (await store.view(db, "queues/agents_listing", key=self.queue_id)).rows
        roster = [str(row.id) for row in rows]
        entities = entities_of(self.node)
        names = [agent_name(self.account_id, agent_id) for agent_id in roster]
        saved = await entities.saved(names) if entities is not None and names else []
        working = {
            agent_id
            for agent_id, state in zip(roster, saved, strict=False)
            if AgentState.of(agent_id, state or {}).at_work != "logged_out"
        }
        own = await self._own_calls()
        return doc, roster, working, own, await self._gone([call for call in self.members if call not in own])

    async def _document(self) -> Document:
        try:
            doc = await StoreClient(self).get(account_db(self.account_id), self.queue_id)
        except NotFound:
            return {}
        return {} if is_deleted(doc) else doc

    async def _own_calls(self) -> set[str]:
        asked = QueryAccountChannelsReq(account_id=self.account_id)
        answer = as_far_as_known(await self.call(CHANNELS, asked, timeout=10.0))
        assert isinstance(answer, QueryAccountChannelsResp)
        found = set()
        for row in answer.channels:
            if row.get("direction") != "inbound" or row.get("other_leg"):
                continue
            leg = await self.call(CHANNELS, ChannelStatusReq(call_id=str(row["uuid"])))
            known = leg.custom_channel_vars if isinstance(leg, ChannelStatusResp) else {}
            if known.get(QUEUE_VAR) == self.queue_id and not known.get(MEMBER_VAR):
                found.add(str(row["uuid"]))
        return found

    def _loaded(self, value: Any, error: Any) -> None:
        if error is not None:
            self.log.warning("queue_not_read", queue_id=self.queue_id, error=str(error))
            self.start_timer(self.retry, "load")
            self.retry = min(self.retry * 2, RETRY_MOST)
            return
        doc, roster, working, own, gone = value
        self.rules = Rules.of(doc)
        self.known = True
        for call_id in gone:
            self._leave(LeaveQueue(call_id, "member_hungup"))
        for member in self.members.values():
            self._watch(member)
        self.expected = own - self.members.keys()
        for agent_id in roster:
            if agent_id in working:
                # Until it says itself what it is doing.
                self.agents.setdefault(agent_id, AgentIs(agent_id, "outbound"))
            cast_if_there(self, agent_name(self.account_id, agent_id), TellQueue(self._name, self.queue_id))
        if self.expected:
            self.start_timer(REBUILDING, "rebuilt")
        while self.held:
            request, sender = self.held.popleft()
            self.reply(sender, self._join(request))

    # Members

    def _join(self, request: JoinQueue) -> Joined | NotJoined:
        now = self._now()
        member = self.members.get(request.call_id)
        if member is None:
            if request.entered is None and (refusal := self._refusal()) is not None:
                return refusal
            priority = max(0, min(self.rules.highest_priority, request.priority))
            member = Member(
                request.call_id, request.member, now if request.entered is None else request.entered, priority
            )
            self.members[member.call_id] = member
            self.save(line(self.members.values()))
            if request.entered is None:
                self._tell_entered(member)
        member.address = request.member
        self._watch(member)
        self.expected.discard(member.call_id)
        if request.offer and request.offer != member.over:
            for agent_id in request.agents:
                self._release(agent_id, member.call_id, request.offer, missed=True, cause=request.cause)
            member.over = request.offer
            if member.offer == request.offer:
                member.offer, member.agents = "", ()
        if member.agents:
            self.send(member.address, Offered(self.queue_id, member.offer, member.agents))
        self._turn_out(member)
        self._match()
        return Joined(member.entered, self._position(member))

    def _watch(self, member: Member) -> None:
        """It has spoken, or is taken over from a predecessor."""
        self.seen[member.call_id] = self._now()
        if member.ref is None:
            member.ref = self.monitor(member.address)
            self.watched[member.ref] = member.call_id

    def _refusal(self) -> NotJoined | None:
        if len(self.members) >= self.rules.room:
            return NotJoined("full")
        return NotJoined("empty") if not self.rules.enter_when_empty and not self.agents else None

    def _position(self, member: Member) -> int:
        return 1 + sum(other.place < member.place for other in self.members.values())

    def _leave(self, request: LeaveQueue) -> None:
        for agent_id in request.agents:
            self._release(agent_id, request.call_id, request.offer)
        member = self.members.get(request.call_id)
        self.expected.discard(request.call_id)
        if member is not None:
            self._remove(member)
            if request.reason == "served":
                self._tell_left(member)
            else:
                self._tell_left(member, request.reason)
        self._match()

    def _remove(self, member: Member) -> None:
        """It waits no more. Whoever was offered to it is free."""
        del self.members[member.call_id]
        self.save(line(self.members.values()))
        self.seen.pop(member.call_id, None)
        if member.ref is not None:
            self.demonitor(member.ref, flush=True)
            del self.watched[member.ref]
        for agent_id in member.agents:
            self._release(agent_id, member.call_id, member.offer)

    def _release(self, agent_id: str, call_id: str, offer: str, *, missed: bool = False, cause: str = "") -> None:
        self.cast(agent_name(self.account_id, agent_id), Release(call_id, offer, missed, cause))

    # Agents

    def _agent(self, told: AgentIs) -> None:
        if self.queue_id in told.queues and told.status != "logged_out":
            self.agents[told.agent_id] = told
        else:
            self.agents.pop(told.agent_id, None)
        member = self.members.get(told.call_id)
        if told.status == "answered" and member is not None:
            member.agents = tuple(other for other in member.agents if other != told.agent_id)
            self._remove(member)
            self._tell_left(member, agent_id=told.agent_id)
        elif told.offer and member is not None and member.waits and told.offer != member.over:
            # Kept free by a predecessor of this process, who died before it could offer it.
            member.offer, member.agents = told.offer, (told.agent_id,)
            self._offer(member)
        for each in self.members.values():
            self._turn_out(each)
        self._match()

    def _turn_out(self, member: Member) -> None:
        """A queue in which callers may not wait without agents has none any more."""
        if self.known and not self.agents and not self.rules.enter_when_empty and member.waits:
            self.send(member.address, TurnedOut(self.queue_id))

    # Bringing both together

    def _match(self) -> None:
        """Offer free agents to the members that are next."""
        if not self.known or self.expected:
            return
        taken = {agent_id for member in self.members.values() for agent_id in (*member.asked, *member.agents)}
        free = [told for told in self.agents.values() if told.status == "ready" and told.agent_id not in taken]
        if not free:
            return
        for member in in_order(member for member in self.members.values() if member.waits):
            wanted = chosen(self.rules, free)
            if not wanted:
                return
            member.offer = f"{self.queue_id}/{uuids.uuid4().hex}"
            member.asked = set(wanted)
            self.background(self._ask(member.call_id, member.offer, wanted), ("asked", member.call_id, member.offer))
            free = [told for told in free if told.agent_id not in member.asked]

    async def _ask(self, call_id: str, offer: str, wanted: list[str]) -> dict[str, bool]:
        """Which of these agents will take the member."""
        request = Reserve(self._name, self.queue_id, call_id, offer, self.rules.ring_timeout + PATIENCE)
        asks = (self.call(agent_name(self.account_id, agent_id), request, timeout=ASK_TIMEOUT) for agent_id in wanted)
        answers = await asyncio.gather(*asks, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, CallError):
                raise answer
        return {
            agent_id: isinstance(answer, Granted) and answer.granted
            for agent_id, answer in zip(wanted, answers, strict=True)
        }

    def _asked(self, call_id: str, offer: str, answers: dict[str, bool] | None) -> None:
        member = self.members.get(call_id)
        wanted = member is not None and member.offer == offer
        asked = (
            answers
            if answers is not None
            else dict.fromkeys(member.asked if member is not None and wanted else (), False)
        )
        granted = tuple(agent_id for agent_id, grants in asked.items() if grants)
        for agent_id in asked.keys() - set(granted):
            # It is not what it said last, or it is being restarted and will say what it is. It may also have kept
            # itself free and died before it could say so.
            self._release(agent_id, call_id, offer)
            if agent_id in self.agents:
                self.agents[agent_id] = replace(self.agents[agent_id], status="outbound")
            self.cast(agent_name(self.account_id, agent_id), TellQueue(self._name, self.queue_id))
        if member is None or not wanted:
            for agent_id in granted:
                self._release(agent_id, call_id, offer)
            return
        member.asked = set()
        if not granted:
            member.offer = ""
            self._match()
            return
        member.agents = granted
        self._offer(member)

    def _offer(self, member: Member) -> None:
        self.send(member.address, Offered(self.queue_id, member.offer, member.agents))
        self.start_timer(self.rules.ring_timeout + PATIENCE, ("offer", member.call_id, member.offer))

    def _unanswered(self, call_id: str, offer: str) -> None:
        """The member said nothing of an offer for too long: it may ring for somebody else's sake, or be gone."""
        member = self.members.get(call_id)
        if member is None or member.offer != offer:
            return
        for agent_id in member.agents:
            self._release(agent_id, call_id, offer)
        member.over, member.offer, member.agents = offer, "", ()
        self._match()

    # Looking after members

    def _doubtful(self) -> list[str]:
        """Members whose executor is not there, or who say nothing."""
        now = self._now()
        return [
            member.call_id
            for member in self.members.values()
            if member.ref is None or (member.waits and now - self.seen[member.call_id] > UNSEEN)
        ]

    async def _gone(self, calls: list[str]) -> list[str]:
        """Which of these calls are not up any more."""
        found = []
        for call_id in calls:
            answer = await self.call(CHANNELS, ChannelStatusReq(call_id=call_id))
            if isinstance(answer, ChannelStatusResp) and answer.status == "terminated":
                found.append(call_id)
        return found

    def _audited(self, gone: list[str] | None, error: Any) -> None:
        if error is not None:
            self.log.info("queue_not_audited", queue_id=self.queue_id, error=str(error))
        now = self._now()
        for call_id in gone or ():
            if call_id in self.members:
                self._leave(LeaveQueue(call_id, "member_hungup"))
        for member in [member for member in self.members.values() if member.waits]:
            if now - self.seen[member.call_id] > 2 * UNSEEN:
                # Its call goes on, with something else.
                self._leave(LeaveQueue(member.call_id, "member_exit"))
        self.start_timer(AUDIT_EVERY, "audit")

    # Telling

    def _is(self) -> QueueIs:
        members = in_order(self.members.values())
        return QueueIs(
            tuple(member.call_id for member in members if not member.agents),
            {member.call_id: member.agents for member in members if member.agents},
            {agent_id: told.status for agent_id, told in self.agents.items()},
        )

    def _tell_entered(self, member: Member) -> None:
        entered = gregorian(member.entered)
        publish(self, acdc_stats.CallWaiting(member.call_id, self.account_id, self.queue_id, entered_timestamp=entered))
        publish(self, acdc_queue.QueueMemberAdd(self.account_id, self.queue_id, {"Call-ID": member.call_id}))

    def _tell_left(self, member: Member, reason: str = "", agent_id: str | None = None) -> None:
        ids, now = (member.call_id, self.account_id, self.queue_id), gregorian(self._now())
        publish(self, acdc_queue.QueueMemberRemove(self.account_id, self.queue_id, member.call_id))
        if reason:
            publish(self, acdc_stats.CallAbandoned(*ids, abandon_reason=reason, abandon_timestamp=now))
            publish(self, acdc_queue.MemberCallFailure(self.account_id, self.queue_id, member.call_id, reason))
        else:
            publish(self, acdc_stats.CallHandled(*ids, agent_id=agent_id, handled_timestamp=now))
            publish(self, acdc_queue.MemberCallSuccess(self.account_id, self.queue_id, None, agent_id, member.call_id))

    @property
    def _name(self) -> Any:
        return queue_name(self.account_id, self.queue_id)

    def _now(self) -> float:
        return float(self.node.clock.time())

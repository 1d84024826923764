"""acdc_member: wait in a queue until an agent takes the call. Kazoo: cf_acdc_member, acdc_queue_fsm.

The queue says when which agents are free for this caller (`actors/queue.py`); ringing them is done here, by a bridge
that no kill repeats.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mirliton.actors.kapi.call import DtmfReceived
from mirliton.actors.kapi.dialplan import Answer, Bridge, Endpoint, Hold, Play, RecordCall, Set
from mirliton.actors.queueing import (
    QUEUE_VAR,
    Joined,
    JoinQueue,
    LeaveQueue,
    NotJoined,
    Offered,
    TurnedOut,
    queue_name,
    vars_of_a_call_for,
)
from mirliton.actors.store import Document
from mirliton.actors.switching import CHANNELS, CallEnded, LegEvent, LegOwned, executor_name
from mirliton.runtime import Down, Ref
from mirliton.whapps.callflow import recordings
from mirliton.whapps.callflow.endpoints import distinct, required_id, user_endpoints
from mirliton.whapps.callflow.errors import CallGone, InvalidFlow
from mirliton.whapps.callflow.fields import flag, mapping, number, text
from mirliton.whapps.callflow.media import media_name
from mirliton.whapps.callflow.queueing import ask_queue, queue_document
from mirliton.whapps.callflow.ringing import answered, failure, picked_up
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script, is_gone
from mirliton.whapps.callflow.talking import Medium, Piece, Prompt, Spell, announce
from mirliton.whapps.callflow.wishes import Wishes

MUSIC: Final = "local_stream://moh"
COME_AGAIN: Final = 10.0
"""Seconds after which a waiting call tells the queue that it still is there."""
MOMENT: Final = 0.02
"""Seconds that a queue gets to be restarted before it is asked."""
EXIT_KEYS: Final = "0123456789*#"
NOT_RUNG: Final = "USER_NOT_REGISTERED"


async def run(call: Script, data: Data) -> Outcome:
    """`id` (the queue), `priority`. Child: `_`, where the queue is full, or nobody works for it and it does not let
    callers wait for that, after `connection_timeout`, and for a caller who presses the `caller_exit_key`.

    The state is {"entered": the unix time of its coming, which is its place in the queue, "said": when it was told
    its place, and what is under way: the "offer" and "agents" it is to ring, the place to "say", why it has "left"}.
    """
    queue_id = required_id("acdc_member", data)
    visit = Visit(call, queue_id, await queue_document(call, queue_id), _priority(call, data))
    if call.state is None and not await visit.enter():
        return Next()
    try:
        return await visit.go()
    except CallGone:
        visit.leave("member_hungup")
        raise


class Visit:
    """A caller's stay in a queue."""

    def __init__(self, call: Script, queue_id: str, queue: Document, priority: int) -> None:
        self._call = call
        self._queue_id = queue_id
        self._queue = queue
        self._priority = priority
        self._watching: Ref | None = None
        self._position = 1
        key = queue.get("caller_exit_key", "#")
        self._exit_key = key if isinstance(key, str) and len(key) == 1 and key in EXIT_KEYS else "#"
        self._ring_timeout = float(number(queue, "agent_ring_timeout", 15, 1, 3600))

    async def enter(self) -> bool:
        """Come into the queue; False when it does not let this caller in."""
        call = self._call
        await self._forget_keys()
        answer = await ask_queue(call, self._queue_id, JoinQueue(call.id, executor_name(call.id), None, self._priority))
        if not isinstance(answer, Joined):
            reason = answer.reason if isinstance(answer, NotJoined) else "the queue does not answer"
            call.log.info("queue_not_entered", queue_id=self._queue_id, reason=reason)
            return False
        call.mark({"entered": answer.entered, "said": answer.entered})
        return True

    async def go(self) -> Outcome:
        """Wait and ring until it is over."""
        call = self._call
        if "noted" not in call.state:
            await self._be_noted(self._queue_id)
            await call.execute(Answer(call.id))
            call.mark({**call.state, "noted": True})
        while True:
            state = call.state
            if "left" in state:
                # Marked, so that a successor leaves too, and does not come back into the queue.
                await call.safe()
                self.leave(state["left"])
                await self._be_noted("")
                return Next()
            if "agents" in state:
                outcome = await self._ring(state)
                if outcome is not None:
                    return outcome
            elif "say" in state:
                await announce(call, await self._place(state["say"]))
                call.mark(_without(state, "say"))
            else:
                await call.execute(Hold(call.id, await self._music()))
                call.mark({**state, **await self._wait(state)})

    def leave(self, reason: Any) -> None:
        """Tell the queue that this caller is out."""
        call = self._call
        state = call.state or {}
        agents = tuple(state.get("agents", ()))
        left = LeaveQueue(call.id, reason, state.get("offer", ""), agents)
        call.process.cast(queue_name(call.account_id, self._queue_id), left)

    async def _be_noted(self, queue_id: str) -> None:
        """Have the channel say in which queue it is, and the channel table know."""
        call = self._call
        await call.execute(Set(call.id, custom_channel_vars={QUEUE_VAR: queue_id}))
        call.process.send(CHANNELS, LegOwned(call.id, {QUEUE_VAR: queue_id}))

    # Waiting

    async def _wait(self, state: dict[str, Any]) -> dict[str, Any]:
        """Listen to music until something is to be done: what is new in the state. Raises CallGone."""
        call, process = self._call, self._call.process
        clock = process.node.clock
        await self._join(state)
        again = clock.time() + COME_AGAIN
        timeout, interval = number(self._queue, "connection_timeout", 3600, 0, 86_400), self._interval()
        ends = state["entered"] + timeout if timeout else None
        speaks = state["said"] + interval if interval else None
        while True:
            now = clock.time()
            if ends is not None and now >= ends:
                return {"left": "member_timeout"}
            if speaks is not None and now >= speaks:
                return {"say": self._position, "said": now}
            try:
                until = min(moment for moment in (again, ends, speaks) if moment is not None)
                news = await process.receive(_is_news, max(0.0, until - now))
            except TimeoutError:
                if clock.time() < again:
                    continue
                if await is_gone(process, call.id):
                    raise CallGone(call.id, "NORMAL_UNSPECIFIED") from None
                await self._join(state)
                again = clock.time() + COME_AGAIN
                continue
            match news:
                case CallEnded(hangup_cause=cause):
                    raise CallGone(call.id, cause)
                case Offered(queue_id, offer, agents) if queue_id == self._queue_id and offer != state.get("over"):
                    return {"offer": offer, "agents": list(agents)}
                case TurnedOut(queue_id) if queue_id == self._queue_id:
                    return {"left": "member_exit_empty"}
                case LegEvent(event=DtmfReceived(dtmf_digit=digit)) if digit == self._exit_key:
                    return {"left": "member_exit"}
                case Down(ref=ref) if ref == self._watching:
                    await process.sleep(MOMENT)
                    await self._join(state)

    async def _join(self, state: dict[str, Any]) -> None:
        """Tell the queue, which may be new, that this caller waits, and since when."""
        call = self._call
        if self._watching is not None:
            call.process.demonitor(self._watching, flush=True)
        request = JoinQueue(
            call.id,
            executor_name(call.id),
            state["entered"],
            self._priority,
            state.get("over", ""),
            tuple(state.get("rung", ())),
            state.get("cause", ""),
        )
        answer = await ask_queue(call, self._queue_id, request, attempts=2)
        if isinstance(answer, Joined):
            self._position = answer.position
        else:
            call.log.warning("queue_does_not_answer", queue_id=self._queue_id)
        self._watching = call.process.monitor(queue_name(call.account_id, self._queue_id))

    async def _forget_keys(self) -> None:
        """What was pressed before is not meant for the queue."""
        while True:
            try:
                await self._call.process.receive(_is_key, 0)
            except TimeoutError:
                return

    def _interval(self) -> float | None:
        """Seconds between announcements; None where there are none."""
        wishes = mapping(self._queue, "announcements")
        if not flag(wishes, "position_announcements_enabled", False):
            return None
        return float(number(wishes, "interval", 30, 15, 86_400))

    async def _place(self, position: int) -> list[Piece]:
        media = mapping(mapping(self._queue, "announcements"), "media")
        return [
            await self._said(media, "you_are_at_position"),
            Spell(str(position), "number"),
            await self._said(media, "in_the_queue"),
        ]

    async def _said(self, media: dict[str, Any], name: str) -> Piece:
        own = text(media, name)
        if own is not None:
            try:
                return Medium(await media_name(self._call, own))
            except InvalidFlow as error:
                self._call.log.warning("announcement_missing", error=str(error))
        return Prompt(f"queue-{name}")

    async def _music(self) -> str:
        own = text(self._queue, "moh")
        if own is not None:
            try:
                return await media_name(self._call, own)
            except InvalidFlow as error:
                self._call.log.warning("music_missing", error=str(error))
        return MUSIC

    # Ringing

    async def _ring(self, state: dict[str, Any]) -> Outcome | None:
        """Ring the agents of an offer. Done when one took the call (and it is over since); else the wait goes on."""
        call = self._call
        endpoints = await self._endpoints(state["agents"])
        cause = NOT_RUNG
        if endpoints:
            await self._prepare(state)
            result = await call.execute(
                Bridge(
                    call.id,
                    tuple(endpoints),
                    timeout=self._ring_timeout,
                    dial_endpoint_method="simultaneous",
                    ignore_early_media=True,
                    ringback=await self._music(),
                )
            )
            if answered(result) or picked_up(result):
                if picked_up(result) and not answered(result):
                    await call.parted()
                self.leave("served")
                return Done()
            cause = failure(result)
        call.log.info("agents_rung_in_vain", queue_id=self._queue_id, cause=cause)
        rested = _without(call.state, "agents", "offer")
        call.mark({**rested, "over": state["offer"], "rung": state["agents"], "cause": cause, "prepared": True})
        return None

    async def _prepare(self, state: dict[str, Any]) -> None:
        """What is done once, before the first agent is rung: a recording begins, and the caller is told."""
        call = self._call
        if state.get("prepared"):
            return
        if flag(self._queue, "record_caller", False):
            if "recording" not in call.state:
                planned = await recordings.planned(call, {"url": self._queue.get("recording_url")})
                call.mark({**call.state, "recording": planned})
            await self._record(call.state["recording"])
        medium = text(self._queue, "announce")
        if medium is not None:
            try:
                await call.execute(Play(call.id, await media_name(call, medium)))
            except InvalidFlow as error:
                call.log.warning("announcement_missing", error=str(error))

    async def _record(self, recording: recordings.Recording) -> None:
        """Record the call from its connection on; it is delivered when the call has ended."""
        call = self._call
        await recordings.begin(call, recording, f"acdc : {self._queue_id}")
        others = [other for other in call.kept(recordings.KEPT, []) if other != recording]
        call.keep(**{recordings.KEPT: [*others, recording]})
        limit = float(recordings.TIME_LIMIT)
        wishes = {"RECORD_BRIDGE_REQ": "true"}
        start = RecordCall(call.id, "start", recording["file"], time_limit=limit, recording_variables=wishes)
        result = await call.attempt(start)
        if result.status == "gone":
            raise CallGone(call.id, result.response)
        if result.status == "refused":
            call.log.error("recording_refused", answer=result.response)
            call.keep(**{recordings.KEPT: others or None})
            await recordings.discard(call, recording)

    async def _endpoints(self, agents: list[str]) -> list[Endpoint]:
        """The phones of the agents, less those that are not for queues."""
        call = self._call
        wrapup = number(self._queue, "agent_wrapup_time", 0, 0, 86_400)
        found = []
        for agent_id in agents:
            marks = vars_of_a_call_for(agent_id, self._queue_id, call.id, wrapup)
            for endpoint in await user_endpoints(call, agent_id, Wishes(timeout=self._ring_timeout, direct=False)):
                device = await call.document(endpoint.endpoint_id) if endpoint.endpoint_id else {}
                if not flag(device, "exclude_from_queues", False):
                    found.append(replace(endpoint, custom_channel_vars={**endpoint.custom_channel_vars, **marks}))
        return distinct(found)


def _priority(call: Script, data: Data) -> int:
    wish = data.get("priority", call.vars.get("Call-Priority"))
    if isinstance(wish, str) and wish.isascii() and wish.isdecimal():
        wish = int(wish[:4])
    return wish if type(wish) is int and wish > 0 else 0


def _without(state: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in names}


def _is_key(message: Any) -> bool:
    return isinstance(message, LegEvent) and isinstance(message.event, DtmfReceived)


def _is_news(message: Any) -> bool:
    return isinstance(message, CallEnded | Offered | TurnedOut | Down) or _is_key(message)

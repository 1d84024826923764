"""The connection to one switch: commands out, events in. It keeps nothing but its sockets.

It translates both ways and passes on: events to the channel table and to the call they belong to, answers to whoever
asked. On the nodes of a cluster it sends nothing when another may be acting for the switch. When it is restarted it
connects anew and everybody compares what they know with the switch, since what happened
meanwhile was told to nobody.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from mirliton.actors.conferencing import ConferenceCommand, ListRoom, conference_name
from mirliton.actors.kapi.media import MediaReq, MediaResp
from mirliton.actors.kapi.registration import RegQuery
from mirliton.actors.switching import (
    MEDIA,
    SWITCH_NEWS,
    Dispatch,
    Dump,
    LegEvent,
    LegParked,
    LegRenamed,
    ListLegs,
    Refused,
    Settle,
    SetVariables,
    SwitchApi,
    SwitchDown,
    SwitchUnavailable,
    SwitchUp,
    call_name,
    channels_name,
    switch_group,
)
from mirliton.ecallmgr import conferences
from mirliton.ecallmgr.call_events import call_event, described, result_variables
from mirliton.ecallmgr.errors import SwitchNotUsable
from mirliton.ecallmgr.esl.errors import CommandRefused, EslError, InvalidCommand
from mirliton.ecallmgr.esl.events import Event
from mirliton.ecallmgr.leg_record import cdr_report
from mirliton.ecallmgr.plan import PROMPTS
from mirliton.ecallmgr.registration_rows import by_proxy
from mirliton.ecallmgr.registrations import REGISTRAR, RegistrationEvent
from mirliton.ecallmgr.sockets import Sockets
from mirliton.ecallmgr.sockets import SwitchAddress as SwitchAddress
from mirliton.ecallmgr.switch_commands import BESIDE, SwitchCommands, Turns
from mirliton.ecallmgr.translate import Surroundings
from mirliton.runtime import (
    CallError,
    Completed,
    Continue,
    From,
    GenServer,
    NoReply,
    Reply,
    TimerFired,
    TimerRef,
    message,
)
from mirliton.supervisors.failover import leave_to_act

PROXY_TIMEOUT: Final = 2.0
"""Seconds that finding a phone's proxy may take; then the phone counts as not registered."""
MEDIA_TIMEOUT: Final = 1.0
"""Seconds that finding a medium may take; then the switch's own is played."""
SPEECH_TIMEOUT: Final = 6.0
"""Seconds that speaking a text may take; then the switch itself speaks it."""
JOB_TIMEOUT: Final = 300.0
"""Seconds a background job of the switch may take."""
MOST_WORK: Final = 10_000
"""Requests that may be under way at once; more are told that the switch is not available."""
STEADY: Final = 10.0
"""A connection that stood for so many seconds was a good one: after it, reconnecting begins with the short pause."""


@message("ecallmgr.socket_closed")
class SocketClosed:
    """One of the two sockets has ended. `serial` says of which pair."""

    serial: int
    reason: str


@message("ecallmgr.switch_event")
class SwitchEvent:
    """An event of the switch. `serial` says by which pair of sockets it came."""

    serial: int
    event: Event


@message("ecallmgr.job")
class BackgroundJob:
    """Run an API command that may take long; the answer is its text, when the switch has it."""

    command: str


class Connection(GenServer):
    """One switch, under `switch_name(name)`. Asked while the switch is away it answers SwitchUnavailable."""

    def init(self, address: SwitchAddress, around: Surroundings) -> NoReply:
        self.address = address
        self.around = around
        self.table = channels_name(address.name)
        self.may_act = leave_to_act(self.node, switch_group(address.name))
        self.trap_exit(True)
        self.serial = 0
        """Which pair of sockets: what an earlier pair still says is old."""
        self.opening: Sockets | None = None
        self.sockets: Sockets | None = None
        self.commands: SwitchCommands | None = None
        self.run = ""
        self.pause = address.reconnect_first
        self.since = 0.0
        self.turns = Turns()
        self.under_way = 0
        self.jobs: dict[str, tuple[From, TimerRef]] = {}
        self.events_handled = 0
        self.connects = 0
        self.last_error = ""
        self.own(self._abort)
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {
            "switch": self.address.name,
            "connected": self.sockets is not None,
            "run": self.run,
            "connects": self.connects,
            "last_error": self.last_error,
            "events_handled": self.events_handled,
            "under_way": self.under_way,
            "jobs": len(self.jobs),
        }

    def handle_continue(self, argument: Any) -> None:
        self._connect()

    # What others ask

    def handle_call(self, request: Any, sender: From) -> Any:
        commands, sockets = self.commands, self.sockets
        if commands is None or sockets is None:
            return Reply(self._unavailable(self.last_error or "not connected"))
        if self.under_way >= MOST_WORK:
            return Reply(self._unavailable(f"{MOST_WORK} requests are under way"))
        work: Callable[[], Awaitable[Any]]
        match request:
            case Dispatch(call_id):
                work = self._in_turn(call_id, lambda: commands.dispatch(request))
            case Dump(call_id):
                work = self._in_turn(call_id, lambda: commands.dump(call_id))
            case SetVariables(call_id):
                work = self._in_turn(call_id, lambda: commands.set_variables(request))
            case Settle(call_id):
                work = self._in_turn(call_id, lambda: commands.settle(request))
            case ListLegs():
                work = commands.legs
            case ConferenceCommand(room):
                work = self._in_turn(room, lambda: commands.conference(request))
            case ListRoom(room):
                work = self._in_turn(room, lambda: commands.room(request))
            case SwitchApi(command, timeout):
                work = partial(sockets.commands.api, command, timeout)
            case BackgroundJob(command):
                return self._begin_job(sockets, command, sender)
            case _:
                return super().handle_call(request, sender)
        self.under_way += 1
        self.background(self._answered(work), sender)
        return NoReply()

    def _in_turn(self, call_id: str, work: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        return lambda: self.turns.take(call_id, work)

    async def _answered(self, work: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await work()
        except (CommandRefused, InvalidCommand) as error:
            return Refused("", str(error))
        except (EslError, SwitchNotUsable) as error:
            return self._unavailable(str(error))

    def _unavailable(self, reason: str) -> SwitchUnavailable:
        return SwitchUnavailable(self.address.name, reason)

    def _begin_job(self, sockets: Sockets, command: str, sender: From) -> NoReply:
        job = str(uuids.uuid4())
        self.jobs[job] = (sender, self.start_timer(JOB_TIMEOUT, ("job", job)))
        self.background(self._answered(partial(sockets.commands.bgapi, command, job)), ("job", job))
        return NoReply()

    def _end_job(self, job: str, answer: Any) -> None:
        sender, timer = self.jobs.pop(job, (None, None))
        if sender is not None and timer is not None:
            timer.cancel()
            self.reply(sender, answer)

    # News

    def handle_info(self, message: Any) -> None:
        match message:
            case SwitchEvent(serial, event):
                if serial == self.serial:
                    self._event(event)
            case Completed(tag=From() as sender, value=value, error=error):
                self.under_way -= 1
                self.reply(sender, value if error is None else self._unavailable(str(error)))
            case Completed(tag=("job", job), value=value, error=error):
                if error is not None or isinstance(value, Refused | SwitchUnavailable):
                    self._end_job(job, value if error is None else self._unavailable(str(error)))
            case TimerFired(message=("job", job)):
                self._end_job(job, self._unavailable("the job did not end in time"))
            case Completed(tag=("connect", serial), error=error):
                if serial == self.serial and error is None:
                    self._connected()
                elif serial == self.serial:
                    self._lost(getattr(error, "text", None) or str(error))
            case SocketClosed(serial, reason):
                if serial == self.serial:
                    self._lost(reason)
            case TimerFired(message="connect"):
                self._connect()
            case _:
                super().handle_info(message)

    async def terminate(self, reason: Any) -> None:
        if self.sockets is not None and self.may_act():
            await self.sockets.close(timeout=1.0)

    # The sockets

    def _abort(self) -> None:
        for sockets in (self.opening, self.sockets):
            if sockets is not None:
                sockets.abort()

    def _connect(self) -> None:
        self.serial = serial = self.serial + 1
        cell, node = self._myRef, self.node

        def take(event: Event) -> None:
            node.deliver(cell, SwitchEvent(serial, event), None)

        def closed(reason: str) -> None:
            node.deliver(cell, SocketClosed(serial, reason), None)

        lease = node.distribution.lease.length if node.distribution is not None else None
        self.opening = Sockets(
            self.address,
            on_event=take,
            on_closed=closed,
            waiting=cell.__len__,
            may_send=self.may_act,
            # Who takes over waits for longer than a lease, and till then all that was sent before must have come.
            unacknowledged=lease,
        )
        self.background(self.opening.open(), ("connect", serial))

    def _connected(self) -> None:
        assert self.opening is not None
        self.sockets, self.opening = self.opening, None
        around = self.around
        if around.sounds == PROMPTS:
            around = replace(around, sounds=self.sockets.sounds)
        self.commands = SwitchCommands(
            self.sockets.commands, self.address.name, around, self._elsewhere, self._media_at
        )
        restarted = self.run not in ("", self.sockets.run)
        self.run = self.sockets.run
        self.connects += 1
        self.last_error = ""
        self.since = self.node.clock.now()
        self.log.info("switch_connected", switch=self.address.name, restarted=restarted)
        self._tell(SwitchUp(self.address.name, restarted, self.run))

    async def _elsewhere(self, phone: str) -> str:
        """The proxies at which a phone is registered, as addresses for the switch."""
        user, _, realm = phone.rpartition("@")
        try:
            answer = await self.call(REGISTRAR, RegQuery(realm, user), timeout=PROXY_TIMEOUT)
        except CallError as error:
            self.log.warning("registrar_not_asked", error=str(error))
            return ""
        return by_proxy(phone, self.around.interface, getattr(answer, "fields", None) or ())

    async def _media_at(self, request: MediaReq) -> str:
        """The URL of a medium that somebody has recorded, or that is a text to speak."""
        timeout = SPEECH_TIMEOUT if request.text is not None else MEDIA_TIMEOUT
        try:
            answer = await self.call(MEDIA, request, timeout=timeout)
        except CallError as error:
            self.log.debug("media_mgr_not_asked", error=str(error))
            return ""
        return answer.stream_url if isinstance(answer, MediaResp) else ""

    def _lost(self, reason: str) -> None:
        self.last_error = reason
        self._abort()
        if self.sockets is not None:
            if self.node.clock.now() - self.since >= STEADY:
                self.pause = self.address.reconnect_first
            self._tell(SwitchDown(self.address.name, reason))
        self.sockets = self.opening = self.commands = None
        self.serial += 1
        for job in tuple(self.jobs):
            self._end_job(job, self._unavailable(reason))
        self.log.warning("switch_lost", switch=self.address.name, reason=reason, retry_in=self.pause)
        self.start_timer(self.pause, "connect")
        self.pause = min(self.pause * 2, self.address.reconnect_most)

    def _tell(self, news: SwitchUp | SwitchDown) -> None:
        self.send(self.table, news)
        self.send(REGISTRAR, news)
        for watcher in self.node.groups.members(SWITCH_NEWS):
            self.send(watcher, news)

    # Events

    def _event(self, event: Event) -> None:
        self.events_handled += 1
        sockets = self.sockets or self.opening
        if sockets is not None and event.core_uuid and event.core_uuid != sockets.run:
            self._lost("the switch was restarted")
            return
        match event.name:
            case "CHANNEL_PARK":
                leg = described(event.fields)
                news = LegParked(self.address.name, leg, result_variables(event.fields), event.core_uuid)
                self.send(self.table, news)
            case "CHANNEL_UUID":
                old, leg = event.get("Old-Unique-ID"), described(event.fields)
                if old and leg.call_id:
                    self.send(self.table, LegRenamed(self.address.name, old, leg, event.core_uuid))
            case "BACKGROUND_JOB":
                self._end_job(event.job_uuid, event.body)
            case "CUSTOM" if event.subclass == conferences.SUBCLASS:
                self._conference_event(event)
            case "CUSTOM":
                texts = {name: value for name, value in event.fields.items() if isinstance(value, str)}
                self.send(REGISTRAR, RegistrationEvent(self.address.name, event.subclass, texts))
            case "SHUTDOWN":
                self.log.warning("switch_stops", switch=self.address.name)
            case _:
                self._call_event(event)

    def _conference_event(self, event: Event) -> None:
        news = conferences.news(self.address.name, event.fields)
        if news is None:
            return
        name = conference_name(news.room)
        if self.whereis(name) is not None or self.node.registry.reserved(name):
            self.send(name, news)

    def _call_event(self, event: Event) -> None:
        if event.application_uuid.startswith(BESIDE):
            return
        mapped = call_event(event.fields)
        if mapped is None:
            return
        news = LegEvent(
            self.address.name,
            mapped,
            result_variables(event.fields),
            event.core_uuid,
            cdr_report(event.fields) if event.name == "CHANNEL_DESTROY" else None,
        )
        self.send(self.table, news)
        name = call_name(mapped.call_id)
        registry = self.node.registry
        if registry.find(name) is not None or registry.reserved(name):
            self.send(name, news)

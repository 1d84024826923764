"""The simulated switch: what holds its parts together, and what tests and programs use.

async with SimulatedSwitch(speed=20) as switch:
    switch.phone("1001", "demo.local", script=(ring(), answer(after=2)))
    call = await switch.place_call("1000", "1001", realm="demo.local")
    ...
    assert await call.wait_ended() == "NORMAL_CLEARING"
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.applications import APPLICATIONS
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.clock import Clock, RealClock, sleep
from mirliton.ecallmgr.simulator.commands import COMMANDS, INLINE
from mirliton.ecallmgr.simulator.conferences import Conference
from mirliton.ecallmgr.simulator.connection import Connection
from mirliton.ecallmgr.simulator.dialplan import Action, Dialplan
from mirliton.ecallmgr.simulator.endpoints import response_variables
from mirliton.ecallmgr.simulator.errors import Paused
from mirliton.ecallmgr.simulator.events import Event, EventBus, Value
from mirliton.ecallmgr.simulator.faults import Faults
from mirliton.ecallmgr.simulator.frames import SHUTTING_DOWN, notice
from mirliton.ecallmgr.simulator.heartbeat import Heartbeat
from mirliton.ecallmgr.simulator.invite import Invite, accept
from mirliton.ecallmgr.simulator.lookups import Lookups
from mirliton.ecallmgr.simulator.memory import MemoryConnection
from mirliton.ecallmgr.simulator.phones import DEFAULT_USER_AGENT, Phone, PhoneBook
from mirliton.ecallmgr.simulator.posting import RecordPoster
from mirliton.ecallmgr.simulator.registrations import Registrations
from mirliton.ecallmgr.simulator.routines import Routines
from mirliton.ecallmgr.simulator.scripts import ANSWERS, MANUAL, Script
from mirliton.ecallmgr.simulator.server import Server
from mirliton.ecallmgr.simulator.sounds import Sounds
from mirliton.ecallmgr.simulator.tasks import Tasks

T = TypeVar("T")
MAX_INTERESTS = 1000  # sorts of events; their subclasses are the clients' choice
DEFAULT_PASSWORD = "ClueCon"  # noqa: S105  what every FreeSWITCH comes with; a public fact, no secret
SERVICE_UNAVAILABLE = 503
FLUSH_SECONDS = 2.0  # real time, like the next
SHUTDOWN_SECONDS = 10.0  # real time for the calls to unwind; no leg needs more than some turns of the loop


@dataclass
class Counts:
    """Sessions since the switch started."""

    total: int = 0
    peak: int = 0
    inbound: int = 0
    outbound: int = 0


class SimulatedSwitch:
    """A switch that speaks the event socket as FreeSWITCH 1.11 does, without SIP and without media.

    `speed` is simulated seconds per real second (or give a `clock`). `dialplan` decides what an inbound
    call runs: by default it is parked. `sounds` tells how long files last (None: does not exist). With
    `cdr_url` the record of each ended leg is POSTed there, and spooled in `cdr_spool` (or memory)
    meanwhile. With `lookup_url` extensions are looked up there before `dialplan` is asked. `heartbeat` is the
    interval of HEARTBEAT in simulated seconds, 0 for none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        password: str = DEFAULT_PASSWORD,
        name: str = "fs1.local",
        *,
        speed: float = 1.0,
        clock: Clock | None = None,
        dialplan: Dialplan | None = None,
        sounds: Sounds | None = None,
        lookup_url: str | None = None,
        cdr_url: str | None = None,
        cdr_spool: Path | None = None,
        cdr_tries: int = 2,
        cdr_delay: float = 1.0,
        cdr_resend_every: float = 5.0,
        cdr_limit: int = 100_000,
        heartbeat: float = 20.0,
        info_digits: bool = True,
        hold_music: str = "local_stream://moh",
        new_uuid: Callable[[], str] | None = None,
    ) -> None:
        self.password = password
        self.name = name
        self.clock: Clock = clock if clock is not None else RealClock(speed)
        self.dialplan = dialplan if dialplan is not None else Dialplan()
        self.lookups = Lookups(self, lookup_url) if lookup_url is not None else None
        self.sounds = sounds if sounds is not None else Sounds()
        self.info_digits = info_digits
        self.hold_music = hold_music
        self.globals: dict[str, str] = {"hostname": name, "domain": name, "hold_music": hold_music}
        self.new_uuid: Callable[[], str] = new_uuid or _random_uuid
        self.applications = APPLICATIONS
        self.routines = Routines()
        self.phones = PhoneBook()
        self.faults = Faults(self)
        self.connections: set[Connection] = set()
        self.failures: list[BaseException] = []
        self.legs: dict[str, Leg] = {}
        self.conferences: dict[str, Conference] = {}
        self.outcalls: dict[str, list[str]] = {}
        self.counts = Counts()
        self.started_at = self.clock.now()
        self.core_uuid = ""
        self.paused = False
        """It takes no new calls from outside."""
        self.verbose = False  # every event of a leg with its variables, as while the switch shuts down
        self.bus: EventBus
        self._interests: dict[tuple[str, str | None], bool] = {}
        self._call_tasks = Tasks(self.failures)
        self._lasting_tasks = Tasks(self.failures)
        self._session = 0
        self._buried = asyncio.Event()
        self._left = asyncio.Event()
        self.server = Server(self, host, port)
        self.registrations = Registrations(self)
        self._heartbeat = Heartbeat(self, heartbeat)
        self.poster: RecordPoster | None = None
        if cdr_url is not None:
            self.poster = RecordPoster(
                cdr_url,
                self.clock,
                self.spawn_lasting,
                tries=cdr_tries,
                delay=cdr_delay,
                resend_every=cdr_resend_every,
                spool=cdr_spool,
                limit=cdr_limit,
            )
        self._boot()

    # --- life

    async def start(self, *, listen: bool = True) -> None:
        """Listen (raises PortInUse), post records, beat. Without `listen` only memory connections work."""
        if listen:
            await self.server.open()
        if self.poster is not None:
            self.poster.start()
        self._heartbeat.start()

    async def stop(self) -> None:
        """Stop at once, without events; records not yet accepted stay in the spool directory."""
        self.server.close()
        self._heartbeat.stop()
        self.registrations.close()
        for connection in list(self.connections):
            connection.abort()
        self.legs.clear()
        await self._call_tasks.cancel()
        await self._lasting_tasks.cancel()
        if self.poster is not None:
            await self.poster.close()
        if self.lookups is not None:
            await self.lookups.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.port

    def connect(self) -> MemoryConnection:
        """A connection in memory, in place of a socket."""
        return MemoryConnection(self)

    # --- phones and calls, for tests and programs

    def phone(
        self,
        user: str,
        realm: str | None = None,
        *,
        script: Script = ANSWERS,
        contact: str = "127.0.0.1:5090",
        variables: Mapping[str, str] | None = None,
        register: bool = True,
    ) -> Phone:
        """Define a phone (and, by default, register it). A user `*` stands for any number at a realm."""
        phone = Phone(user, realm or self.name, contact=contact, script=script, variables=variables)
        self.phones.add(phone)
        if register:
            self.registrations.register(phone)
        return phone

    async def place_call(
        self,
        caller: str,
        destination: str,
        *,
        realm: str | None = None,
        name: str | None = None,
        headers: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        script: Script = MANUAL,
        context: str = "public",
        contact: str | None = None,
        user_agent: str | None = None,
        call_id: str | None = None,
        uuid: str | None = None,
    ) -> RemoteCall:
        """A call from `caller` to `destination` reaches the switch: the caller's side of it.

        A caller that is a known phone brings its directory variables along. X- `headers` become
        `sip_h_X-…` variables. Raises Paused while the switch takes no new calls.
        """
        if self.paused:
            raise Paused
        phone = self.phones.get(caller, realm or self.name)
        invite = Invite(
            caller,
            realm or self.name,
            destination,
            name=name,
            contact=contact or (phone.contact if phone is not None else "127.0.0.1:5090"),
            headers=dict(headers or {}),
            variables={**(phone.variables if phone is not None else {}), **(variables or {})},
            context=context,
            user_agent=user_agent or (phone.user_agent if phone is not None else DEFAULT_USER_AGENT),
            call_id=call_id,
            uuid=uuid,
        )
        leg = accept(self, invite)
        call = RemoteCall(leg, phone, script, caller=True)
        leg.executor.start(self.routines.inbound(leg))
        call.begin()
        return call

    # --- what the parts use

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run something that belongs to calls or connections: it ends when the switch dies."""
        return self._call_tasks.spawn(work, name)

    def spawn_lasting(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run something that outlives a simulated crash: it ends when the simulator stops."""
        return self._lasting_tasks.spawn(work, name)

    def running_tasks(self) -> set[str]:
        """The names of the tasks that belong to calls and connections now; empty when nothing goes on."""
        return self._call_tasks.names()

    async def extension(self, leg: Leg, number: str) -> list[Action] | None:
        """What a leg does that has come to this number; None when nothing leads there."""
        if self.lookups is not None:
            found = await self.lookups.find(leg, number)
            if found is not None:
                return found
        return self.dialplan.find(number)

    def run_api(self, text: str) -> str | Coroutine[Any, Any, str]:
        """Run an api command: its answer, or the work that will give it. An API event announces it first."""
        verb, _, args = text.strip().partition(" ")
        headers: dict[str, Value] = {"API-Command": verb}
        if args:
            headers["API-Command-Argument"] = args
        self.bus.fire("API", headers)
        command = COMMANDS.get(verb.lower())
        if command is None:
            return f"-ERR {verb} Command not found!\n"
        return command(self, args.strip())

    def inline_api(self, name: str, args: str) -> str:
        """An api call inside `${…}`; nothing for what cannot answer at once."""
        command = INLINE.get(name)
        return command(self, args) if command is not None else ""

    def read_cause(self, text: str) -> str:
        """The hangup cause that a command names."""
        return causes.read_cause(text)

    def next_session(self) -> int:
        """The number of the next session."""
        self._session += 1
        return self._session

    def admit(self, leg: Leg) -> None:
        """Put a leg into the table of channels."""
        self.legs[leg.uuid] = leg
        self.counts.total += 1
        self.counts.peak = max(self.counts.peak, len(self.legs))
        if leg.direction == "inbound":
            self.counts.inbound += 1
        else:
            self.counts.outbound += 1

    def rename(self, leg: Leg, uuid: str) -> None:
        """Give a leg that was just made the uuid that was asked for, and say so."""
        before, leg.uuid = leg.uuid, uuid
        leg.call_uuid = uuid
        leg.set("uuid", uuid)
        leg.set("call_uuid", uuid)
        leg.profile.set("Unique-ID", uuid)
        leg.fire("CHANNEL_UUID", {"Old-Unique-ID": before})

    def ring(self, leg: Leg) -> None:
        """A called leg is ready: let its far end know."""
        if leg.kind == "null":
            leg.mark_answered()
        elif leg.kind == "loopback":
            assert leg.twin is not None
            self.admit(leg.twin)
            leg.twin.start_media("L16")
            leg.twin.executor.start(self.routines.inbound(leg.twin))
        else:
            phone = self.phones.at(leg.get("sip_req_uri") or "")
            if phone is None:
                self.clock.call_later(0.0, lambda: _refuse_for_nobody(leg))
                return
            call = RemoteCall(leg, phone, phone.take_script(), caller=False)
            phone.arrive(call)
            call.begin()

    def dismiss(self, leg: Leg) -> None:
        """Take an ended leg out of the table of channels."""
        self.legs.pop(leg.uuid, None)
        self._buried.set()

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self.forget_interests()
        self._left.set()

    def forget_interests(self) -> None:
        """Somebody's subscription changed."""
        self._interests.clear()

    # --- inside

    def _boot(self) -> None:
        self.core_uuid = self.globals["core_uuid"] = self.new_uuid()
        self.started_at = self.clock.now()
        self.counts = Counts()
        self.paused = False
        self.bus = EventBus(self.clock, self.core_uuid, self.name, self.name)
        self.bus.wanted = self._wanted
        self.bus.deliver = self._deliver

    def _wanted(self, name: str, subclass: str | None) -> bool:
        key = (name, subclass)
        wanted = self._interests.get(key)
        if wanted is None:
            wanted = any(one.listens and one.session.subscription.wants(*key) for one in self.connections)
            if len(self._interests) >= MAX_INTERESTS:
                self._interests.clear()
            self._interests[key] = wanted
        return wanted

    def _deliver(self, event: Event) -> None:
        if self.faults.loses_event():
            return
        for connection in list(self.connections):
            connection.deliver(event)

    async def crash(self, down_for: float, *, keep_registrations: bool) -> None:
        """See Faults.restart."""
        listening = self.server.is_open
        self.server.close()
        for connection in list(self.connections):
            connection.abort()
        gone = list(self.legs.values())
        self.legs.clear()
        self.conferences.clear()
        self.outcalls.clear()
        await self._call_tasks.cancel()
        for leg in gone:
            leg.alive = False
            leg.recordings.forget()
            if leg.remote is not None:
                leg.remote.on_gone()
        if not keep_registrations:
            self.registrations.close()
            self.registrations = Registrations(self)
        self._boot()
        if down_for:
            await sleep(self.clock, down_for)
        if listening:
            await self.server.open()

    async def shut_down(self) -> None:
        """See Faults.shut_down."""
        self.server.close()
        self.bus.fire("SHUTDOWN", {"Event-Info": "System Shutting Down"})
        self.verbose = True
        for leg in list(self.legs.values()):
            leg.hangup("SYSTEM_SHUTDOWN")
        async with asyncio.timeout(SHUTDOWN_SECONDS):
            while self.legs:
                self._buried.clear()
                await self._buried.wait()
        gone: dict[str, Value] = {
            "service": "_sip._udp,_sip._tcp,_sip._sctp",
            "port": "5080",
            "module_name": "mod_sofia",
            "profile_name": "internal",
            "profile_uri": "sip:mod_sofia@127.0.0.1:5080",
        }
        self.bus.fire("UNPUBLISH", gone)
        for connection in list(self.connections):
            connection.send(notice(SHUTTING_DOWN))
            connection.close()
        # A client may still have to read its last events; one that does not read is not waited for.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                while self.connections:
                    self._left.clear()
                    await self._left.wait()


def _refuse_for_nobody(leg: Leg) -> None:
    """Nothing listens where the leg's INVITE went."""
    response_variables(leg, from_phone=False)
    leg.refused(SERVICE_UNAVAILABLE)


def _random_uuid() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))

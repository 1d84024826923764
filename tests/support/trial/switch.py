"""One of the trial's switches, a program of the host supervisor: it has the phones, places the calls by itself, and
writes down how each call and each leg ended. It is asked over a Unix socket: begin, end, status.

What it sees, no node can embellish: which leg ended when and by whom; who commands it; which command came twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, Final, TextIO

from mirliton.ecallmgr.simulator import SimulatedSwitch
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.ecallmgr.simulator.clock import sleep
from mirliton.ecallmgr.simulator.connection import Connection
from mirliton.ecallmgr.simulator.errors import Late
from mirliton.ecallmgr.simulator.events import Event
from mirliton.ecallmgr.simulator.frames import Command
from mirliton.ecallmgr.simulator.server import Server
from mirliton.ecallmgr.simulator.session import Outcome, Session
from mirliton.supervisors.node_heartbeat import Heartbeat
from tenants import Person, Tenant
from trial.mixture import PATIENCE, Kind, draw
from trial.town import EVERYBODY, LIMITED, LOGIN, TOWN, agents_of

CONTEXT: Final = "context_2"
PASSWORD: Final = "ClueCon"
SPOKEN: Final = 3.0
"""Seconds of a message in the mailbox."""
TOLD: Final = frozenset({"CHANNEL_ANSWER", "CHANNEL_DESTROY", "CHANNEL_EXECUTE"})
LOOKS: Final = frozenset(
    {"echo", "global_getvar", "show", "sofia_contact", "status", "uuid_dump", "uuid_exists", "uuid_getvar", "version"}
)
"""Commands of the event socket that change nothing."""


class TrialSwitch(SimulatedSwitch):
    """Writes `legs` and `calls`, one JSON object a line."""

    def __init__(self, folder: Path, name: str, port: int, records: str, seed: int, host: str) -> None:
        """`records` is where those of ended legs are posted."""
        super().__init__(
            host,
            port=port,
            password=PASSWORD,
            name=name,
            cdr_url=records,
            cdr_spool=folder / f"{name}.spool",
            cdr_resend_every=2.0,
            heartbeat=5.0,
        )
        self.server = Server(self, host, port, TrialConnection)
        self.chance = random.Random(f"{seed} {name}")
        self.legs_file: TextIO = (folder / f"{name}.legs").open("a", buffering=1)
        self.calls_file: TextIO = (folder / f"{name}.calls").open("a", buffering=1)
        self.answered_at: dict[str, float] = {}
        self.recording: dict[str, asyncio.Event] = {}
        """Callers of mailboxes, who wait for the beep."""
        self.newest = 0
        """The newest connection that has commanded anything."""
        self.logins = 0
        self.late: list[str] = []
        """Commands that came on a connection after a newer one had begun to command."""
        self.commanded: dict[str, set[str]] = {}
        self.twice = 0
        self.up = 0
        self.placed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._placing: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    # Calls

    def begin(self, rate: float) -> None:
        """Place about so many calls a second, until `end`."""
        self._placing = asyncio.get_running_loop().create_task(self._place(rate))

    def end(self) -> None:
        if self._placing is not None:
            self._placing.cancel()

    async def _place(self, rate: float) -> None:
        due = time.monotonic()
        while True:
            due += self.chance.expovariate(rate)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            kind, tenant = draw(self.chance)
            self.follow(self._one(kind, tenant))

    def follow(self, call: Any) -> None:
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.failures.append(error)

    async def _one(self, kind: Kind, tenant: Tenant) -> None:
        call_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        self.placed[kind.name] += 1
        self.up += 1
        began = time.time()
        if kind.by_hand:
            self.recording[call_id] = asyncio.Event()
        call = await self.place_call(
            kind.caller.name,
            kind.number,
            realm=tenant.realm,
            context=CONTEXT,
            script=kind.script(self.chance),
            uuid=call_id,
        )
        spoke = await self._speaks(call) if kind.by_hand else False
        stuck = False
        try:
            await call.wait_ended(PATIENCE)
        except Late:
            stuck = True
            call.hang_up()
            await call.wait_ended(PATIENCE)
        self.up -= 1
        self.ended[kind.name] += 1
        told = {
            "uuid": call_id,
            "kind": kind.name,
            "account": tenant.account_id,
            "began": began,
            "ended": time.time(),
            "cause": call.cause,
            "answered": call.answered,
            "by_phone": self.by_phone(call),
            "stuck": stuck,
            "spoke": spoke,
        }
        self.calls_file.write(json.dumps(told) + "\n")

    @staticmethod
    def by_phone(call: RemoteCall) -> bool:
        """Whether it was the phone that ended its call."""
        return (call.leg.get("sip_hangup_disposition") or "").startswith("recv_")

    async def _speaks(self, call: RemoteCall) -> bool:
        """Leave a message: hang up some seconds after the beep. False when there was none."""
        beep = self.recording[call.uuid]
        try:
            async with asyncio.timeout(PATIENCE):
                await beep.wait()
        except TimeoutError:
            return False
        finally:
            del self.recording[call.uuid]
        await sleep(self.clock, SPOKEN)
        alive = not call.ended
        call.hang_up()
        return alive

    async def log_in(self, agent: Person, tenant: Tenant) -> bool:
        """An agent logs in by phone; false when it came to nothing."""
        call = await self.place_call(agent.name, LOGIN, realm=tenant.realm, context=CONTEXT)
        try:
            return await call.wait_ended(30.0) == "NORMAL_CLEARING"
        except Late:
            call.hang_up()
            return False

    # What happens

    def _wanted(self, name: str, subclass: str | None) -> bool:
        return name in TOLD or super()._wanted(name, subclass)

    def _deliver(self, event: Event) -> None:
        if event.name in TOLD:
            self._note(event)
        super()._deliver(event)

    def _note(self, event: Event) -> None:
        headers = event.headers
        leg_id = str(headers["Unique-ID"])
        if event.name == "CHANNEL_ANSWER":
            self.answered_at[leg_id] = time.time()
        elif event.name == "CHANNEL_EXECUTE":
            if headers.get("Application") == "record" and (beep := self.recording.get(leg_id)) is not None:
                beep.set()
        else:
            leg = self.legs[leg_id]
            direction = str(headers["Call-Direction"])
            caller = headers.get("Other-Leg-Unique-ID") if direction == "outbound" else None
            phone = leg.remote.phone if leg.remote is not None else None
            self.commanded.pop(leg_id, None)
            told = {
                "uuid": leg_id,
                "of": str(caller or leg_id),
                "direction": direction,
                "cause": str(headers["Hangup-Cause"]),
                "answered": self.answered_at.pop(leg_id, None),
                "ended": time.time(),
                "phone": f"{phone.user}@{phone.realm}" if phone is not None else "",
                "command": (leg.get("current_application") or ""),
                "disposition": leg.get("sip_hangup_disposition") or "",
            }
            self.legs_file.write(json.dumps(told) + "\n")

    def hears(self, connection: TrialConnection, command: Command) -> None:
        """A command has come, before it is carried out."""
        verb = command.rest.partition(" ")[0] if command.verb in ("api", "bgapi") else command.verb
        if verb not in ("sendmsg", "originate") and not (verb.startswith("uuid_") and verb not in LOOKS):
            return
        if connection.number < self.newest:
            self.late.append(
                f"{time.time():.3f} {command.line[:80]} on connection {connection.number} after {self.newest}"
            )
        self.newest = max(self.newest, connection.number)
        if command.verb == "sendmsg" and (command_id := command.headers.get("Event-UUID")):
            seen = self.commanded.setdefault(command.rest, set())
            self.twice += command_id in seen
            seen.add(command_id)

    def status(self) -> dict[str, Any]:
        return {
            "up": self.up,
            "legs": len(self.legs),
            "placed": dict(self.placed),
            "ended": dict(self.ended),
            "late": self.late[:20],
            "late_count": len(self.late),
            "twice": self.twice,
            "failures": [repr(each) for each in self.failures[:5]],
            "connections": sum(each.session.authenticated for each in self.connections),
            "unposted": self.poster.statistics.spooled if self.poster is not None else 0,
        }


class TrialConnection(Connection):
    """Numbered in the order of their logins."""

    switch: TrialSwitch

    def __init__(self, switch: SimulatedSwitch) -> None:
        super().__init__(switch)
        self.number = 0
        self.session = _Heard(switch, self)


class _Heard(Session):
    def handle(self, command: Command) -> Outcome:
        connection, switch = self._connection, self.switch
        assert isinstance(connection, TrialConnection)
        assert isinstance(switch, TrialSwitch)
        if self.authenticated:
            switch.hears(connection, command)
        outcome = super().handle(command)
        if self.authenticated and not connection.number:
            switch.logins += 1
            connection.number = switch.logins
        return outcome


def main(heartbeat: Heartbeat, folder: str, name: str, port: str, records: str, seed: str) -> int:
    """Run until SIGTERM; the exit status."""
    return asyncio.run(_run(heartbeat, TrialSwitchPlace(Path(folder), name, int(port), records, int(seed))))


class TrialSwitchPlace:
    """The switch with its phones and the socket over which it is asked."""

    def __init__(self, folder: Path, name: str, port: int, records: str, seed: int, host: str = "127.0.0.1") -> None:
        self.folder, self.name = folder, name
        self._made = (folder, name, port, records, seed, host)

    async def open(self) -> None:
        self.switch = TrialSwitch(*self._made)
        for number, tenant in enumerate(EVERYBODY):
            for person in (*tenant.people, *(agents_of(tenant) if tenant is not LIMITED else ())):
                contact = f"127.0.0.1:{5090 + number}"
                self.switch.phone(person.name, tenant.realm, script=person.script, contact=contact)
        await self.switch.start()
        self._asked = await asyncio.start_unix_server(self._serve, self.folder / f"{self.name}.sock")

    async def close(self) -> None:
        self._asked.close()
        await self.switch.stop()

    async def log_all_in(self) -> int:
        """All agents log in; how many could."""
        logins = [self.switch.log_in(agent, tenant) for tenant in TOWN for agent in agents_of(tenant)]
        return sum(await asyncio.gather(*logins))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    async def _answer(self, request: dict[str, Any]) -> Any:
        switch = self.switch
        match request["do"]:
            case "log_in":
                return {"logged_in": await self.log_all_in()}
            case "begin":
                switch.begin(request["rate"])
            case "end":
                switch.end()
        return switch.status()


async def _run(heartbeat: Heartbeat, place: TrialSwitchPlace) -> int:
    loop = asyncio.get_running_loop()
    heartbeat.start(loop)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await place.open()
    heartbeat.ready()
    await stop.wait()
    heartbeat.leaving()
    await place.close()
    return os.EX_OK

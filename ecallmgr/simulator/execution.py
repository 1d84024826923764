"""The thread of a leg: what runs on it, the queue of commands sent to it, and how both give way to each other.

The real switch has a thread per channel which runs one routine after another (routing, executing an
extension, exchanging media, park …), and whose waiting places look into the channel's command queue. That
gives the semantics that matter to a controller: a command is executed where the thread waits just then, so
*nested inside* the application that waits there, unless that application was sent with event-lock, which
keeps the queue shut until it is done. Here a leg has one task; every wait of an application goes through
`Executor.wait`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

import structlog

from mirliton.ecallmgr.simulator.ending import bury
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.expansion import expand

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg

MAX_COMMANDS = 10_000  # the switch's own limit of a channel's event queue
MAX_DIGITS = 100

Routine = Callable[[], Awaitable[None]]
Application = Callable[["Leg", str], Awaitable[str | None]]

_log = structlog.get_logger(__name__)


class Wake(Enum):
    """Why a wait ended."""

    DONE = auto()  # what was waited for is so
    TIMEOUT = auto()
    BREAK = auto()  # uuid_break
    GONE = auto()  # hung up, or sent elsewhere: the application has to end


class Executor:
    """Runs routines and applications on one leg."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.digits: deque[str] = deque(maxlen=MAX_DIGITS)
        self._commands: deque[dict[str, str]] = deque()
        self._urgent: deque[dict[str, str]] = deque()
        self._locks = 0
        self._urgent_locks = 0
        self._broken = False
        self.played_through = False  # whether the last file was heard to its end
        self._waits_breakably = 0
        self._next: Routine | None = None
        self._wakeup = asyncio.Event()

    # --- from outside

    def start(self, routine: Routine) -> None:
        """Begin the leg's life with `routine`."""
        self._next = routine
        self.leg.switch.spawn(self._live(), f"leg {self.leg.uuid}")

    @property
    def ready(self) -> bool:
        """Whether applications may go on: not hung up and not sent elsewhere."""
        return self.leg.alive and self._next is None

    def redirect(self, routine: Routine) -> None:
        """Send the leg elsewhere: what runs now ends, then `routine` runs."""
        if not self.leg.alive:
            return
        self._next = routine
        if self.leg.bridge is not None:
            self.leg.bridge.on_leave(self.leg)
        self.signal()

    def enqueue(self, command: dict[str, str]) -> bool:
        """Queue a `sendmsg` command; False when the queue is full."""
        queue = self._urgent if command.get("event-lock-pri") == "true" else self._commands
        if len(queue) >= MAX_COMMANDS:
            return False
        queue.append(command)
        self.signal()
        return True

    def interrupt(self, *, flush: bool) -> None:
        """`uuid_break`: end what plays now; with `flush` forget the waiting commands, too."""
        if flush:
            self._commands.clear()
            self._urgent.clear()
        if self._waits_breakably:
            self._broken = True
            self.signal()

    def press(self, digit: str) -> None:
        """A digit arrived."""
        self.digits.append(digit)
        self.signal()

    def signal(self) -> None:
        """Something changed that a wait may care about."""
        self._wakeup.set()

    # --- the leg's task

    async def _live(self) -> None:
        while self.leg.alive:
            routine, self._next = self._next, None
            if routine is None:
                self.leg.hangup("NORMAL_CLEARING")
                break
            await routine()
        bury(self.leg)

    async def run_extension(self) -> None:
        """Execute the applications of the leg's extension, one after another."""
        assert self.leg.extension is not None
        for name, data in self.leg.extension[1]:
            if not self.ready:
                return
            await self.execute(name, data)

    async def execute(self, name: str, data: str | None, uuid: str | None = None) -> None:
        """Run one application, with the two events around it; an unknown one is skipped, as on the switch."""
        leg = self.leg
        application = leg.switch.applications.get(name)
        if application is None:
            _log.warning("no such application", call_id=leg.uuid, application=name)
            return
        data = expand(data, leg.switch, leg) if data else None
        uuid = uuid or leg.switch.new_uuid()
        leg.set("current_application", name)
        leg.set("current_application_data", data)
        leg.set("current_application_response", None)
        before: dict[str, Value] = {"Application": name}
        if data is not None:
            before["Application-Data"] = data
        leg.fire("CHANNEL_EXECUTE", {**before, "Application-UUID": uuid})
        leg.app_log.append((name, data or "", leg.now()))
        response = await application(leg, data or "")
        if response is not None:
            leg.set("current_application_response", response)
        response = leg.get("current_application_response") or "_none_"
        leg.fire("CHANNEL_EXECUTE_COMPLETE", {**before, "Application-Response": response, "Application-UUID": uuid})

    # --- waiting

    async def wait(
        self,
        *,
        seconds: float | None = None,
        until: Callable[[], bool] | None = None,
        breakable: bool = False,
        commands: bool = True,
        parked: bool = False,
        stretch: bool = False,
    ) -> Wake:
        """Wait until `until` holds, `seconds` have passed, or the leg must give way.

        Queued commands are executed meanwhile (unless `commands` is off or event-lock holds them back);
        with `stretch` the time they take does not count, as a file does not go on playing under them.
        `parked` is the park loop: before media is up it takes the first command of a batch without
        announcing it (PRIVATE_COMMAND), which is how the captures show it.
        """
        clock = self.leg.switch.clock
        deadline = None if seconds is None else clock.now() + seconds
        self._waits_breakably += breakable
        try:
            while True:
                if not self.ready:
                    return Wake.GONE
                if until is not None and until():
                    return Wake.DONE
                if breakable and self._broken:
                    self._broken = False
                    return Wake.BREAK
                if commands and self._has_command():
                    started = clock.now()
                    await self._drain(silent_first=parked and not self.leg.media)
                    if stretch and deadline is not None:
                        deadline += clock.now() - started
                    continue
                left = None if deadline is None else deadline - clock.now()
                if left is not None and left <= 0:
                    return Wake.TIMEOUT
                self._wakeup.clear()
                timer = None if left is None else clock.call_later(left, self._wakeup.set)
                try:
                    await self._wakeup.wait()
                finally:
                    if timer is not None:
                        timer.cancel()
        finally:
            self._waits_breakably -= breakable

    def _has_command(self) -> bool:
        if self._urgent_locks:
            return False
        return bool(self._urgent) or bool(self._commands and not self._locks)

    async def _drain(self, *, silent_first: bool) -> None:
        announce = not silent_first
        while self.ready and self._has_command():
            command = (self._urgent or self._commands).popleft()
            await self._perform(command)
            if announce:
                self.leg.fire("PRIVATE_COMMAND", dict(command))
            announce = True

    async def _perform(self, command: dict[str, str]) -> None:
        verb = command.get("call-command", "")
        if verb == "hangup":
            self.leg.hangup(self.leg.switch.read_cause(command.get("hangup-cause", "")))
        elif verb == "execute":
            await self._perform_execute(command)
        else:
            _log.warning("call-command not modelled", call_id=self.leg.uuid, verb=verb)

    async def _perform_execute(self, command: dict[str, str]) -> None:
        lock = command.get("event-lock") == "true"
        urgent = command.get("event-lock-pri") == "true"
        try:
            loops = int(command.get("loops", "1"))
        except ValueError:
            loops = 1
        self._locks += lock
        self._urgent_locks += urgent
        try:
            done = 0
            while self.ready and (loops < 0 or done < loops):
                done += 1
                self.leg.set("current_loop", str(done))
                self.leg.set("total_loops", str(loops))
                self.played_through = False
                await self.execute(
                    command.get("execute-app-name", ""),
                    command.get("execute-app-arg"),
                    command.get("Event-UUID"),
                )
                if loops < 0 and not self.played_through:
                    break  # an endless loop ends when its file was broken off, or could not be played at all
        finally:
            self._locks -= lock
            self._urgent_locks -= urgent
            self.leg.set("current_loop", None)
            self.leg.set("total_loops", None)

"""The watch over one program: its phases, the deadline of each, and what is done when a deadline passes.

    QUEUED ─► STARTING ─► RUNNING ─► DRAINING ─► LEAVING ─► (reaped) ─► WAITING ─► STARTING …
                  └───────────┴──────────┴──────────┴─► ABORTING ─► KILLED ─► (reaped)     └► ENDED

Whether an ending leads to WAITING (a restart) or to ENDED is the node supervisor's decision, not the watch's.
"""

from __future__ import annotations

import enum
import math
import signal
from collections.abc import Iterable, Mapping
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors.node_heartbeat import BEAT, DRAIN, DRAINED, LEAVING, READY, TAKES_DRAIN
from mirliton.supervisors.node_policy import Ending
from mirliton.supervisors.node_process import NodeProcess, fork
from mirliton.supervisors.program_limits import MIB
from mirliton.supervisors.programs import Main, Program
from mirliton.supervisors.window import RestartWindow

# SIGABRT makes faulthandler write all stacks, from C, and end the process. One that is stopped or hangs in
# the kernel does not even do that.
ABORT_GRACE: Final = 1.0
KILL_NOTICE: Final = 10.0

STOPPED: Final = "stopped"
GIVEN_UP: Final = "given up"


class Phase(enum.Enum):
    """Where a program is in its life; the values appear in the state that a reload hands on."""

    QUEUED = "queued"  # those it waits for have not been ready
    STARTING = "starting"  # forked, not ready
    RUNNING = "running"  # ready; its heartbeat counts
    DRAINING = "draining"  # finishing its work before it is told to end; its heartbeat counts
    LEAVING = "leaving"  # shutting down, asked or by itself; its heartbeat does not count
    ABORTING = "aborting"  # told to write its stacks and die
    KILLED = "killed"  # sent SIGKILL
    WAITING = "waiting"  # dead; to be started again at its deadline
    ENDED = "ended"  # dead for good, or until somebody asks for it


class Watch:
    """One program under watch. Times are monotonic seconds; `now` comes from the one loop that has a clock."""

    def __init__(self, program: Program, main: Main, log: FilteringBoundLogger) -> None:
        self.program = program
        self.phase = Phase.QUEUED
        self.since = 0.0  # when the phase began
        self.deadline = math.inf
        self.process: NodeProcess | None = None
        self.incarnation = 0
        self.previous = ""
        self.failures = 0  # in a row, without a stable life between
        self.was_ready = False  # in any incarnation
        self.asked = False  # to end: how it ends is then no failure
        self.again = False  # asked to end so that it can be started again
        self.restarting = False  # and not ready again since
        self.held = ""  # STOPPED or GIVEN_UP: why it is down, or will be, until somebody asks for it
        self.gave_up_with = 0  # the exit status that its giving up calls for
        self.retired = False  # a reload found it running and no longer wanted
        self.unkillable = False  # it was killed, and is still there
        self.to_restart = ""  # why it is to be restarted in its turn, if it is
        self.window: RestartWindow | None = None  # of its own, where it has limits of its own
        self.renew_window()
        self._main = main
        self._stall = program.stall  # of this incarnation; a reload may change that of the program
        self._takes_drain = False
        self._drain_until = math.inf
        self._log = log.bind(node=program.name)
        self._reason = ""  # why we are ending it, if it is not because it was asked
        self._forked_at = 0.0
        self._ready_at = math.inf

    @property
    def to_poll(self) -> tuple[int, ...]:
        """What becomes readable when there is something to look at."""
        if self.process is None:
            return ()
        # A pipe whose other end is closed would be readable for ever.
        return (self.process.pidfd, self.process.pipe) if self.process.pipe_open else (self.process.pidfd,)

    @property
    def turning(self) -> bool:
        """On its way down and up again, because somebody asked for a restart; or it did not come up."""
        down = self.phase is Phase.ENDED and self.held != GIVEN_UP
        # One that waits for others must not keep them from being restarted.
        return self.again or (self.restarting and not down and self.phase is not Phase.QUEUED)

    def renew_window(self) -> None:
        """Forget how often it was restarted."""
        limits = self.program.limits
        self.window = None if limits is None else RestartWindow(limits.intensity, limits.period)

    def queue(self, now: float) -> None:
        """It is dead, and to be started as at the beginning."""
        self._enter(Phase.QUEUED, now)

    def start(self, now: float, close: Iterable[int]) -> None:
        """Fork it; raises what `fork` raises, in which case it is as dead as before."""
        self.incarnation += 1
        self.asked = self.again = self._takes_drain = False
        self.process = fork(self.program, self._main, incarnation=self.incarnation, previous=self.previous, close=close)
        self._reason = ""
        self._stall = self.program.stall
        self._forked_at, self._ready_at = now, math.inf
        self._enter(Phase.STARTING, now)
        self._say("program_started", incarnation=self.incarnation)

    def wait(self, now: float, delay: float) -> None:
        """It is dead and will be started again in `delay` seconds."""
        self._enter(Phase.WAITING, now)
        self.deadline = now + delay

    def end(self, now: float) -> None:
        """It is dead (or was never started) and stays so."""
        if self.phase is not Phase.ENDED:
            self._enter(Phase.ENDED, now)

    def hear(self, now: float) -> None:
        """Take what came through its pipe."""
        assert self.process is not None
        for word in self.process.hear():
            if word == READY[0] and self.phase is Phase.STARTING:
                self.was_ready = True
                self.restarting = False
                self._ready_at = now
                self._enter(Phase.RUNNING, now)
                self._say("program_ready", took=round(now - self._forked_at, 3))
            elif word == BEAT[0] and self.phase in (Phase.RUNNING, Phase.DRAINING):
                self.deadline = now + self._allowance(self.phase)
            elif word == TAKES_DRAIN[0]:
                self._takes_drain = True
            elif word == DRAINED[0] and self.phase is Phase.DRAINING:
                self._say("program_drained", took=round(now - self.since, 3))
                self._terminate(now)
            elif word == LEAVING[0] and self.phase in (Phase.STARTING, Phase.RUNNING, Phase.DRAINING):
                self._enter(Phase.LEAVING, now)

    def due(self, now: float) -> bool:
        """Whether something is to be done about it now."""
        return min(self.deadline, self._drain_until) <= now

    @property
    def next_due(self) -> float:
        """When that will be."""
        return min(self.deadline, self._drain_until)

    def overdue(self, now: float) -> None:
        """The deadline of a living process has passed."""
        program = self.program
        if self._drain_until <= now:
            self._log.warning("program_not_drained", os_pid=self._os_pid, bound=program.drain)
            self._terminate(now)
        elif self.phase is Phase.STARTING:
            self._abort(now, f"not ready within {program.start_timeout:g} s")
        elif self.phase in (Phase.RUNNING, Phase.DRAINING):
            self._abort(now, f"stalled: no heartbeat for more than {self._stall:g} s")
        elif self.phase is Phase.LEAVING:
            self._abort(now, f"not ended within its shutdown time of {program.shutdown} s")
        elif self.phase is Phase.ABORTING:
            self.kill(now)
        elif self.phase is Phase.KILLED:
            self.unkillable = True
            self._log.error("program_unkillable", os_pid=self._os_pid, reason="it hangs in the kernel")
            self.deadline = now + KILL_NOTICE

    def weigh(self, now: float) -> None:
        """Compare its memory with its bounds."""
        bounds = self.program.memory
        if bounds is None or self.process is None or self.phase in (Phase.ABORTING, Phase.KILLED):
            return
        used = self.process.memory()
        if used > bounds.kill:
            self._reason = f"memory: {_mib(used)} are above {_mib(bounds.kill)}, its bound for a kill"
            self._log.warning("program_too_large", os_pid=self._os_pid, reason=self._reason)
            self.kill(now)
        elif used > bounds.restart and self.phase in (Phase.STARTING, Phase.RUNNING):
            self._reason = f"memory: {_mib(used)} are above {_mib(bounds.restart)}, its bound for a restart"
            self._log.warning("program_too_large", os_pid=self._os_pid, reason=self._reason)
            self._drain(now)

    def ask(self, now: float) -> None:
        """Have it end, in its own time as far as its drain and shutdown settings go."""
        assert self.process is not None
        self.asked = True
        if self.program.shutdown == "brutal_kill":
            self.kill(now)
        elif self.phase in (Phase.STARTING, Phase.RUNNING):
            self._drain(now)
        elif self.phase is Phase.LEAVING:
            self._terminate(now)

    def retire(self, now: float) -> None:
        """Have it end, and be forgotten."""
        self.retired, self.again, self.restarting, self.to_restart = True, False, False, ""
        if not self.asked:
            self.ask(now)

    def kill(self, now: float) -> None:
        """End it now."""
        assert self.process is not None
        self.process.signal(signal.SIGKILL)
        self._enter(Phase.KILLED, now)

    def hang_up(self) -> None:
        """Have it open its log anew, where it has one of its own."""
        if self.process is not None and self.program.log is not None:
            self.process.signal(signal.SIGHUP)

    def reap(self, now: float, stable_after: float) -> tuple[Ending, str] | None:
        """When its process has died: how, and its stacks. A life of `stable_after` ends the row of failures."""
        assert self.process is not None
        ending = self.process.reap(self._reason)
        if ending is None:
            return None
        stacks = self.process.take_stacks()
        if self.asked:
            self.failures = 0
        else:
            self.failures = 1 if now - self._ready_at >= stable_after else self.failures + 1
        self.previous = str(ending)
        self.process = None
        self.unkillable = False
        self._drain_until = math.inf
        return ending, stacks

    def postpone(self, seconds: float) -> None:
        """The parent itself was not running for so long, and may not have seen what was said in time."""
        if self.process is not None:
            self.deadline += seconds
            self._drain_until += seconds

    def to_state(self) -> dict[str, Any]:
        """What a reload hands on."""
        return {
            "name": self.program.name,
            "shutdown": self.program.shutdown,
            "stall": self._stall,
            "phase": self.phase.value,
            "since": self.since,
            "deadline": self.deadline,
            "process": None if self.process is None else self.process.to_state(),
            "incarnation": self.incarnation,
            "previous": self.previous,
            "failures": self.failures,
            "was_ready": self.was_ready,
            "reason": self._reason,
            "asked": self.asked,
            "held": self.held,
            "gave_up_with": self.gave_up_with,
            "to_restart": self.to_restart,
            "restarting": self.restarting,
            "drain": self.program.drain,
            "takes_drain": self._takes_drain,
            "fingerprint": self.program.fingerprint,
        }

    def adopt(self, state: Mapping[str, Any], now: float) -> None:
        """The reverse of to_state; the deadline of a process starts anew, and one that was to end is wanted again.

        But one that somebody stopped stays stopped; and one with another fingerprint is to be restarted.
        """
        self._stall = state["stall"]
        self.incarnation = state["incarnation"]
        self.previous = state["previous"]
        self.failures = state["failures"]
        self.was_ready = state["was_ready"]
        self._reason = state["reason"]
        self.held = state["held"]
        self.gave_up_with = state["gave_up_with"]
        self.to_restart = state["to_restart"]
        self.restarting = state["restarting"]
        self._takes_drain = state["takes_drain"]
        self._forked_at = now
        self._enter(Phase(state["phase"]), now)
        self.since = state["since"]  # the clock is the system's, and goes on
        if self.phase is Phase.WAITING:
            self.deadline = state["deadline"]
        if state["process"] is not None:
            self.process = NodeProcess.from_state(state["process"])
            self._ready_at = math.inf if self.phase is Phase.STARTING else now
            self.asked = state["asked"]
            self.again = self.asked and self.held != STOPPED
            self._say("program_adopted", phase=self.phase.value)
        if self.program.fingerprint != state["fingerprint"] and self.held != STOPPED:
            self.to_restart = "its settings have changed"

    def _drain(self, now: float) -> None:
        """Have it finish its work, where it can and may, and then end."""
        assert self.process is not None
        if self.phase is Phase.RUNNING and self._takes_drain and self.program.drain is not None:
            self.process.ask(DRAIN)
            self._enter(Phase.DRAINING, now)
            self._say("program_draining", bound=self.program.drain)
        else:
            self._terminate(now)

    def _terminate(self, now: float) -> None:
        assert self.process is not None
        self.process.signal(signal.SIGTERM)
        self._enter(Phase.LEAVING, now)
        self._say("program_stopping")

    def _abort(self, now: float, reason: str) -> None:
        assert self.process is not None
        self._reason = f"{self._reason}; then {reason}" if self._reason else reason
        self._log.warning("program_aborted", os_pid=self._os_pid, reason=reason)
        self.process.signal(signal.SIGABRT)
        self._enter(Phase.ABORTING, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase, self.since = phase, now
        self.deadline = now + self._allowance(phase)
        # A reload may have found it draining, and taken the time for that away.
        self._drain_until = now + (self.program.drain or 0.0) if phase is Phase.DRAINING else math.inf

    def _allowance(self, phase: Phase) -> float:
        program = self.program
        match phase:
            case Phase.STARTING:
                return program.start_timeout
            case Phase.RUNNING | Phase.DRAINING:
                return math.inf if self._stall is None else self._stall
            case Phase.LEAVING:
                return program.shutdown if isinstance(program.shutdown, int | float) else math.inf
            case Phase.ABORTING:
                return ABORT_GRACE
            case Phase.KILLED:
                return KILL_NOTICE
            case Phase.WAITING:
                return 0.0
            case Phase.QUEUED | Phase.ENDED:
                return math.inf

    @property
    def _os_pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def _say(self, event: str, **facts: object) -> None:
        self._log.info(event, os_pid=self._os_pid, **facts)


def _mib(size: int) -> str:
    return f"{size / MIB:.0f} MB"

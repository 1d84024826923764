"""The watch over one program: its phases, the deadline of each, and what is done when a deadline passes.

    QUEUED ─► STARTING ─► RUNNING ─► LEAVING ─► (reaped) ─► WAITING ─► STARTING …
                  └───────────┴─────────┴─► ABORTING ─► KILLED ─► (reaped)            └► ENDED

Whether an ending leads to WAITING (a restart) or to ENDED is the node supervisor's decision, not the watch's.
"""

from __future__ import annotations

import enum
import math
import signal
from collections.abc import Iterable, Mapping
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors.node_heartbeat import BEAT, LEAVING, READY
from mirliton.supervisors.node_policy import Ending
from mirliton.supervisors.node_process import NodeProcess, fork
from mirliton.supervisors.programs import Main, Program

# SIGABRT makes faulthandler write all stacks, from C, and end the process. One that is stopped or hangs in
# the kernel does not even do that.
ABORT_GRACE: Final = 1.0
KILL_NOTICE: Final = 10.0


class Phase(enum.Enum):
    """Where a program is in its life; the values appear in the state that a reload hands on."""

    QUEUED = "queued"  # its turn in the start order has not come
    STARTING = "starting"  # forked, not ready
    RUNNING = "running"  # ready; its heartbeat counts
    LEAVING = "leaving"  # shutting down, asked or by itself; its heartbeat does not count
    ABORTING = "aborting"  # told to write its stacks and die
    KILLED = "killed"  # sent SIGKILL
    WAITING = "waiting"  # dead; to be started again at its deadline
    ENDED = "ended"  # dead for good


class Watch:
    """One program under watch. Times are monotonic seconds; `now` comes from the one loop that has a clock."""

    def __init__(self, program: Program, main: Main, log: FilteringBoundLogger) -> None:
        self.program = program
        self.phase = Phase.QUEUED
        self.deadline = math.inf
        self.process: NodeProcess | None = None
        self.incarnation = 0
        self.previous = ""
        self.failures = 0  # in a row, without a stable life between
        self.was_ready = False  # in any incarnation
        self.asked = False  # to end: how it ends is then no failure
        self._main = main
        self._stall = program.stall  # of this incarnation; a reload may change that of the program
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

    def start(self, now: float, close: Iterable[int]) -> None:
        """Fork it; raises what `fork` raises, in which case nothing has changed but the count of starts."""
        self.incarnation += 1
        self.process = fork(self.program, self._main, incarnation=self.incarnation, previous=self.previous, close=close)
        self._reason = ""
        self._stall = self.program.stall
        self._forked_at, self._ready_at = now, math.inf
        self._enter(Phase.STARTING, now)
        self._say("program_started", incarnation=self.incarnation)

    def wait(self, now: float, delay: float) -> None:
        """It is dead and will be started again in `delay` seconds."""
        self.phase, self.deadline = Phase.WAITING, now + delay

    def end(self) -> None:
        """It is dead (or was never started) and stays so."""
        self.phase, self.deadline = Phase.ENDED, math.inf

    def hear(self, now: float) -> None:
        """Take what came through its pipe."""
        assert self.process is not None
        for word in self.process.hear():
            if word == READY[0] and self.phase is Phase.STARTING:
                self.was_ready = True
                self._ready_at = now
                self._enter(Phase.RUNNING, now)
                self._say("program_ready", took=round(now - self._forked_at, 3))
            elif word == BEAT[0] and self.phase is Phase.RUNNING:
                self._enter(Phase.RUNNING, now)
            elif word == LEAVING[0] and self.phase in (Phase.STARTING, Phase.RUNNING):
                self._enter(Phase.LEAVING, now)

    def overdue(self, now: float) -> None:
        """The deadline of a living process has passed."""
        program = self.program
        if self.phase is Phase.STARTING:
            self._abort(now, f"not ready within {program.start_timeout:g} s")
        elif self.phase is Phase.RUNNING:
            self._abort(now, f"stalled: no heartbeat for more than {self._stall:g} s")
        elif self.phase is Phase.LEAVING:
            self._abort(now, f"not ended within its shutdown time of {program.shutdown} s")
        elif self.phase is Phase.ABORTING:
            self.kill(now)
        elif self.phase is Phase.KILLED:
            self._log.error("program_unkillable", os_pid=self._os_pid, reason="it hangs in the kernel")
            self._enter(Phase.KILLED, now)

    def ask(self, now: float) -> None:
        """Have it end, in its own time as far as its shutdown setting goes."""
        assert self.process is not None
        self.asked = True
        if self.program.shutdown == "brutal_kill":
            self.kill(now)
        elif self.phase in (Phase.STARTING, Phase.RUNNING, Phase.LEAVING):
            self.process.signal(signal.SIGTERM)
            self._enter(Phase.LEAVING, now)
            self._say("program_stopping")

    def kill(self, now: float) -> None:
        """End it now."""
        assert self.process is not None
        self.process.signal(signal.SIGKILL)
        self._enter(Phase.KILLED, now)

    def reap(self, now: float, stable_after: float) -> tuple[Ending, str] | None:
        """When its process has died: how, and its stacks. A life of `stable_after` ends the row of failures."""
        assert self.process is not None
        ending = self.process.reap(self._reason)
        if ending is None:
            return None
        stacks = self.process.take_stacks()
        self.failures = 1 if now - self._ready_at >= stable_after else self.failures + 1
        self.previous = str(ending)
        self.process = None
        return ending, stacks

    def postpone(self, seconds: float) -> None:
        """The parent itself was not running for so long, and may not have seen what was said in time."""
        if self.process is not None:
            self.deadline += seconds

    def to_state(self) -> dict[str, Any]:
        """What a reload hands on."""
        return {
            "name": self.program.name,
            "shutdown": self.program.shutdown,
            "stall": self._stall,
            "phase": self.phase.value,
            "process": None if self.process is None else self.process.to_state(),
            "incarnation": self.incarnation,
            "previous": self.previous,
            "failures": self.failures,
            "was_ready": self.was_ready,
            "reason": self._reason,
        }

    def adopt(self, state: Mapping[str, Any], now: float) -> None:
        """The reverse of to_state; every deadline starts anew, and one that was to end is wanted again."""
        self._stall = state["stall"]
        self.incarnation = state["incarnation"]
        self.previous = state["previous"]
        self.failures = state["failures"]
        self.was_ready = state["was_ready"]
        self._reason = state["reason"]
        self._forked_at = now
        self._enter(Phase(state["phase"]), now)
        if state["process"] is not None:
            self.process = NodeProcess.from_state(state["process"])
            self._ready_at = math.inf if self.phase is Phase.STARTING else now
            self._say("program_adopted", phase=self.phase.value)

    def _abort(self, now: float, reason: str) -> None:
        assert self.process is not None
        self._reason = reason
        self._log.warning("program_aborted", os_pid=self._os_pid, reason=reason)
        self.process.signal(signal.SIGABRT)
        self._enter(Phase.ABORTING, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self.deadline = now + self._allowance(phase)

    def _allowance(self, phase: Phase) -> float:
        program = self.program
        match phase:
            case Phase.STARTING:
                return program.start_timeout
            case Phase.RUNNING:
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

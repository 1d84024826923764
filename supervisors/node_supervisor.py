"""The node supervisor: the parent OS process; it keeps nodes running that no code inside them could save.

    sys.exit(NodeSupervisor([Program("node", "mirliton.api.cli.node:main")], stacks=Path("var/stacks")).run())

It imports all that its programs need, forks each as a child, and watches each by a pidfd (it died) and a
heartbeat pipe (its event loop stalled). It is synchronous and single-threaded, and has no loop, no hub and no
connection: nothing in it can hang or be corrupted by what the nodes do. Its rules are those of OTP's supervisor,
one_for_one: programs start in their order, each when the one before is ready, and stop in the reverse order; more
than `intensity` restarts within `period` seconds stop everything.

    SIGTERM, SIGINT   stop in order; a second one kills what is left
    SIGUSR2           reload (node_reload.py)
    SIGHUP            where it was given `reopen`: open the logs anew, else reload; but where the parent has a terminal,
                      that was closed: stop in order

A program with limits of its own (program_limits.py) is given up alone, and the others go on; one that waits for others
(`after`) waits for those and not for the one before it. Over a host socket the parent can be asked what node_desk.py
lists; systemd is told what node_notify.py lists.

When the parent itself is killed the kernel kills every node (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import gc
import importlib
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors import node_reload
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.checks import check_flags
from mirliton.supervisors.node_errors import HostSocketError, NodeSupervisorError, NotAloneError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_log import stderr_log
from mirliton.supervisors.node_order import Order, check_order
from mirliton.supervisors.node_outside import Outside
from mirliton.supervisors.node_policy import EX_GAVE_UP, Ending
from mirliton.supervisors.node_restarts import Escalation, Restarts
from mirliton.supervisors.node_signals import SignalPipe, has_terminal
from mirliton.supervisors.node_stacks import StackFiles
from mirliton.supervisors.node_watch import Phase, Watch
from mirliton.supervisors.programs import INTENSITY, PERIOD, Program
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.window import RestartWindow

# A wrapper that passes a Ctrl-C on, which the terminal has sent to both, must not count as the second one.
_SAME_SIGNAL: Final = 0.5
# Beyond this the parent slept longer than it meant to (a paused machine); its children were not heard meanwhile,
# and may not have run either.
_PAUSE: Final = 0.5
# Woken this often, it tells a pause of the machine from the silence of a node: what it slept beyond this was no choice.
_LONGEST_WAIT: Final = 1.0
# Between two looks at the programs' memory.
_LOOK_EVERY: Final = 1.0


class NodeSupervisor:
    """Starts, watches, restarts and stops programs; see the module's text.

    - `intensity`, `period` (seconds): more restarts than that, of all programs together, end everything.
    - `backoff`: the first restart in a row of failures is at once, as OTP's; the later ones wait.
    - `preload`: modules to import before the first fork, beside those of the programs' mains.
    - `stacks`: the folder for the stacks of nodes that stalled or faulted; without it they go to stderr.
    - `control`: where the host socket is made; without it nothing can be asked.
    - `reopen`: opens the parent's own log anew; called on SIGHUP, which is then passed on to the programs with logs.

    Raises NodeSupervisorError for no program, ProgramError for two of one name or an impossible order, InvalidFlags for
    an intensity or a period that OTP would not take. A reload makes a new one, with an empty count of restarts.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        intensity: int = INTENSITY,
        period: float = PERIOD,
        backoff: Backoff | None = None,
        preload: Sequence[str] = (),
        stacks: Path | None = None,
        log: FilteringBoundLogger | None = None,
        control: Path | None = None,
        reopen: Callable[[], None] | None = None,
    ) -> None:
        if not programs:
            raise NodeSupervisorError("the node supervisor was given no program to run")
        check_order(programs)
        check_flags(Tree("one_for_one", (), intensity, period))
        self._programs = tuple(programs)
        self._preload = tuple(preload)
        self._log = log or stderr_log()
        self._stacks = StackFiles(stacks, self._log)
        self._outside = Outside(control, reopen, self._log)
        self.restarts = Restarts(
            RestartWindow(intensity, period),
            backoff or Backoff(initial=0.1, maximum=5.0, calm=30.0),
            self._log,
        )
        self.reloader = node_reload.Reloader(self._log)
        self.watches: list[Watch] = []
        self.order = Order(())
        self._status: int | None = None  # set: we are stopping, and this is what to end with
        self._stop_asked_at = -math.inf
        self._polled_at = 0.0
        self._weighed_at = -math.inf

    def run(self) -> int:
        """Supervise until nothing is left to do; returns the exit status. Only in the main thread, only once.

        0: stopped in order. EX_CONFIG, EX_UNAVAILABLE: a program refused to start with this status, or cannot be
        imported, or the host socket cannot be made. EX_SOFTWARE: the restart intensity was exceeded, or every program
        was given up. 1: no program was left, and one had failed. 128 + n: a second signal n cut the stop short.
        """
        try:
            self._import_everything()
        except NodeSupervisorError as error:
            self._log.error("cannot_start", reason=str(error))
            return os.EX_CONFIG
        trial_status = node_reload.trial_status()
        if trial_status is not None:
            return trial_status
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()  # or every child would write the same text again
        # The children share these pages until somebody writes to them, and a garbage collection writes to all.
        gc.collect()
        gc.freeze()
        has_tty = has_terminal()
        with SignalPipe() as signals:
            self._polled_at = time.monotonic()
            state = node_reload.inherited_state()
            try:
                self._outside.open(None if state is None else state["control"])
            except HostSocketError as error:
                self._log.error("cannot_start", reason=str(error))
                return os.EX_UNAVAILABLE
            self._take_over(state, self._polled_at)
            while self._advance(signals):
                for number in self._wait(signals):
                    self._on_signal(number, has_tty=has_tty)
        self._outside.close()
        assert self._status is not None
        self._log.info("stopped", status=self._status)
        return self._status

    # --- Beginning ---

    def _import_everything(self) -> None:
        for module in self._preload:
            try:
                importlib.import_module(module)
            except ImportError as error:
                raise NodeSupervisorError(f"cannot import {module}, which is to be preloaded: {error}") from error
        self.watches = [Watch(program, program.load(), self._log) for program in self._programs]
        self.order = Order(self.watches)

    def _take_over(self, state: dict[str, Any] | None, now: float) -> None:
        """Adopt the children of the image before this one; one that is no longer wanted is asked to end."""
        reloaded = state is not None
        self._log.info("supervising", os_pid=os.getpid(), programs=len(self._programs), reloaded=reloaded)
        if state is None:
            return
        self.restarts.failed = state["failed"]
        self.reloader.done = state["reloads"] + 1
        wanted = {watch.program.name: watch for watch in self.watches}
        for child in state["children"]:
            watch = wanted.get(child["name"])
            if watch is not None:
                watch.adopt(child, now)
            elif child["process"] is not None:
                times = {"shutdown": child["shutdown"], "drain": child["drain"], "stall": child["stall"]}
                program = Program(child["name"], _retired, after=(), **times)
                retired = Watch(program, _retired, self._log)
                retired.adopt(child, now)
                retired.retire(now)
                self.watches.append(retired)

    # --- The loop: do what is due, then wait for what happens ---

    def _advance(self, signals: SignalPipe) -> bool:
        """Start and stop what is due; False when all is done."""
        now = time.monotonic()
        self.watches = [watch for watch in self.watches if not (watch.retired and watch.process is None)]
        if self._status is None:
            self.restarts.begin_next(self.watches, now)
            self._start_due(now, signals)
        if self._status is None:
            self._escalate(self.restarts.nothing_left(self.watches), now)
        if self._status is not None:
            self._stop_next(now)
        self._outside.tell(self, now)
        return self._status is None or any(watch.phase is not Phase.ENDED for watch in self.watches)

    def _wait(self, signals: SignalPipe) -> bytes:
        """Until something happens or a deadline passes; returns the signals that came."""
        deadlines = [watch.next_due for watch in self.watches]
        deadline = min([*deadlines, *self.reloader.deadlines, self._outside.deadline])
        timeout = min(_LONGEST_WAIT, max(0.0, deadline - time.monotonic()))
        poll = select.poll()
        for fd in (signals.fileno(), *self.reloader.fds, *self._outside.to_poll):
            poll.register(fd, select.POLLIN)
        for watch in self.watches:
            for fd in watch.to_poll:
                poll.register(fd, select.POLLIN)
        happened = {fd for fd, _ in poll.poll(math.ceil(timeout * 1000))}
        now = time.monotonic()
        elapsed = now - self._polled_at
        late = elapsed - timeout
        # Woken far too late, we were stopped ourselves; for how much of the time nobody can tell, so none of it counts.
        paused = elapsed if late > _PAUSE else late
        self._polled_at = now
        for watch in self.watches:
            self._look_at(watch, happened, now, paused)
        if now - self._weighed_at >= _LOOK_EVERY:
            self._weighed_at = now
            for watch in self.watches:
                watch.weigh(now)
        self._outside.serve(self, happened, now)
        if self.reloader.passed(now):
            self._execute_anew()
        return signals.read()

    def _look_at(self, watch: Watch, happened: set[int], now: float, paused: float) -> None:
        process = watch.process
        if process is None:
            return
        if process.pipe in happened:
            watch.hear(now)  # first: it may have said something just before it died
        if process.pidfd in happened:
            end = watch.reap(now, self.restarts.backoff_of(watch).calm_after())
            if end is not None:
                self._on_end(watch, *end, process.pid, now)
                return
        if paused > _PAUSE:
            watch.postpone(paused)
        elif watch.due(now):
            watch.overdue(now)

    # --- Starting and restarting ---

    def _start_due(self, now: float, signals: SignalPipe) -> None:
        for watch in self.watches:
            queued = watch.phase is Phase.QUEUED and self.order.may_start(watch)
            if queued or (watch.phase is Phase.WAITING and watch.deadline <= now):
                self._start(watch, now, signals)
            if self._status is not None:
                return

    def _start(self, watch: Watch, now: float, signals: SignalPipe) -> None:
        fds = [*signals.fds, *self.reloader.fds, *self._outside.fds, *self._child_fds()]
        try:
            watch.start(now, fds)
        except NotAloneError as error:
            self._stop(EX_GAVE_UP, f"cannot start {watch.program.name}: {error}", now)
        except OSError as error:
            watch.failures += 1
            self._after_end(watch, Ending(reason=f"could not be forked: {error}"), now)

    def _on_end(self, watch: Watch, ending: Ending, stacks: str, os_pid: int, now: float) -> None:
        name = watch.program.name
        facts = {"stacks": self._stacks.keep(name, os_pid, stacks)} if stacks else {}
        well = ending.as_asked if watch.asked else ending.normal
        say, event = (self._log.info, "program_ended") if well else (self._log.error, "program_died")
        say(event, node=name, os_pid=os_pid, reason=str(ending), **facts)
        self._after_end(watch, ending, now)

    def _after_end(self, watch: Watch, ending: Ending, now: float) -> None:
        if self._status is not None:
            watch.end(now)
        else:
            self._escalate(self.restarts.after_end(watch, ending, now), now)

    def _escalate(self, escalation: Escalation | None, now: float) -> None:
        if escalation is not None and self._status is None:
            self._stop(escalation.status, escalation.reason, now)

    def _child_fds(self) -> list[int]:
        return [fd for watch in self.watches if watch.process is not None for fd in watch.process.fds]

    # --- Stopping and reloading ---

    @property
    def stopping(self) -> bool:
        """Whether all are being stopped."""
        return self._status is not None

    def stop(self, asked_by: str, now: float) -> None:
        """Stop all in order, and end."""
        self._stop(os.EX_OK, asked_by, now)

    def reopen_logs(self) -> None:
        """After a rotation: this process's own log, and those of the programs that have one."""
        self._outside.reopen_log()
        for watch in self.watches:
            watch.hang_up()
        self._log.info("logs_reopened")

    def _on_signal(self, number: int, *, has_tty: bool) -> None:
        name = signal.Signals(number).name
        now = time.monotonic()
        if number == signal.SIGHUP and not has_tty and self._outside.has_log:
            self.reopen_logs()
        elif number == signal.SIGUSR2 or (number == signal.SIGHUP and not has_tty):
            if self._status is None:
                self.reloader.begin(now)
        elif self._status is None:
            self._stop(os.EX_OK, f"signal {name}", now)
        elif now - self._stop_asked_at > _SAME_SIGNAL:
            self._status = 128 + number
            self._log.error("stopping", reason=f"a second signal, {name}: killing what is left", status=self._status)
            for watch in self.watches:
                if watch.process is not None:
                    watch.asked = True
                    watch.kill(now)

    def _stop(self, status: int, reason: str, now: float) -> None:
        self._status = status
        self._stop_asked_at = now
        self.reloader.cancel()
        say = self._log.info if status == os.EX_OK else self._log.error
        say("stopping", reason=reason, status=status)

    def _stop_next(self, now: float) -> None:
        """Ask those to end that no program still depends on; the others wait until that is so."""
        for watch in self.watches:
            watch.again = False
            if watch.process is None:
                watch.end(now)
        for watch in reversed(self.watches):
            if watch.process is not None and not watch.asked and self.order.may_stop(watch):
                watch.ask(now)

    def _execute_anew(self) -> None:
        state = {
            "failed": self.restarts.failed,
            "reloads": self.reloader.done,
            "control": self._outside.before_reload(),
            "children": [watch.to_state() for watch in self.watches],
        }
        self.reloader.execute_anew(state, [*self._child_fds(), *self._outside.fds])


def _retired(heartbeat: Heartbeat) -> int:
    """The main of a program that a reload found running and no longer wanted; it is never started."""
    raise AssertionError(f"{heartbeat.program} is retired and must not start")

"""The node supervisor: the parent OS process; it keeps nodes running that no code inside them could save.

    sys.exit(NodeSupervisor([Program("node", "mirliton.api.cli.node:main")], stacks=Path("var/stacks")).run())

It imports all that its programs need, forks each as a child, and watches each by a pidfd (it died) and a
heartbeat pipe (its event loop stalled). It is synchronous and single-threaded, and has no loop, no hub and no
connection: nothing in it can hang or be corrupted by what the nodes do. Its rules are those of OTP's supervisor,
one_for_one: programs start in their order, each when the one before is ready, and stop in the reverse order; more
than `intensity` restarts within `period` seconds stop everything.

    SIGTERM, SIGINT   stop in order; a second one kills what is left
    SIGHUP            reload (node_reload.py); but where the parent has a terminal, that was closed: stop in order

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
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors import node_reload
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.checks import check_flags
from mirliton.supervisors.node_errors import NodeSupervisorError, NotAloneError, ProgramError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_log import stderr_log
from mirliton.supervisors.node_policy import EX_GAVE_UP, EX_PROGRAM_FAILED, Ending, judge
from mirliton.supervisors.node_signals import SignalPipe, has_terminal
from mirliton.supervisors.node_stacks import StackFiles
from mirliton.supervisors.node_watch import Phase, Watch
from mirliton.supervisors.programs import Program
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.window import RestartWindow

# A wrapper that passes a Ctrl-C on, which the terminal has sent to both, must not count as the second one.
_SAME_SIGNAL: Final = 0.5
# Beyond this the parent slept longer than it meant to (a paused machine); its children were not heard meanwhile,
# and may not have run either.
_PAUSE: Final = 0.5
# Woken this often, it tells a pause of the machine from the silence of a node: what it slept beyond this was no choice.
_LONGEST_WAIT: Final = 1.0


class NodeSupervisor:
    """Starts, watches, restarts and stops programs; see the module's text.

    - `intensity`, `period` (seconds): more restarts than that, of all programs together, end everything.
    - `backoff`: the first restart in a row of failures is at once, as OTP's; the later ones wait.
    - `preload`: modules to import before the first fork, beside those of the programs' mains.
    - `stacks`: the folder for the stacks of nodes that stalled or faulted; without it they go to stderr.

    Raises NodeSupervisorError for no program, ProgramError for two of one name, InvalidFlags for an intensity or
    a period that OTP would not take. A reload makes a new one, with an empty count of restarts.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        intensity: int = 5,
        period: float = 30.0,
        backoff: Backoff | None = None,
        preload: Sequence[str] = (),
        stacks: Path | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        if not programs:
            raise NodeSupervisorError("the node supervisor was given no program to run")
        for name, count in Counter(program.name for program in programs).items():
            if count > 1:
                raise ProgramError(name, "name", name, f"a name of its own, not one that {count} programs share")
        check_flags(Tree("one_for_one", (), intensity, period))
        self._programs = tuple(programs)
        self._window = RestartWindow(intensity, period)
        self._backoff = backoff or Backoff(initial=0.1, maximum=5.0, calm=30.0)
        self._preload = tuple(preload)
        self._log = log or stderr_log()
        self._stacks = StackFiles(stacks, self._log)
        self._reloader = node_reload.Reloader(self._log)
        self._watches: list[Watch] = []
        self._status: int | None = None  # set: we are stopping, and this is what to end with
        self._stop_asked_at = -math.inf
        self._failed = False  # a program that is not to be restarted ended badly
        self._polled_at = 0.0

    def run(self) -> int:
        """Supervise until nothing is left to do; returns the exit status. Only in the main thread, only once.

        0: stopped in order. EX_CONFIG, EX_UNAVAILABLE: a program refused to start with this status, or cannot be
        imported. EX_SOFTWARE: the restart intensity was exceeded. 1: no program was left, and one had failed.
        128 + n: a second signal n cut the stop short.
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
            self._take_over(node_reload.inherited_state(), self._polled_at)
            while self._advance(signals):
                for number in self._wait(signals):
                    self._on_signal(number, has_tty=has_tty)
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
        self._watches = [Watch(program, program.load(), self._log) for program in self._programs]

    def _take_over(self, state: dict[str, Any] | None, now: float) -> None:
        """Adopt the children of the image before this one; one that is no longer wanted is asked to end."""
        reloaded = state is not None
        self._log.info("supervising", os_pid=os.getpid(), programs=len(self._programs), reloaded=reloaded)
        if state is None:
            return
        self._failed = state["failed"]
        wanted = {watch.program.name: watch for watch in self._watches}
        for child in state["children"]:
            watch = wanted.get(child["name"])
            if watch is not None:
                watch.adopt(child, now)
            elif child["process"] is not None:
                retired = Watch(Program(child["name"], _retired, shutdown=child["shutdown"]), _retired, self._log)
                retired.adopt(child, now)
                retired.ask(now)
                self._watches.append(retired)

    # --- The loop: do what is due, then wait for what happens ---

    def _advance(self, signals: SignalPipe) -> bool:
        """Start and stop what is due; False when all is done."""
        now = time.monotonic()
        if self._status is None:
            self._start_due(now, signals)
        if self._status is None and all(watch.phase is Phase.ENDED for watch in self._watches):
            self._stop(EX_PROGRAM_FAILED if self._failed else os.EX_OK, "no program is left", now)
        if self._status is not None:
            self._stop_next(now)
        return self._status is None or any(watch.phase is not Phase.ENDED for watch in self._watches)

    def _wait(self, signals: SignalPipe) -> bytes:
        """Until something happens or a deadline passes; returns the signals that came."""
        deadline = min([*(watch.deadline for watch in self._watches), *self._reloader.deadlines])
        timeout = min(_LONGEST_WAIT, max(0.0, deadline - time.monotonic()))
        poll = select.poll()
        for fd in (signals.fileno(), *self._reloader.fds):
            poll.register(fd, select.POLLIN)
        for watch in self._watches:
            for fd in watch.to_poll:
                poll.register(fd, select.POLLIN)
        happened = {fd for fd, _ in poll.poll(math.ceil(timeout * 1000))}
        now = time.monotonic()
        elapsed = now - self._polled_at
        late = elapsed - timeout
        # Woken far too late, we were stopped ourselves; for how much of the time nobody can tell, so none of it counts.
        paused = elapsed if late > _PAUSE else late
        self._polled_at = now
        for watch in self._watches:
            self._look_at(watch, happened, now, paused)
        if self._reloader.passed(now):
            self._reload()
        return signals.read()

    def _look_at(self, watch: Watch, happened: set[int], now: float, paused: float) -> None:
        process = watch.process
        if process is None:
            return
        if process.pipe in happened:
            watch.hear(now)  # first: it may have said something just before it died
        if process.pidfd in happened:
            end = watch.reap(now, self._backoff.calm_after())
            if end is not None:
                self._on_end(watch, *end, process.pid, now)
                return
        if paused > _PAUSE:
            watch.postpone(paused)
        elif watch.deadline <= now:
            watch.overdue(now)

    # --- Starting and restarting ---

    def _start_due(self, now: float, signals: SignalPipe) -> None:
        for watch in self._watches:
            if watch.phase is Phase.QUEUED or (watch.phase is Phase.WAITING and watch.deadline <= now):
                self._start(watch, now, signals)
            if self._status is not None:
                return
            if not watch.was_ready and watch.phase is not Phase.ENDED:
                return  # those behind it in the order wait until it has been ready for the first time

    def _start(self, watch: Watch, now: float, signals: SignalPipe) -> None:
        fds = [*signals.fds, *self._reloader.fds, *self._child_fds()]
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
        if self._status is not None or watch.asked:
            watch.end()
            return
        name = watch.program.name
        verdict = judge(watch.program, ending, was_ready=watch.was_ready)
        if verdict == "restart" and self._window.admit(now):
            delay = 0.0 if watch.failures == 1 else self._backoff.delay(watch.failures - 1, name)
            self._log.warning("program_restarting", node=name, delay=delay, failures=watch.failures)
            watch.wait(now, delay)
            return
        watch.end()
        if verdict == "restart":
            limit = f"more than {self._window.intensity} restarts within {self._window.period:g} s"
            self._stop(EX_GAVE_UP, f"{limit}; the last to die was {name}: {ending}", now)
        elif verdict == "refused":
            assert ending.status is not None
            self._stop(ending.status, f"{name} refused to start: {ending}", now)
        else:
            self._failed = self._failed or not ending.normal

    def _child_fds(self) -> list[int]:
        return [fd for watch in self._watches if watch.process is not None for fd in watch.process.fds]

    # --- Stopping and reloading ---

    def _on_signal(self, number: int, *, has_tty: bool) -> None:
        name = signal.Signals(number).name
        now = time.monotonic()
        if number == signal.SIGHUP and not has_tty:
            if self._status is None:
                self._reloader.begin(now)
        elif self._status is None:
            self._stop(os.EX_OK, f"signal {name}", now)
        elif now - self._stop_asked_at > _SAME_SIGNAL:
            self._status = 128 + number
            self._log.error("stopping", reason=f"a second signal, {name}: killing what is left", status=self._status)
            for watch in self._watches:
                if watch.process is not None:
                    watch.asked = True
                    watch.kill(now)

    def _stop(self, status: int, reason: str, now: float) -> None:
        self._status = status
        self._stop_asked_at = now
        self._reloader.cancel()
        say = self._log.info if status == os.EX_OK else self._log.error
        say("stopping", reason=reason, status=status)

    def _stop_next(self, now: float) -> None:
        """Ask the last program that still runs to end; the one before it waits until it has."""
        for watch in reversed(self._watches):
            if watch.process is None:
                watch.end()
                continue
            if not watch.asked:
                watch.ask(now)
            return

    def _reload(self) -> None:
        state = {"failed": self._failed, "children": [watch.to_state() for watch in self._watches]}
        self._reloader.execute_anew(state, self._child_fds())


def _retired(heartbeat: Heartbeat) -> int:
    """The main of a program that a reload found running and no longer wanted; it is never started."""
    raise AssertionError(f"{heartbeat.program} is retired and must not start")

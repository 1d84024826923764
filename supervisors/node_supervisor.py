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

from mirliton.supervisors import node_desk, node_reload
from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.checks import check_flags
from mirliton.supervisors.node_control import HostSocket
from mirliton.supervisors.node_errors import HostSocketError, NodeSupervisorError, NotAloneError
from mirliton.supervisors.node_heartbeat import Heartbeat
from mirliton.supervisors.node_log import stderr_log
from mirliton.supervisors.node_notify import Notifier
from mirliton.supervisors.node_order import Order, check_order
from mirliton.supervisors.node_policy import EX_GAVE_UP, EX_PROGRAM_FAILED, Ending, judge
from mirliton.supervisors.node_signals import SignalPipe, has_terminal
from mirliton.supervisors.node_stacks import StackFiles
from mirliton.supervisors.node_watch import GIVEN_UP, STOPPED, Phase, Watch
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
# Between two looks at the programs' memory and, for systemd, at how all stands.
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
        self._window = RestartWindow(intensity, period)
        self._backoff = backoff or Backoff(initial=0.1, maximum=5.0, calm=30.0)
        self._preload = tuple(preload)
        self._log = log or stderr_log()
        self._stacks = StackFiles(stacks, self._log)
        self._reloader = node_reload.Reloader(self._log)
        self._notifier = Notifier(self._log)
        self._control_path = control
        self._control: HostSocket | None = None
        self._reopen = reopen
        self._order = Order(())
        self.watches: list[Watch] = []
        self._status: int | None = None  # set: we are stopping, and this is what to end with
        self._stop_asked_at = -math.inf
        self._failed = False  # a program that is not to be restarted ended badly
        self._polled_at = 0.0
        self._looked_at = -math.inf

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
                self._open_control(None if state is None else state["control"])
            except HostSocketError as error:
                self._log.error("cannot_start", reason=str(error))
                return os.EX_UNAVAILABLE
            self._take_over(state, self._polled_at)
            while self._advance(signals):
                for number in self._wait(signals):
                    self._on_signal(number, has_tty=has_tty)
            self._notifier.tell(status="stopped")
        if self._control is not None:
            self._control.close()
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
        self._order = Order(self.watches)

    def _open_control(self, inherited: dict[str, Any] | None) -> None:
        """The host socket: the one of the image before this, or a new one. Raises HostSocketError."""
        before = None if inherited is None else HostSocket.from_state(inherited)
        if before is not None and before.path == self._control_path:
            self._control = before
            return
        try:
            self._control = None if self._control_path is None else HostSocket.bind(self._control_path)
        except HostSocketError as error:
            if before is None:
                raise
            # The programs run; that they can be asked about at the old place only is no reason to end them.
            self._log.error("host_socket_not_moved", reason=str(error))
            self._control = before
            return
        if before is not None:
            before.close()

    def _take_over(self, state: dict[str, Any] | None, now: float) -> None:
        """Adopt the children of the image before this one; one that is no longer wanted is asked to end."""
        reloaded = state is not None
        self._log.info("supervising", os_pid=os.getpid(), programs=len(self._programs), reloaded=reloaded)
        if state is None:
            return
        self._failed = state["failed"]
        self._reloader.done = state["reloads"] + 1
        wanted = {watch.program.name: watch for watch in self.watches}
        for child in state["children"]:
            watch = wanted.get(child["name"])
            if watch is not None:
                watch.adopt(child, now)
                if watch.to_restart:
                    self._log.info("program_to_restart", node=watch.program.name, reason=watch.to_restart)
            elif child["process"] is not None:
                program = Program(child["name"], _retired, shutdown=child["shutdown"], after=())
                retired = Watch(program, _retired, self._log)
                retired.adopt(child, now)
                retired.ask(now)
                self.watches.append(retired)

    # --- The loop: do what is due, then wait for what happens ---

    def _advance(self, signals: SignalPipe) -> bool:
        """Start and stop what is due; False when all is done."""
        now = time.monotonic()
        if self._status is None:
            self._restart_next(now)
            self._start_due(now, signals)
        if self._status is None and self._nothing_to_do():
            self._stop(self._final_status(), "no program is left", now)
        if self._status is not None:
            self._stop_next(now)
        self._tell_systemd(now)
        return self._status is None or any(watch.phase is not Phase.ENDED for watch in self.watches)

    def _wait(self, signals: SignalPipe) -> bytes:
        """Until something happens or a deadline passes; returns the signals that came."""
        deadlines = [watch.next_due for watch in self.watches]
        deadline = min([*deadlines, *self._reloader.deadlines, self._notifier.deadline])
        timeout = min(_LONGEST_WAIT, max(0.0, deadline - time.monotonic()))
        poll = select.poll()
        for fd in (signals.fileno(), *self._reloader.fds, *self._control_fds()[:1]):
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
        if now - self._looked_at >= _LOOK_EVERY:
            self._looked_at = now
            for watch in self.watches:
                watch.weigh(now)
        if self._control is not None and self._control.fileno() in happened:
            for request, client in self._control.requests():
                self._control.answer(client, node_desk.answer(self, request, now))
        if self._reloader.passed(now):
            self._execute_anew()
        return signals.read()

    def _look_at(self, watch: Watch, happened: set[int], now: float, paused: float) -> None:
        process = watch.process
        if process is None:
            return
        if process.pipe in happened:
            watch.hear(now)  # first: it may have said something just before it died
        if process.pidfd in happened:
            end = watch.reap(now, self._backoff_of(watch).calm_after())
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
            queued = watch.phase is Phase.QUEUED and self._order.may_start(watch)
            if queued or (watch.phase is Phase.WAITING and watch.deadline <= now):
                self._start(watch, now, signals)
            if self._status is not None:
                return

    def _start(self, watch: Watch, now: float, signals: SignalPipe) -> None:
        fds = [*signals.fds, *self._reloader.fds, *self._control_fds(), *self._child_fds()]
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
        if self._status is None and watch.again:
            watch.wait(now, 0.0)
            return
        if self._status is not None or watch.asked:
            watch.end(now)
            return
        name = watch.program.name
        verdict = judge(watch.program, ending, was_ready=watch.was_ready)
        window = watch.window or self._window
        if verdict == "restart" and window.admit(now):
            delay = 0.0 if watch.failures == 1 else self._backoff_of(watch).delay(watch.failures - 1, name)
            self._log.warning("program_restarting", node=name, delay=round(delay, 3), failures=watch.failures)
            watch.wait(now, delay)
            return
        watch.end(now)
        if verdict == "restart":
            limit = f"more than {window.intensity} restarts within {window.period:g} s"
            self._give_up(watch, EX_GAVE_UP, f"{limit}; the last to die was {name}: {ending}", now)
        elif verdict == "refused":
            assert ending.status is not None
            self._give_up(watch, ending.status, f"{name} refused to start: {ending}", now)
        else:
            self._failed = self._failed or not ending.normal

    def _give_up(self, watch: Watch, status: int, reason: str, now: float) -> None:
        """This one where it has limits of its own, else all."""
        if watch.window is None:
            self._stop(status, reason, now)
            return
        watch.held, watch.gave_up_with = GIVEN_UP, status
        self._log.error("program_given_up", node=watch.program.name, reason=reason)

    def _nothing_to_do(self) -> bool:
        """All have ended, and nobody is to say when one that was stopped shall start again."""
        return all(watch.phase is Phase.ENDED and watch.held != STOPPED for watch in self.watches)

    def _final_status(self) -> int:
        given_up = [watch.gave_up_with for watch in self.watches if watch.held == GIVEN_UP]
        if given_up:
            # A refusal tells systemd not to try again; it counts only where all have refused.
            return given_up[0] if len(set(given_up)) == 1 else EX_GAVE_UP
        return EX_PROGRAM_FAILED if self._failed else os.EX_OK

    def _backoff_of(self, watch: Watch) -> Backoff:
        return self._backoff if watch.program.limits is None else watch.program.limits.backoff

    # --- Restarts that somebody asked for: one after another ---

    def restart(self, watch: Watch, reason: str) -> None:
        """Restart it in its turn, or start it where it is down, with an empty count of restarts."""
        watch.to_restart = watch.to_restart or reason

    def _restart_next(self, now: float) -> None:
        for watch in self.watches:
            if watch.turning:
                return
        for watch in self.watches:
            if watch.to_restart:
                self._begin_restart(watch, now)
                return

    def _begin_restart(self, watch: Watch, now: float) -> None:
        self._log.info("program_to_restart_now", node=watch.program.name, reason=watch.to_restart)
        watch.to_restart = watch.held = ""
        watch.failures = 0
        watch.renew_window()
        if watch.process is not None:
            watch.again = True
            watch.ask(now)
        elif watch.phase in (Phase.WAITING, Phase.ENDED):
            watch.queue(now)

    def hold(self, watch: Watch, now: float) -> None:
        """Stop it, and leave it down until a restart of it is asked for."""
        watch.to_restart, watch.held, watch.again = "", STOPPED, False
        if watch.process is None:
            watch.end(now)
        elif not watch.asked:
            watch.ask(now)

    def _control_fds(self) -> tuple[int, ...]:
        return () if self._control is None else self._control.fds

    def _child_fds(self) -> list[int]:
        return [fd for watch in self.watches if watch.process is not None for fd in watch.process.fds]

    # --- What can be asked and told from outside ---

    @property
    def stopping(self) -> bool:
        """Whether all are being stopped."""
        return self._status is not None

    @property
    def reloading(self) -> bool:
        """Whether a reload's trial is under way."""
        return self._reloader.under_way

    @property
    def reloads(self) -> int:
        """How often this process has executed itself anew."""
        return self._reloader.done

    @property
    def refusals(self) -> int:
        """How many reloads this image has refused."""
        return self._reloader.refusals

    @property
    def last_refusal(self) -> str:
        """Why it refused the last of them."""
        return self._reloader.last_refusal

    def stop(self, asked_by: str, now: float) -> None:
        """Stop all in order."""
        self._stop(os.EX_OK, asked_by, now)

    def reload(self, now: float) -> None:
        """Begin a reload, unless one is under way."""
        self._reloader.begin(now)

    def reopen_logs(self) -> None:
        """After a rotation: this process's own log, and those of the programs."""
        if self._reopen is not None:
            try:
                self._reopen()
            except OSError as error:
                self._log.error("log_not_reopened", reason=str(error))
        for watch in self.watches:
            watch.hang_up()
        self._log.info("logs_reopened")

    def _tell_systemd(self, now: float) -> None:
        up = all(watch.was_ready or watch.phase is Phase.ENDED for watch in self.watches)
        if self._status is not None:
            self._notifier.tell(stopping=1, status=node_desk.standing(self, now))
        elif up:
            self._notifier.tell(mainpid=os.getpid(), ready=1, status=node_desk.standing(self, now))
        else:
            self._notifier.tell(status=node_desk.standing(self, now))
        self._notifier.keep_alive(now, well=not any(watch.unkillable for watch in self.watches))

    # --- Stopping and reloading ---

    def _on_signal(self, number: int, *, has_tty: bool) -> None:
        name = signal.Signals(number).name
        now = time.monotonic()
        if number == signal.SIGHUP and not has_tty and self._reopen is not None:
            self.reopen_logs()
        elif number == signal.SIGUSR2 or (number == signal.SIGHUP and not has_tty):
            if self._status is None:
                self.reload(now)
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
        self._reloader.cancel()
        say = self._log.info if status == os.EX_OK else self._log.error
        say("stopping", reason=reason, status=status)

    def _stop_next(self, now: float) -> None:
        """Ask those to end that no program still depends on; the others wait until that is so."""
        for watch in self.watches:
            watch.again = False
            if watch.process is None:
                watch.end(now)
        for watch in reversed(self.watches):
            if watch.process is not None and not watch.asked and self._order.may_stop(watch):
                watch.ask(now)

    def _execute_anew(self) -> None:
        state = {
            "failed": self._failed,
            "reloads": self._reloader.done,
            "control": None if self._control is None else self._control.to_state(),
            "children": [watch.to_state() for watch in self.watches],
        }
        self._notifier.reloading()
        self._reloader.execute_anew(state, [*self._child_fds(), *self._control_fds()])


def _retired(heartbeat: Heartbeat) -> int:
    """The main of a program that a reload found running and no longer wanted; it is never started."""
    raise AssertionError(f"{heartbeat.program} is retired and must not start")

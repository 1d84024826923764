"""What follows an end: a restart at once or later, giving up, or the end of all; and restarts that were asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors.backoff import Backoff
from mirliton.supervisors.node_policy import EX_GAVE_UP, EX_PROGRAM_FAILED, Ending, judge
from mirliton.supervisors.node_watch import GIVEN_UP, STOPPED, Phase, Watch
from mirliton.supervisors.window import RestartWindow


@dataclass(frozen=True, slots=True)
class Escalation:
    """All programs are to be stopped, and the parent to end with `status`, for `reason`."""

    status: int
    reason: str


class Restarts:
    """The restarts of one parent's programs. `window` and `backoff` are for those that have no limits of their own."""

    def __init__(self, window: RestartWindow, backoff: Backoff, log: FilteringBoundLogger) -> None:
        self._window = window
        self._backoff = backoff
        self._log = log
        self.failed = False  # a program that is not to be restarted ended badly

    def backoff_of(self, watch: Watch) -> Backoff:
        """Its own, or that of all."""
        return self._backoff if watch.program.limits is None else watch.program.limits.backoff

    def after_end(self, watch: Watch, ending: Ending, now: float) -> Escalation | None:
        """It has ended while the parent is not stopping: decide, and tell the watch."""
        if watch.again:
            watch.wait(now, 0.0)
            return None
        if watch.asked:
            watch.end(now)
            return None
        name = watch.program.name
        verdict = judge(watch.program, ending, was_ready=watch.was_ready)
        window = watch.window or self._window
        if verdict == "restart" and window.admit(now):
            delay = 0.0 if watch.failures == 1 else self.backoff_of(watch).delay(watch.failures - 1, name)
            self._log.warning("program_restarting", node=name, delay=round(delay, 3), failures=watch.failures)
            watch.wait(now, delay)
            return None
        watch.end(now)
        if verdict == "restart":
            limit = f"more than {window.intensity} restarts within {window.period:g} s"
            return self._give_up(watch, EX_GAVE_UP, f"{limit}; the last to die was {name}: {ending}")
        if verdict == "refused":
            assert ending.status is not None
            return self._give_up(watch, ending.status, f"{name} refused to start: {ending}")
        self.failed = self.failed or not ending.normal
        return None

    def _give_up(self, watch: Watch, status: int, reason: str) -> Escalation | None:
        if watch.window is None:
            return Escalation(status, reason)
        watch.held, watch.gave_up_with = GIVEN_UP, status
        self._log.error("program_given_up", node=watch.program.name, reason=reason)
        return None

    def nothing_left(self, watches: Iterable[Watch]) -> Escalation | None:
        """When all have ended, and none was stopped by somebody who may want it again: with what the parent ends."""
        if not all(watch.phase is Phase.ENDED and watch.held != STOPPED for watch in watches):
            return None
        status = EX_PROGRAM_FAILED if self.failed else os.EX_OK
        given_up = {watch.gave_up_with for watch in watches if watch.held == GIVEN_UP}
        if given_up:
            # A refusal tells systemd not to try again; it counts only where all that were given up have refused.
            status = given_up.pop() if len(given_up) == 1 else EX_GAVE_UP
        return Escalation(status, "no program is left")

    # --- What somebody asks for ---

    def ask(self, watch: Watch, reason: str) -> None:
        """Restart it in its turn."""
        watch.to_restart = watch.to_restart or reason

    def begin_next(self, watches: Sequence[Watch], now: float) -> None:
        """One after another: while one is on its way down and up again the next waits, and so it does when that one
        does not come up: what keeps it down may well keep the next down too.
        """
        wanted = [watch for watch in watches if watch.to_restart]
        if wanted and not any(watch.turning and not watch.to_restart for watch in watches):
            self.begin(wanted[0], wanted[0].to_restart, now)

    def begin(self, watch: Watch, reason: str, now: float) -> None:
        """Restart it now, or start it where it is down, with an empty count of restarts."""
        self._log.info("program_to_restart", node=watch.program.name, reason=reason)
        watch.to_restart = watch.held = ""
        watch.restarting = True
        watch.failures = 0
        watch.renew_window()
        if watch.process is not None:
            watch.again = True
            watch.ask(now)
        elif watch.phase is not Phase.QUEUED:
            watch.queue(now)

    def hold(self, watch: Watch, now: float) -> None:
        """Stop it, and leave it down until a restart of it is asked for."""
        self._log.info("program_to_stop", node=watch.program.name)
        watch.to_restart, watch.held, watch.again, watch.restarting = "", STOPPED, False, False
        if watch.process is None:
            watch.end(now)
        elif not watch.asked:
            watch.ask(now)

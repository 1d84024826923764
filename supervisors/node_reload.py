"""Reload: the parent executes itself anew, on code that may have been upgraded, and keeps its children.

The process stays the same, so the children remain its children and their parent-death signal stays quiet; the
pidfds, pipes and memory files stay open across exec, and their numbers travel in a memory file that an
environment variable names. Code that cannot start would take every node down with it; so a *trial* comes first:
the same command line in a process of its own, which imports everything and ends before it starts anything.

What comes before `NodeSupervisor.run` in the program is executed in the trial, and again after exec.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from mirliton.supervisors import node_signals

TRIAL: Final = "MIRLITON_NODE_SUPERVISOR_TRIAL"
STATE: Final = "MIRLITON_NODE_SUPERVISOR_STATE"
# Raised with every change of the state's fields; an image that cannot read the running parent's fails its trial.
VERSION: Final = 2
TRIAL_TIMEOUT: Final = 60.0


class Trial:
    """A process that tries whether this command line would start. `pidfd` is readable when it has ended."""

    def __init__(self, now: float) -> None:
        """Start it, in a session of its own; raises OSError."""
        self.deadline = now + TRIAL_TIMEOUT
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            _command(),
            env={**os.environ, TRIAL: str(VERSION)},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pidfd = os.pidfd_open(self._process.pid)

    def outcome(self, now: float) -> str | None:
        """None while it runs, "" when it would start, else why not."""
        status = self._process.poll()
        if status is None:
            return None if now < self.deadline else f"it did not end within {TRIAL_TIMEOUT:g} s"
        return "" if status == os.EX_OK else f"it ended with exit status {status}"

    def close(self) -> None:
        """End it if it has not, and let go of it."""
        self._process.kill()
        self._process.wait()
        os.close(self.pidfd)


class Reloader:
    """Reloads of one parent: at most one trial at a time, and what became of it.

    `done` counts the reloads there have been, `refusals` those that this image refused, the last for `last_refusal`.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._trial: Trial | None = None
        self.done = 0
        self.refusals = 0
        self.last_refusal = ""

    @property
    def under_way(self) -> bool:
        """Whether a trial is running."""
        return self._trial is not None

    @property
    def fds(self) -> Sequence[int]:
        """To be polled, and to be closed in children."""
        return () if self._trial is None else (self._trial.pidfd,)

    @property
    def deadlines(self) -> Sequence[float]:
        """When to look at it at the latest."""
        return () if self._trial is None else (self._trial.deadline,)

    def begin(self, now: float) -> None:
        """Start a trial, if none is running."""
        if self._trial is not None:
            self._log.warning("reload_refused", reason="a reload is under way")
            return
        try:
            self._trial = Trial(now)
        except OSError as error:
            self._refuse(str(error))
        else:
            self._log.info("reload_trial", os_pid=os.getpid())

    def passed(self, now: float) -> bool:
        """Whether a trial has just ended well, so that it is time to `execute_anew`."""
        outcome = None if self._trial is None else self._trial.outcome(now)
        if outcome is None:
            return False
        self.cancel()
        if outcome:
            self._refuse(f"the trial start failed: {outcome}")
        return not outcome

    def cancel(self) -> None:
        """No reload any more."""
        if self._trial is not None:
            self._trial.close()
            self._trial = None

    def execute_anew(self, state: dict[str, Any], keep: Iterable[int]) -> None:
        """Replace this process's image; returns only where the system refuses, with everything as it was.

        `keep`: the file descriptors to stay open. Signals that come meanwhile are delivered to the new image.
        """
        kept = tuple(keep)
        memory = os.memfd_create("node supervisor", 0)
        self._log.info("reloading", os_pid=os.getpid())
        try:
            os.write(memory, json.dumps(state).encode())
            for fd in kept:
                os.set_inheritable(fd, True)
            command = _command()
            with node_signals.held_back():
                os.execve(command[0], command, {**os.environ, STATE: str(memory)})  # noqa: S606 - our own
        except OSError as error:
            self._refuse(str(error))
        for fd in kept:
            os.set_inheritable(fd, False)
        os.close(memory)

    def _refuse(self, reason: str) -> None:
        self.refusals += 1
        self.last_refusal = reason
        self._log.error("reload_refused", reason=reason)


def trial_status() -> int | None:
    """In `run`: None when this is no trial, else the status to end with, now that everything is imported."""
    version = os.environ.get(TRIAL)
    if version is None:
        return None
    return os.EX_OK if version == str(VERSION) else os.EX_CONFIG


def inherited_state() -> dict[str, Any] | None:
    """What the image before this one handed on, once; None after an ordinary start."""
    number = os.environ.pop(STATE, None)
    if number is None:
        return None
    with open(int(number), "rb") as memory:  # noqa: PTH123 - a file descriptor
        memory.seek(0)
        state: dict[str, Any] = json.load(memory)
    return state


def _command() -> list[str]:
    return [sys.executable, *sys.orig_argv[1:]]

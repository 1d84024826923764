"""What a program is given of its own before its main runs: its log, its nice value, its CPUs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from mirliton.supervisors.node_log import write_stderr
from mirliton.supervisors.programs import Program

_LOG_MODE = 0o640


class CannotEquip(Exception):
    """Something cannot be had. `status`: the exit status that tells the parent whether to try again."""

    def __init__(self, text: str, status: int) -> None:
        self.status = status
        super().__init__(text)


def equip(program: Program) -> None:
    """In the forked child. A setting that the system refuses is a refusal to start; a log that cannot be opened is not:
    the disk may come back. Raises CannotEquip.
    """
    if program.log is not None:
        try:
            redirect(program.log)
        except OSError as error:
            raise CannotEquip(f"the log {program.log} cannot be opened: {error.strerror}", os.EX_CANTCREAT) from error
        _reopen_on_hangup(program.log)
    if program.nice is not None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, program.nice)
        except OSError as error:
            raise CannotEquip(f"nice {program.nice} is refused: {error.strerror}", os.EX_CONFIG) from error
    if program.cpus:
        try:
            os.sched_setaffinity(0, program.cpus)
        except OSError as error:
            text = f"cpus {sorted(program.cpus)} are refused: {error.strerror}"
            raise CannotEquip(text, os.EX_CONFIG) from error


def redirect(log: Path) -> None:
    """Let this process's stdout and stderr go to the end of `log` from now on; raises OSError with both as before."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _LOG_MODE)
    try:
        for standard in (1, 2):
            os.dup2(file, standard)
    finally:
        os.close(file)


def _reopen_on_hangup(log: Path) -> None:
    """After a rotation the parent passes SIGHUP on. A program may replace this handler by one of its own."""

    def reopen(number: int, frame: object) -> None:
        try:
            redirect(log)
        except OSError as error:  # the file it had is still open
            write_stderr(f"the log {log} cannot be opened anew: {error.strerror}\n")

    signal.signal(signal.SIGHUP, reopen)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))

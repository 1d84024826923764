"""The node supervisor's judgement, as pure functions of data: how a program ended, and what that calls for."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Final, Literal

from mirliton.supervisors.programs import Program

# The node supervisor's own exit status, beside 0 for an ordered stop, 128 + n for a stop that a second signal n
# cut short, and the status with which a program refused to start.
EX_PROGRAM_FAILED: Final = 1  # no program is left to watch, and one of them failed
EX_GAVE_UP: Final = os.EX_SOFTWARE  # the restart intensity was exceeded
REFUSALS: Final = frozenset({os.EX_CONFIG, os.EX_UNAVAILABLE})

Verdict = Literal["restart", "done", "refused"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: by an exit status, by a signal, or because its parent ended it for `reason`."""

    status: int | None = None
    signal: int | None = None
    reason: str = ""

    @property
    def normal(self) -> bool:
        """Ended by itself with status 0."""
        return self.status == 0 and not self.reason

    @property
    def as_asked(self) -> bool:
        """For a program that was asked to end: it did, and nothing else went wrong with it."""
        return self.normal or (self.signal in (signal.SIGTERM, signal.SIGKILL) and not self.reason)

    def __str__(self) -> str:
        if self.reason:
            return self.reason
        if self.signal is not None:
            return f"signal {_signal_name(self.signal)}"
        return f"exit status {self.status}"


def judge(program: Program, ending: Ending, *, was_ready: bool) -> Verdict:
    """What an ending that nobody asked for calls for. `was_ready`: some start of this program came to be ready.

    A refusal counts only from a program that was never ready: nothing is running yet that a retry could save.
    Later, calls depend on the program, and what it lacks (a port that is taken) may come back: it is retried,
    within the restart intensity. The restart types are OTP's.
    """
    if not was_ready and ending.status in REFUSALS and not ending.reason:
        return "refused"
    wanted = program.restart == "permanent" or (program.restart == "transient" and not ending.normal)
    return "restart" if wanted else "done"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)  # most real-time signals have no name

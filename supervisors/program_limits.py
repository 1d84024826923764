"""How often a program may be restarted on its own account, and how much memory it may use.

Program("whapps1", main, limits=RestartLimits(10, 600.0), memory=Memory(512 * MIB, 640 * MIB))
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from mirliton.supervisors.backoff import Backoff, backoff_fault

MIB: Final = 1024 * 1024

_BACKOFF: Final = Backoff(initial=0.1, maximum=30.0, jitter=0.2, calm=30.0)


@dataclass(frozen=True, slots=True)
class RestartLimits:
    """Restart limits of one program, as if a supervisor of its own stood above it, whose parent does not restart it.

    More than `intensity` restarts within `period` seconds, or a refusal to start, and it is *given up*: it stays down
    until somebody asks for it, and the other programs go on. The first restart after a calm spell is at once, as OTP's;
    the later ones wait as `backoff` says. A reload of the parent begins with an empty count.

    Raises ValueError for what cannot be meant.
    """

    intensity: int
    period: float
    backoff: Backoff = _BACKOFF

    def __post_init__(self) -> None:
        if type(self.intensity) is not int or self.intensity < 0:
            raise ValueError(f"intensity is {self.intensity!r}; expected a whole number, 0 or above")
        if type(self.period) not in (int, float) or not (math.isfinite(self.period) and self.period > 0):
            raise ValueError(f"period is {self.period!r}; expected seconds above 0")
        if self.backoff is None or backoff_fault(self.backoff):
            raise ValueError(
                f"backoff is {self.backoff!r}; expected 0 < initial <= maximum, factor >= 1, jitter below 1"
            )


@dataclass(frozen=True, slots=True)
class Memory:
    """Bounds on a program's resident and swapped memory, in bytes, looked at about once a second.

    Above `restart` it is restarted in order: it is asked to drain, then to end, each within its time. Above `kill`,
    also meanwhile, it is killed at once. Either counts as a failure.

    Raises ValueError unless 0 < restart <= kill.
    """

    restart: int
    kill: int

    def __post_init__(self) -> None:
        if not 0 < self.restart <= self.kill:
            raise ValueError(f"restart is {self.restart!r} and kill {self.kill!r}; expected 0 < restart <= kill")

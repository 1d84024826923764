"""Restart intensity: how many restarts a supervisor grants in how many seconds."""

from __future__ import annotations

from collections import deque


class RestartWindow:
    """A sliding window over the restarts of one supervisor.

    `admit(now)` notes a restart and says whether it is still within `intensity` restarts per `period` seconds.

    OTP cuts its clock to whole seconds, so there two restarts that lie between period and period + 1 s apart may or
    may not count together. Ours is exact: a restart counts while it is at most `period` seconds old. That is within
    what OTP allows, and does not depend on the phase of the clock.

    The supervisor's own restart begins with an empty window.
    """

    __slots__ = ("_restarts", "intensity", "period")

    def __init__(self, intensity: int, period: float) -> None:
        self.intensity = intensity
        self.period = period
        self._restarts: deque[float] | None = None  # 760 bytes that most supervisors never need

    def admit(self, now: float) -> bool:
        """Note a restart at `now` (monotonic seconds). False: it is one too many, the supervisor must give up."""
        if self._restarts is None:
            self._restarts = deque()
        self._forget_before(now - self.period)
        self._restarts.append(now)
        return len(self._restarts) <= self.intensity

    def used(self, now: float) -> int:
        """How many restarts count at `now`."""
        self._forget_before(now - self.period)
        return len(self._restarts) if self._restarts is not None else 0

    def still_used(self, at: float) -> int:
        """How many of the restarts so far will count at a later moment."""
        return sum(when >= at - self.period for when in self._restarts or ())

    def change(self, intensity: int, period: float) -> None:
        """Take other limits; what has been noted stays noted."""
        self.intensity = intensity
        self.period = period

    def _forget_before(self, horizon: float) -> None:
        while self._restarts and self._restarts[0] < horizon:
            self._restarts.popleft()

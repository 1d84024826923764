"""Which command an answer belongs to. No I/O, no clock of its own.

The switch answers commands in their order and puts nothing into an answer that says which command it is for. So a
command keeps its place until its answer has come, also when nobody waits for it any more: the late answer to a
command that timed out takes its own place and is dropped, instead of being taken for the next command's.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from typing import Generic, TypeVar

from mirliton.ecallmgr.esl.errors import ReplyOutOfTurn, TooManyInFlight
from mirliton.ecallmgr.esl.framing import Frame

T = TypeVar("T")

API = "api/response"
COMMAND = "command/reply"


class Kind(enum.Enum):
    """What the answer to a command looks like."""

    API = "api"
    """api/response, or a command/reply that refuses."""
    COMMAND = "command"
    """command/reply."""


@dataclasses.dataclass(slots=True)
class Pending(Generic[T]):
    """One command that waits for its answer. `waiter` is whoever wants it; None when nobody does any more."""

    label: str
    kind: Kind
    deadline: float
    timeout: float
    waiter: T | None
    job_uuid: str | None = ""
    """The Job-UUID that an acceptance names; "" where none may be named, None where any may."""


class PendingCommands(Generic[T]):
    """The commands in flight, oldest first. Deadlines are points on the caller's clock, in seconds.

    At most `limit` at a time, those included whose answers are overdue: a switch that answers nothing must not make
    the table grow.
    """

    __slots__ = ("_queue", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._queue: deque[Pending[T]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def check_room(self, label: str) -> None:
        """Raise TooManyInFlight when no further command may be sent."""
        if len(self._queue) >= self.limit:
            raise TooManyInFlight(label, self.limit)

    def add(
        self, label: str, kind: Kind, *, now: float, timeout: float, waiter: T, job_uuid: str | None = ""
    ) -> Pending[T]:
        """Note that a command is being sent now. Raises TooManyInFlight."""
        self.check_room(label)
        pending = Pending(label, kind, now + timeout, timeout, waiter, job_uuid)
        self._queue.append(pending)
        return pending

    def answered(self, frame: Frame) -> Pending[T]:
        """The command that this answer is for; its `waiter` is None when the answer comes too late.

        Raises ReplyOutOfTurn when no command waits, or when the answer cannot be the one to the command whose turn it
        is. (Two answers of the same kind to one command, while a second command waits, cannot be told from right
        ones; FreeSWITCH does not do that, and the next answer out of turn ends the connection.)
        """
        if not self._queue:
            raise ReplyOutOfTurn(f"a {frame.content_type}, and no command is waiting")
        pending = self._queue[0]
        if frame.content_type == API:
            if pending.kind is not Kind.API:
                raise ReplyOutOfTurn(f"an {API} for {pending.label!r}, which gets a {COMMAND}")
        elif pending.kind is Kind.API and not frame.reply_text.startswith("-"):
            raise ReplyOutOfTurn(f"a {COMMAND} that refuses nothing for {pending.label!r}, which gets an {API}")
        told = frame.headers.get("Job-UUID", "")
        if told and pending.job_uuid is not None and told != pending.job_uuid:
            raise ReplyOutOfTurn(f"the answer for job {told!r} to {pending.label!r}, job {pending.job_uuid!r}")
        return self._queue.popleft()

    def expire(self, now: float) -> list[tuple[Pending[T], T]]:
        """The commands whose time is up, with who waited for them. They keep their places."""
        expired = []
        for pending in self._queue:
            if pending.waiter is not None and pending.deadline <= now:
                expired.append((pending, pending.waiter))
                pending.waiter = None
        return expired

    def next_deadline(self) -> float | None:
        """When `expire` will have something to do, or None."""
        return min((p.deadline for p in self._queue if p.waiter is not None), default=None)

    def abandon(self) -> list[tuple[Pending[T], T]]:
        """Empty the table at the end of the connection; returns who still waits for what."""
        waiting = [(pending, pending.waiter) for pending in self._queue if pending.waiter is not None]
        self._queue.clear()
        return waiting

"""Requests that wait for answers, without I/O: whoever has a connection drives a table of them.

    requests = Requests()
    asked = requests.call(envelope.msg_id, deadline=now + 2.0)        # the first answer ends it
    asked = requests.collect(envelope.msg_id, 3, deadline=now + 2.0)  # three answers do, or `enough(answers)`
    …publish the request, with a Server-ID that leads here…

    ended = requests.take(received)     # for each message that arrives by `targeted`: the request it ends, if it does
    ended = requests.expire(now)        # and by the clock: those whose time is up
    requests.next_deadline              # when to look at the clock again

An answer with Defer-Response says: take me only if nothing better comes. It ends a call's wait only when the time is
up. Answers are matched by Msg-ID alone; one that nobody waits for (late, or twice) is counted and left to the caller.
Kazoo: kz_amqp_worker's call and call_collect.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Final

from mirliton.actors.kapi.errors import TooManyRequests
from mirliton.actors.kapi.inbox import Received

CALL_TIMEOUT: Final = 2.0
"""Seconds; Kazoo's default."""
MAX_REQUESTS: Final = 10_000
MAX_ANSWERS: Final = 1_000
"""Of one request; those beyond are dropped and counted."""

Enough = Callable[[Sequence[Received]], bool]


class Request:
    """One request and what has come of it."""

    __slots__ = ("_deferred", "answers", "complete", "deadline", "ended", "enough", "fits", "msg_id")

    def __init__(self, msg_id: str, deadline: float, enough: Enough | None, fits: Callable[[Received], bool]) -> None:
        self.msg_id = msg_id
        self.deadline = deadline
        self.enough = enough
        """Whether these answers will do; None: the first that is not deferred does."""
        self.fits = fits
        self.answers: list[Received] = []
        self.complete = False
        """Whether it ended with what was asked for, and not by the clock."""
        self.ended = False
        self._deferred: Received | None = None

    def _takes(self, answer: Received) -> bool:
        """Keep an answer; whether it is the last."""
        if self.enough is not None:
            self.answers.append(answer)
            return self.enough(self.answers)
        if answer.envelope.defer_response:
            self._deferred = answer
            return False
        self.answers.append(answer)
        return True

    def _end(self, complete: bool) -> None:
        self.ended = True
        if not self.answers and self._deferred is not None:
            self.answers, complete = [self._deferred], True
        self.complete = complete


class Requests:
    """All requests that wait, of one connection or process."""

    def __init__(self, limit: int = MAX_REQUESTS) -> None:
        self.limit = limit
        self.unmatched = 0
        """Answers that nobody waited for."""
        self.unfit = 0
        """Answers that were not of the kind that was asked for, or too many."""
        self._waiting: dict[str, Request] = {}
        self._deadlines: list[tuple[float, int, Request]] = []
        self._turn = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, msg_id: str) -> bool:
        return msg_id in self._waiting

    def call(self, msg_id: str, *, deadline: float, fits: Callable[[Received], bool] = lambda answer: True) -> Request:
        """Wait for the first answer that `fits`. Raises TooManyRequests, and ValueError for a Msg-ID that waits."""
        return self._add(Request(msg_id, deadline, None, fits))

    def collect(
        self,
        msg_id: str,
        until: int | Enough,
        *,
        deadline: float,
        fits: Callable[[Received], bool] = lambda answer: True,
    ) -> Request:
        """Gather the answers that fit until there are `until`, or until it says that they will do.

        Raises TooManyRequests, and ValueError for a Msg-ID that waits.
        """
        enough = until if callable(until) else lambda answers: len(answers) >= until
        return self._add(Request(msg_id, deadline, enough, fits))

    def take(self, answer: Received) -> Request | None:
        """Give an answer to the request that waits for it. The request, if that ends it."""
        request = self._waiting.get(answer.envelope.msg_id)
        if request is None:
            self.unmatched += 1
            return None
        if len(request.answers) >= MAX_ANSWERS or not request.fits(answer):
            self.unfit += 1
            return None
        if not request._takes(answer):
            return None
        return self._ended(request, complete=True)

    def expire(self, now: float) -> list[Request]:
        """End the requests whose time is up, first come first; each has the answers it got."""
        ended = []
        while self._deadlines and self._deadlines[0][0] <= now:
            request = heapq.heappop(self._deadlines)[2]
            if not request.ended:
                ended.append(self._ended(request, complete=False))
        return ended

    def forget(self, request: Request) -> None:
        """Wait no longer: whoever asked has gone."""
        if not request.ended:
            self._ended(request, complete=False)

    @property
    def next_deadline(self) -> float | None:
        """When `expire` has something to do; None while nothing waits."""
        while self._deadlines and self._deadlines[0][2].ended:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def _add(self, request: Request) -> Request:
        if request.msg_id in self._waiting:
            raise ValueError(f"a request with Msg-ID {request.msg_id!r} waits already")
        if len(self._waiting) >= self.limit:
            raise TooManyRequests(self.limit)
        self._waiting[request.msg_id] = request
        if len(self._deadlines) > 2 * self.limit:  # the ended ones among them would pile up under long deadlines
            self._deadlines = [entry for entry in self._deadlines if not entry[2].ended]
            heapq.heapify(self._deadlines)
        self._turn += 1
        heapq.heappush(self._deadlines, (request.deadline, self._turn, request))
        return request

    def _ended(self, request: Request, *, complete: bool) -> Request:
        del self._waiting[request.msg_id]
        request._end(complete)
        return request

"""A lane: the way of envelopes from one node to another in one session. No I/O.

One batch is under way at a time, up to 256 envelopes or 64 KB; what is put meanwhile is the next one. So the busier
the lane, the bigger its batches, and no timer window is needed. This keeps the order, holds back a sender that is
faster than the network, and tells a dead receiver at once. An envelope that is larger than a batch goes on in the next
ones.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from mirliton.runtime.errors import LaneBroken, MessageTooLarge, OutboxFull

BATCH_ENVELOPES: Final = 256
BATCH_BYTES: Final = 64 * 1024
OUTBOX_ENVELOPES: Final = 20_000
"""Envelopes that may wait for one node; beyond it senders are told (OutboxFull)."""
OUTBOX_BYTES: Final = 16 * 1024 * 1024
MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of one envelope, as of the codec's frames."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one frame carries. With `more` its last envelope goes on in the next batch."""

    sequence: int
    envelopes: tuple[bytes, ...]
    more: bool


class Outbound:
    """The sending end. Messages keep to the bound; signals, which must not be lost, may go over it twofold."""

    __slots__ = ("_bytes", "_sent", "_waiting", "limit", "limit_bytes", "sequence", "to", "under_way")

    def __init__(self, to: str, limit: int = OUTBOX_ENVELOPES, limit_bytes: int = OUTBOX_BYTES) -> None:
        self.to = to
        self.limit = limit
        self.limit_bytes = limit_bytes
        self.sequence = 0
        self.under_way: Batch | None = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._sent = 0
        """Bytes of the first one that waits which went in batches before."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is under way."""
        return self.under_way is None and not self._waiting

    def put(self, envelope: bytes, *, signal: bool = False) -> None:
        """Let an envelope wait for its batch.

        Raises MessageTooLarge, and OutboxFull at the bound; for a signal LaneBroken, at twice the bound: the session
        cannot go on then.
        """
        if len(envelope) > MAX_MESSAGE:
            raise MessageTooLarge(len(envelope), MAX_MESSAGE)
        waiting = len(self._waiting)
        if waiting >= self.limit or self._bytes >= self.limit_bytes:
            if not signal:
                raise OutboxFull(self.to, waiting, self._bytes)
            if waiting >= 2 * self.limit or self._bytes >= 2 * self.limit_bytes:
                raise LaneBroken(self.to, "overrun", f"{waiting} envelopes wait, {self._bytes} bytes")
        self._waiting.append(envelope)
        self._bytes += len(envelope)

    def next(self, *, sign_of_life: bool = False) -> Batch | None:
        """The batch to send now; None while one is under way, or nothing waits and no sign of life is asked for."""
        waiting = self._waiting
        if self.under_way is not None or not (waiting or sign_of_life):
            return None
        taken: list[bytes] = []
        room = BATCH_BYTES
        more = False
        while waiting and len(taken) < BATCH_ENVELOPES:
            size = len(waiting[0]) - self._sent
            if size > room:
                if taken:
                    break
                # Only a batch of its own begins, or continues, one that is too large for any.
                taken.append(waiting[0][self._sent : self._sent + room])
                self._sent += room
                self._bytes -= room
                more = True
                break
            envelope = waiting.popleft()
            taken.append(envelope[self._sent :] if self._sent else envelope)
            self._sent = 0
            room -= size
            self._bytes -= size
        self.sequence += 1
        self.under_way = Batch(self.sequence, tuple(taken), more)
        return self.under_way

    def confirmed(self) -> None:
        """The network has taken the batch that was under way."""
        self.under_way = None

    def give_up(self) -> int:
        """The session is over: how many envelopes were on their way or waited, and are lost."""
        under_way = len(self.under_way.envelopes) if self.under_way is not None else 0
        # What is cut in two stands in both.
        both = self.under_way is not None and self._sent > 0
        lost = under_way + len(self._waiting) - both
        self._waiting.clear()
        self._bytes = 0
        self._sent = 0
        self.under_way = None
        self.sequence = 0
        return lost


class Inbound:
    """The receiving end."""

    __slots__ = ("_begun", "_begun_bytes", "duplicates", "peer", "sequence")

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.sequence = 0
        self.duplicates = 0
        self._begun: list[bytes] = []
        self._begun_bytes = 0

    def take(self, batch: Batch) -> list[bytes]:
        """The whole envelopes that this batch brings; none of one that was here already.

        Raises LaneBroken where one before it is missing: what was in it may have been a signal, so that the session is
        lost.
        """
        if batch.sequence <= self.sequence:
            self.duplicates += 1
            return []
        if batch.sequence != self.sequence + 1:
            raise LaneBroken(self.peer, "gap", f"batch {batch.sequence} after {self.sequence}")
        self.sequence = batch.sequence
        if not self._begun and not batch.more:
            return list(batch.envelopes)
        return self._joined(list(batch.envelopes), batch.more)

    def _joined(self, envelopes: list[bytes], more: bool) -> list[bytes]:
        # An empty batch in between is a sign of life.
        if not envelopes:
            return []
        if self._begun:
            self._add(envelopes[0])
            if more and len(envelopes) == 1:
                return []
            envelopes[0] = b"".join(self._begun)
            self._begun, self._begun_bytes = [], 0
        if more:
            self._add(envelopes.pop())
        return envelopes

    def _add(self, part: bytes) -> None:
        self._begun_bytes += len(part)
        if self._begun_bytes > MAX_MESSAGE:
            raise LaneBroken(self.peer, "too_large", f"an envelope of more than {MAX_MESSAGE} bytes")
        self._begun.append(part)

    def give_up(self) -> None:
        """The session is over."""
        self.sequence = 0
        self._begun, self._begun_bytes = [], 0

"""One other node, as this one sees it: the session with it, and the lanes there and back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mirliton.runtime.errors import LaneBroken
from mirliton.runtime.transport.frames import Endpoint, Frame, Kind
from mirliton.runtime.transport.lane import Batch, Inbound, Outbound
from mirliton.runtime.transport.network import Outcome
from mirliton.runtime.transport.session import Session

if TYPE_CHECKING:
    from mirliton.runtime.transport.mesh import Mesh


class Peer:
    """Made when its node is heard of, forgotten when that is gone; another start of that node is another Peer."""

    __slots__ = ("_flush_due", "_mesh", "endpoint", "greeted", "heard_at", "inbound", "outbound", "sent", "session")

    def __init__(self, mesh: Mesh, endpoint: Endpoint, now: float) -> None:
        self._mesh = mesh
        self._flush_due = False
        self.endpoint = endpoint
        self.session = Session()
        self.outbound = Outbound(endpoint.node, mesh.limits.outbox_envelopes, mesh.limits.outbox_bytes)
        self.inbound = Inbound(endpoint.node)
        self.heard_at = now
        self.sent = False
        """Something went there since the last tick, which therefore needs to send no sign of life."""
        self.greeted = False
        """A hello went there since the last tick: a flood of old frames must not make a flood of hellos."""

    @property
    def up(self) -> bool:
        return self.session.up

    def put(self, envelope: bytes, *, signal: bool = False) -> None:
        """Send an envelope with the next batch, at the end of this turn of the loop or when the one under way is done.

        While the session is down it is lost. Raises OutboxFull and MessageTooLarge.
        """
        if not self.session.up:
            self._mesh.counters.lost += 1
            return
        outbound = self.outbound
        try:
            outbound.put(envelope, signal=signal)
        except LaneBroken as broken:
            # Not now: whoever sends is in the middle of something.
            self._mesh.counters.lost += 1
            self._mesh.node.loop.call_soon(self._mesh.lose_session, self, self.session.mine, broken.fault)
            return
        if not self._flush_due and outbound.under_way is None:
            self._flush_due = True
            self._mesh.node.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self.session.up and (batch := self.outbound.next()) is not None:
            self._publish(batch)

    def sign_of_life(self) -> None:
        """Send something, were it nothing; if the other node is gone, it comes back."""
        if (batch := self.outbound.next(sign_of_life=True)) is not None:
            self._publish(batch)

    def _publish(self, batch: Batch) -> None:
        self.sent = True
        self._mesh.counters.envelopes_out += len(batch.envelopes)
        self._mesh.publish(self._frame(Kind.DATA, batch), self.endpoint, partial(self._done, self.session.mine, batch))

    def _done(self, epoch: int, batch: Batch, outcome: Outcome) -> None:
        if not self.session.up or epoch != self.session.mine:
            return
        if outcome is Outcome.CONFIRMED:
            self.outbound.confirmed()
            self._flush()
            if self.outbound.idle:
                self._mesh.drained()
        elif outcome is Outcome.RETURNED:
            self._mesh.endpoint_gone(self.endpoint)
        elif outcome is Outcome.REFUSED:
            self._mesh.counters.held_back += 1
            self._mesh.counters.envelopes_out -= len(batch.envelopes)
            self._mesh.node.after(self._mesh.limits.retry, self._again, (epoch, batch))
        else:
            self._mesh.counters.unconfirmed += 1
            self._mesh.lose(self, "unconfirmed")

    def _again(self, what: tuple[int, Batch]) -> None:
        epoch, batch = what
        if self.session.up and epoch == self.session.mine:
            self._publish(batch)

    def hello(self) -> None:
        """Say this side's epoch, and what it knows of the other's."""
        self.greeted = True
        self._mesh.publish(self._frame(Kind.HELLO), self.endpoint, self._hello_done)

    def _hello_done(self, outcome: Outcome) -> None:
        if outcome is Outcome.RETURNED:
            self._mesh.endpoint_gone(self.endpoint)

    def _frame(self, kind: Kind, batch: Batch | None = None) -> Frame:
        mine, theirs = self.session.mine, self.session.theirs
        if batch is None:
            return Frame(kind, self._mesh.endpoint, self.endpoint, mine, theirs)
        return Frame(
            kind, self._mesh.endpoint, self.endpoint, mine, theirs, batch.sequence, batch.more, batch.envelopes
        )

    def __repr__(self) -> str:
        return f"<Peer {self.endpoint} {'up' if self.up else 'down'}>"

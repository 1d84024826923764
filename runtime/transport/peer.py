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

    __slots__ = ("_flush_due", "_mesh", "endpoint", "heard_at", "inbound", "outbound", "sent", "session")

    def __init__(self, mesh: Mesh, endpoint: Endpoint, now: float, first_epoch: int) -> None:
        self._mesh = mesh
        self._flush_due = False
        self.endpoint = endpoint
        self.session = Session(first_epoch)
        self.outbound = Outbound(endpoint.node, mesh.limits.outbox_envelopes, mesh.limits.outbox_bytes)
        self.inbound = Inbound(endpoint.node)
        self.heard_at = now
        self.sent = False
        """Something went there since the last tick, which therefore needs to send no sign of life."""

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
            self._flush()

    def sign_of_life(self) -> None:
        """Send something, were it nothing; if the other node is gone, it comes back."""
        self._flush(sign_of_life=True)

    def _flush(self, *, sign_of_life: bool = False) -> None:
        self._flush_due = True
        epoch = self.session.mine
        self._mesh.publish(self.endpoint, partial(self._next, epoch, sign_of_life), partial(self._done, epoch))

    def _next(self, epoch: int, sign_of_life: bool) -> Frame | None:
        """The frame of this session to send now, if there is one."""
        self._flush_due = False
        if not self.session.up or epoch != self.session.mine:
            if self.session.up and len(self.outbound):
                self._flush()
            return None
        batch = self.outbound.next(sign_of_life=sign_of_life)
        return self._data(batch) if batch is not None else None

    def _data(self, batch: Batch) -> Frame:
        self.sent = True
        self._mesh.counters.envelopes_out += len(batch.envelopes)
        return self._frame(Kind.DATA, batch)

    def _done(self, epoch: int, outcome: Outcome) -> None:
        batch = self.outbound.under_way
        if not self.session.up or epoch != self.session.mine or batch is None:
            return
        if outcome is Outcome.CONFIRMED:
            self.outbound.confirmed()
            if self.outbound.idle:
                self._mesh.drained()
            elif not self._flush_due:
                self._flush()
        elif outcome is Outcome.RETURNED:
            self._gone()
        elif outcome is Outcome.REFUSED:
            self._mesh.counters.held_back += 1
            self._mesh.counters.envelopes_out -= len(batch.envelopes)
            self._mesh.node.after(self._mesh.limits.retry, self._again, epoch)
        else:
            self._mesh.counters.unconfirmed += 1
            self._mesh.lose(self, "unconfirmed")

    def _again(self, epoch: int) -> None:
        def batch() -> Frame | None:
            again = self.outbound.under_way if self.session.up and epoch == self.session.mine else None
            return self._data(again) if again is not None else None

        self._mesh.publish(self.endpoint, batch, partial(self._done, epoch))

    def hello(self) -> None:
        """Say this side's epoch, and what it knows of the other's; but not too often."""
        if self._mesh.may_greet(self.endpoint):
            self._mesh.publish(self.endpoint, partial(self._frame, Kind.HELLO), self._hello_done)

    def _hello_done(self, outcome: Outcome) -> None:
        if outcome is Outcome.RETURNED:
            self._gone()

    def _gone(self) -> None:
        self._mesh.counters.returned += 1
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

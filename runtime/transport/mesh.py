"""The nodes of a cluster as one of them sees it: who is there, sessions with all of them, and signs of life.

Each node announces itself to all, when the network comes up and every few seconds; whoever hears that and has no
session with it says hello (session.py). In a session each side sends at least a sign of life per tick. A session ends
- "connection_closed": the network returned a frame, or said so: the other node is gone; or that said goodbye;
- "net_tick_timeout": nothing came from it for `silence` seconds;
- "disconnect": this node or the other one wants it so, or the other one has lost the session (it says hello anew);
- "broker_lost": this node's own connection to the network, or to that node's zone, is down;
- "unconfirmed", "gap", "overrun", "too_large": something was lost on the way, so that signals may be missing.
Then it begins anew as soon as both hear each other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from mirliton.runtime.errors import FrameRefused, LaneBroken
from mirliton.runtime.rate_limit import RateLimit
from mirliton.runtime.transport.counters import Counters
from mirliton.runtime.transport.frames import EVERYBODY, Endpoint, Frame, Kind, pack, unpack
from mirliton.runtime.transport.keys import Keyring
from mirliton.runtime.transport.lane import OUTBOX_BYTES, OUTBOX_ENVELOPES, Batch
from mirliton.runtime.transport.lease import Lease
from mirliton.runtime.transport.network import Network, Outcome
from mirliton.runtime.transport.peer import Peer
from mirliton.runtime.transport.session import Heard

if TYPE_CHECKING:
    from mirliton.runtime.node import Node
    from mirliton.runtime.timers import Timer

MAX_PEERS: Final = 1_000
LOG_EVERY: Final = 60.0
"""Seconds between two lines about refused frames of one kind."""
MOST_HELLOS: Final = 8
"""To one node from tick to tick."""
FORGET_AFTER: Final = 60.0
"""Seconds after which a node that is not heard is forgotten."""


@dataclass(frozen=True)
class Limits:
    """Seconds and bounds. A dead node is noticed within `tick` (its frames come back), one that hangs or is cut off
    within `silence` and a tick."""

    tick: float = 0.5
    silence: float = 4.0
    announce: float = 2.0
    retry: float = 0.05
    """Until a batch is sent again that was refused because too much waits for the receiver."""
    drain: float = 2.0
    """For what waits to go out when this node leaves."""
    outbox_envelopes: int = OUTBOX_ENVELOPES
    outbox_bytes: int = OUTBOX_BYTES

    @property
    def lease(self) -> float:
        """For which a node may act alone after it was last confirmed that it is heard (lease.py): so much shorter than
        `silence` that it has stopped before others miss it."""
        return 0.75 * self.silence

    def __post_init__(self) -> None:
        if not 0 < 2 * self.tick <= self.silence:
            raise ValueError(f"silence ({self.silence:g} s) must be two ticks ({self.tick:g} s) at least")
        if min(self.announce, self.retry, self.outbox_envelopes, self.outbox_bytes) <= 0:
            raise ValueError("announce, retry and the bounds of the outbox must be more than 0")


class Owner(Protocol):
    """Whom the mesh works for."""

    def peer_up(self, peer: Peer) -> None:
        """A session has begun: what is put now arrives."""

    def peer_down(self, peer: Peer, reason: str) -> None:
        """It has ended."""

    def envelopes(self, peer: Peer, envelopes: list[bytes]) -> None:
        """These came, in their order."""


class Mesh:
    """One node's sessions with all others."""

    def __init__(self, node: Node, network: Network, keys: Keyring, owner: Owner, limits: Limits) -> None:
        self.node = node
        self.endpoint = Endpoint(node.name, node.incarnation)
        self.keys = keys
        self.limits = limits
        self.counters = Counters()
        self.peers: dict[str, Peer] = {}
        self.network_is_up = False
        self.lease = Lease(node.clock, limits.lease)
        self._network = network
        self._owner = owner
        self._timer: Timer | None = None
        self._ticks_to_announce = 0
        self._first_epoch = 1
        self._hellos: Counter[Endpoint] = Counter()
        """Those since the last tick."""
        self._ups = 0
        self._log = RateLimit(LOG_EVERY, node.clock.now)
        self._waiters: list[asyncio.Future[None]] = []
        self._leaving: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Begin to connect."""
        self._timer = self.node.after(self.limits.tick, self._tick)
        await self._network.open(self.node, self.endpoint, self)

    async def connected(self) -> None:
        """Wait until the network is up; the caller sets the deadline."""
        if not self.network_is_up:
            future = self.node.loop.create_future()
            self._waiters.append(future)
            await future

    async def close(self) -> None:
        """Let what waits go out, say goodbye, and disconnect."""
        if self._timer is not None:
            self.node.timers.cancel(self._timer)
        if self.network_is_up and any(peer.up and not peer.outbound.idle for peer in self.peers.values()):
            self._leaving = self.node.loop.create_future()
            await asyncio.wait([self._leaving], timeout=self.limits.drain)
        if self.network_is_up:
            self._announce(Kind.GOODBYE)
        for peer in list(self.peers.values()):
            self._end(peer, "connection_closed")
        self.peers.clear()
        await self._network.close()
        self.network_is_up = False

    def drained(self) -> None:
        """A lane has nothing more to send."""
        if self._leaving is None or self._leaving.done():
            return
        if all(peer.outbound.idle for peer in self.peers.values() if peer.up):
            self._leaving.set_result(None)

    # Out

    def publish(self, to: Endpoint, make: Callable[[], Frame | None], done: Callable[[Outcome], None]) -> None:
        """See Network.publish."""

        def packed() -> bytes | None:
            frame = make()
            return self._pack(frame) if frame is not None else None

        self._network.publish(to, packed, done)

    def may_greet(self, endpoint: Endpoint) -> bool:
        """Whether another hello may go there: a flood of old frames that somebody plays back must not make one of
        hellos."""
        self._hellos[endpoint] += 1
        return self._hellos[endpoint] <= MOST_HELLOS

    def _announce(self, kind: Kind) -> None:
        self._network.announce(self._pack(Frame(kind, self.endpoint, EVERYBODY)))

    def _beat(self) -> None:
        """Send a frame to this node itself: that it is confirmed renews the lease."""
        begun = 0.0

        def frame() -> bytes:
            nonlocal begun
            begun = self.node.clock.now()
            return self._pack(Frame(Kind.ANNOUNCE, self.endpoint, EVERYBODY))

        def done(outcome: Outcome) -> None:
            if outcome is Outcome.CONFIRMED and self.network_is_up and self.lease.confirmed(begun):
                self._say_here()  # others may have missed this node, and it them

        self._network.publish(self.endpoint, frame, done)

    def _pack(self, frame: Frame) -> bytes:
        data = pack(frame, self.keys)
        self.counters.frames_out += 1
        self.counters.bytes_out += len(data)
        return data

    # What the network says

    def network_up(self) -> None:
        self.network_is_up = True
        self._ups += 1
        self.counters.reconnects += self._ups > 1
        self._say_here()
        self._beat()
        waiters, self._waiters = self._waiters, []
        for future in waiters:
            if not future.done():
                future.set_result(None)

    def network_down(self, reason: str) -> None:
        self.network_is_up = False
        self.lease.lost()
        self.node.log.warning("network_lost", reason=reason)
        for peer in list(self.peers.values()):
            self._end(peer, "broker_lost")

    def part_up(self) -> None:
        if self.network_is_up:
            self._say_here()

    def part_down(self, leads_to: Callable[[Endpoint], bool]) -> None:
        for peer in list(self.peers.values()):
            if leads_to(peer.endpoint):
                self._end(peer, "broker_lost")

    def endpoint_gone(self, endpoint: Endpoint) -> None:
        peer = self.peers.get(endpoint.node)
        if peer is None or peer.endpoint != endpoint:
            return
        self._forget(peer)
        self._end(peer, "connection_closed")

    def received(self, data: bytes) -> None:
        self.counters.frames_in += 1
        self.counters.bytes_in += len(data)
        try:
            frame = unpack(data, self.keys)
        except FrameRefused as refused:
            self.refuse(refused.fault, str(refused))
            return
        if frame.sender.node == self.endpoint.node:
            if frame.sender != self.endpoint:
                self.refuse("other_node", f"another node calls itself {frame.sender.node!r} too")
            return
        if frame.to != (EVERYBODY if frame.kind in (Kind.ANNOUNCE, Kind.GOODBYE) else self.endpoint):
            self.refuse("other_node", f"from {frame.sender}, to {frame.to}")
            return
        if frame.kind is Kind.GOODBYE:
            self._goodbye(frame.sender)
            return
        peer = self._meet(frame.sender)
        if peer is None:
            self.refuse("stale", f"from {frame.sender}, an earlier start of that node")
            return
        peer.heard_at = self.node.clock.now()
        if frame.kind is Kind.DATA:
            self._data(peer, frame)
        elif frame.kind is Kind.HELLO:
            self._heard(peer, peer.session.hello(frame.epoch, frame.of))
        elif not peer.up:
            peer.hello()

    def refuse(self, fault: str, detail: str, *, trace: bool = False) -> None:
        """Count something that is not read; the log tells now and then."""
        self.counters.refused[fault] += 1
        unsaid = self._log.allows(fault)
        if unsaid is not None:
            self.node.log.warning("frame_refused", fault=fault, detail=detail, unsaid=unsaid, exc_info=trace)

    # Sessions

    def _meet(self, endpoint: Endpoint) -> Peer | None:
        known = self.peers.get(endpoint.node)
        if known is not None:
            if known.endpoint == endpoint:
                return known
            if known.up and endpoint.incarnation < known.endpoint.incarnation:
                return None
            self._forget(known)
            self._end(known, "connection_closed")
        elif len(self.peers) >= MAX_PEERS:
            return None
        peer = self.peers[endpoint.node] = Peer(self, endpoint, self.node.clock.now(), self._first_epoch)
        return peer

    def _forget(self, peer: Peer) -> None:
        del self.peers[peer.endpoint.node]
        # It may remember this side's epochs, and what was said in those must never count again. (`_end` adds one.)
        self._first_epoch = max(self._first_epoch, peer.session.mine + 2)

    def _goodbye(self, endpoint: Endpoint) -> None:
        peer = self.peers.get(endpoint.node)
        if peer is not None and peer.endpoint == endpoint:
            self._forget(peer)
            self._end(peer, "connection_closed")

    def _heard(self, peer: Peer, heard: Heard) -> None:
        if heard.lost:
            self._ended(peer, "disconnect")
        if heard.answer:
            peer.hello()
        if heard.came_up:
            self.counters.ups += 1
            self.node.log.info("node_up", peer=str(peer.endpoint))
            self._owner.peer_up(peer)

    def _data(self, peer: Peer, frame: Frame) -> None:
        heard = peer.session.data(frame.epoch, frame.of)
        if heard is None:
            self.refuse("stale" if peer.session.theirs else "not_up", f"from {peer.endpoint}")
            if not self._hellos[peer.endpoint]:
                peer.hello()
            return
        self._heard(peer, heard)
        duplicates = peer.inbound.duplicates
        try:
            envelopes = peer.inbound.take(Batch(frame.sequence, frame.envelopes, frame.more))
        except LaneBroken as broken:
            self.refuse(broken.fault, str(broken))
            self.lose(peer, broken.fault)
            return
        if peer.inbound.duplicates != duplicates:
            self.refuse("duplicate", f"from {peer.endpoint}, batch {frame.sequence}")
        elif envelopes:
            self.counters.envelopes_in += len(envelopes)
            self._owner.envelopes(peer, envelopes)

    def lose(self, peer: Peer, reason: str) -> None:
        """End a session and begin another: the other node is told."""
        self._end(peer, reason)
        if self.network_is_up and self.peers.get(peer.endpoint.node) is peer:
            peer.hello()

    def lose_session(self, peer: Peer, epoch: int, reason: str) -> None:
        """`lose`, if it is still that session."""
        if peer.up and peer.session.mine == epoch:
            self.lose(peer, reason)

    def _end(self, peer: Peer, reason: str) -> None:
        if peer.up:
            peer.session.give_up()
            self._ended(peer, reason)

    def _ended(self, peer: Peer, reason: str) -> None:
        lost = peer.outbound.give_up()
        peer.inbound.give_up()
        self.counters.lost += lost
        self.counters.downs[reason] += 1
        self.node.log.warning("node_down", peer=str(peer.endpoint), reason=reason, envelopes_lost=lost)
        self._owner.peer_down(peer, reason)
        self.drained()

    # Time

    def _tick(self, _: object) -> None:
        self._timer = self.node.after(self.limits.tick, self._tick)
        now = self.node.clock.now()
        self._hellos.clear()
        for peer in list(self.peers.values()):
            silent = now - peer.heard_at
            if not peer.up:
                if silent > FORGET_AFTER:
                    self._forget(peer)
            elif silent > self.limits.silence:
                self.lose(peer, "net_tick_timeout")
            elif not peer.sent:
                peer.sign_of_life()
            peer.sent = False
        if self.network_is_up:
            self._beat()
        self._ticks_to_announce -= 1
        if self._ticks_to_announce <= 0 and self.network_is_up:
            self._say_here()

    def _say_here(self) -> None:
        self._ticks_to_announce = round(self.limits.announce / self.limits.tick)
        self._announce(Kind.ANNOUNCE)

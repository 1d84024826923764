"""Two legs joined: who hears whom, how it begins and how it ends.

The first leg (`a`) is the one whose task carries the bridge: it sends CHANNEL_BRIDGE and, when either leg
hangs up or is sent elsewhere, CHANNEL_UNBRIDGE. The second only exchanges media and goes on answering
commands. `uuid_bridge` takes two legs out of whatever they do and joins them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.states import State

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg


class Bridge:
    """A live join of two legs; `over` once one of them has left."""

    def __init__(self, a: Leg, b: Leg) -> None:
        self.a, self.b = a, b
        self.over = False
        self.ended_by: Leg | None = None
        a.bridge = b.bridge = self

    def partner(self, leg: Leg) -> Leg:
        """The other leg."""
        return self.b if leg is self.a else self.a

    def on_hangup(self, leg: Leg) -> None:
        """`leg` is being hung up."""
        partner = self.partner(leg)
        leg.set("last_bridge_role", "originator" if leg is self.a else "originatee")
        partner.set("last_bridge_hangup_cause", leg.cause)
        protocol = leg.get("proto_specific_hangup_cause")
        if protocol:
            partner.set("last_bridge_proto_specific_hangup_cause", protocol)
            partner.set("sip_hangup_phrase", "OK")
        self._finish(leg)

    def on_leave(self, leg: Leg) -> None:
        """`leg` is sent elsewhere while the call goes on."""
        leg.set("bridge_to", None)
        if leg.get("signal_bond") == self.partner(leg).uuid:
            leg.set("signal_bond", None)
            self.partner(leg).set("signal_bond", None)
        self._finish(leg)

    def _finish(self, leg: Leg) -> None:
        if self.over:
            return
        self.over = True
        self.ended_by = leg
        self.partner(leg).set("bridge_to", None)
        self.a.bridge = self.b.bridge = None
        self.a.executor.signal()
        self.b.executor.signal()


async def hold_bridge(a: Leg, b: Leg) -> Bridge:
    """Join `a` and `b` on `a`'s task until one of them leaves; then say so on `a`.

    `b` must wait passively (`passive`). Afterwards `a` may be hung up, sent elsewhere, or free; `b` is
    hung up here if it was `a` that left.
    """
    bridge = Bridge(a, b)
    if not b.executor.ready:
        # It left between its answer and now: join and part at once.
        (bridge.on_leave if b.alive else bridge.on_hangup)(b)
    now = a.now()
    for leg, partner in ((a, b), (b, a)):
        leg.profile.stamp("Channel-Bridged-Time", now)
        leg.set("signal_bond", partner.uuid)
    b.call_uuid = a.call_uuid
    b.set("call_uuid", a.call_uuid)
    if a.other is None or a.other[1].get("Unique-ID") != b.uuid:
        a.other = ("originatee", b.profile.copy(with_times=True))
        a.other[1].set("Logical-Direction", "inbound")
    ends: dict[str, Value] = {"Bridge-A-Unique-ID": a.uuid, "Bridge-B-Unique-ID": b.uuid}
    a.fire("CHANNEL_BRIDGE", ends)
    if b.alive and b.state is not State.EXCHANGE_MEDIA:
        b.enter(State.EXCHANGE_MEDIA)
    for leg, partner in ((b, a), (a, b)):
        leg.set("bridge_to", partner.uuid)
        leg.set("last_bridge_to", partner.uuid)
        leg.set("bridge_channel", partner.name)
        leg.set("bridge_uuid", partner.uuid)
        _tell_partner(leg, partner)

    for leg in (a, b):
        if leg.remote is not None:
            leg.remote.on_bridge()

    def answer_through(change: str) -> None:
        if change == "answer" and not bridge.over:
            a.mark_answered()

    b.watchers.append(answer_through)
    try:
        await a.executor.wait(until=lambda: bridge.over)
    finally:
        b.watchers.remove(answer_through)
    if bridge.ended_by is a and b.executor.ready:
        b.hangup(a.cause or "NORMAL_CLEARING")
        b.set("bridge_hangup_cause", b.cause)
    a.set("bridge_to", None)
    if not b.alive:
        a.set("bridge_hangup_cause", b.cause)
    a.fire("CHANNEL_UNBRIDGE", ends)
    return bridge


def _tell_partner(leg: Leg, partner: Leg) -> None:
    """Tell the phone at `leg` whom it talks to; a loopback leg passes it on to its twin, without an event."""
    called = partner.direction == "outbound" and not partner.cid_flipped
    part = "Callee" if called else "Caller"
    name, number = partner.profile.get(f"{part}-ID-Name"), partner.profile.get(f"{part}-ID-Number")
    leg.set("last_sent_callee_id_name", name)
    leg.set("last_sent_callee_id_number", number)
    if leg.twin is not None:
        leg.twin.profile.set("Callee-ID-Name", name)
        leg.twin.profile.set("Callee-ID-Number", number)
        return
    leg.fire(
        "CALL_UPDATE",
        {
            "Direction": "SEND",
            "Sent-Callee-ID-Name": name,
            "Sent-Callee-ID-Number": number,
            "Bridged-To": partner.uuid,
        },
    )


async def passive(leg: Leg) -> None:
    """The routine of a called leg: consume or exchange media, answering commands only while bridged."""
    while leg.executor.ready:
        await leg.executor.wait(until=lambda: leg.bridge is not None, commands=False)
        await leg.executor.wait(until=lambda: leg.bridge is None)


async def after_bridge(a: Leg, bridge: Bridge) -> None:
    """What a leg does when its partner has left: hang up, park or go on, as its variables say."""
    if not a.executor.ready:
        return
    if a.true("park_after_bridge"):
        a.executor.redirect(a.switch.routines.park(a))
    elif a.true("hangup_after_bridge"):
        a.hangup(bridge.b.cause or "NORMAL_CLEARING")
    elif destination := a.get("transfer_after_bridge"):
        extension, _, rest = destination.partition(":")
        a.executor.redirect(a.switch.routines.route(a, extension, *rest.split(":")[1:2]))

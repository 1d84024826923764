"""The routines a leg's thread can run: routing a new call, an extension, park, a uuid_bridge.

Each function here returns a routine for `Executor.start` or `Executor.redirect`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.bridging import after_bridge, hold_bridge, passive
from mirliton.ecallmgr.simulator.dialplan import Action, inline
from mirliton.ecallmgr.simulator.states import CallState, State

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.channel import Leg
    from mirliton.ecallmgr.simulator.execution import Routine

MEETING_SECONDS = 10.0  # how long one leg of a uuid_bridge waits for the other, which may be sent elsewhere


class Routines:
    """Makes routines; knows nothing of its own."""

    def inbound(self, leg: Leg) -> Routine:
        """A new call from outside (or the executing end of a loopback pair)."""

        async def run() -> None:
            if leg.kind == "sofia":
                leg.enter(State.NEW)
            leg.introduced = True
            leg.enter(State.INIT)
            leg.fire("CHANNEL_CREATE")
            leg.state = State.ROUTING
            leg.enter_call_state(CallState.RINGING)
            leg.enter(State.ROUTING)
            if not leg.alive:
                return
            number = leg.profile.get("Destination-Number")
            actions = await leg.switch.extension(leg, number)
            if not leg.executor.ready:
                return
            if actions is None:
                leg.hangup("NO_ROUTE_DESTINATION")
                leg.presence("CS_ROUTING", "idle")
                return
            leg.presence("CS_ROUTING", "alerting")
            if leg.switch.dialplan.by_pattern(number):
                leg.set("DP_MATCH", [number, number])
            await _run(leg, number, actions)

        return run

    def outbound(self, leg: Leg, delay: float) -> Routine:
        """A leg we call: created (`delay` seconds from now), then passive until bridged or sent somewhere."""

        async def run() -> None:
            if delay:
                await leg.executor.wait(seconds=delay, commands=False)
            if not leg.executor.ready:
                return
            leg.enter(State.INIT)
            leg.fire("CHANNEL_CREATE")
            leg.fire("CHANNEL_ORIGINATE")
            leg.enter(State.ROUTING)
            leg.enter(State.CONSUME_MEDIA)
            leg.switch.ring(leg)
            await passive(leg)

        return run

    def route(self, leg: Leg, number: str, dialplan: str = "XML", context: str | None = None) -> Routine:
        """Transfer: the leg starts over with another extension."""

        async def run() -> None:
            context_now = context or leg.profile.get("Context")
            source = f"{leg.now() // 1_000_000}:{leg.switch.new_uuid()}:bl_xfer:{number}/{context_now}/{dialplan}"
            leg.profile.renew(leg.now())
            if leg.direction == "outbound":
                leg.profile.set("RDNIS", leg.profile.get("Destination-Number"))
            leg.profile.set("Destination-Number", number)
            leg.profile.set("Transfer-Source", source)
            leg.profile.set("Context", context_now)
            leg.call_uuid = leg.uuid
            leg.set("call_uuid", leg.uuid)
            leg.other = None
            forwards = leg.get("max_forwards")
            if forwards is not None and forwards.isdigit():
                leg.set("max_forwards", str(int(forwards) - 1))
            leg.push("transfer_history", source)
            leg.set("transfer_source", source)
            leg.enter(State.ROUTING)
            leg.flip_caller_id()
            leg.hit_dialplan = True
            inlined = dialplan.lower() == "inline"
            actions = inline(number) if inlined else await leg.switch.extension(leg, number)
            if not leg.executor.ready:
                return
            if actions is None:
                leg.hangup("NO_ROUTE_DESTINATION")
                return
            await _run(leg, number, actions)

        return run

    def application(self, leg: Leg, name: str, data: str | None) -> Routine:
        """An originated leg runs one application (`&park()`)."""

        async def run() -> None:
            await _run(leg, leg.profile.get("Destination-Number"), [(name, data)])

        return run

    def park(self, leg: Leg) -> Routine:
        """Park outside any application (`uuid_park`, `park_after_bridge`)."""

        async def run() -> None:
            leg.enter(State.PARK)
            leg.fire("CHANNEL_PARK")
            await leg.executor.wait(parked=True)
            leg.fire("CHANNEL_UNPARK")

        return run

    def join(self, first: Leg, second: Leg) -> None:
        """`uuid_bridge`: take two legs out of what they do and join them; `first` carries the bridge."""
        first.flip_caller_id(joined=True)
        met = {first.uuid: False, second.uuid: False}
        first.other = ("originatee", second.profile.copy(with_times=True))
        second.other = ("originator", first.profile.copy(with_times=False))
        for leg, partner in ((first, second), (second, first)):
            _note_partner(leg, partner)
        first.profile.set("Logical-Direction", "inbound")
        for leg, partner in ((first, second), (second, first)):
            assert leg.other is not None
            leg.other[1].set("Logical-Direction", "inbound")
            leg.executor.redirect(_soft_execute(leg, partner, met, carries=leg is first))


def _note_partner(leg: Leg, partner: Leg) -> None:
    """A leg gets a new profile for its new partner."""
    for name, field in (
        ("original_destination_number", "Destination-Number"),
        ("original_caller_id_name", "Caller-ID-Name"),
        ("original_caller_id_number", "Caller-ID-Number"),
    ):
        leg.set(name, leg.profile.get(field))
    called = partner.direction == "outbound" and not partner.cid_flipped
    own = "Caller" if leg.direction == "outbound" and not leg.cid_flipped else "Callee"
    for part in ("ID-Name", "ID-Number"):
        leg.profile.set(f"{own}-{part}", partner.profile.get(f"{'Callee' if called else 'Caller'}-{part}"))
    source = f"{leg.now() // 1_000_000}:{leg.switch.new_uuid()}:uuid_br:{partner.uuid}"
    leg.profile.renew(leg.now())
    leg.profile.set("Transfer-Source", source)
    leg.push("transfer_history", source)
    leg.set("transfer_source", source)
    leg.set("signal_bond", partner.uuid)
    leg.set("bridge_channel", partner.name)
    leg.set("bridge_uuid", partner.uuid)


async def _run(leg: Leg, number: str, actions: list[Action]) -> None:
    leg.extension = (number, actions)
    leg.enter(State.EXECUTE)
    await leg.executor.run_extension()


def _soft_execute(leg: Leg, partner: Leg, met: dict[str, bool], *, carries: bool) -> Routine:
    async def run() -> None:
        for state in (State.HIBERNATE, State.RESET, State.SOFT_EXECUTE):
            leg.enter(state)
        leg.set("uuid_bridge", None)
        leg.fire("CHANNEL_EXECUTE", {"Application": "uuid_bridge", "Application-Data": partner.uuid})
        met[leg.uuid] = True
        partner.executor.signal()
        if not carries:
            await passive(leg)
            return
        partner.watchers.append(lambda _change: leg.executor.signal())
        await leg.executor.wait(seconds=MEETING_SECONDS, until=lambda: met[partner.uuid] or not partner.alive)
        if leg.executor.ready and partner.executor.ready and met[partner.uuid]:
            await after_bridge(leg, await hold_bridge(leg, partner))
        if leg.executor.ready:
            leg.hangup(partner.cause or "NORMAL_CLEARING")

    return run

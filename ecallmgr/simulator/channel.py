"""One leg of a call: its identity, state, variables and times, and the events that tell of them.

A leg is passive: its executor (`execution.py`) runs applications on it, its remote side (`calls.py`) is the
phone it talks to, a bridge (`bridging.py`) joins it with another. Whoever changes a leg does it through the
`mark_…` methods here, so that every change sends the events the real switch sends, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from mirliton.ecallmgr.simulator import causes
from mirliton.ecallmgr.simulator.events import Value
from mirliton.ecallmgr.simulator.profile import CallerProfile
from mirliton.ecallmgr.simulator.states import CallState, State

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.bridging import Bridge
    from mirliton.ecallmgr.simulator.calls import RemoteCall
    from mirliton.ecallmgr.simulator.execution import Executor
    from mirliton.ecallmgr.simulator.recording import Recordings
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

Kind = Literal["sofia", "loopback", "null"]
Change = Literal["ring", "early", "answer", "hangup", "hold"]

# Events that come without the channel's variables (as the captures show).
_BARE = {
    "CHANNEL_CALLSTATE",
    "CHANNEL_OUTGOING",
    "CHANNEL_STATE",
    "CODEC",
    "DTMF",
    "PRESENCE_IN",
    "PRIVATE_COMMAND",
    "RECV_INFO",
}
_PREFIX = "variable_"


class Leg:
    """A channel of the simulated switch.

    `alive` is true until it is hung up; `switch.legs` holds it until CHANNEL_DESTROY. Times are the
    simulated wall clock in microseconds.
    """

    def __init__(
        self,
        switch: SimulatedSwitch,
        *,
        uuid: str,
        name: str,
        kind: Kind,
        direction: Literal["inbound", "outbound"],
        profile: CallerProfile,
        presence_id: str | None = None,
    ) -> None:
        self.switch = switch
        self.uuid = uuid
        self.name = name
        self.kind: Kind = kind
        self.direction: Literal["inbound", "outbound"] = direction
        self.profile = profile
        self.presence_id = presence_id
        self.call_uuid = uuid
        self.state = State.NONE
        self.call_state = CallState.DOWN
        self.answer_state = "ringing"
        self.hit_dialplan = direction == "inbound"
        self.codec: str | None = None
        self.alive = True
        self.cause = ""
        self.rang = False
        self.other: tuple[str, CallerProfile] | None = None
        self.bridge: Bridge | None = None
        self.twin: Leg | None = None  # the other end of a loopback pair
        self.watchers: list[Callable[[Change], None]] = []
        self.app_log: list[tuple[str, str, int]] = []  # name, data, when (microseconds)
        self.digits_dialed = ""
        self.extension: tuple[str, list[tuple[str, str | None]]] | None = None
        self.cid_flipped = False
        self.introduced = False  # whether its profile is known yet: the very first events lack it
        self.disposition = ""  # how SIP ended it, where that shows only after CHANNEL_HANGUP
        self.presence_events = 0
        self._variables: dict[str, Value] = {}
        self.executor: Executor
        self.recordings: Recordings
        self.remote: RemoteCall | None = None

    def __repr__(self) -> str:
        return f"<Leg {self.uuid} {self.name} {self.state.name}>"

    # --- variables

    def get(self, name: str) -> str | None:
        """A channel variable (the first of a list)."""
        value = self._variables.get(_PREFIX + name)
        return value[0] if isinstance(value, list) else value

    def set(self, name: str, value: Value | None) -> None:
        """Set a channel variable; None or an empty value takes it away, as on the switch."""
        if not value:
            self._variables.pop(_PREFIX + name, None)
        else:
            self._variables[_PREFIX + name] = value

    def push(self, name: str, value: str) -> None:
        """Add a value to a variable that becomes a list when it has several."""
        present = self._variables.get(_PREFIX + name)
        if present is None:
            self._variables[_PREFIX + name] = value
        else:
            self._variables[_PREFIX + name] = ([present] if isinstance(present, str) else present) + [value]

    def true(self, name: str) -> bool:
        """Whether a variable holds one of the switch's words for yes."""
        return (self.get(name) or "").lower() in ("true", "yes", "on", "1", "enabled", "active", "allow", "t", "y")

    def variables(self) -> dict[str, Value]:
        """All variables, by their own names."""
        return {name[len(_PREFIX) :]: value for name, value in self._variables.items()}

    # --- events

    def headers(self, *, variables: bool) -> dict[str, Value]:
        """The headers that describe the leg now."""
        headers: dict[str, Value] = {
            "Channel-State": self.state.label,
            "Channel-Call-State": self.call_state.name,
            "Channel-State-Number": str(self.state.value),
            "Channel-Name": self.name,
            "Unique-ID": self.uuid,
            "Call-Direction": self.direction,
            "Presence-Call-Direction": self.direction,
            "Channel-HIT-Dialplan": "true" if self.hit_dialplan else "false",
        }
        if self.presence_id and self.introduced:
            headers["Channel-Presence-ID"] = self.presence_id
        headers["Channel-Call-UUID"] = self.call_uuid
        headers["Answer-State"] = self.answer_state
        if self.cause:
            headers["Hangup-Cause"] = self.cause
        if self.codec:
            headers.update(_codec_headers(self.codec))
        if self.introduced:
            headers.update(self.profile.headers("Caller"))
        if self.other is not None:
            headers["Other-Type"] = self.other[0]
            headers.update(self.other[1].headers("Other-Leg"))
        if variables:
            headers.update(self._variables)
        return headers

    def fire(
        self,
        name: str,
        extra: dict[str, Value] | None = None,
        *,
        subclass: str | None = None,
        body: str | None = None,
        bare: bool | None = None,
    ) -> None:
        """Send an event about this leg; `extra` headers go last (before them the leg's own)."""

        def make() -> dict[str, Value]:
            without = name in _BARE if bare is None else bare
            headers = self.headers(variables=self.switch.verbose or not without)
            if extra:
                headers.update(extra)
            return headers

        self.switch.bus.fire(name, make, subclass=subclass, body=body)

    def now(self) -> int:
        """The simulated wall clock."""
        return self.switch.clock.micros()

    def enter(self, state: State) -> None:
        """Go to a state and say so."""
        self.state = state
        self.fire("CHANNEL_STATE")

    def enter_call_state(self, call_state: CallState) -> None:
        """Go to a call state and say so; staying in one says nothing."""
        if call_state is self.call_state:
            return
        before, self.call_state = self.call_state, call_state
        self.fire(
            "CHANNEL_CALLSTATE",
            {"Original-Channel-Call-State": before.name, "Channel-Call-State-Number": str(call_state.value)},
        )

    def presence(self, status: str, info: str) -> None:
        """The presence event that a leg with a presence id sends beside some changes."""
        if not self.presence_id:
            return
        extra: dict[str, Value] = {
            "proto": "any",
            "login": "src/switch_channel.c",
            "from": self.presence_id,
            "rpid": "unknown",
            "status": status,
            "event_type": "presence",
            "alt_event_type": "dialog",
            "presence-call-info-state": info,
            "presence-call-direction": self.direction,
            "event_count": str(self.presence_events),
        }
        self.presence_events += 1
        self.fire("PRESENCE_IN", extra)

    def _tell(self, change: Change) -> None:
        for watcher in list(self.watchers):
            watcher(change)

    # --- what happens to a leg

    @property
    def answered(self) -> bool:
        """Whether the call was answered (a leg that ended stays what it was)."""
        return self.profile.times["Channel-Answered-Time"] != 0

    @property
    def media(self) -> bool:
        """Whether sound can flow: early media or an answer."""
        return self.answered or self.profile.times["Channel-Progress-Media-Time"] != 0

    def start_media(self, codec: str, *, announce_write: bool = True) -> None:
        """Agree on a codec: an event for the reading side and one for the writing side."""
        if self.codec:
            return
        self.codec = codec
        rate = "128000" if codec == "L16" else "64000"
        extra: dict[str, Value] = {
            "channel-read-codec-name": codec,
            "channel-read-codec-rate": "8000",
            "channel-read-codec-bit-rate": rate,
        }
        self.fire("CODEC", extra)
        sides = ["read"]
        if announce_write:
            self.fire("CODEC", {"Channel-Write-codec-bit-rate": rate})
            sides.append("write")
        for side in sides:
            self.set(f"{side}_codec", codec)
            self.set(f"{side}_rate", "8000")

    def mark_ring_ready(self) -> None:
        """The far end rings (outbound), or we tell the caller that it does (inbound); once."""
        if not self.alive or self.rang or self.media:
            return
        self.rang = True
        self._stamp_progress("Channel-Progress-Time")
        self._tag()
        self.fire("CHANNEL_PROGRESS")
        if self.direction == "outbound":
            self.enter_call_state(CallState.RINGING)
        self._mirror(Leg.mark_ring_ready)
        self._tell("ring")

    def mark_early_media(self) -> None:
        """Sound flows before the answer."""
        if not self.alive or self.media:
            return
        self._mirror(Leg.mark_early_media)
        self._start_early_media()
        self._tell("early")

    def _start_early_media(self) -> None:
        if self.kind == "sofia":
            self.start_media("PCMU")
        self._stamp_progress("Channel-Progress-Media-Time")
        self.answer_state = "early"
        self.set("endpoint_disposition", "EARLY MEDIA")
        self.fire("CHANNEL_PROGRESS_MEDIA")
        self.enter_call_state(CallState.EARLY)

    def mark_answered(self) -> None:
        """The call is answered, by the far end or by us; once."""
        if not self.alive or self.answered:
            return
        self._mirror(Leg.mark_answered)
        if not self.media and self.kind == "sofia":
            if self.direction == "inbound":
                self._start_early_media()  # the switch sends media up before it answers
            else:
                self.start_media("PCMU")
        self.answer_state = "answered"
        self.profile.stamp("Channel-Answered-Time", self.now())
        self.fire("CHANNEL_ANSWER")
        self.presence("answered", "active")
        self.enter_call_state(CallState.ACTIVE)
        self.set("endpoint_disposition", "ANSWER")
        self._tag()
        if self.remote is not None:
            self.remote.on_answered()
        self._tell("answer")

    def _tag(self) -> None:
        """Our answer to an INVITE tags the dialog."""
        if self.kind == "sofia" and self.direction == "inbound" and not self.get("sip_to_tag"):
            tag = self.switch.new_uuid()[:13]
            self.set("sip_to_tag", tag)
            self.set("sip_full_to", f"{self.get('sip_full_to')};tag={tag}")
            self.set("sip_cseq", "1")

    def _mirror(self, mark: Callable[[Leg], None]) -> None:
        """What happens to the executing end of a loopback pair happens to the calling end, first."""
        if self.twin is not None and self.direction == "inbound":
            mark(self.twin)

    def _stamp_progress(self, time: str) -> None:
        now = self.now()
        self.profile.stamp(time, now)
        if self.other is not None and self.other[0] == "originator":
            self.other[1].stamp(time, now)

    def mark_held(self, held: bool, *, by_phone: bool) -> None:
        """Put on hold or taken back, by the phone's own re-INVITE or by command."""
        if not self.alive or (self.call_state is CallState.HELD) == held:
            return
        if held:
            self.enter_call_state(CallState.HELD)
            self.profile.stamp("Channel-Last-Hold", self.now())
            self.fire("CHANNEL_HOLD")
            if by_phone:
                self.presence("hold", "held")
        else:
            self.enter_call_state(CallState.UNHELD)
            since = self.profile.times["Channel-Last-Hold"]
            accumulated = self.profile.times["Channel-Hold-Accum"]
            self.profile.stamp("Channel-Hold-Accum", accumulated + self.now() - since)
            self.fire("CHANNEL_UNHOLD")
            if by_phone:
                self.presence("unhold", "active")
        self._tell("hold")

    def flip_caller_id(self, *, joined: bool = False) -> None:
        """A called leg gets a life of its own: its caller id becomes what was called. Once, and announced.

        When it is `joined` with another leg its callee will be that leg, and no dialplan is involved.
        """
        if self.direction != "outbound" or self.cid_flipped:
            return
        self.cid_flipped = True
        self.hit_dialplan = not joined
        self.set("pre_transfer_caller_id_name", self.profile.get("Caller-ID-Name"))
        self.set("pre_transfer_caller_id_number", self.profile.get("Caller-ID-Number"))
        self.set("channel_cid_flipped", "yes")
        self.profile.swap_ids()
        if joined:
            self.profile.set("Callee-ID-Name", None)
            self.profile.set("Callee-ID-Number", None)
        self.fire("CALL_UPDATE", {"Direction": "RECV"})
        self.hit_dialplan = True

    def hangup(self, cause: str, **facts: str) -> None:
        """End the leg; only the first call counts. `facts` are variables that tell how it ended.

        CHANNEL_HANGUP goes out at once; what still runs on the leg unwinds on its own task afterwards.
        """
        if not self.alive:
            return
        for name, value in facts.items():
            self.set(name, value)
        self.alive = False
        self.cause = cause
        self.answer_state = "hangup"
        if self.bridge is not None:
            self.bridge.on_hangup(self)
        self.fire("CHANNEL_HANGUP")
        self.set("bridge_to", None)
        self.executor.signal()
        self._tell("hangup")

    def refused(self, status: int) -> None:
        """The far end answered our INVITE with a final SIP status that is not a success."""
        cause = causes.cause_of_status(status)
        phrase = causes.phrase_of_status(status)
        self.hangup(
            cause,
            sip_hangup_disposition="recv_refuse",
            sip_invite_failure_status=str(status),
            sip_invite_failure_phrase=phrase,
            sip_term_status=str(status),
            proto_specific_hangup_cause=f"sip:{status}",
            sip_term_cause=str(causes.q850(cause)),
        )


def _codec_headers(codec: str) -> dict[str, Value]:
    rate = "128000" if codec == "L16" else "64000"
    return {
        "Channel-Read-Codec-Name": codec,
        "Channel-Read-Codec-Rate": "8000",
        "Channel-Read-Codec-Bit-Rate": rate,
        "Channel-Write-Codec-Name": codec,
        "Channel-Write-Codec-Rate": "8000",
        "Channel-Write-Codec-Bit-Rate": rate,
    }

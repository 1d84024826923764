"""Making the legs that we call: a `sofia/…`, `loopback/…` or `null/…` with what it inherits from its caller.

`own` is what the dial string says of the endpoint: the variables in its brackets and those of its group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.endpoints import make_leg, outbound_profile, sofia_variables

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch

TRUE_WORDS = frozenset({"true", "yes", "on", "1", "consume", "ring_ready"})


def sofia_leg(
    switch: SimulatedSwitch, originator: Leg | None, profile_name: str, target: str, own: Mapping[str, str]
) -> Leg:
    """A SIP leg to `target` (user@host:port)."""
    uuid = _uuid(switch, own)
    name = f"sofia/{profile_name}/{target}"
    source = "mod_sofia" if originator is not None else "src/switch_ivr_originate.c"
    profile = outbound_profile(switch, uuid, name, target.partition("@")[0], source, originator, own)
    leg = make_leg(switch, uuid, name, "sofia", "outbound", profile, own.get("presence_id"))
    sofia_variables(leg, profile_name, target)
    return leg


def null_leg(switch: SimulatedSwitch, originator: Leg | None, rest: str, own: Mapping[str, str]) -> Leg:
    """A leg that nobody is behind."""
    uuid = _uuid(switch, own)
    name = f"null/{rest}"
    profile = outbound_profile(switch, uuid, name, rest, "mod_loopback", originator, own)
    return make_leg(switch, uuid, name, "null", "outbound", profile)


def loopback_leg(switch: SimulatedSwitch, originator: Leg | None, rest: str, own: Mapping[str, str]) -> Leg:
    """The called leg of a loopback pair; its `twin` calls the extension in the dialplan."""
    extension, _, tail = rest.partition("/")
    context, _, dialplan = tail.partition("/")
    uuid, other = switch.new_uuid(), switch.new_uuid()
    name = f"loopback/{extension}"
    profile = outbound_profile(switch, uuid, f"{name}-a", extension, "mod_loopback", originator, own)
    profile.set("Dialplan", dialplan or ("XML" if originator is not None else "xml"))
    profile.set("Context", context or "default")
    profile.set("Callee-ID-Number", context or extension)
    leg = make_leg(switch, uuid, f"loopback/{rest}-a", "loopback", "outbound", profile)
    leg.start_media("L16")
    leg.introduced = True
    leg.name = f"{name}-a"
    leg.set("channel_name", leg.name)
    wished = own.get("origination_uuid")
    if wished and wished not in switch.legs:
        switch.rename(leg, wished)
    twin_profile = profile.copy(with_times=False)
    for field_name, value in (
        ("Direction", "inbound"),
        ("Logical-Direction", "inbound"),
        ("Unique-ID", other),
        ("Channel-Name", f"{name}-b"),
    ):
        twin_profile.set(field_name, value)
    for time in ("Profile-Created-Time", "Channel-Created-Time"):
        twin_profile.stamp(time, switch.clock.micros())
    twin = make_leg(switch, other, f"{name}-b", "loopback", "inbound", twin_profile)
    for key, value in own.items():
        twin.set(key, value)
    if originator is not None:
        if "ignore_early_media" in own:
            twin.set("originate_early_media", _early_word(own, originator))
        leg.set("loopback_from_uuid", originator.uuid)
        twin.set("other_loopback_from_uuid", originator.uuid)
    leg.twin, twin.twin = twin, leg
    for one, partner, mark in ((leg, twin, "A"), (twin, leg, "B")):
        one.set("other_loopback_leg_uuid", partner.uuid)
        one.set("loopback_leg", mark)
    return leg


def inherit(leg: Leg, originator: Leg | None, own: Mapping[str, str]) -> None:
    """Give a new leg its variables: the caller's, where they travel, and its own."""
    if originator is not None:
        leg.other = ("originator", originator.profile.copy(with_times=False))
        leg.set("originator", originator.uuid)
        leg.set("originating_leg_uuid", originator.uuid)
        leg.set("signal_bond", originator.uuid)
        leg.set("switch_m_sdp", originator.get("switch_r_sdp"))
        if leg.kind == "sofia":
            for name, value in originator.variables().items():
                if name.startswith("sip_h_X-"):
                    leg.set(name, value)
        forwards = originator.get("max_forwards")
        if forwards is not None and forwards.isdigit():
            leg.set("max_forwards", str(int(forwards) - 1))
        for name in (originator.get("export_vars") or "").split(","):
            leg.set(name.strip(), originator.get(name.strip()))
        originator.push("originated_legs", f"{leg.uuid};Outbound Call;{leg.profile.get('Callee-ID-Number')}")
        originator.set("originate_signal_bond", leg.uuid)
        originator.set("sip_invite_failure_status", None)
        originator.set("sip_invite_failure_phrase", None)
    for name, value in own.items():
        leg.set(name, value)
    leg.set("originate_early_media", _early_word(own, originator))
    leg.set("originate_endpoint", leg.kind)


def is_true(own: Mapping[str, str], originator: Leg | None, name: str) -> bool:
    """Whether a flag is set in a dial string or, if that is silent, on the caller."""
    value = own.get(name)
    if value is None and originator is not None:
        return originator.true(name)
    return (value or "").lower() in TRUE_WORDS


def _early_word(own: Mapping[str, str], originator: Leg | None) -> str:
    return "false" if is_true(own, originator, "ignore_early_media") else "true"


def _uuid(switch: SimulatedSwitch, own: Mapping[str, str]) -> str:
    wished = own.get("origination_uuid")
    return wished if wished and wished not in switch.legs else switch.new_uuid()

"""Endpoints: from a dialled `sofia/…`, `loopback/…` or `null/…` to a leg, and the variables it starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.execution import Executor
from mirliton.ecallmgr.simulator.profile import CallerProfile
from mirliton.ecallmgr.simulator.recording import Recordings

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


def make_leg(
    switch: SimulatedSwitch,
    uuid: str,
    name: str,
    kind: str,
    direction: str,
    profile: CallerProfile,
    presence_id: str | None = None,
) -> Leg:
    """A leg with its executor, not yet in the table of channels."""
    if kind not in ("sofia", "loopback", "null") or direction not in ("inbound", "outbound"):
        raise ValueError(f"a leg cannot be {direction} {kind}")
    leg = Leg(
        switch,
        uuid=uuid,
        name=name,
        kind="sofia" if kind == "sofia" else "loopback" if kind == "loopback" else "null",
        direction="inbound" if direction == "inbound" else "outbound",
        profile=profile,
        presence_id=presence_id,
    )
    leg.executor = Executor(leg)
    leg.recordings = Recordings(leg)
    leg.set("direction", direction)
    if direction == "outbound":
        leg.set("is_outbound", "true")
    leg.set("uuid", uuid)
    leg.set("call_uuid", uuid)
    leg.set("session_id", str(switch.next_session()))
    leg.set("channel_name", name)
    return leg


def strip_uri(target: str) -> str:
    """`sip:1000@host:5060;transport=udp` as `1000@host:5060`."""
    for scheme in ("sip:", "sips:"):
        if target.startswith(scheme):
            target = target[len(scheme) :]
    return target.partition(";")[0].strip("<>")


def outbound_profile(
    switch: SimulatedSwitch,
    uuid: str,
    name: str,
    destination: str,
    source: str,
    originator: Leg | None,
    variables: Mapping[str, str],
) -> CallerProfile:
    """The profile of a leg that we call: the originator's, or a bare one, under the given caller id."""
    fields: dict[str, str] = {"Direction": "outbound", "Logical-Direction": "outbound"}
    number = variables.get("origination_caller_id_number")
    caller_name = variables.get("origination_caller_id_name")
    if originator is not None:
        profile = originator.profile
        for field in ("Username", "Dialplan"):
            fields[field] = profile.get(field)
        number = number or originator.get("effective_caller_id_number") or profile.get("Caller-ID-Number")
        caller_name = caller_name or originator.get("effective_caller_id_name") or profile.get("Caller-ID-Name")
        fields["Network-Addr"] = profile.get("Network-Addr")
        context = profile.get("Context")
    else:
        number = number or "0000000000"
        context = "default"
    if caller_name:
        fields["Caller-ID-Name"] = fields["Orig-Caller-ID-Name"] = caller_name
    fields["Caller-ID-Number"] = fields["Orig-Caller-ID-Number"] = fields["ANI"] = number
    fields["Callee-ID-Name"] = variables.get("origination_callee_id_name") or "Outbound Call"
    fields["Callee-ID-Number"] = variables.get("origination_callee_id_number") or destination
    fields["Destination-Number"] = destination
    fields["Unique-ID"] = uuid
    fields["Source"] = source
    fields["Context"] = context
    fields["Channel-Name"] = name
    return CallerProfile({key: value for key, value in fields.items() if value}, created=switch.clock.micros())


def sofia_variables(leg: Leg, profile_name: str, target: str) -> None:
    """What an outbound SIP leg knows before its phone answered anything."""
    leg.set("sip_local_network_addr", "127.0.0.1")
    leg.set("sip_profile_name", profile_name)
    leg.set("sip_destination_url", f"sip:{target}")
    leg.set("sip_req_uri", target)
    leg.set("sip_to_host", target.partition("@")[2])
    leg.set("sip_from_host", "127.0.0.1")
    leg.set("sofia_profile_name", profile_name)
    leg.set("recovery_profile_name", profile_name)
    leg.set("sofia_profile_url", "sip:mod_sofia@127.0.0.1:5080")
    leg.set("sip_outgoing_contact_uri", "<sip:mod_sofia@127.0.0.1:5080>")


def response_variables(leg: Leg, *, from_phone: bool = True) -> None:
    """What any final response adds: the call's id and where the response came from (if from anywhere)."""
    if leg.get("sip_call_id"):
        return
    host, _, port = (leg.get("sip_req_uri") or "").partition("@")[2].partition(":")
    leg.set("sip_call_id", leg.switch.new_uuid())
    leg.set("sip_reply_port", (port or "5060") if from_phone else "0")
    leg.set("sip_network_port", (port or "5060") if from_phone else "0")
    if from_phone:
        leg.set("sip_reply_host", host)
        leg.set("sip_network_ip", host)
        if not leg.profile.get("Network-Addr"):
            leg.profile.set("Network-Addr", host)


def dialog_variables(leg: Leg) -> None:
    """What the first provisional or positive response adds: the dialog's identity and the far contact."""
    if leg.get("sip_call_id"):
        return
    response_variables(leg)
    target = leg.get("sip_req_uri") or ""
    user, _, host_port = target.partition("@")
    host, _, port = host_port.partition(":")
    number, display = leg.profile.get("Caller-ID-Number"), leg.profile.get("Caller-ID-Name")
    from_tag, to_tag = leg.switch.new_uuid()[:13], leg.switch.new_uuid()[:13]
    via = f"SIP/2.0/UDP 127.0.0.1:5080;rport;branch=z9hG4bK{from_tag}"
    leg.set("sip_full_via", via)
    leg.set("sip_recover_via", via)
    leg.set("sip_recover_contact", f"<sip:{target}>")
    if display:
        leg.set("sip_from_display", display)
    leg.set("sip_from_user", number)
    leg.set("sip_from_uri", f"{number}@127.0.0.1")
    leg.set("sip_full_from", f'"{display}" <sip:{number}@127.0.0.1>;tag={from_tag}')
    leg.set("sip_from_tag", from_tag)
    leg.set("sip_to_user", user)
    leg.set("sip_to_host", host)
    leg.set("sip_to_port", port)
    leg.set("sip_to_uri", target)
    leg.set("sip_full_to", f"<sip:{target}>;tag={to_tag}")
    leg.set("sip_to_tag", to_tag)
    leg.set("sip_contact_user", user)
    leg.set("sip_contact_host", host)
    leg.set("sip_contact_port", port)
    leg.set("sip_contact_uri", target)
    leg.set("sip_cseq", "1")

"""An INVITE that reaches the switch: the leg it makes, with the variables a SIP call brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mirliton.ecallmgr.simulator.calls import SDP
from mirliton.ecallmgr.simulator.channel import Leg
from mirliton.ecallmgr.simulator.endpoints import make_leg
from mirliton.ecallmgr.simulator.phones import DEFAULT_USER_AGENT
from mirliton.ecallmgr.simulator.profile import CallerProfile

if TYPE_CHECKING:
    from mirliton.ecallmgr.simulator.switch import SimulatedSwitch


@dataclass(frozen=True)
class Invite:
    """Who calls whom, and with what. `headers` are X- headers (they become sip_h_X-… variables)."""

    caller: str
    realm: str
    destination: str
    name: str | None = None
    contact: str = "127.0.0.1:5090"
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    context: str = "public"
    profile: str = "internal"
    port: str = "5080"
    user_agent: str = DEFAULT_USER_AGENT
    call_id: str | None = None
    uuid: str | None = None


def accept(switch: SimulatedSwitch, invite: Invite) -> Leg:
    """The new inbound leg, admitted to the table but not started."""
    uuid = invite.uuid or switch.new_uuid()
    name = f"sofia/{invite.profile}/{invite.caller}@{invite.realm}"
    host, _, port = invite.contact.partition(":")
    # The switch decodes escapes in a display name, so that a caller can put a newline into it.
    shown = unquote(invite.name or invite.caller, errors="surrogateescape")
    fields = {
        "Direction": "inbound",
        "Logical-Direction": "inbound",
        "Username": invite.caller,
        "Dialplan": "XML",
        "Caller-ID-Name": shown,
        "Caller-ID-Number": invite.caller,
        "Orig-Caller-ID-Name": shown,
        "Orig-Caller-ID-Number": invite.caller,
        "Network-Addr": host,
        "ANI": invite.caller,
        "Destination-Number": invite.destination,
        "Unique-ID": uuid,
        "Source": "mod_sofia",
        "Context": invite.context,
        "Channel-Name": name,
    }
    profile = CallerProfile(fields, created=switch.clock.micros())
    leg = make_leg(switch, uuid, name, "sofia", "inbound", profile, f"{invite.caller}@{invite.realm}")
    for key, value in _sip_variables(switch, invite, host, port).items():
        leg.set(key, value)
    for header, value in invite.headers.items():
        leg.set(f"sip_h_{header}" if header.startswith("X-") else header, value)
    for key, value in invite.variables.items():
        leg.set(key, value)
    switch.admit(leg)
    return leg


def _sip_variables(switch: SimulatedSwitch, invite: Invite, host: str, port: str) -> dict[str, str]:
    caller, realm, destination = invite.caller, invite.realm, invite.destination
    tag = switch.new_uuid()[:13]
    display = f'"{invite.name}" ' if invite.name else ""
    variables = {
        "sip_from_user": caller,
        "sip_from_uri": f"{caller}@{realm}",
        "sip_from_host": realm,
        "sip_call_id": invite.call_id or f"{switch.new_uuid()}@{host}",
        "sip_local_network_addr": "127.0.0.1",
        "sip_network_ip": host,
        "sip_network_port": port,
        "sip_invite_stamp": str(switch.clock.micros()),
        "sip_received_ip": host,
        "sip_received_port": port,
        "sip_via_protocol": "udp",
        "sip_from_user_stripped": caller,
        "sip_from_tag": tag,
        "sofia_profile_name": invite.profile,
        "sofia_profile_url": f"sip:mod_sofia@127.0.0.1:{invite.port}",
        "recovery_profile_name": invite.profile,
        "sip_full_via": f"SIP/2.0/UDP {invite.contact};branch=z9hG4bK-{tag}",
        "sip_full_from": f"{display}<sip:{caller}@{realm}>;tag={tag}",
        "sip_full_to": f"<sip:{destination}@{realm}>",
        "sip_req_user": destination,
        "sip_req_port": invite.port,
        "sip_req_uri": f"{destination}@{realm}:{invite.port}",
        "sip_req_host": realm,
        "sip_to_user": destination,
        "sip_to_uri": f"{destination}@{realm}",
        "sip_to_host": realm,
        "sip_contact_user": caller,
        "sip_contact_port": port,
        "sip_contact_uri": f"{caller}@{invite.contact}",
        "sip_contact_host": host,
        "rtp_use_codec_string": "PCMU,PCMA",
        "sip_user_agent": invite.user_agent,
        "sip_via_host": host,
        "sip_via_port": port,
        "max_forwards": "70",
        "presence_id": f"{caller}@{realm}",
        "switch_r_sdp": SDP.format(port="22260"),
        "ep_codec_string": "CORE_PCM_MODULE.PCMU@8000h@20i@64000b",
        "endpoint_disposition": "DELAYED NEGOTIATION",
    }
    if invite.name:
        variables["sip_from_display"] = invite.name
    return variables

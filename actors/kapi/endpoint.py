"""One party that a bridge or an originate rings. Kazoo: kapi_dialplan, bridge endpoint."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import part
from mirliton.actors.kapi.passage import Edge, Json
from mirliton.actors.kapi.shape import wire_of
from mirliton.actors.kapi.wire import Anything, Flag, Seconds, Secret, TextSeconds, Vars

InviteFormat = Literal[
    "username", "e164", "npan", "1npan", "route", "loopback", "contact", "endpoint", "forward", "strip_plus"
]
"""What the INVITE is addressed to, and so which of the `to_…` and `route` fields count."""
Peer = Literal["self", "peer"]
BLegEvent = Literal[
    "CALL_SECURE",
    "CALL_UPDATE",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_CREATE",
    "CHANNEL_DESTROY",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_EXECUTE_ERROR",
    "CHANNEL_FAX_STATUS",
    "CHANNEL_HOLD",
    "CHANNEL_INTERCEPTED",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_REPLACED",
    "CHANNEL_TRANSFEREE",
    "CHANNEL_TRANSFEROR",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_UNHOLD",
    "DETECTED_TONE",
    "DTMF",
    "LEG_CREATED",
    "LEG_DESTROYED",
    "RECORD_START",
    "RECORD_STOP",
    "dialplan",
]
"""Events of the other leg that the sender wants too."""


@part("dialplan.endpoint")
class Endpoint:
    """Whom to ring, for how long, and what they are shown."""

    invite_format: InviteFormat
    to_user: str | None = None
    to_username: str | None = None
    to_realm: str | None = None
    to_did: str | None = None
    to_uri: str | None = None
    to_ip: str | None = None
    route: str | None = None
    """The whole dial string, for `invite_format="route"`."""
    endpoint_id: str | None = None
    """Id of the device document."""
    endpoint_type: Literal["sip", "freetdm", "skype"] | None = None
    endpoint_timeout: Seconds | None = None
    """How long it rings, from `endpoint_delay` on."""
    endpoint_delay: TextSeconds | None = None
    endpoint_progress_timeout: Seconds | None = None
    """How long it may take until it rings."""
    endpoint_options: Vars = field(default_factory=dict)
    endpoint_actions: Anything = None
    endpoint_uri: str | None = None
    failover: Anything = None
    """Whom to ring where this one is registered nowhere: an endpoint as `as_failover` writes it."""
    account_id: str | None = None
    presence_id: str | None = None
    outbound_call_id: str | None = None
    """The UUID its leg shall have."""

    auth_user: str | None = None
    auth_password: Secret[str | None] = None
    auth_realm: str | None = None

    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    outbound_callee_id_name: str | None = None
    outbound_callee_id_number: str | None = None
    privacy_hide_name: Flag | None = None
    privacy_hide_number: Flag | None = None
    privacy_method: str | None = None

    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    sip_interface: str | None = None
    sip_invite_parameters: tuple[str, ...] = ()
    sip_transport: Literal["udp", "tcp", "tls", "sctp"] | None = None
    proxy_ip: str | None = None
    proxy_zone: str | None = None
    forward_ip: str | None = None
    call_context: str | None = None

    codecs: tuple[str, ...] = ()
    bypass_media: bool | None = None
    hold_media: str | None = None
    ignore_early_media: bool | None = None
    ignore_completed_elsewhere: Flag | None = None
    loopback_bowout: Flag | None = None
    simplify_loopback: Flag | None = None
    force_fax: str | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    enable_t38_gateway: Peer | None = None
    enable_t38_passthrough: Flag | None = None


def as_failover(endpoint: Endpoint) -> Json:
    """An endpoint as another's `failover` holds it: Kazoo's headers. Raises InvalidMessage."""
    edge = Edge()
    written = wire_of(Endpoint).write(endpoint, "Failover", edge)
    if edge.problems:
        raise edge.refusal("dialplan.endpoint")
    return written


def failover_of(endpoint: Endpoint) -> Endpoint | None:
    """Whom to ring instead of an endpoint; None for nobody. Raises InvalidMessage."""
    if not endpoint.failover:
        return None
    edge = Edge()
    found: Endpoint | None = wire_of(Endpoint).read(endpoint.failover, "Failover", edge)
    if edge.problems:
        raise edge.refusal("dialplan.endpoint")
    return found

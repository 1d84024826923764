"""Calls and texts out to the world, through carriers. Exchange resources. Kazoo: kapi_offnet_resource."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.endpoint import BLegEvent
from mirliton.actors.kapi.wire import Anything, Flag, ReplyTo, TextSeconds, Vars


@kapi("offnet_resource.offnet_req", "resource", "resources", "offnet.resource.req.{resource_type}")
class OffnetReq:
    """Call this number through a carrier, or look up what it is."""

    application_name: Literal["bridge", "eavesdrop", "fax", "park", "sms", "transfer"]
    resource_type: Literal["audio", "cid", "originate", "sms", "video"]
    to_did: str
    account_id: str | None = None
    account_realm: str | None = None
    application_data: str | None = None
    asserted_identity_name: str | None = None
    asserted_identity_number: str | None = None
    asserted_identity_realm: str | None = None
    b_leg_events: tuple[BLegEvent, ...] = ()
    body: str | None = None
    bypass_e164: bool | None = None
    call_id: str | None = None
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    control_queue: ReplyTo | None = None
    custom_sip_headers: Vars = field(default_factory=dict)
    denied_call_restrictions: Vars = field(default_factory=dict)
    emergency_caller_id_name: str | None = None
    emergency_caller_id_number: str | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_gateway: str | None = None
    enable_t38_passthrough: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    fax_identity_name: str | None = None
    fax_identity_number: str | None = None
    fax_timezone: str | None = None
    flags: tuple[str, ...] = ()
    force_fax: bool | None = None
    force_outbound: bool | None = None
    format_from_uri: Flag | None = None
    from_uri_realm: str | None = None
    group_id: str | None = None
    hold_media: str | None = None
    hunt_account_id: str | None = None
    ignore_early_media: Flag | None = None
    inception: str | None = None
    media: Literal["auto", "bypass", "process"] | None = None
    message_id: str | None = None
    mode: Literal["full", "listen", "whisper"] | None = None
    original_resource_type: str | None = None
    origination_call_id: str | None = None
    outbound_actions: Vars = field(default_factory=dict)
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    outbound_call_id: str | None = None
    presence_id: str | None = None
    privacy_hide_name: Flag | None = None
    privacy_hide_number: Flag | None = None
    privacy_method: str | None = None
    requestor_custom_channel_vars: Vars = field(default_factory=dict)
    requestor_custom_sip_headers: Vars = field(default_factory=dict)
    ringback: str | None = None
    fax_t38_enabled: Flag | None = None
    timeout: TextSeconds | None = None


@kapi("offnet_resource.offnet_resp", "resource")
class OffnetResp:
    """What came of it: SUCCESS, or a cause and the code of the failure."""

    response_message: str
    error_message: str | None = None
    call_id: str | None = None
    control_queue: ReplyTo | None = None
    resource_response: Anything = None
    response_code: str | None = None

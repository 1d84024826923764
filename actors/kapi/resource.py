"""Legs that somebody asks for. Exchange callmgr. Kazoo: kapi_resource.

The asker's queue gets an OriginateUuid (the leg that will be), an OriginateStarted when it is there, and at the end
an OriginateResp or an error.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.endpoint import BLegEvent, Endpoint
from mirliton.actors.kapi.leg import Leg
from mirliton.actors.kapi.wire import Flag, ReplyTo, TextSeconds, Vars


@kapi("resource.originate_req", "resource", "callmgr", "originate.resource.req")
class OriginateReq:
    """Call these, and then do the application."""

    application_name: Literal["bridge", "eavesdrop", "fax", "park", "transfer"]
    endpoints: tuple[Endpoint, ...]
    application_data: str | None = None
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    eavesdrop_call_id: str | None = None
    eavesdrop_group_id: str | None = None
    eavesdrop_mode: Literal["listen", "whisper", "full"] | None = None
    existing_call_id: str | None = None
    export_custom_channel_vars: Vars = field(default_factory=dict)
    fax_identity_name: str | None = None
    fax_identity_number: str | None = None
    fax_timezone: str | None = None
    intercept_unbridged_only: Flag | None = None
    loopback_bowout: Flag | None = None
    origination_call_id: str | None = None
    originate_immediate: Flag | None = None
    outbound_call_id: str | None = None
    simplify_loopback: Flag | None = None
    start_control_process: Flag | None = None
    asserted_identity_name: str | None = None
    asserted_identity_number: str | None = None
    asserted_identity_realm: str | None = None
    b_leg_events: tuple[BLegEvent, ...] = ()
    bridge_actions: Vars = field(default_factory=dict)
    call_context: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    confirm_cancel_timeout: int | None = None
    confirm_file: str | None = None
    confirm_key: str | None = None
    continue_after: Flag | None = None
    continue_on_fail: bool | None = None
    custom_sip_headers: Vars = field(default_factory=dict)
    dial_endpoint_method: Literal["single", "simultaneous"] | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    enable_t38_gateway: str | None = None
    enable_t38_passthrough: Flag | None = None
    export_bridge_variables: tuple[str, ...] = ()
    export_variables: tuple[str, ...] = ()
    fail_on_single_reject: str | None = None
    force_fax: str | None = None
    hold_media: str | None = None
    ignore_completed_elsewhere: Flag | None = None
    ignore_early_media: Flag | None = None
    ignore_forward: Flag | None = None
    insert_at: str | None = None
    media: Literal["process", "bypass", "auto"] | None = None
    outbound_callee_id_name: str | None = None
    outbound_callee_id_number: str | None = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    privacy_hide_name: Flag | None = None
    privacy_hide_number: Flag | None = None
    privacy_method: str | None = None
    ringback: str | None = None
    secure_rtp: Flag | None = None
    sip_invite_parameters: tuple[str, ...] = ()
    sip_transport: str | None = None
    timeout: TextSeconds | None = None


@kapi("resource.originate_resp", "resource")
class OriginateResp(Leg):
    """The leg was called, or its application is done."""


@kapi("resource.originate_started", "resource")
class OriginateStarted(Leg):
    """The leg is being called."""


@kapi("resource.originate_uuid", "resource")
class OriginateUuid:
    """The leg that will be, and the queue that takes its commands."""

    outbound_call_id: str
    outbound_call_control_queue: ReplyTo | None = None


@kapi("resource.eavesdrop_req", "resource", "callmgr", "eavesdrop.resource.req")
class EavesdropReq:
    """Let this device listen to a call."""

    account_id: str
    endpoint_id: str
    eavesdrop_call_id: str | None = None
    eavesdrop_group_id: str | None = None
    eavesdrop_mode: Literal["listen", "whisper", "full"] | None = None
    application_name: str | None = None
    endpoints: tuple[Endpoint, ...] = ()


@kapi("resource.eavesdrop_resp", "resource")
class EavesdropResp:
    """It listens; or why not."""

    status: Literal["started", "error"]
    eavesdropper_call_id: str | None = None
    error_msg: str | None = None

"""The record of a leg that has ended. Exchange cdr, key `cdr.report.{account}.{call-id}`. Kazoo: kapi_cdr."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Gregorian, Number, Vars


@kapi("cdr.report", "cdr", "cdr", "cdr.report.{account_id}.{call_id}")
class CdrReport:
    """One leg, from beginning to end; there is one per leg."""

    account_id: str
    call_id: str
    timestamp: Gregorian | None = None
    """When it ended."""
    channel_created_time: int | None = None
    """Microseconds since 1970, by the switch's clock."""
    call_interaction: Vars = field(default_factory=dict)
    """`Id`, `Key`, `Timestamp` (gregorian) and `Is-Root` of the interaction that the leg belongs to."""

    call_direction: str | None = None
    channel_name: str | None = None
    channel_state: str | None = None
    channel_call_state: str | None = None
    channel_answer_state: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_destination_number: str | None = None
    caller_profile: str | None = None
    caller_context: str | None = None
    caller_dialplan: str | None = None
    from_: str | None = None
    from_uri: str | None = None
    from_tag: str | None = None
    to: str | None = None
    to_uri: str | None = None
    to_tag: str | None = None
    request: str | None = None
    presence_id: str | None = None
    user_agent: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)

    duration_seconds: Number | None = None
    """From creation to the end."""
    ringing_seconds: Number | None = None
    billing_seconds: Number | None = None
    """From the answer to the end, begun seconds counted whole."""
    hangup_cause: str | None = None
    hangup_code: str | None = None
    """`sip:486`"""
    disposition: str | None = None

    other_leg_call_id: str | None = None
    other_leg_direction: str | None = None
    other_leg_caller_id_name: str | None = None
    other_leg_caller_id_number: str | None = None
    other_leg_destination_number: str | None = None
    other_leg: Vars = field(default_factory=dict)
    originating_leg_uuid: str | None = None
    originated_legs: Anything = None
    transfer_history: Anything = None

    media_server: str | None = None
    switch_hostname: str | None = None
    switch_nodename: str | None = None
    switch_uri: str | None = None
    switch_url: str | None = None
    local_sdp: str | None = None
    remote_sdp: str | None = None
    call_control: Anything = None
    extended_data: Anything = None
    call_debug: Anything = None

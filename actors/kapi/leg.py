"""What is said of a leg, whatever happens to it. Kazoo: the optional headers of kapi_call's events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from mirliton.actors.kapi.wire import (
    Anything,
    Flag,
    Gregorian,
    Header,
    Number,
    ReplyTo,
    Secret,
    TextMillis,
    Vars,
)


@dataclass(frozen=True, slots=True)
class Leg:
    """The headers of an event of a leg, and of what an originate reports."""

    call_id: str
    """The leg, which is its UUID on the switch."""
    timestamp: Gregorian | None = None
    """When the switch saw it, in whole seconds."""
    msg_id: str | None = None
    """Of ChannelExecuteCompleted: the `msg_id` of the command that is done."""

    # who
    call_direction: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    caller_destination_number: str | None = None
    from_: str | None = None
    from_uri: Annotated[str | None, Header("From-Uri")] = None
    from_tag: str | None = None
    to: str | None = None
    to_uri: Annotated[str | None, Header("To-Uri")] = None
    to_tag: str | None = None
    request: str | None = None
    presence_id: str | None = None
    user_agent: str | None = None
    interaction_id: str | None = None
    root_call_interaction_id: str | None = None
    origination_call_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)

    # in which state
    channel_state: str | None = None
    channel_call_state: str | None = None
    channel_answer_state: str | None = None
    channel_name: str | None = None
    channel_created_time: int | None = None
    """Microseconds since 1970, by the switch's clock."""
    channel_moving: Flag | None = None
    channel_is_loopback: Flag | None = None
    channel_loopback_leg: str | None = None
    channel_loopback_other_leg_id: str | None = None
    channel_loopback_bowout: Flag | None = None
    channel_loopback_bowout_execute: Flag | None = None
    control_queue: ReplyTo | None = None
    """Takes the commands for this leg."""
    switch_hostname: str | None = None
    switch_nodename: str | None = None
    switch_uri: str | None = None
    switch_url: str | None = None
    media_server: str | None = None
    local_sdp: str | None = None
    remote_sdp: str | None = None

    # the other leg
    other_leg_call_id: str | None = None
    other_leg_direction: str | None = None
    other_leg_caller_id_name: str | None = None
    other_leg_caller_id_number: str | None = None
    other_leg_destination_number: str | None = None
    bridge_b_unique_id: str | None = None

    # which application
    application_name: str | None = None
    application_data: str | None = None
    application_event: str | None = None
    application_response: Secret[str | None] = None
    """What came of it: SUCCESS, a cause, the digits collected (so it is not shown), a noop's `msg_id`."""
    raw_application_name: str | None = None
    raw_application_data: str | None = None

    # how it ended
    hangup_cause: str | None = None
    hangup_code: str | None = None
    """`sip:486`"""
    bridge_hangup_cause: str | None = None
    disposition: str | None = None
    endpoint_disposition: str | None = None
    duration_seconds: Number | None = None
    billing_seconds: Number | None = None
    ringing_seconds: Number | None = None

    # keys, tones, recordings, faxes
    dtmf_digit: Secret[str | None] = None
    dtmf_duration: Number | None = None
    """In samples, as the switch counts it (8,000 a second)."""
    digits_dialed: Secret[str | None] = None
    detected_tone: str | None = None
    recording: Vars | None = None
    media_recordings: Anything = None
    length: TextMillis | None = None
    """Of a recording, in seconds."""
    terminator: Secret[str | None] = None
    """The key that ended it."""
    silence_terminated: Flag | None = None
    fax_info: Vars | None = None

    # moves
    transfer_type: str | None = None
    transfer_to: str | None = None
    transfer_source: str | None = None
    transfer_disposition: str | None = None
    transfer_history: Anything = None
    target_call_id: str | None = None
    replaced_by: str | None = None
    intercepted_by: str | None = None
    resigning_uuid: str | None = None
    resigning_peer_uuid: str | None = None
    connecting_leg_a_uuid: str | None = None
    connecting_leg_b_uuid: str | None = None
    parking_slot: str | None = None
    conference_name: str | None = None
    conference_config: Anything = None
    call_debug: Anything = None
    channel_debug: Anything = None

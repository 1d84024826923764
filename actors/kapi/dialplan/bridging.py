"""Commands that bring legs together, and part them."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from mirliton.actors.kapi._family import command
from mirliton.actors.kapi.dialplan._command import Command, Leg
from mirliton.actors.kapi.endpoint import BLegEvent, Endpoint, Peer
from mirliton.actors.kapi.wire import Anything, Flag, Header, TextSeconds, Vars


@command("bridge")
class Bridge(Command):
    """Ring endpoints, and connect the first that answers."""

    endpoints: tuple[Endpoint, ...]
    timeout: TextSeconds | None = None
    """How long they ring, in seconds."""
    dial_endpoint_method: Literal["single", "simultaneous"] = "single"
    """One after the other, or all at once."""
    continue_on_fail: bool | None = None
    """True: if nobody answers, go on with the next command."""
    continue_after: bool | None = None
    """True: when the other leg hangs up, go on with the next command."""
    fail_on_single_reject: str | None = None
    """`true`, or the causes by which one refusal ends all."""
    ignore_early_media: Flag | None = None
    ignore_forward: Flag | None = None
    ignore_completed_elsewhere: Flag | None = None
    ringback: str | None = None
    hold_media: str | None = None
    media: Literal["process", "bypass", "auto"] | None = None
    secure_rtp: bool | None = None
    call_context: str | None = None

    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    outbound_caller_id_name: str | None = None
    outbound_caller_id_number: str | None = None
    outbound_callee_id_name: str | None = None
    outbound_callee_id_number: str | None = None
    asserted_identity_name: str | None = None
    asserted_identity_number: str | None = None
    asserted_identity_realm: str | None = None
    privacy_hide_name: Flag | None = None
    privacy_hide_number: Flag | None = None
    privacy_method: str | None = None

    confirm_file: str | None = None
    """Whoever answers hears it and has to press `confirm_key`."""
    confirm_key: str | None = None
    confirm_cancel_timeout: int | None = None
    """Not 0: the timeout no longer counts once the file plays."""

    custom_channel_vars: Vars = field(default_factory=dict)
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    export_variables: tuple[str, ...] = ()
    export_bridge_variables: tuple[str, ...] = ()
    bridge_actions: Vars = field(default_factory=dict)
    b_leg_events: tuple[BLegEvent, ...] = ()
    sip_invite_parameters: tuple[str, ...] = ()
    sip_transport: Literal["udp", "tcp", "tls"] | None = None
    loopback_bowout: Flag | None = None
    simplify_loopback: Flag | None = None
    force_fax: str | None = None
    enable_t38_fax: Flag | None = None
    enable_t38_fax_request: Flag | None = None
    enable_t38_gateway: Peer | None = None
    enable_t38_passthrough: Flag | None = None


@command("unbridge")
class Unbridge(Command):
    """Part the legs and park what `leg` says."""

    leg: Leg | None = None


@command("page")
class Page(Command):
    """Ring endpoints that answer by themselves, and let them all listen."""

    endpoints: tuple[Endpoint, ...]
    timeout: TextSeconds | None = None
    page_options: Anything = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    callee_id_name: str | None = None
    callee_id_number: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)


@command("call_pickup")
class CallPickup(Command):
    """Take another leg's call."""

    target_call_id: str
    other_leg: Flag | None = None
    """True: the leg that it talks with."""
    unanswered_only: Flag | None = None
    unbridged_only: Flag | None = None
    park_after_pickup: bool | None = None
    hangup_after_pickup: bool | None = None
    continue_on_fail: Flag | None = None
    continue_on_cancel: Flag | None = None
    move_channel_if_necessary: bool | None = None
    """True: also from another switch."""


@command("connect_leg")
class ConnectLeg(Command):
    """Talk with this other leg."""

    target_call_id: str
    other_leg: Flag | None = None
    """True: the leg that it talks with."""
    unanswered_only: Flag | None = None
    unbridged_only: Flag | None = None
    park_after_pickup: bool | None = None
    hangup_after_pickup: bool | None = None
    continue_on_fail: Flag | None = None
    continue_on_cancel: Flag | None = None
    move_channel_if_necessary: bool | None = None
    """True: also from another switch."""
    publish_usurp: bool | None = None
    b_leg_events: tuple[BLegEvent, ...] = ()


@command("eavesdrop")
class Eavesdrop(Command):
    """Listen to another leg's call."""

    target_call_id: str
    other_leg: Flag | None = None
    enable_dtmf: Flag | None = None
    """True: keys choose whether one is heard, and by whom."""
    continue_on_fail: Flag | None = None
    continue_on_cancel: Flag | None = None
    move_channel_if_necessary: bool | None = None


@command("transfer")
class Transfer(Command):
    """Send the call elsewhere."""

    transfer_type: Literal["blind", "attended"]
    transfer_to: str
    transfer_leg: Literal["bleg", "both"] | None = None
    transfer_context: str | None = None
    attended_transfer_keys: Anything = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)


@command("soft_hold")
class SoftHold(Command):
    """Put the other leg on hold until `unhold_key` is pressed."""

    unhold_key: str
    a_moh: Annotated[str | None, Header("A-MOH")] = None
    """What this leg hears meanwhile, and `b_moh` what the other does."""
    b_moh: Annotated[str | None, Header("B-MOH")] = None


@command("conference")
class Conference(Command):
    """Join a conference."""

    conference_id: str
    profile: str | None = None
    moderator: bool | None = None
    mute: bool | None = None
    deaf: bool | None = None
    reinvite: bool | None = None
    member_nospeak: Anything = None
    nospeak_check: Anything = None

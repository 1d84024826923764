"""What happens to a leg, as the switch saw it; and who may publish and command it.

Each event is a class of its own, so that a process can wait for `ChannelAnswered`; all have the same headers, so that
whoever handles any `CallEvent` can. Exchange callevt, key `call.{EVENT}.{call-id}`. Kazoo: kapi_call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, dataclass_transform

from mirliton.actors.kapi._family import definition_of, kapi
from mirliton.actors.kapi.routing import needed, segment
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
class CallEvent:
    """The headers of every event; only its subclasses are messages."""

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


E = TypeVar("E")


def _event_key(event: CallEvent) -> str:
    # an originated leg is known to its listeners by the id it was asked for under, unless it is a loopback's
    known_as = None if event.channel_is_loopback else event.origination_call_id
    return f"call.{event_name(event)}.{segment(known_as or needed(event, 'call_id'))}"


def event_name(event: CallEvent | type[CallEvent]) -> str:
    """Kazoo's name of an event or event class, such as CHANNEL_ANSWER."""
    return definition_of(event).fixed["Event-Name"]


@dataclass_transform(frozen_default=True)
def _event(name: str) -> Callable[[type[E]], type[E]]:
    return kapi(f"call.{name.lower()}", category="call_event", name=name, exchange="callevt", key=_event_key)


@_event("CHANNEL_CREATE")
class ChannelCreated(CallEvent):
    """The leg is there; nothing was answered yet."""


@_event("CHANNEL_PROGRESS")
class ChannelProgressed(CallEvent):
    """The far end rings."""


@_event("CHANNEL_PROGRESS_MEDIA")
class ChannelProgressedWithMedia(CallEvent):
    """The far end sends early media."""


@_event("CHANNEL_ANSWER")
class ChannelAnswered(CallEvent):
    """The leg was answered."""


@_event("CHANNEL_BRIDGE")
class ChannelBridged(CallEvent):
    """The leg talks with `other_leg_call_id`."""


@_event("CHANNEL_UNBRIDGE")
class ChannelUnbridged(CallEvent):
    """The leg no longer talks with the other."""


@_event("CHANNEL_HOLD")
class ChannelHeld(CallEvent):
    """The phone put the call on hold."""


@_event("CHANNEL_UNHOLD")
class ChannelUnheld(CallEvent):
    """The phone took the call off hold."""


@_event("CHANNEL_DESTROY")
class ChannelDestroyed(CallEvent):
    """The leg is gone, for `hangup_cause`."""


@_event("CHANNEL_EXECUTE_COMPLETE")
class ChannelExecuteCompleted(CallEvent):
    """An application ended on the leg: the command `application_name` with `msg_id` is done."""


@_event("CHANNEL_FAX_STATUS")
class ChannelFaxStatus(CallEvent):
    """A fax went one step on."""


@_event("CHANNEL_TRANSFEREE")
class ChannelTransferee(CallEvent):
    """The leg is being transferred."""


@_event("CHANNEL_TRANSFEROR")
class ChannelTransferor(CallEvent):
    """The leg transfers the other."""


@_event("CHANNEL_REPLACED")
class ChannelReplaced(CallEvent):
    """The leg's place is taken by `replaced_by`."""


@_event("CHANNEL_INTERCEPTED")
class ChannelIntercepted(CallEvent):
    """The leg was picked up by `intercepted_by`."""


@_event("CHANNEL_DIRECT")
class ChannelDirect(CallEvent):
    """A loopback pair has left, and its ends talk directly."""


@_event("CHANNEL_METAFLOW")
class ChannelMetaflow(CallEvent):
    """A metaflow's keys were dialled on the leg."""


@_event("CHANNEL_PIVOT")
class ChannelPivot(CallEvent):
    """The leg gets a new callflow."""


@_event("CHANNEL_CONNECTED")
class ChannelConnected(CallEvent):
    """The leg's switch is reachable again."""


@_event("CHANNEL_DISCONNECTED")
class ChannelDisconnected(CallEvent):
    """The leg's switch cannot be reached; whether the leg is alive is not known."""


@_event("DTMF")
class DtmfReceived(CallEvent):
    """The party pressed `dtmf_digit`."""


@_event("DETECTED_TONE")
class ToneDetected(CallEvent):
    """`detected_tone` was heard."""


@_event("RECORD_START")
class RecordStarted(CallEvent):
    """A recording has begun."""


@_event("RECORD_STOP")
class RecordStopped(CallEvent):
    """A recording of `length` is complete."""


@_event("ROUTE_WINNER")
class RouteWinner(CallEvent):
    """The switch runs the dialplan of the application that won the call."""


@_event("PARK_PARKED")
class CallParked(CallEvent):
    """The call was parked in `parking_slot`."""


@_event("PARK_RETRIEVED")
class ParkedCallRetrieved(CallEvent):
    """The call was taken from its slot."""


@_event("PARK_ABANDONED")
class ParkedCallAbandoned(CallEvent):
    """The caller hung up in the slot."""


@kapi(
    "call.usurp_control",
    category="call_event",
    name="usurp_control",
    exchange="callevt",
    key="call.usurp_control.{call_id}",
)
class UsurpControl:
    """Another controller has the call: one whose Fetch-ID differs stops, without hanging up."""

    call_id: str
    fetch_id: str
    reason: str | None = None
    media_node: str | None = None


@kapi(
    "call.usurp_publisher",
    category="call_event",
    name="usurp_publisher",
    exchange="callevt",
    key="call.usurp_publisher.{call_id}",
)
class UsurpPublisher:
    """Another node publishes this call's events: one whose reference differs stops."""

    call_id: str
    reference: str
    reason: str | None = None
    media_node: str | None = None

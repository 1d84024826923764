"""What happens to a leg, as the switch saw it; and who may publish and command it.

Each event is a class of its own, so that a process can wait for `ChannelAnswered`; all have the same headers, so that
whoever handles any `CallEvent` can. Exchange callevt, key `call.{EVENT}.{call-id}`. Kazoo: kapi_call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

from mirliton.actors.kapi._family import definition_of, kapi
from mirliton.actors.kapi.leg import Leg
from mirliton.actors.kapi.routing import needed, segment


@dataclass(frozen=True, slots=True)
class CallEvent(Leg):
    """The headers of every event; only its subclasses are messages."""


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
    binding = f"call.{name}.*"
    return kapi(f"call.{name.lower()}", "call_event", "callevt", _event_key, name=name, binding=binding)


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


@kapi("call.usurp_control", "call_event", "callevt", "call.usurp_control.{call_id}")
class UsurpControl:
    """Another controller has the call: one whose Fetch-ID differs stops, without hanging up."""

    call_id: str
    fetch_id: str
    reason: str | None = None
    media_node: str | None = None


@kapi("call.usurp_publisher", "call_event", "callevt", "call.usurp_publisher.{call_id}")
class UsurpPublisher:
    """Another node publishes this call's events: one whose reference differs stops."""

    call_id: str
    reference: str
    reason: str | None = None
    media_node: str | None = None

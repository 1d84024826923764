"""Kazoo's AMQP API as typed messages. Inside they are plain objects; Kazoo's headers exist only at the edge, here.

    message families                        how they work
    route         who takes a new call      edge        to and from Kazoo's JSON, where to publish
    call          events of a leg           envelope    what every message carries at the edge
    channels      who is on the phone       _family     how a family's file defines a message
    dialplan      commands to a call        shape       the table behind a class
    endpoint      whom a bridge rings       wire        how each kind of value looks on the wire
    cdr           records of ended legs     spelling    call_id is Call-ID
    registration  where phones are          routing     exchanges and routing keys
    error         requests that failed      errors      what can be wrong

    from mirliton.actors.kapi import dialplan

    dialplan.Bridge(call_id, (dialplan.Endpoint("route", route="…"),), timeout=20.0)

A definition added in a file of its own needs nothing else than to be imported here.
"""

from mirliton.actors.kapi import call, cdr, channels, dialplan, endpoint, error, registration, route
from mirliton.actors.kapi._family import Definition, definition_for, definition_of, definitions
from mirliton.actors.kapi.edge import COUNTS, envelope_of, from_headers, publication_of, to_headers
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.errors import (
    DestinationNeeded,
    InvalidMessage,
    KapiError,
    NoRoutingKey,
    Problem,
    UnknownMessage,
)
from mirliton.actors.kapi.routing import EXCHANGES, Publication

__all__ = [
    "COUNTS",
    "EXCHANGES",
    "Definition",
    "DestinationNeeded",
    "Envelope",
    "InvalidMessage",
    "KapiError",
    "NoRoutingKey",
    "Problem",
    "Publication",
    "UnknownMessage",
    "call",
    "cdr",
    "channels",
    "definition_for",
    "definition_of",
    "definitions",
    "dialplan",
    "endpoint",
    "envelope_of",
    "error",
    "from_headers",
    "publication_of",
    "registration",
    "route",
    "to_headers",
]

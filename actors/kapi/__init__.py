"""Kazoo's AMQP API as typed messages. Inside they are plain objects; Kazoo's headers exist only at the edge, here.

    how they work
    _family    how a family's file defines a message      edge      to and from Kazoo's JSON, where to publish and bind
    shape      the table behind a class                    envelope  what every message carries at the edge
    wire       what fields are annotated with              routing   exchanges and routing keys
    kinds      how each kind of value looks on the wire    bodies    JSON in bytes
    passage    one value's way, and what is wrong with it  inbox     what arrives: read, or logged, counted and dropped
    spelling   call_id is Call-ID                          targeted  answers, and processes behind a queue
    errors     what can be wrong                           requests  waiting for answers

    the message families, one file (or folder) each, named after Kazoo's modules
    calls      call channels route dialplan endpoint leg cdr authz rate offnet_resource resource metaflow konami
               callflow camping pivot conference conf_participant fax asr media
    phones     registration authn presence omnipresence pusher im trusted frontier
    queues     acdc_agent acdc_queue acdc_stats
    accounts   notifications bookkeepers money discovery hangups inspector edr_amqp
    the house  nodes conf sysconf switch fs globals leader delegate tasks websockets error

    from mirliton.actors.kapi import dialplan

    dialplan.Bridge(call_id, (dialplan.Endpoint("route", route="…"),), timeout=20.0)

A definition added in a file of its own needs nothing else than to be imported here.
"""

from mirliton.actors.kapi import (
    acdc_agent,
    acdc_queue,
    acdc_stats,
    asr,
    authn,
    authz,
    bookkeepers,
    call,
    callflow,
    camping,
    cdr,
    channels,
    conf,
    conf_participant,
    conference,
    delegate,
    dialplan,
    discovery,
    edr_amqp,
    endpoint,
    error,
    fax,
    frontier,
    fs,
    globals,
    hangups,
    im,
    inspector,
    konami,
    leader,
    media,
    metaflow,
    money,
    nodes,
    notifications,
    offnet_resource,
    omnipresence,
    pivot,
    presence,
    pusher,
    rate,
    registration,
    resource,
    route,
    switch,
    sysconf,
    tasks,
    trusted,
    websockets,
)
from mirliton.actors.kapi._family import Definition, definition_for, definition_of, definitions
from mirliton.actors.kapi.edge import COUNTS, bindings_of, envelope_of, from_headers, publication_of, to_headers
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
    "acdc_agent",
    "acdc_queue",
    "acdc_stats",
    "asr",
    "authn",
    "authz",
    "bindings_of",
    "bookkeepers",
    "call",
    "callflow",
    "camping",
    "cdr",
    "channels",
    "conf",
    "conf_participant",
    "conference",
    "definition_for",
    "definition_of",
    "definitions",
    "delegate",
    "dialplan",
    "discovery",
    "edr_amqp",
    "endpoint",
    "envelope_of",
    "error",
    "fax",
    "from_headers",
    "frontier",
    "fs",
    "globals",
    "hangups",
    "im",
    "inspector",
    "konami",
    "leader",
    "media",
    "metaflow",
    "money",
    "nodes",
    "notifications",
    "offnet_resource",
    "omnipresence",
    "pivot",
    "presence",
    "publication_of",
    "pusher",
    "rate",
    "registration",
    "resource",
    "route",
    "switch",
    "sysconf",
    "tasks",
    "to_headers",
    "trusted",
    "websockets",
]

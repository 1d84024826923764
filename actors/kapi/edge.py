"""The edge: messages become Kazoo's JSON objects with their headers, and JSON objects become messages again.

What arrives is hostile until it has been read here: every problem is named, nothing unlisted gets in (it is dropped
and counted, as Kazoo's builder does), and what comes out is immutable and safe for the runtime's codec.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.kapi._family import Definition, definition_for, definition_of
from mirliton.actors.kapi.envelope import SHAPE as ENVELOPE
from mirliton.actors.kapi.envelope import Envelope
from mirliton.actors.kapi.errors import DestinationNeeded, InvalidMessage, UnknownMessage
from mirliton.actors.kapi.passage import Edge, is_text
from mirliton.actors.kapi.routing import Publication, bindable, filled
from mirliton.runtime import Name, Pid


@dataclass(slots=True)
class Counts:
    """What passed the edge of this process, by message tag (`?` for what no definition claims)."""

    read: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    dropped_headers: Counter[str] = field(default_factory=Counter)


COUNTS: Final = Counts()
UNKNOWN: Final = "?"


def to_headers(
    message: object,
    envelope: Envelope | None = None,
    *,
    queue_of: Callable[[Pid | Name], str] | None = None,
) -> dict[str, Any]:
    """The JSON object of a message, in `envelope` (a new one when there is none).

    `queue_of` names the queue that leads to one of our addresses; without it a message that holds an address cannot
    leave. Raises InvalidMessage, with all problems, for a message that breaks its definition, and TypeError for an
    object that is no message.
    """
    definition = definition_of(message)
    edge = Edge(queue_of=queue_of)
    outside = ENVELOPE.write(envelope or Envelope(), "", edge)
    inside = definition.shape.write(message, "", edge)
    if edge.problems:
        raise edge.refusal(definition.tag)
    COUNTS.written[definition.tag] += 1
    return outside | inside | definition.fixed


def from_headers(headers: Mapping[str, Any], exchange: str | None = None) -> object:
    """The message in a JSON object; see `read`, which gives its envelope too."""
    return read(headers, exchange)[0]


def read(headers: Mapping[str, Any], exchange: str | None = None) -> tuple[object, Envelope]:
    """The message in a JSON object, which came by `exchange` (it decides where two messages have one event).

    Raises UnknownMessage or InvalidMessage; both are counted.
    """
    edge = Edge(inherited=headers if isinstance(headers, Mapping) else None)
    try:
        definition, envelope = _opened(headers, edge, exchange)
    except (UnknownMessage, InvalidMessage):
        COUNTS.refused[UNKNOWN] += 1
        raise
    found = definition.shape.read(headers, "", edge)
    if edge.problems:
        COUNTS.refused[definition.tag] += 1
        raise edge.refusal(definition.tag)
    COUNTS.read[definition.tag] += 1
    dropped = edge.dropped + len(headers.keys() - definition.listed - ENVELOPE.headers)
    if dropped:
        COUNTS.dropped_headers[definition.tag] += dropped
    return definition.cls(**found), Envelope(**envelope)


def envelope_of(headers: Mapping[str, Any]) -> Envelope:
    """The envelope of a JSON object. Raises InvalidMessage."""
    edge = Edge()
    found = ENVELOPE.read(headers, "", edge)
    if edge.problems:
        raise edge.refusal("envelope")
    return Envelope(**found)


def publication_of(message: object, to: str | None = None) -> Publication:
    """Where to publish a message; `to` is the receiver's queue, or the routing key where the message has none.

    Raises DestinationNeeded without it, and NoRoutingKey when a field that the key is made of is empty.
    """
    definition = definition_of(message)
    if definition.key is not None:
        return Publication(definition.exchange, filled(definition.key, message))
    if not to:
        raise DestinationNeeded(definition.tag, definition.exchange)
    return Publication(definition.exchange, to)


def bindings_of(message: type, **known: str) -> tuple[Publication, ...]:
    """What to bind to get all messages of a class, or those whose fields are `known`: `realm="acme.test"`.

    Where the routing key is computed, or has no such field, all are got.
    """
    definition = definition_of(message)
    if known and isinstance(definition.key, str):
        return (Publication(definition.exchange, bindable(definition.key, **known)), *definition.bindings[1:])
    return definition.bindings


def _opened(headers: Mapping[str, Any], edge: Edge, exchange: str | None) -> tuple[Definition, dict[str, Any]]:
    """The definition that a JSON object is of, and the fields of its envelope."""
    if not isinstance(headers, Mapping) or not all(map(is_text, headers)):
        edge.misfit("message", "a JSON object", headers)
        raise edge.refusal(UNKNOWN)
    envelope = ENVELOPE.read(headers, "", edge)
    category, name = (_event_type(headers, header, edge) for header in ("Event-Category", "Event-Name"))
    if not category or not name:
        raise edge.refusal(UNKNOWN)
    application = headers.get("Application-Name")
    known = application if is_text(application) and application else None
    return definition_for(category, name, known, headers=headers, exchange=exchange), envelope


def _event_type(headers: Mapping[str, Any], header: str, edge: Edge) -> str:
    value = headers.get(header)
    if value is None or value == "":
        edge.problem(header, "required, but missing")
    elif not is_text(value):
        edge.misfit(header, "text", value)
    else:
        return value
    return ""

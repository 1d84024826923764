"""The states of a number, and which deed leads from where to where. Kazoo: knm_number_states.

discovery ─┐                        ┌─ release ─▶ reserved, by whoever had reserved it before, else
available ─┼─ reserve ─▶ reserved ──┤              available, or deleted where it is our own (knm_local)
aging ─────┘                        │
      └────── activate ─▶ in_service┘
port ─▶ port_in ─ activate ─▶ in_service                      delete: from all, for good
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

State = Literal[
    "aging", "available", "deleted", "discovery", "in_service", "port_in", "port_out", "released", "reserved"
]
Deed = Literal["activate", "reserve", "release", "delete"]

STATES: Final[frozenset[str]] = frozenset(
    {"aging", "available", "deleted", "discovery", "in_service", "port_in", "port_out", "released", "reserved"}
)
FREE: Final[frozenset[str]] = frozenset({"aging", "available", "discovery"})
"""In these a number is nobody's."""
CREATED: Final[frozenset[str]] = frozenset({"available", "in_service", "port_in", "reserved"})
"""In these a number may be made."""
TRANSITIONS: Final[Mapping[Deed, Mapping[str, State]]] = {
    "activate": dict.fromkeys((*FREE, "reserved", "port_in", "in_service"), "in_service"),
    "reserve": dict.fromkeys((*FREE, "reserved", "in_service"), "reserved"),
    "release": dict.fromkeys(("reserved", "in_service", "port_in", "port_out"), "released"),
    "delete": dict.fromkeys(STATES - {"deleted"}, "deleted"),
}
"""What a deed makes of a state; it cannot be done in those that are missing."""

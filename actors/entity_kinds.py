"""Which Names are entities (supervisors/entities/), and of which class: the same on every node of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mirliton.actors.account import Account
from mirliton.actors.agent import Agent
from mirliton.actors.conference import Conference
from mirliton.actors.ledger import Ledger
from mirliton.actors.queue import Queue
from mirliton.supervisors.entities import Entity

KINDS: Final[Mapping[str, type[Entity]]] = {
    "account": Account,
    "agent": Agent,
    "conference": Conference,
    "ledger": Ledger,
    "queue": Queue,
}

"""What every command has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mirliton.actors.kapi._family import definition_of

InsertAt = Literal["head", "tail", "flush", "now"]
Leg = Literal["A", "B", "Both"]


@dataclass(frozen=True, slots=True)
class Command:
    """Any command; only its subclasses are messages."""

    call_id: str
    """The leg that it is for."""
    insert_at: InsertAt = field(default="tail", kw_only=True)
    """Where it goes in the queue."""
    msg_id: str | None = field(default=None, kw_only=True)
    """The sender's name for it; what reports its end bears the same."""


def application_name(command: Command | type[Command]) -> str:
    """Kazoo's name of a command or command class, such as `play_and_collect_digits`."""
    return definition_of(command).fixed["Application-Name"]

"""The commands of one call that wait their turn, and the one under way. Kazoo: the command queue of callctl.

tail    behind all others
head    next
flush   the others are dropped, and what runs is ended
now     past the queue (not here)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from mirliton.actors.switching import COMMAND_VARIABLE, DONE_VARIABLE, Execute, Snapshot
from mirliton.runtime import From

MOST_WAITING: Final = 100
"""Commands that may wait; more are refused."""
MOST_CALLERS: Final = 8
"""Who waits for one command's result: a controller asks again, and what it asked before is answered by nobody."""

RESTING: Final = frozenset({"", "export", "multiset", "park", "set"})
"""What `current_application` says of a leg that runs none of our commands."""

_GONE: Final = ("no such channel", "invalid session", "cannot locate session")
"""What a switch says to commands for a leg that it does not have."""


def says_gone(refusal: str) -> bool:
    """Whether a switch refused because it has no such leg."""
    return any(words in refusal.lower() for words in _GONE)


def progress(command_id: str, seen: Snapshot) -> Literal["done", "running", "noted", "unknown"]:
    """How far a command has come, by a look at its leg. `noted`: the switch has heard of it and does not do it now."""
    if seen.variables.get(DONE_VARIABLE) == command_id:
        return "done"
    if seen.variables.get(COMMAND_VARIABLE) != command_id:
        return "unknown"
    return "noted" if seen.application in RESTING else "running"


@dataclass(slots=True)
class Command:
    """One command. `callers` are those who wait for its result."""

    request: Execute
    callers: list[From] = field(default_factory=list)
    doubted: bool = False
    """Once already the switch knew of it, and did not seem to be doing it."""

    @property
    def id(self) -> str:
        return self.request.command_id

    def wait(self, caller: From) -> None:
        """Somebody wants its result; of too many the oldest has given up by now."""
        self.callers.append(caller)
        del self.callers[:-MOST_CALLERS]


class CommandQueue:
    """At most one command is under way: `current`."""

    def __init__(self) -> None:
        self.current: Command | None = None
        self._waiting: deque[Command] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Command]:
        if self.current is not None:
            yield self.current
        yield from self._waiting

    def find(self, command_id: str) -> Command | None:
        """The command of this id, under way or waiting."""
        return next((command for command in self if command.id == command_id), None)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING

    def add(self, command: Command, insert_at: str) -> list[Command]:
        """Put a command where it wants to be; what it has displaced."""
        displaced: list[Command] = []
        if insert_at == "flush":
            displaced = list(self._waiting)
            self._waiting.clear()
        if insert_at == "head":
            self._waiting.appendleft(command)
        else:
            self._waiting.append(command)
        return displaced

    def next(self) -> Command | None:
        """Make the next one current; None when one is under way, or none waits."""
        if self.current is not None or not self._waiting:
            return None
        self.current = self._waiting.popleft()
        return self.current

    def finish(self) -> Command | None:
        """The current one is done."""
        done, self.current = self.current, None
        return done

    def clear(self) -> list[Command]:
        """All of them, for the call has ended."""
        gone = list(self)
        self.current = None
        self._waiting.clear()
        return gone

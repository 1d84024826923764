"""Who is next, and who is to take the call: the rules of a queue, apart from its process.

The line is the order of priority, then of coming. The strategies are Kazoo's: `round_robin` the agent who was offered
a call longest ago, `most_idle` the one who has not talked for longest, `ring_all` everybody who is free. They need
nothing but what agents tell of themselves, so a queue that starts afresh decides as its predecessor would have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mirliton.actors.queueing import AgentIs
from mirliton.actors.switching import executor_name
from mirliton.runtime import Address, Ref

STRATEGIES: Final = ("round_robin", "most_idle", "ring_all")
MOST_MEMBERS: Final = 10_000
"""Members of one queue, where its document sets no limit (Kazoo: 1,000 a worker's queue holds)."""
MOST_SAVED: Final = 1_000
"""Members whose places are saved."""
MOST_AT_ONCE: Final = 100
"""Agents that are rung for one member."""


@dataclass(slots=True)
class Member:
    """A caller. `agents` are those of the offer that is under way, `asked` those of whom an answer is awaited."""

    call_id: str
    address: Address
    entered: float
    priority: int = 0
    ref: Ref | None = None
    offer: str = ""
    agents: tuple[str, ...] = ()
    asked: set[str] = field(default_factory=set)
    over: str = ""
    """The last offer that came to nothing."""

    @property
    def waits(self) -> bool:
        """Whether nobody is being asked or rung for it."""
        return not self.offer

    @property
    def place(self) -> tuple[int, float, str]:
        """Its place in the line: the least is next."""
        return (-self.priority, self.entered, self.call_id)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a queue's document says (Kazoo's schema `queues`). Durations in seconds; 0 members: no limit of its own."""

    strategy: str = "round_robin"
    ring_timeout: float = 15.0
    at_once: int = 1
    most: int = 0
    enter_when_empty: bool = True
    highest_priority: int = 255

    @classmethod
    def of(cls, doc: Mapping[str, Any]) -> Rules:
        """The rules; what makes no sense reads as if it were absent."""
        strategy = doc.get("strategy")
        return cls(
            strategy=strategy if strategy in STRATEGIES else "round_robin",
            ring_timeout=float(_whole(doc, "agent_ring_timeout", 15, 1, 3600)),
            at_once=_whole(doc, "ring_simultaneously", 1, 1, MOST_AT_ONCE),
            most=_whole(doc, "max_queue_size", 0, 0, MOST_MEMBERS),
            enter_when_empty=doc.get("enter_when_empty") is not False,
            highest_priority=_whole(doc, "max_priority", 255, 0, 255),
        )

    @property
    def room(self) -> int:
        """How many members there may be."""
        return self.most or MOST_MEMBERS


def line(members: Iterable[Member]) -> list[Any]:
    """The line as it is saved: of MOST_SAVED members, in the order in which they came.

    It is written whole with every change. Who is beyond that has its place in its own checkpoint, and says it itself.
    """
    return [
        (member.call_id, member.entered, member.priority, member.address if _is_elsewhere(member) else None)
        for member in itertools.islice(members, MOST_SAVED)
    ]


def restored(saved: Any) -> dict[str, Member]:
    """The members that `line` saved; none of None."""
    found = {}
    for call_id, entered, priority, address in saved or ():
        found[call_id] = Member(call_id, address or executor_name(call_id), entered, priority)
    return found


def _is_elsewhere(member: Member) -> bool:
    return member.address != executor_name(member.call_id)


def in_order(members: Iterable[Member]) -> list[Member]:
    """The members, the next one first."""
    return sorted(members, key=lambda member: member.place)


def chosen(rules: Rules, free: Iterable[AgentIs]) -> list[str]:
    """Who of the free agents is rung for the next member, the first choice first."""
    match rules.strategy:
        case "most_idle":
            ranked = sorted(free, key=lambda agent: (agent.idle_since, agent.agent_id))
        case "ring_all":
            return [agent.agent_id for agent in sorted(free, key=_turn)][:MOST_AT_ONCE]
        case _:
            ranked = sorted(free, key=_turn)
    return [agent.agent_id for agent in ranked[: rules.at_once]]


def _turn(agent: AgentIs) -> tuple[float, str]:
    return (agent.offered_at, agent.agent_id)


def _whole(doc: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = doc.get(name)
    return max(low, min(high, value)) if isinstance(value, int) and not isinstance(value, bool) else default

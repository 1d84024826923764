"""The calls of the trial: what each kind of caller does, and how its own leg may end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mirliton.ecallmgr.simulator import Script, await_answer, await_bridge, cancel, digits, hang_up
from tenants import ALICE, TIM, Person, Tenant
from trial.town import LIMITED, QUEUE_NUMBER, TOWN

PATIENCE: Final = 90.0
"""Seconds after which a caller who got nowhere gives up, which the trial counts as a fault."""
RETRYABLE: Final = frozenset({"NORMAL_TEMPORARY_FAILURE", "SWITCH_CONGESTION", "RECOVERY_ON_TIMER_EXPIRE"})
"""Causes of a refusal that a phone, or the proxy before it, may try again after."""
LONGEST_TALK: Final = 8.0


@dataclass(frozen=True)
class Kind:
    """A sort of call. `share` is its weight; `ours` are the causes with which Mirliton itself may end it: without any
    the caller must be the one that hangs up. `records`: what the records of its legs say, where that is sure."""

    name: str
    number: str
    share: int
    ours: frozenset[str] = frozenset()
    caller: Person = ALICE
    tenants: Sequence[Tenant] = TOWN
    records: frozenset[tuple[str, str]] = frozenset()
    by_hand: bool = False
    """The caller hangs up when it has spoken to the mailbox, which no script can know."""

    def script(self, chance: random.Random) -> Script:
        """What the caller does, with a talk of a length that is drawn."""
        talk = hang_up(after=chance.uniform(2.0, LONGEST_TALK))
        match self.name:
            case "answered" | "limited":
                return (await_answer(), await_bridge(), talk)
            case "ring_group" | "queue":
                return (await_bridge(), talk)
            case "menu":
                return (await_answer(), digits("1", after=2), await_bridge(), talk)
            case "cancelled":
                return (cancel(after=chance.uniform(1.0, 5.0)),)
        return ()


_CLEARED: Final = frozenset({("inbound", "NORMAL_CLEARING"), ("outbound", "NORMAL_CLEARING")})
KINDS: Final = (
    Kind("answered", "1002", 45, records=_CLEARED),
    Kind("ring_group", "2000", 10),
    Kind("menu", "3000", 12, records=_CLEARED),
    Kind("voicemail", "4000", 6, records=frozenset({("inbound", "NORMAL_CLEARING")}), by_hand=True),
    Kind("queue", QUEUE_NUMBER, 3),
    Kind("busy", "1003", 6, frozenset({"NORMAL_CLEARING", "USER_BUSY"})),
    Kind("cancelled", "1004", 6),
    Kind("unknown", "1009", 4, frozenset({"UNALLOCATED_NUMBER"})),
    Kind("limited", "1002", 8, frozenset({"USER_BUSY"}), caller=TIM, tenants=(LIMITED,)),
)
BY_NAME: Final = {kind.name: kind for kind in KINDS}


def draw(chance: random.Random) -> tuple[Kind, Tenant]:
    """The next call's kind, and whose it is."""
    (kind,) = chance.choices(KINDS, [kind.share for kind in KINDS])
    return kind, chance.choice(kind.tenants)

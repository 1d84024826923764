"""The states a leg goes through, with the numbers the switch prints beside their names."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """A channel's state: what its thread does now."""

    NEW = 0
    INIT = 1
    ROUTING = 2
    SOFT_EXECUTE = 3
    EXECUTE = 4
    EXCHANGE_MEDIA = 5
    PARK = 6
    CONSUME_MEDIA = 7
    HIBERNATE = 8
    RESET = 9
    HANGUP = 10
    REPORTING = 11
    DESTROY = 12
    NONE = 13

    @property
    def label(self) -> str:
        """The name as events print it: CS_EXECUTE."""
        return f"CS_{self.name}"


class CallState(Enum):
    """A channel's call state: what the person on the phone would say it does."""

    DOWN = 0
    DIALING = 1
    RINGING = 2
    EARLY = 3
    ACTIVE = 4
    HELD = 5
    RING_WAIT = 6
    HANGUP = 7
    UNHELD = 8

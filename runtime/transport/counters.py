"""What a node's part in the cluster has counted: plain integers, which metrics.py reads at a scrape."""

from __future__ import annotations

from collections import Counter
from typing import Final

REFUSALS: Final = (
    "too_long", "too_short", "version", "unknown_key", "signature", "malformed", "other_node", "not_up", "stale",
    "duplicate", "gap", "too_large", "unreadable",
)  # fmt: skip
"""Why something that came is not read: the faults of FrameRefused and LaneBroken; for another node or another start of
this one; of a session that is over; of no session yet; and (one envelope) what this node cannot decode."""


ENDS: Final = (
    "connection_closed", "net_tick_timeout", "disconnect", "broker_lost", "unconfirmed", "gap", "overrun", "too_large",
)  # fmt: skip
"""Why a session ended; mesh.py says what each means."""


class Counters:
    """All begin at zero with the node."""

    def __init__(self) -> None:
        self.frames_in = 0
        self.frames_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.envelopes_in = 0
        self.envelopes_out = 0
        self.refused: Counter[str] = Counter(dict.fromkeys(REFUSALS, 0))
        self.returned = 0
        """Frames that came back, since nobody was there."""
        self.held_back = 0
        """Times a batch was refused because too much waited for its receiver, and was sent again."""
        self.unconfirmed = 0
        """Frames of which nobody knows whether they arrived."""
        self.lost = 0
        """Envelopes that were on their way, or waited, when their session ended."""
        self.outbox_full = 0
        """Messages refused to their senders because too much waited already."""
        self.ups = 0
        self.downs: Counter[str] = Counter(dict.fromkeys(ENDS, 0))
        """Ends of sessions, by why."""
        self.reconnects = 0
        """Times the network was back."""

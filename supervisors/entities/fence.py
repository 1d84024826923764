"""What a receiver does with what entities tell it: a word of an ownership that is over is refused.

fence = Fence()
fence.check(stamp)      # raises StaleEpoch when a higher epoch of that shard has been heard
"""

from __future__ import annotations

from mirliton.supervisors.entities.errors import StaleEpoch
from mirliton.supervisors.entities.messages import Stamp


class Fence:
    """The highest epoch of each shard that its holder has heard of."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self.refused = 0

    def check(self, stamp: Stamp) -> None:
        """Take note of the epoch. Raises StaleEpoch, and counts it, for one that is lower than one before."""
        current = self._epochs.get(stamp.shard, 0)
        if stamp.epoch < current:
            self.refused += 1
            raise StaleEpoch(stamp.shard, stamp.epoch, current)
        self._epochs[stamp.shard] = stamp.epoch

    def epoch(self, shard: int) -> int:
        """The highest so far; 0 for none."""
        return self._epochs.get(shard, 0)

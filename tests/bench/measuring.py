"""Figures from times, sizes and counts."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mirliton.runtime import Node

Figures = dict[str, float]

PICKED: Final = 1_000
"""Messages picked, one after the other, from behind a long mailbox."""


def kept_short() -> Node:
    """A node without processes of its own that keeps the garbage collector as `mirliton node` keeps it.

    Rows of 100,000 processes are measured so on both sides: ours runs in such a node, the floor beside one. With
    Python's own rules the collector takes up to half of the time there, of the floor's more than of ours.
    """
    return Node("bench", short_pauses=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many per cent of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread(values: Sequence[float], scale: float, prefix: str = "") -> Figures:
    """Median and 99th percentile of durations in seconds, in another unit."""
    return {f"{prefix}p50": percentile(values, 50) * scale, f"{prefix}p99": percentile(values, 99) * scale}


def resident() -> int:
    """Bytes of memory that this OS process holds now, after a collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

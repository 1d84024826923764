"""How long Python's garbage collector stops everything, by generation. It holds the event loop as a slow handler does,
but no handler is to blame."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime.families import Spread, histogram

BOUNDS: Final = (0.0001, 0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1.0)


class Pauses(Collector):
    """The pauses of this OS process since the first one was made. All instances share them: there is one collector.

    It costs two looks at the clock per collection.
    """

    _spreads: Mapping[tuple[str, ...], Spread] | None = None
    _began = 0.0

    def __init__(self) -> None:
        if Pauses._spreads is None:
            Pauses._spreads = {(str(generation),): Spread(BOUNDS) for generation in range(3)}
            gc.callbacks.append(Pauses._paused)

    @classmethod
    def _paused(cls, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            cls._began = time.perf_counter()
        elif cls._spreads is not None:
            cls._spreads[str(info["generation"]),].observe(time.perf_counter() - cls._began)

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        yield histogram(
            "mirliton_gc_pause_seconds",
            "How long a garbage collection stopped everything",
            Pauses._spreads or {},
            ["generation"],
        )

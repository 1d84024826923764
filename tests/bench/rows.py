"""The rows of the benchmark: what is measured, in which unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Row:
    """One figure. `function` ("module:name") measures ours, `floor` the same thing done by asyncio alone."""

    name: str
    unit: str
    better: Better
    function: str
    floor: str | None = None
    figure: str = ""
    """Which of several figures that one measurement gives."""


ROWS: Final = (
    Row("ping-pong between two processes", "round trips/s", "more", "messages:ping_pong", "floor:ping_pong"),
    Row("one way, bursts of 100", "messages/s", "more", "messages:one_way", "floor:one_way"),
    Row("call and reply, process to process", "calls/s", "more", "messages:calls", "floor:calls", "rate"),
    Row("  the same, median", "µs", "less", "messages:calls", "floor:calls", "p50"),
    Row("  the same, 99th percentile", "µs", "less", "messages:calls", "floor:calls", "p99"),
    Row("idle process", "bytes", "less", "processes:idle", "floor:idle", "bytes"),
    Row("spawning", "processes/s", "more", "processes:idle", "floor:idle", "rate"),
    Row("restart: kill to answering again, median", "µs", "less", "processes:restarts", "floor:restarts", "p50"),
    Row("  the same, 99th percentile", "µs", "less", "processes:restarts", "floor:restarts", "p99"),
    Row("phone calls, routed, bridged, hung up, 2 records", "calls/s", "more", "phone_calls:through", None, "rate"),
    Row("  the same, CPU of the node", "ms/call", "less", "phone_calls:through", None, "cpu"),
    Row("new call to first command, median", "ms", "less", "reaction:ours", "reaction:floor", "park_p50"),
    Row("  the same, 99th percentile", "ms", "less", "reaction:ours", "reaction:floor", "park_p99"),
    Row("end of a command to the next, median", "ms", "less", "reaction:ours", "reaction:floor", "next_p50"),
    Row("  the same, 99th percentile", "ms", "less", "reaction:ours", "reaction:floor", "next_p99"),
)

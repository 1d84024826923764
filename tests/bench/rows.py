"""The rows of the benchmark: what is measured, in which unit, and which way is better."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final, Literal

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Work:
    """One thing to do, by Mirliton, by asyncio alone and by Erlang; each gives the same figures.

    `ours` and `floor` are "module:function", `erlang` a function of erlang/bench.erl. `count` says how much of it,
    `tiny` how much shows that it runs.
    """

    ours: str
    floor: str | None
    erlang: str | None
    count: int
    tiny: int
    once: bool = False
    """Measured once, whatever the rounds: it takes long and is made of many calls."""
    peers_count: int = 0
    """How much of it other Python actor libraries do, by the function of the same name in their module in peers/."""


@dataclass(frozen=True)
class Row:
    """One figure of a Work."""

    name: str
    unit: str
    better: Better
    work: Work
    figure: str


PING_PONG: Final = Work("messages:ping_pong", "floor:ping_pong", "ping_pong", 100_000, 200, peers_count=10_000)
ONE_WAY: Final = Work("messages:one_way", "floor:one_way", "one_way", 400_000, 1_000, peers_count=20_000)
FAN_IN: Final = Work("messages:fan_in", "floor:fan_in", "fan_in", 400_000, 1_000, peers_count=20_000)
CALLS: Final = Work("messages:calls", "floor:calls", "calls", 50_000, 200, peers_count=5_000)
SELECTIVE: Final = Work("messages:selective", "floor:selective", "selective", 10_000, 20)
IDLE_SERVERS: Final = Work(
    "processes:idle_servers", "floor_processes:idle", "idle_servers", 100_000, 1_000, peers_count=1_000
)
IDLE_SCRIPTS: Final = Work("processes:idle_scripts", "floor_processes:idle", "idle_scripts", 100_000, 1_000)
SKYNET: Final = Work("processes:skynet", "floor_processes:skynet", "skynet", 100_000, 100)
RESTARTS: Final = Work("processes:restarts", "floor_processes:restarts", "restarts", 1_000, 20)
SUPERVISED: Final = Work("processes:supervised", "floor_processes:supervised", "supervised", 100_000, 200)
TIMERS: Final = Work("timing:timers", "floor_processes:timers", "timers", 100_000, 200)
PHONE_CALLS: Final = Work("phone_calls:through", None, None, 600, 6, once=True)
IDLE_CALLS: Final = Work("phone_calls:idle", None, None, 1_000, 6, once=True)
OVERLOAD: Final = Work("phone_calls:overload", None, None, 300, 6, once=True)
REACTION: Final = Work("reaction:ours", "reaction:floor", None, 200, 3, once=True)

REST: Final = Work("rest:ours", "rest:floor", None, 6_000, 100, once=True)

NODES: Final = Work("nodes:through", "nodes:raw", None, 200_000, 500, once=True)
"""Needs a RabbitMQ to be installed. It stands beside aio-pika, which is the floor here."""

ENTITIES: Final = Work("entities:through", "entities:raw", None, 10_000, 200, once=True)
"""Likewise; with aio-pika nothing is stored."""

PEERS: Final = ("pykka", "thespian", "xoscar")
"""Other Python actor libraries, by the name they are imported under."""

ROWS: Final = (
    Row("ping-pong between two processes", "round trips/s", "more", PING_PONG, "rate"),
    Row("one way, 1 to 1, bursts of 100", "messages/s", "more", ONE_WAY, "rate"),
    Row("one way, 100 to 1, bursts of 10", "messages/s", "more", FAN_IN, "rate"),
    Row("call and reply, process to process", "calls/s", "more", CALLS, "rate"),
    Row("call and reply, median", "µs", "less", CALLS, "p50"),
    Row("call and reply, 99th percentile", "µs", "less", CALLS, "p99"),
    Row("selective receive behind 10,000 messages", "round trips/s", "more", SELECTIVE, "rate"),
    Row("idle GenServer, of 100,000", "bytes", "less", IDLE_SERVERS, "bytes"),
    Row("spawning 100,000 GenServers", "processes/s", "more", IDLE_SERVERS, "rate"),
    Row("idle CoroutineProcess, of 100,000", "bytes", "less", IDLE_SCRIPTS, "bytes"),
    Row("spawning 100,000 CoroutineProcesses", "processes/s", "more", IDLE_SCRIPTS, "rate"),
    Row("skynet: 100,000 leaves, sums back up", "s", "less", SKYNET, "seconds"),
    Row("restart, kill to answering again, median", "µs", "less", RESTARTS, "p50"),
    Row("restart, kill to answering again, 99th percentile", "µs", "less", RESTARTS, "p99"),
    Row("a supervisor starts 100,000 children", "s", "less", SUPERVISED, "seconds"),
    Row("setting timers, up to 100,000 pending", "timers/s", "more", TIMERS, "set"),
    Row("cancelling 100,000 timers", "timers/s", "more", TIMERS, "cancel"),
    Row("phone calls, routed, bridged, hung up, 2 records", "calls/s", "more", PHONE_CALLS, "rate"),
    Row("phone calls, CPU of the node", "ms/call", "less", PHONE_CALLS, "cpu"),
    Row("phone call that is up, of 1,000", "bytes", "less", IDLE_CALLS, "bytes"),
    Row("too many new calls: let in", "calls/s", "more", OVERLOAD, "admitted"),
    Row("too many new calls: asked about", "calls/s", "more", OVERLOAD, "asked"),
    Row("too many new calls: delay of the channel table, median", "ms", "less", OVERLOAD, "p50"),
    Row("too many new calls: delay of the channel table, 99th percentile", "ms", "less", OVERLOAD, "p99"),
    Row("REST, 64 clients, one write in ten requests", "requests/s", "more", REST, "rate"),
    Row("REST, 64 clients, median", "ms", "less", REST, "p50"),
    Row("REST, 64 clients, 99th percentile", "ms", "less", REST, "p99"),
    Row("new call to first command, median", "ms", "less", REACTION, "park_p50"),
    Row("new call to first command, 99th percentile", "ms", "less", REACTION, "park_p99"),
    Row("end of a command to the next, median", "ms", "less", REACTION, "next_p50"),
    Row("end of a command to the next, 99th percentile", "ms", "less", REACTION, "next_p99"),
    *(
        (
            Row("200 bytes to another OS process, RabbitMQ", "messages/s", "more", NODES, "rate"),
            Row("call to another OS process, idle, median", "ms", "less", NODES, "p50"),
            Row("call to another OS process, idle, 99th percentile", "ms", "less", NODES, "p99"),
            Row("durable call to an entity, stored, 200 callers", "calls/s", "more", ENTITIES, "rate"),
            Row("durable call to an entity, stored, idle, median", "ms", "less", ENTITIES, "p50"),
        )
        if shutil.which("rabbitmq-server") is not None
        else ()
    ),
)

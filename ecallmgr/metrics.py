"""Prometheus metrics of the switch side. docs/metrics.md lists them.

What they count is kept by the processes themselves: a restart of one sets its counters back to zero, which Prometheus
allows for. While a process is away its series are missing, but for `mirliton_switch_connected`, which is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.actors.switching import channels_name, switch_group, switch_name
from mirliton.ecallmgr.channels import Channels
from mirliton.ecallmgr.connection import Connection
from mirliton.ecallmgr.esl.connection import Statistics
from mirliton.ecallmgr.registrations import REGISTRAR, Registrar
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, SwitchHttp
from mirliton.ecallmgr.xml_curl.answering import ANSWERED, OUTCOMES
from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge
from mirliton.runtime.metrics import serving
from mirliton.supervisors.failover import Failover, failover_name

SWITCH: Final = ("switch",)
SOCKET: Final = ("switch", "socket")
LEG: Final = ("switch", "direction", "state")


Tells = Callable[[Node, str], bool]
"""Whether this node is the one to tell of the switch."""


def every_switch(node: Node, switch: str) -> bool:
    """It has them all."""
    return True


def acts_for(node: Node, switch: str) -> bool:
    """Whether this node of a cluster has the switch."""
    found = serving(node, failover_name(switch_group(switch)), Failover)
    return found is not None and found.acting


class SwitchCollector(Collector):
    """Register it with a CollectorRegistry. `switches` are the names of the configured switches, which bound the
    labels; which of them are told of `tells` says, each time."""

    def __init__(self, node: Node, switches: Sequence[str], tells: Tells = every_switch) -> None:
        self._node = node
        self._all = tuple(switches)
        self._tells = tells
        self._switches: tuple[str, ...] = ()

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        self._switches = tuple(switch for switch in self._all if self._tells(self._node, switch))
        yield from self._connections()
        yield from self._sockets()
        yield from self._channels()
        yield from self._phones()

    def _connections(self) -> Iterator[Metric]:
        there = {name: found for name in self._switches if (found := self._connection(name)) is not None}
        connected = {name: float(name in there and there[name].sockets is not None) for name in self._switches}
        yield gauge("mirliton_switch_connected", "Whether the switch is connected", connected, SWITCH)
        connects = {name: found.connects for name, found in there.items()}
        yield counter("mirliton_switch_connects", "Times it was connected", connects, SWITCH)
        under_way = {name: found.under_way for name, found in there.items()}
        yield gauge("mirliton_switch_requests", "Requests to the switch under way", under_way, SWITCH)

    def _sockets(self) -> Iterator[Metric]:
        told: dict[tuple[str, str], Statistics] = {}
        for name in self._switches:
            connection = self._connection(name)
            if connection is not None and connection.sockets is not None:
                told[name, "events"] = connection.sockets.events.statistics
                told[name, "commands"] = connection.sockets.commands.statistics

        def of(field: str) -> dict[tuple[str, str], float]:
            return {key: float(getattr(statistics, field)) for key, statistics in told.items()}

        yield counter("mirliton_event_socket_read_bytes", "Bytes read", of("bytes_read"), SOCKET)
        yield counter("mirliton_event_socket_events", "Events read", of("events"), SOCKET)
        yield counter("mirliton_event_socket_undecodable", "Events nobody could read", of("undecodable"), SOCKET)
        yield gauge("mirliton_event_socket_queued", "Events read and not yet taken by the loop", of("queued"), SOCKET)
        yield gauge("mirliton_event_socket_queued_most", "The most there ever were", of("queued_most"), SOCKET)
        yield counter("mirliton_event_socket_commands", "Commands sent", of("commands"), SOCKET)
        yield gauge("mirliton_event_socket_in_flight", "Commands not answered yet", of("in_flight"), SOCKET)
        yield counter("mirliton_event_socket_timed_out", "Commands not answered in time", of("timed_out"), SOCKET)

    def _channels(self) -> Iterator[Metric]:
        found = [serving(self._node, channels_name(switch), Channels) for switch in self._switches]
        tables = [table for table in found if table is not None]
        legs: dict[tuple[str, str, str], float] = {}
        for channels in tables:
            states = [(way, state) for way in ("inbound", "outbound") for state in ("answered", "unanswered")]
            legs |= {(channels.switch, way, state): 0.0 for way, state in states}
            for row in channels.table.up():
                way = "inbound" if row.leg.call_direction == "inbound" else "outbound"
                legs[channels.switch, way, "answered" if row.answered else "unanswered"] += 1.0
        yield gauge("mirliton_legs", "Legs that are up; each inbound one is a call", legs, LEG)

        def over_all(count: Callable[[Channels], int]) -> int | None:
            return sum(map(count, tables)) if tables else None

        yield gauge(
            "mirliton_legs_unrecorded",
            "Ended legs whose record is not in the store yet",
            over_all(lambda channels: channels.table.ended),
        )
        yield counter(
            "mirliton_channels_repaired",
            "Rows of the channel table that audits put right",
            over_all(lambda channels: channels.repaired),
        )
        yield counter(
            "mirliton_records_left",
            "Records given up, left to the switch's own",
            over_all(lambda channels: channels.records.left),
        )

    def _phones(self) -> Iterator[Metric]:
        registrar = serving(self._node, REGISTRAR, Registrar)
        http = serving(self._node, SWITCH_HTTP, SwitchHttp)
        yield gauge("mirliton_registrations", "Registered phones", registrar and len(registrar.registrations))
        yield counter(
            "mirliton_registrations_refused", "Registrations that were not kept", registrar and registrar.refused
        )
        yield counter("mirliton_leg_records", "Leg records that switches posted and are stored", http and http.records)
        yield counter("mirliton_leg_records_refused", "Posted leg records that make no sense", http and http.refused)
        counts: dict[tuple[str, str], float] = {}
        if http is not None and http.lookups is not None:
            counts = {**dict.fromkeys(product(ANSWERED, OUTCOMES), 0.0), **http.lookups.counts}
        yield counter("mirliton_lookups", "What switches looked up (mod_xml_curl)", counts, ("section", "outcome"))

    def _connection(self, switch: str) -> Connection | None:
        return serving(self._node, switch_name(switch), Connection)

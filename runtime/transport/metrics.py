"""Prometheus metrics of a node's part in a cluster; part of NodeCollector (../metrics.py) while there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric

from mirliton.runtime.families import counter, gauge

if TYPE_CHECKING:
    from mirliton.runtime.distribution import Distribution


def families(distribution: Distribution) -> Iterator[Metric]:
    """What has been counted so far."""
    now = distribution.counters
    ways = ["direction"]
    yield gauge("mirliton_nodes_up", "Other nodes that can be reached", len(distribution.nodes()))
    yield counter("mirliton_node_frames", "Frames", {"in": now.frames_in, "out": now.frames_out}, ways)
    yield counter("mirliton_node_frame_bytes", "Bytes of frames", {"in": now.bytes_in, "out": now.bytes_out}, ways)
    yield counter(
        "mirliton_node_envelopes", "Messages and signals", {"in": now.envelopes_in, "out": now.envelopes_out}, ways
    )
    yield counter("mirliton_node_refused", "Frames and envelopes that were not read", now.refused, ["fault"])
    yield counter("mirliton_node_returned", "Frames that came back: nobody was there", now.returned)
    yield counter("mirliton_node_held_back", "Batches that waited for a slow receiver", now.held_back)
    yield counter("mirliton_node_unconfirmed", "Frames of which nobody knows whether they arrived", now.unconfirmed)
    yield counter("mirliton_node_lost", "Messages and signals lost with their session", now.lost)
    yield counter("mirliton_node_outbox_full", "Messages refused to their senders", now.outbox_full)
    yield gauge("mirliton_node_outbox", "Messages and signals that wait for their batch", distribution.waiting())
    yield counter("mirliton_node_sessions", "Sessions begun", now.ups)
    yield counter("mirliton_node_sessions_ended", "Sessions ended, by why", now.downs, ["reason"])
    yield counter("mirliton_broker_reconnects", "Times the connection to the broker was back", now.reconnects)

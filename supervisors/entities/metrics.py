"""Prometheus metrics of a node's entities. docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from mirliton.runtime import Node
from mirliton.runtime.families import counter, gauge, histogram
from mirliton.supervisors.entities.entities import Entities


class EntityCollector(Collector):
    """Register it with a CollectorRegistry. It tells nothing while its node has no entities."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """For Prometheus."""
        entities = self._node.cluster_names
        if not isinstance(entities, Entities):
            return
        now = entities.counters
        why = ["reason"]
        yield gauge("mirliton_entities", "Entities that run here", entities.running())
        yield gauge("mirliton_entity_shards", "Shards that this node owns", len(entities.owned()))
        yield gauge("mirliton_entity_shards_unowned", "Shards whose owner is not known here", entities.unowned())
        yield counter("mirliton_entity_takeovers", "Shards taken over", now.takeovers)
        yield histogram(
            "mirliton_entity_takeover_seconds",
            "From the first delivery of a shard until its entities run",
            {(): now.takeover_seconds},
        )
        yield counter("mirliton_entity_given_back", "Shards given back in order", now.given_back)
        yield counter("mirliton_entity_moved", "Shards moved because somebody asked this node for it", now.moved)
        yield counter("mirliton_entity_connects", "Times the way to the shards was made", now.connects)
        yield counter("mirliton_entity_shards_lost", "Shards lost, by why", now.dropped, why)
        yield counter("mirliton_entity_lease_losses", "Times the broker was silent for too long", now.lease_losses)
        yield counter("mirliton_entity_handled", "Messages with a key that were done", now.handled)
        yield counter("mirliton_entity_repeated", "Messages whose key was known", now.repeated)
        yield counter("mirliton_entity_redelivered", "Batches that came again", now.redelivered)
        yield counter("mirliton_entity_commits", "Group commits", now.commits)
        yield counter("mirliton_entity_store_away", "Times the store could not be used", now.store_away)
        yield counter("mirliton_entity_stale", "Words and writes of an epoch that was over", now.stale)
        yield counter("mirliton_entity_set_aside", "Messages set aside, by why", now.set_aside, why)
        waiting = entities.dead_letters.waiting
        yield gauge("mirliton_entity_dead_letters", "Messages that were set aside and wait for somebody", waiting)
        yield counter("mirliton_entity_refused", "Messages that are none of this cluster's", entities.refused())
        yield counter("mirliton_entity_full", "Messages refused for want of room", now.full)
        yield counter("mirliton_entity_returned", "Publishes to a queue that is not there", now.returned)
        yield counter("mirliton_entity_unconfirmed", "Publishes that were made again", now.unconfirmed)
        yield gauge("mirliton_entity_outbox", "Messages with a key that wait for the broker", entities.outbox.length)
        yield gauge("mirliton_entity_parked", "Messages without a key that wait for an owner", entities.lane.length)
        yield counter("mirliton_entity_parked_lost", "Messages without a key that found none", now.parked_lost)
        yield counter("mirliton_entity_passed_on", "Messages without a key that came to another node", now.passed_on)

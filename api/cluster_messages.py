"""What is asked of the ClusterServer of a node (cluster.py), and what it answers."""

from __future__ import annotations

from typing import Any, Final

from mirliton.api.cluster_moves import Shift
from mirliton.runtime import Name, message

CLUSTER: Final = Name("service", "cluster")


@message("cluster.describe")
class Describe:
    """Ask for a Card."""


@message("cluster.card")
class Card:
    """How a node is. `since`: unix time of its start. `acting`: of the groups that run on one node at a time, those
    that run here: `switch NAME`, or an application. `waiting`: messages that wait for other nodes. `problems`: by part,
    why it is not ready."""

    node: str
    version: str
    since: float
    apps: tuple[str, ...]
    acting: tuple[str, ...]
    draining: bool
    calls: int
    executors: int
    nodes: tuple[str, ...]
    waiting: int
    problems: dict[str, str]
    shards: int = 0
    to_give: int = 0
    taken: int = 0
    given: int = 0
    entities: int = 0

    @property
    def ready(self) -> bool:
        """Whether it can be given work."""
        return not self.problems

    @property
    def drained(self) -> bool:
        """Whether it was told to take no new work, and has none left. What still acts there has nobody to go to."""
        return self.draining and not self.calls and not self.executors and not self.to_give


@message("cluster.survey")
class Survey:
    """Ask for the Cards of all nodes that are up, this one's first. Of one that does not answer only the name and why
    (a problem of its "node") are told."""


@message("cluster.drain")
class Drain:
    """Take no new calls, and hand over what runs on one node at a time and the shards of the entities. Answered with a
    Card, or CannotDrain where they would have nowhere to go, unless `force` says that they need not."""

    force: bool = False


@message("cluster.cannot_drain")
class CannotDrain:
    """Why not."""

    reason: str


@message("cluster.resume")
class Resume:
    """Undo a Drain. Answered with a Card."""


@message("cluster.move")
class Move:
    """Have `what` run on the node `to`: a shard, an entity, an application, a switch (see cluster_moves.py). Answered
    with Shifts, or NotMoved."""

    what: str
    to: str


@message("cluster.rebalance")
class Rebalance:
    """Deal out evenly what runs on one node at a time, and the shards. Answered with Shifts, or NotMoved."""


@message("cluster.shifts")
class Shifts:
    """What was moved."""

    shifts: list[Shift]


@message("cluster.not_moved")
class NotMoved:
    """Why not."""

    reason: str


def shown(card: Card) -> dict[str, Any]:
    """A card as JSON shows it."""
    fields = {name: getattr(card, name) for name in Card.__dataclass_fields__}
    return {**fields, "ready": card.ready, "drained": card.drained}

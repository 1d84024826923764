"""Who owns which shard, as far as one node knows: by what the others say, and its own ownerships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirliton.runtime import OutboxFull
from mirliton.supervisors.entities.errors import StaleEpoch
from mirliton.supervisors.entities.messages import GATE, NotHere, Owned, Stamp, Table, WhoOwns

if TYPE_CHECKING:
    from mirliton.supervisors.entities.entities import Entities


class Directory:
    """Of one node. What is lost on its way is told again at the next claim."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities
        self._owners: dict[int, str] = {}
        self._hosts: dict[str, bool] = {}
        """The other nodes, and whether they take shards."""

    def owner(self, shard: int) -> str | None:
        """The node that owns a shard."""
        return self._owners.get(shard)

    def unowned(self) -> list[int]:
        """The shards of which no owner is known."""
        return [shard for shard in range(self._entities.shards.count) if shard not in self._owners]

    def by_node(self) -> dict[str, list[int]]:
        """What each node owns that owns any."""
        shards: dict[str, list[int]] = {}
        for shard, node in sorted(self._owners.items()):
            shards.setdefault(node, []).append(shard)
        return shards

    def loads(self) -> dict[str, int]:
        """How many shards each node has that takes any."""
        return {node: len(shards) for node, shards in self.of_hosts().items()}

    def of_hosts(self) -> dict[str, list[int]]:
        """The shards of each node that takes any."""
        shards: dict[str, list[int]] = {node: [] for node, hosts in self._hosts.items() if hosts}
        if self._entities.line.hosts:
            shards[self._entities.node.name] = []
        for shard, node in sorted(self._owners.items()):
            if node in shards:
                shards[node].append(shard)
        return shards

    def others_host(self) -> bool:
        """Whether another node takes shards."""
        return any(self._hosts.values())

    def nodes(self) -> list[str]:
        """The other nodes that are up, of this node's zone."""
        distribution = self._entities.distribution
        return distribution.near() if distribution is not None else []

    # What is heard

    def heard(self, shard: int, epoch: int, node: str | None) -> None:
        """Who owns a shard now; None for nobody."""
        entities = self._entities
        if not 0 <= shard < entities.shards.count:
            return
        try:
            entities.fence.check(Stamp(shard, epoch))
        except StaleEpoch:
            entities.counters.stale += 1
            return
        entities.holding.outdated_by(shard, epoch)
        if node is None:
            self._owners.pop(shard, None)
            return
        self._owners[shard] = node
        entities.line.taken(shard, epoch)
        entities.claims.answered(shard)
        if node != entities.node.name:
            entities.lane.owned(shard)

    def heard_table(self, node: str, owned: list[Owned], hosts: bool) -> None:
        """All that a node owns, and whether it takes shards."""
        self._hosts[node] = hosts
        for each in owned:
            self.heard(each.shard, each.epoch, each.node)

    def node_down(self, node: str) -> None:
        """Its shards have no owner that we know of: claim them, so that the next one hears that it is."""
        self._hosts.pop(node, None)
        lost = [shard for shard, owner in self._owners.items() if owner == node]
        for shard in lost:
            del self._owners[shard]
        for shard in lost:
            self._entities.claims.claim(shard)

    def not_there(self, said: NotHere, node: str) -> None:
        """A node that was taken for the owner says that it is not."""
        if self._owners.get(said.shard) == node and said.epoch >= self._entities.fence.epoch(said.shard):
            del self._owners[said.shard]

    # What is told

    def announce(self, owned: Owned) -> None:
        """Tell all nodes, this one too."""
        self.heard(owned.shard, owned.epoch, owned.node)
        for node in self.nodes():
            self.tell(node, owned)

    def tell(self, node: str, owned: Owned) -> None:
        """Tell one other node."""
        try:
            self._entities.node.send(GATE.at(node), owned)
        except OutboxFull:
            self._entities.log.warning("entities_untold", other=node)

    def exchange(self, node: str) -> None:
        """Tell another node what is owned here, and ask what is owned there."""
        self.tell_table(node)
        self._cast(node, WhoOwns())

    def tell_table(self, node: str) -> None:
        """Tell another node what is owned here."""
        self._cast(node, Table(self._entities.holding.table(), self._entities.line.hosts))

    def _cast(self, node: str, request: Table | WhoOwns) -> None:
        try:
            self._entities.node.cast(GATE.at(node), (self._entities.node.name, request))
        except OutboxFull:
            self._entities.log.warning("entities_untold", other=node)

"""PartitionSupervisor: the same child several times over, so that no single one is the bottleneck (Elixir has it too).

    import asyncio

    from mirliton.runtime import GenServer, Name, Node, Reply, ServerDied, Via
    from mirliton.supervisors import PartitionSupervisor, partition_supervisor, worker

    LIMITERS = Name("service", "limiters")


    class Limiter(GenServer):
        def init(self, most: int, partition: int) -> None:
            self.most, self.partition, self.used = most, partition, {}

        def handle_call(self, request, sender):
            who, amount = request
            self.used[who] = self.used.get(who, 0) + 60 // amount        # 0 crashes it
            return Reply((self.partition, self.used[who] <= self.most))


    async def main() -> None:
        async with Node() as node:
            await node.start(PartitionSupervisor, worker(Limiter, 100), 4, argument="partition", name=LIMITERS)

            # An integer chooses its partition; anything else one that is always the same for it.
            assert await node.call(Via(LIMITERS, 6), ("alice", 1)) == (2, True)
            assert await node.call(Via(LIMITERS, 6), ("alice", 1)) == (2, False)
            first, _ = await node.call(Via(LIMITERS, "bob"), ("bob", 1))
            again, _ = await node.call(Via(LIMITERS, "bob"), ("bob", 2))
            assert first == again == partition_supervisor.partition_of("bob", 4)

            try:
                await node.call(Via(LIMITERS, 6), ("alice", 0))
            except ServerDied as error:
                assert "ZeroDivisionError" in str(error)
            await partition_supervisor.which_partitions(node, LIMITERS)             # answers when it has restarted it
            assert await node.call(Via(LIMITERS, 6), ("alice", 1)) == (2, True)     # begun anew, the other three not


    asyncio.run(main())

Work for one key stays in one process and in order; keys of different partitions do not wait for each other, and a crash
costs the state of one partition. (On one event loop this does not make Python faster: it keeps a partition that waits
from holding up the rest.) While a partition restarts, mail to it is lost and calls get NoProc, as with any process.

The number of partitions is fixed for the supervisor's life: another number would send the keys elsewhere.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from mirliton.runtime import Address, Pid, encode
from mirliton.supervisors.client import Asker, which_children
from mirliton.supervisors.errors import InvalidChildSpec
from mirliton.supervisors.specs import RESERVED, ChildSpec
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree


class PartitionSupervisor(Supervisor):
    """Supervises `partitions` children of one spec, with the ids 0, 1, 2 … `Via(its name, key)` leads to one of them.

    - `argument`: the keyword argument in which each child is told its number; None: it is not told.
    - `intensity`, `period`: as in a Tree, for all partitions together.

    which_children and count_children tell of it as of any supervisor (one_for_one).
    """

    directory_open = False

    async def init(self, *args: Any, **kwargs: Any) -> Any:
        answer = await super().init(*args, **kwargs)
        self.directory_open = answer is None
        return answer

    def describe(
        self,
        spec: ChildSpec,
        partitions: int,
        *,
        argument: str | None = None,
        intensity: int = 3,
        period: float = 5.0,
    ) -> Tree:
        if type(partitions) is not int or partitions < 1:
            raise InvalidChildSpec("PartitionSupervisor", ("invalid_partitions", partitions))
        if spec.name is not None:
            raise InvalidChildSpec("PartitionSupervisor", ("invalid_name", spec.name))
        if argument in RESERVED:
            raise InvalidChildSpec("PartitionSupervisor", ("invalid_argument", argument))
        self.partitions = partitions
        return Tree("one_for_one", [_numbered(spec, n, argument) for n in range(partitions)], intensity, period)

    def whereis_name(self, key: Any) -> Pid | None:
        """The process that `Via(…, key)` leads to now; None while that partition restarts."""
        child = self.children.by_id(partition_of(key, self.partitions))
        return child.process if child is not None else None


def partition_of(key: Any, partitions: int) -> int:
    """Which of so many partitions is responsible for `key`: an integer itself, else a hash of it, which is the same in
    every run. `key` must be sendable."""
    if type(key) is int:
        return key % partitions
    return zlib.crc32(key.encode() if type(key) is str else encode(key)) % partitions


async def which_partitions(asker: Asker, supervisor: Address) -> dict[int, Pid | None]:
    """The process of each partition, None for one that restarts. Raises CallError."""
    listed = {line.id: line.child for line in await which_children(asker, supervisor)}
    return {number: pid if isinstance(pid := listed[number], Pid) else None for number in sorted(listed)}


def _numbered(spec: ChildSpec, number: int, argument: str | None) -> ChildSpec:
    start = spec.start
    if start is None or argument is None:
        return replace(spec, id=number)
    return replace(spec, id=number, start=replace(start, kwargs={**start.kwargs, argument: number}))

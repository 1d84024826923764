"""Has every call that is up an actor? The channel table starts them, and has those back that died for good.

An actor that dies is restarted by its own supervisor. When that is gone too (killed, or it gave up), the table starts
both anew: at once a few times, then at the pace of its audits.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from mirliton.actors.call import Call
from mirliton.actors.switching import call_name, calls_name
from mirliton.ecallmgr.row import Row
from mirliton.ecallmgr.table import Table
from mirliton.runtime import GenServer, Ref
from mirliton.supervisors import Refused, StartChild, Tree, worker

CALLS_GRACE: Final = 0.05
"""Seconds a supervisor has to restart what died, before it counts as gone."""
REVIVALS: Final = 3
"""How often, between two audits, a call's actor is started again at once when its own supervisor is gone as well."""


def call_tree(switch: str, call_id: str) -> Tree:
    """A call's own small supervisor: what goes wrong in one call costs that call its actor and nothing else.

    Five restarts in ten seconds: each costs a fraction of a millisecond; a sixth means that this call cannot be helped
    here, and the audit starts it afresh.
    """
    return Tree(
        "one_for_one",
        [
            worker(
                Call,
                switch,
                call_id,
                name=call_name(call_id),
                keep_mail=True,
                restart="transient",
                significant=True,
            )
        ],
        intensity=5,
        period=10.0,
        auto_shutdown="any_significant",
    )


class CallKeeper:
    """The actors of the calls in `table`, which is that of `switch`, kept by `process`."""

    def __init__(self, process: GenServer, table: Table, switch: str) -> None:
        self._process = process
        self._table = table
        self._supervisor = calls_name(switch)
        self._all: Ref | None = None
        self._actors: dict[Ref, str] = {}
        """The calls whose actors are monitored, by monitor."""
        self._monitored: set[str] = set()
        self._starting: set[str] = set()
        self._revived: Counter[str] = Counter()
        """How often actors were started again since the last audit."""

    def watch(self) -> None:
        """Monitor the supervisor of all calls."""
        self._all = self._process.monitor(self._supervisor)

    def ensure(self, row: Row) -> None:
        """Start a call's actor, unless there is one."""
        if self._process.whereis(call_name(row.uuid)) is not None:
            self._monitor(row.uuid)
        elif row.uuid not in self._starting:
            self._starting.add(row.uuid)
            start = StartChild([call_tree(row.switch, row.uuid)])
            self._process.background(self._process.call(self._supervisor, start, timeout=10.0), ("call", row.uuid))

    def started(self, uuid: str, value: Any, error: Any) -> None:
        """The supervisor of all calls has answered, or cannot."""
        self._starting.discard(uuid)
        if error is not None or isinstance(value, Refused):
            self._process.log.warning("call_not_started", call_id=uuid, error=str(error or value))
        else:
            self._monitor(uuid)

    def is_down(self, ref: Ref) -> bool:
        """Whether this is the end of an actor, or of the supervisor of all; whoever restarts it gets a moment."""
        if ref == self._all:
            # All actors died with it; it comes back at once, and so must they.
            self._process.start_timer(CALLS_GRACE, "calls")
            return True
        uuid = self._actors.pop(ref, None)
        if uuid is None:
            return False
        self._monitored.discard(uuid)
        self._process.start_timer(CALLS_GRACE, ("call", uuid))
        return True

    def restore(self) -> None:
        """The supervisor of all calls died a moment ago."""
        self.watch()
        for row in self._table.up():
            if row.controlled:
                self.ensure(row)

    def revive(self, uuid: str) -> None:
        """A call's actor died a moment ago: have it back, unless its own supervisor has."""
        row = self._table.get(uuid)
        if row is None or row.ended:
            return
        if self._process.whereis(call_name(uuid)) is not None:
            self._monitor(uuid)
        elif self._revived[uuid] < REVIVALS:
            self._revived[uuid] += 1
            self.ensure(row)

    def forgive(self) -> None:
        """A new audit begins: what died often may be started again."""
        self._revived.clear()

    def release(self, uuid: str) -> None:
        """The leg has ended. If its actor died with its supervisor just now nobody shall wait for a successor."""
        name = call_name(uuid)
        if self._process.whereis(name) is None:
            self._process.node.registry.release(name)

    def release_all(self) -> None:
        """The same for all legs that are not up: those that this table remembers, and where there is no other table on
        the node, those that nobody knows."""
        registry = self._process.node.registry
        alone = len(registry.names("channels")) <= 1
        for name in registry.parked():
            if name.kind != "call":
                continue
            row = self._table.get(name.key)
            if row.ended if row is not None else alone or self._table.remembers(name.key):
                registry.release(name)

    def _monitor(self, uuid: str) -> None:
        if uuid not in self._monitored:
            self._monitored.add(uuid)
            self._actors[self._process.monitor(call_name(uuid))] = uuid

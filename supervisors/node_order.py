"""The order of programs: which may start, and which may be asked to end."""

from __future__ import annotations

import graphlib
from collections import Counter
from collections.abc import Sequence

from mirliton.supervisors.node_errors import ProgramError
from mirliton.supervisors.node_watch import Phase, Watch
from mirliton.supervisors.programs import Program


def check_order(programs: Sequence[Program]) -> None:
    """Raises ProgramError for two programs of one name, one that waits for an unknown one, and a circle of waiting."""
    for name, count in Counter(program.name for program in programs).items():
        if count > 1:
            raise ProgramError(name, "name", name, f"a name of its own, not one that {count} programs share")
    after = waits(programs)
    for program in programs:
        for other in after[program.name]:
            if other not in after:
                raise ProgramError(program.name, "after", program.after, f"names of other programs; {other} is none")
    try:
        graphlib.TopologicalSorter(after).prepare()
    except graphlib.CycleError as error:
        name = error.args[1][0]
        raise ProgramError(name, "after", after[name], "programs that do not wait for it in their turn") from error


def waits(programs: Sequence[Program]) -> dict[str, tuple[str, ...]]:
    """For each program, by name, those it waits for."""
    after: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for program in programs:
        after[program.name] = before if program.after is None else program.after
        before = (program.name,)
    return after


class Order:
    """The order among the watches of one parent. Programs that a reload has retired stand outside of it."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._after = waits([watch.program for watch in watches])
        self._watches = {watch.program.name: watch for watch in watches}
        self._before: dict[str, list[Watch]] = {name: [] for name in self._after}
        for name, others in self._after.items():
            for other in others:
                self._before[other].append(self._watches[name])

    def may_start(self, watch: Watch) -> bool:
        """Whether those it waits for have been ready, or are done."""
        return not self.waiting_for(watch)

    def waiting_for(self, watch: Watch) -> list[str]:
        """Those it still waits for. One that was given up or stopped before it was ever ready keeps it waiting."""
        others = (self._watches[name] for name in self._after.get(watch.program.name, ()))
        return [other.program.name for other in others if not (other.was_ready or _done(other))]

    def may_stop(self, watch: Watch) -> bool:
        """Whether all that wait for it have ended."""
        return all(other.process is None for other in self._before.get(watch.program.name, ()))


def _done(watch: Watch) -> bool:
    return watch.phase is Phase.ENDED and not watch.held

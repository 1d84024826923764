"""What happened to a child lately, so that a supervisor can explain why it was restarted, by whom and after what."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import Pid, is_quiet
from mirliton.supervisors.requests import HistoryEntry
from mirliton.supervisors.terms import sendable

if TYPE_CHECKING:
    from mirliton.supervisors.children import Child
    from mirliton.supervisors.supervisor import Supervisor

ENTRIES_PER_CHILD: Final = 16
FORGOTTEN_CHILDREN: Final = 256
"""How many children that are no longer listed a supervisor can still explain."""


class History:
    """The last entries of one child. Made when there is something to tell: most children never restart."""

    __slots__ = ("_noted",)

    def __init__(self) -> None:
        # The fields of HistoryEntry: entries are made when somebody asks, and hardly anybody does.
        self._noted: list[tuple[float, str, Pid | None, Any, int | None, str, str]] = []

    def add(
        self, when: float, event: str, pid: Pid | None, reason: Any, dossier: int | None, action: str, by: str
    ) -> None:
        """Note it; the oldest goes when there are too many."""
        self._noted.append((when, event, pid, reason, dossier, action, by))
        if len(self._noted) > ENTRIES_PER_CHILD:
            del self._noted[0]

    @property
    def entries(self) -> list[HistoryEntry]:
        """What was noted, oldest first, as it can be sent."""
        return [
            HistoryEntry(when, event, pid, sendable(reason), dossier, action, by)
            for when, event, pid, reason, dossier, action, by in self._noted
        ]

    def mentions(self, pid: Pid) -> bool:
        return any(noted[2] == pid for noted in self._noted)


class Archive:
    """The histories of children that are no longer listed, the latest of them, by the Pid they had last."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: OrderedDict[Any, tuple[Any, History]] | None = None

    def keep(self, child_id: Any, pid: Pid | None, history: History) -> None:
        if self._kept is None:
            self._kept = OrderedDict()
        key = pid if pid is not None else ("id", repr(child_id))
        self._kept[key] = (child_id, history)
        self._kept.move_to_end(key)
        if len(self._kept) > FORGOTTEN_CHILDREN:
            self._kept.popitem(last=False)

    def find(self, child: Any) -> tuple[Any, History] | None:
        """The id and history of the last forgotten child with this id, or of the one that was this process."""
        for child_id, history in reversed((self._kept or OrderedDict()).values()):
            if history.mentions(child) if isinstance(child, Pid) else child_id == child:
                return child_id, history
        return None


def note(supervisor: Supervisor, child: Child, event: str, pid: Pid | None, reason: Any, action: str, by: str) -> None:
    """Enter in the child's history what has just happened to it."""
    dossier = None
    if event in ("ended", "stopped") and pid is not None and not is_quiet(reason):
        found = supervisor.node.dossiers.of(pid)
        dossier = found.id if found is not None else None
    if child.history is None:
        child.history = History()
    child.history.add(supervisor.node.clock.time(), event, pid, reason, dossier, action, by)

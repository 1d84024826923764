"""A supervisor's list of its children, in start order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from mirliton.runtime import Pid, TimerRef
from mirliton.supervisors.checks import id_key
from mirliton.supervisors.history import History
from mirliton.supervisors.requests import RESTARTING, ChildInfo
from mirliton.supervisors.specs import ChildSpec, with_arguments


class Child:
    """One child as its supervisor knows it.

    With a process: `pid` is set and `restarting` is false. While its restart fails or waits: `restarting` is true and
    `pid` is the process that died (None when that was another child's doing). Else it is listed without a process.
    """

    __slots__ = ("arguments", "attempts", "history", "pid", "restarting", "retry", "spec", "started_at", "why")

    def __init__(self, spec: ChildSpec, arguments: Any = None) -> None:
        self.spec = spec
        self.arguments = arguments
        """A dynamic child's own, which go on top of those in `spec`, which all of them share. None: it has none."""
        self.pid: Pid | None = None
        self.restarting = False
        self.attempts = 0
        """Tries in a row, for the backoff."""
        self.retry: TimerRef | None = None
        self.started_at = 0.0
        self.why = ""
        """How it ended when it was last restarted, or tried to be (see reasons.kind_of)."""
        self.history: History | None = None

    @property
    def whole(self) -> ChildSpec:
        """Its spec with its own arguments."""
        return self.spec if self.arguments is None else with_arguments(self.spec, self.arguments)

    @property
    def id(self) -> Any:
        return self.spec.id

    @property
    def process(self) -> Pid | None:
        """Its process, if it has one now."""
        return None if self.restarting else self.pid

    @property
    def state(self) -> Pid | Literal["restarting"] | None:
        return RESTARTING if self.restarting else self.pid

    def info(self, child_id: Any) -> ChildInfo:
        return ChildInfo(child_id, self.state, self.spec.type, self.spec.code)


class Children:
    """The children of one supervisor: by start order, by id and by Pid.

    A child is found by the Pid it has, and while restarting by the one it had.
    """

    __slots__ = ("_by_key", "_by_pid", "_dynamic")

    def __init__(self, *, dynamic: bool = False) -> None:
        self._dynamic = dynamic
        self._by_key: dict[Any, Child] = {}
        self._by_pid: dict[Pid, Child] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Child]:
        """In start order. A copy: what happens on the way may change the list."""
        return iter(list(self._by_key.values()))

    def __reversed__(self) -> Iterator[Child]:
        return iter(list(reversed(self._by_key.values())))

    def add(self, child: Child) -> None:
        """Put a child at the end of the start order."""
        self._by_key[self._key(child)] = child
        if child.pid is not None:
            self._by_pid[child.pid] = child

    def remove(self, child: Child) -> None:
        self._by_key.pop(self._key(child), None)
        self._unlist(child)

    def runs(self, child: Child, pid: Pid) -> None:
        """The child has a new process."""
        if child.pid is not None:
            self._unlist(child)
        child.pid = pid
        child.restarting = False
        self._by_pid[pid] = child

    def rests(self, child: Child) -> None:
        """The child has no process and none is on its way."""
        self._unlist(child)
        child.pid = None
        child.restarting = False

    def retries(self, child: Child, ended: Pid | None) -> None:
        """The child's restart is to be tried (again). `ended` is the process it had, where it was one that ended."""
        self._unlist(child)
        child.pid = ended
        child.restarting = True
        if ended is not None:
            self._by_pid[ended] = child

    def by_id(self, child_id: Any) -> Child | None:
        return None if self._dynamic else self._by_key.get(id_key(child_id))

    def by_pid(self, pid: Pid) -> Child | None:
        return self._by_pid.get(pid)

    def reorder(self, children: list[Child]) -> None:
        """Take this list, in this start order, instead of the present one (code change)."""
        self._by_key = {self._key(child): child for child in children}
        self._by_pid = {child.pid: child for child in children if child.pid is not None}

    def _key(self, child: Child) -> Any:
        # Dynamic children share their template's id; what tells them apart is that they are different children.
        return id(child) if self._dynamic else id_key(child.id)

    def _unlist(self, child: Child) -> None:
        if child.pid is not None and self._by_pid.get(child.pid) is child:
            del self._by_pid[child.pid]

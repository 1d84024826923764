"""What processes hold, noted before an upgrade touches it, and put back exactly when the upgrade fails.

Every container that can change is noted with its contents, so that what code_change did in place is undone in place and
nobody's reference goes stale. What objects of other packages hold inside is not noted, and not undone.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Any

from mirliton.runtime import NameTaken, TimerRef
from mirliton.supervisors.upgrading.conversion import ATOMS, change_class, is_record, looks_inside, slots_of
from mirliton.supervisors.upgrading.loading import Belongs

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell, Monitor

_MISSING: Any = object()


class Snapshot:
    """The states of processes, from which `restore` makes what it was."""

    def __init__(self, belongs: Belongs) -> None:
        self._belongs = belongs
        self._seen: dict[int, Any] = {}
        self._contents: list[tuple[Any, Any]] = []
        self._objects: list[tuple[Any, type, dict[str, Any] | None, dict[str, Any]]] = []
        self._cells: dict[Cell, _CellState] = {}

    def add(self, cell: Cell) -> None:
        """Note one process."""
        self._cells[cell] = _CellState(cell)
        self._note_object(cell.actor)

    def add_value(self, value: Any) -> None:
        """Note what somebody else holds."""
        self._walk(value)

    def clear(self) -> None:
        """Let go of everything."""
        self._seen.clear()
        self._contents.clear()
        self._objects.clear()
        self._cells.clear()

    def note_cancelled(self, cell: Cell) -> None:
        """To be called before any other code runs: timers that are gone by now were cancelled, and did not fire."""
        self._cells[cell].note_cancelled()

    def restore(self) -> None:
        """Put everything back. A process that has died stays dead."""
        for value, kind, attributes, slots in self._objects:
            if type(value) is not kind:
                change_class(value, kind)
            if attributes is not None:
                now = vars(value)
                now.clear()
                now.update(attributes)
            for name, each in slots.items():
                if each is not _MISSING:
                    object.__setattr__(value, name, each)
                elif hasattr(value, name):
                    object.__delattr__(value, name)
        for value, contents in self._contents:
            _fill(value, contents)
        for state in self._cells.values():
            state.restore()

    def _walk(self, value: Any) -> None:
        todo = [value]
        while todo:
            each = todo.pop()
            kind = type(each)
            if kind in ATOMS or isinstance(each, type) or id(each) in self._seen:
                continue
            self._seen[id(each)] = each
            if isinstance(each, dict):
                contents: Any = list(each.items())
                self._contents.append((each, contents))
                for pair in contents:
                    todo += pair
            elif isinstance(each, list | deque | set | bytearray):
                self._contents.append((each, list(each)))
                todo += each
            elif isinstance(each, tuple | frozenset):
                todo += each
            elif is_record(kind):
                todo += [getattr(each, field.name, None) for field in dataclasses.fields(each)]
            if not is_record(kind) and (self._belongs(kind.__module__) or looks_inside(kind)):
                todo += self._note_attributes(each)

    def _note_object(self, value: Any) -> None:
        self._seen[id(value)] = value
        for each in self._note_attributes(value):
            self._walk(each)

    def _note_attributes(self, value: Any) -> list[Any]:
        attributes = dict(vars(value)) if hasattr(value, "__dict__") else None
        kind: type = type(value)
        slots = {name: getattr(value, name, _MISSING) for name in slots_of(kind)}
        self._objects.append((value, kind, attributes, slots))
        held = [each for key, each in (attributes or {}).items() if key != "_myRef"]
        return [*held, *(each for each in slots.values() if each is not _MISSING)]


def _fill(value: Any, contents: list[Any]) -> None:
    value.clear()
    if isinstance(value, dict):
        for key, each in contents:
            value[key] = each
    elif isinstance(value, set):
        value.update(contents)
    else:
        value.extend(contents)


class _CellState:
    """What the runtime keeps of a process and its own code can change."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.trap = cell.trap
        self.limit = cell.limit
        self.names = list(cell.names or ())
        self.links = cell.links
        self.timers = set(cell.timers or ())
        self.arguments = {timer: (timer.callback, timer.argument) for timer in self.timers}
        self.cancelled: set[TimerRef] = set()
        self.monitors = dict(cell.monitors or {})

    def note_cancelled(self) -> None:
        self.cancelled = {timer for timer in self.timers if timer.callback is None}

    def restore(self) -> None:
        cell = self.cell
        if not cell.alive:
            return
        node = cell.node
        cell.trap = self.trap
        cell.bound(self.limit)
        for name in [name for name in cell.names or () if name not in self.names]:
            node.registry.unregister(name, cell)
        for name in [name for name in self.names if name not in (cell.names or ())]:
            try:
                node.registry.register(name, cell)
            except NameTaken as error:
                node.log.error("name_not_given_back", pid=str(cell.pid), error=str(error))
        for peer in cell.links:
            if peer not in self.links:
                cell.part(peer)
        for peer in self.links:
            if peer.alive and peer not in cell.links:
                cell.join(peer)
        for timer in set(cell.timers or ()) - self.timers:
            timer.cancel()
        for timer, (callback, argument) in self.arguments.items():
            if timer.callback is not None:
                timer.argument = argument
            elif timer in self.cancelled or timer.due > node.clock.now():
                timer.callback, timer.argument = callback, argument
                _set_again(timer)
        for serial, monitor in list((cell.monitors or {}).items()):
            if serial not in self.monitors:
                node.signals.demonitor(cell, monitor.ref, True)
        for serial, monitor in self.monitors.items():
            if monitor.watched.alive and serial not in (cell.monitors or {}):
                _watch_again(cell, monitor)


def _set_again(timer: TimerRef) -> None:
    for cell in {timer.owner, timer.target}:
        if cell is None or not cell.alive:
            timer.callback = timer.argument = None
            return
        if cell.timers is None:
            cell.timers = set()
        cell.timers.add(timer)
    timer.owner.node.set_timer(timer)


def _watch_again(cell: Cell, monitor: Monitor) -> None:
    watched = monitor.watched
    for holder, side in ((cell, "monitors"), (watched, "monitored_by")):
        if getattr(holder, side) is None:
            setattr(holder, side, {})
        getattr(holder, side)[monitor.ref.serial] = monitor

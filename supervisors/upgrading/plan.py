"""What an upgrade is going to do, found out before anything is held: the new version loaded, compared and checked."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirliton.runtime import GenEvent
from mirliton.supervisors.application import Application
from mirliton.supervisors.errors import UpgradeFailed
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.upgrading.appup import Apply, Instruction, Load, Restart, Update, instructions
from mirliton.supervisors.upgrading.code_change import has_code_change
from mirliton.supervisors.upgrading.loading import Version, belonging, load
from mirliton.supervisors.upgrading.successors import Rebinding, Successors

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell


@dataclass(frozen=True, slots=True)
class Running:
    """The application that is to be upgraded, and who has to know of its new self."""

    application: Application
    top: Cell
    holder: Cell | None
    """The process, if any, that keeps the application's state in its attribute `app_state`: its master."""
    adopt: Callable[[Application], None]


class Plan:
    """One way from the running version of an application to another.

    Making it loads the other one, and changes nothing. Raises UpgradeFailed.
    """

    def __init__(self, running: Running, path: Path | None, *, down: bool) -> None:
        old = running.application
        prefixes = tuple(old.modules) or (old.source.partition(":")[0].partition(".")[0],)
        if prefixes == ("",):
            raise UpgradeFailed("plan", old.name, "the application says neither `source` nor `modules`")
        self.running = running
        self.down = down
        self.belongs = belonging(prefixes)
        begun = time.perf_counter()
        self.new = load(prefixes, old.source.partition(":")[0] or prefixes[0], path)
        self.old = Version.in_force(self.belongs)
        self.new_kinds = {entry.cls for entry in self.new.types}
        self.application = self._application(prefixes[0], path)
        self.instructions, renamed, renamed_back = self._appup()
        self.successors = Successors(self.new.modules, self.belongs, renamed)
        self.predecessors = Successors(self.old.modules, self.belongs, renamed_back)
        self._named = {step.cls: step for step in self.instructions if isinstance(step, Update | Load | Restart)}
        self._ours: dict[type, bool] = {}
        self._changing: dict[type, bool] = {}
        self._check_messages()
        self._check_instructions()
        self.rebinding = Rebinding(self.successors, self.old.modules)
        self.load_time = time.perf_counter() - begun

    def is_ours(self, kind: type) -> bool:
        """Whether a class is of the application, of whichever version, or made from one that is."""
        found = self._ours.get(kind)
        if found is None:
            found = self._ours[kind] = any(self.belongs(base.__module__) for base in kind.__mro__)
        return found

    def concerns(self, cell: Cell) -> bool:
        """Whether a process, or an event handler in it, is of the application's classes."""
        actor = cell.actor
        if self.is_ours(type(actor)):
            return True
        return isinstance(actor, GenEvent) and any(self.is_ours(type(each.handler)) for each in actor.handlers)

    def step_of(self, kind: type) -> Update | Load | Restart | None:
        """The instruction for processes of this class, which must be of the running version."""
        if not self.down and (new := self.successors.of(kind)) is not None:
            kind = new
        return self._named.get(f"{kind.__module__}:{kind.__qualname__}")

    def changes_code(self, kind: type) -> bool:
        """Whether processes of this class, which must be of the running version, are to run `code_change`."""
        found = self._changing.get(kind)
        if found is None:
            found = self._changing[kind] = self._finds_code_change(kind)
        return found

    def _finds_code_change(self, kind: type) -> bool:
        if issubclass(kind, Supervisor):
            return False  # it describes its tree anew
        changing = kind if self.down else self.successors.of(kind)
        step = self.step_of(kind)
        if changing is None or not self.is_ours(kind) or isinstance(step, Load | Restart):
            return False
        return isinstance(step, Update) or has_code_change(changing)

    def changing(self, cell: Cell) -> list[Any]:
        """Whose `code_change` this process is to run: its own, or that of event handlers it holds."""
        actor = cell.actor
        parts = [actor, *(each.handler for each in actor.handlers)] if isinstance(actor, GenEvent) else [actor]
        return [part for part in parts if self.changes_code(type(part))]

    def in_order(self, cells: Sequence[Cell]) -> list[tuple[Cell, Any, object]]:
        """What is to run `code_change`, in order: the process, it or a part of it, and the `extra` that it gets."""
        updates = [step for step in self.instructions if isinstance(step, Update)]
        found = []
        for cell in cells:
            for part in self.changing(cell):
                step = self.step_of(type(part))
                place = updates.index(step) if isinstance(step, Update) else len(updates)
                found.append((place, cell, part, step.extra if isinstance(step, Update) else None))
        return [(cell, part, extra) for _, cell, part, extra in sorted(found, key=lambda each: each[0])]

    def _application(self, prefix: str, path: Path | None) -> Application:
        old = self.running.application
        if not old.source:
            return dataclasses.replace(old, version=_installed_version(prefix, path) or old.version)
        module, _, name = old.source.partition(":")
        found = getattr(self.new.modules.get(module), name, None)
        if not isinstance(found, Application) or found.name != old.name:
            raise UpgradeFailed("plan", old.source, f"is {found!r}, not the application {old.name!r}")
        return found

    def _appup(self) -> tuple[Sequence[Instruction], dict[str, str], dict[str, str]]:
        old, new = self.running.application, self.application
        newer, other = (old, new) if self.down else (new, old)
        found = instructions(newer.appup, other.version, down=self.down)
        if found is None:
            way = "down to" if self.down else "up from"
            raise UpgradeFailed(
                "plan", old.name, f"the appup of version {newer.version} has no way {way} {other.version}"
            )
        renamed = dict(newer.appup.renamed) if newer.appup is not None else {}
        backwards = {after: before for before, after in renamed.items()}
        return (found, backwards, renamed) if self.down else (found, renamed, backwards)

    def _check_messages(self) -> None:
        """Fields travel by their place: what is under way between nodes must not be misread."""
        known = {entry.tag: entry for entry in self.old.types}
        for entry in self.new.types:
            before = known.get(entry.tag)
            if before is None:
                continue
            both = min(len(before.fields), len(entry.fields))
            if before.fields[:both] != entry.fields[:both] or entry.required > len(before.fields):
                change = f"fields {before.fields} became {entry.fields}: new ones come last, and have defaults"
                raise UpgradeFailed("plan", f"message {entry.tag!r}", change)

    def _check_instructions(self) -> None:
        running = Successors((self.old if self.down else self.new).modules, self.belongs)
        for step in self.instructions:
            if isinstance(step, Update | Load | Restart) and not isinstance(running.named(step.cls), type):
                raise UpgradeFailed("plan", step, "there is no such class")
            if isinstance(step, Apply):
                for name in filter(None, (step.function, step.undo)):
                    module = name.partition(":")[0]
                    # One that nobody has imported yet is imported when its turn comes.
                    if module in self.new.modules and not callable(self.successors.named(name)):
                        raise UpgradeFailed("plan", step, f"there is no function {name} in the new version")


def _installed_version(prefix: str, path: Path | None) -> str | None:
    """What a distribution that is called as the package calls this version of it."""
    where = sys.path if path is None else [str(path)]
    found = importlib.metadata.distributions(name=prefix.partition(".")[0], path=where)
    return next((each.version for each in found), None)

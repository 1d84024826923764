"""An upgrade as a whole: what is done in which order, and undone in the reverse one.

1. plan    the new modules are loaded beside the old, compared and checked; nothing else changes
2. hold    the application's processes come to rest; what is sent to them waits
3. switch  in one step of the loop: modules, classes, mail, state, specs; then `code_change` in each process
4. steps   new children start, and what the appup says
5. release

On the way down `code_change` runs before the switch, in the newer code, which knows what the older one wants.
Each thing that is done leaves its undoing behind; a failure anywhere runs them and lets the processes go on as they
were.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime import CoroutineProcess, Pid
from mirliton.supervisors.errors import UpgradeFailed
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.tree import Tree
from mirliton.supervisors.upgrading.appup import Restart
from mirliton.supervisors.upgrading.code_change import change_code
from mirliton.supervisors.upgrading.conversion import Converter, change_class, same_things
from mirliton.supervisors.upgrading.holding import Hold, members
from mirliton.supervisors.upgrading.loading import Version
from mirliton.supervisors.upgrading.mail import MailConverter
from mirliton.supervisors.upgrading.plan import Plan, Running
from mirliton.supervisors.upgrading.report import UpgradeReport
from mirliton.supervisors.upgrading.snapshot import Snapshot
from mirliton.supervisors.upgrading.steps import Steps
from mirliton.supervisors.upgrading.trees import TreeChange

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.node import Node

SOFT_PATIENCE: Final = 0.1
"""Seconds that processes which need not be at rest are waited for, so that few take new code in mid-handler."""


class Work:
    """One upgrade, or downgrade, of one application; making it makes the plan. Raises UpgradeFailed."""

    def __init__(
        self, node: Node, running: Running, *, path: Path | None, down: bool, timeout: float, patience: float
    ) -> None:
        self.node = node
        self.running = running
        self.ends_at = node.clock.now() + timeout
        self.patience = min(patience, timeout)
        self.plan = Plan(running, path, down=down)
        self.snapshot = Snapshot(self.plan.belongs)
        self.hold = Hold(node)
        self.steps = Steps(node, running.top, self.hold.hand_over, self._left)
        self.processes = self.code_changed = self.messages = 0
        self.old_code: list[str] = []
        self._withdrawn: set[Pid] = set()
        self._undo: list[Callable[[], object]] = []

    async def run(self) -> UpgradeReport:
        """Do it. Raises UpgradeFailed when it has been undone."""
        begun = time.perf_counter()
        # What is noted and made here is needed to the end: the collector would look at it again and again, in vain.
        collecting = gc.isenabled()
        gc.disable()
        try:
            await self._carry_out()
        except BaseException:
            await self._roll_back()
            raise
        else:
            self._run_anew()
        finally:
            self.hold.release()
            await self.steps.release()
            if self._note_end in self.node.on_exit:
                self.node.on_exit.remove(self._note_end)
            self._undo.clear()
            self.snapshot.clear()
            if collecting:
                gc.enable()
        return self._report(time.perf_counter() - begun)

    def _left(self) -> float:
        return max(0.0, self.ends_at - self.node.clock.now())

    async def _carry_out(self) -> None:
        await self._hold()
        # From here to the end of the switch nothing else runs, but on the way down while an async code_change does.
        self._note_states()
        if self.plan.down:
            await self._change_states(("down", self.plan.application.version))
        self._switch()
        if not self.plan.down:
            await self._change_states(self.running.application.version)
        self._check_alive("code_change")
        self._newest = self.node.unborn().serial
        self.node.on_exit.append(self._note_end)
        await self.steps.carry_out(self.plan.instructions, self.trees.new, self.to_restart)
        self._check_alive("children")

    def _check_alive(self, stage: str) -> None:
        if not self.running.top.alive:
            raise UpgradeFailed(stage, self.running.application.name, "the application has ended")

    # Bringing to rest

    async def _hold(self) -> None:
        top = self.running.top
        begun = self.node.clock.now()
        cells, at_work = await self.hold.take(
            lambda: members(self.node, top.pid, self.plan.concerns),
            self._needs_rest,
            min(SOFT_PATIENCE, self.patience),
            begun + self.patience,
        )
        for cell in at_work:
            if self._needs_rest(cell):
                raise UpgradeFailed("suspend", _told(cell), f"did not come to rest within {self.patience:g} s")
        self._check_alive("suspend")
        self.to_restart: dict[str, list[Cell]] = {}
        self.supervisors: list[Cell] = []
        self.at_work: list[Cell] = []
        self.cells: list[Cell] = []
        busy = set(at_work)
        for cell in cells:
            step = self.plan.step_of(type(cell.actor))
            if isinstance(cell.actor, Supervisor):
                self.supervisors.append(cell)
            elif isinstance(step, Restart):
                self.to_restart.setdefault(step.cls, []).append(cell)
            else:
                (self.at_work if cell in busy else self.cells).append(cell)
        # One whose init has yet to run has no state to change.
        self.changing = self.plan.in_order([cell for cell in self.cells if cell.handled])

    def _needs_rest(self, cell: Cell) -> bool:
        return isinstance(cell.actor, Supervisor) or cell.starter != 0 or bool(self.plan.changing(cell))

    def _note_states(self) -> None:
        for cell in self.cells:
            self.snapshot.add(cell)
        if self.running.holder is not None:
            self.snapshot.add_value(self.running.holder.actor.app_state)
        self._undo.append(self.snapshot.restore)

    async def _change_states(self, old_version: Any) -> None:
        for cell, part, extra in self.changing:
            if cell.alive:
                await change_code(cell, part, old_version, extra, self._left(), self.snapshot)
                self.code_changed += 1

    # The switch: nothing here waits

    def _switch(self) -> None:
        plan = self.plan
        converter = Converter(plan.successors, same_things(plan.old.modules, plan.successors))
        backwards = Converter(plan.predecessors, same_things(plan.new.modules, plan.predecessors))
        # In strict mode what was sent is compared with its frame later; after this its frame would be another.
        self.node.strictness.check_unchanged()
        self._undo.append(lambda: self._turn_back(backwards))  # when the old modules are what they were
        self._swap_modules()
        for cell in [*self.cells, *self.supervisors, *self.at_work]:
            if cell.alive:
                self._swap_class(cell)
        for cell in [*self.cells, *self.at_work]:
            if cell.alive and hasattr(cell.actor, "__dict__"):
                converter.state(cell.actor, vars(cell.actor))
        if self.running.holder is not None:
            master = self.running.holder.actor
            state = master.app_state
            self._undo.append(lambda: setattr(master, "app_state", state))
            master.app_state = converter.value(state)
        mail = MailConverter(self.node, converter)
        mail.convert()
        self.messages = mail.converted
        self._swap_trees(converter)

    def _swap_modules(self) -> None:
        plan = self.plan
        # What the new version has imported and registered since goes with it.
        self._undo.append(lambda: plan.old.replace(Version.in_force(plan.belongs), forget=True))
        self._undo.append(self.node.strictness.check_unchanged)
        plan.new.replace(plan.old)
        self._undo.append(plan.rebinding.undo)
        plan.rebinding.do()
        self._undo.append(lambda: self.running.adopt(self.running.application))
        self.running.adopt(plan.application)

    def _swap_class(self, cell: Cell) -> None:
        kind = type(cell.actor)
        new = self.plan.successors.of(kind)
        if new is not None:
            change_class(cell.actor, new)
            self.processes += 1
            if cell.limit == getattr(kind, "mailbox_limit", 0):
                cell.bound(getattr(new, "mailbox_limit", 0))
        elif self.plan.is_ours(kind):
            self.old_code.append(_told(cell))

    def _turn_back(self, backwards: Converter) -> None:
        """Undo what no snapshot holds: processes that were not at rest or are new, supervisors, and all mail."""
        for cell in self.node.processes():
            kind = type(cell.actor)
            if (old := self.plan.predecessors.of(kind)) is not None:
                change_class(cell.actor, old)
            if cell in self.at_work:
                backwards.state(cell.actor, vars(cell.actor))
        mail = MailConverter(self.node, backwards, self._is_withdrawn)
        mail.convert()
        if mail.withdrawn:
            self.node.log.warning("mail_of_undone_version_dropped", messages=mail.withdrawn)

    def _note_end(self, cell: Cell, *_: object) -> None:
        """Processes that supervisors start and stop while they are held: what they sent must not outlive them."""
        if cell.pid.serial < self._newest:
            return
        if cell.parent in self._withdrawn or any(cell.parent == supervisor.pid for supervisor in self.steps.holding):
            self._withdrawn.add(cell.pid)

    def _is_withdrawn(self, message: Any, sender: Pid | None) -> bool:
        """Whether this mail is of a process that was undone, or of a kind that only the new version knows."""
        if sender in self._withdrawn:
            return True
        kind = type(getattr(message, "request", message))
        return kind in self.plan.new_kinds and self.plan.predecessors.of(kind) is None

    def _swap_trees(self, converter: Converter) -> None:
        top = self.running.top
        described = self._describe()
        self.trees = TreeChange(converter)
        self._undo.append(self.trees.undo)
        self.trees.take([cell for cell in self.supervisors if cell.alive], top, described)
        self.trees.tell_holder(top, described)

    def _describe(self) -> Tree:
        application = self.plan.application
        tree = application.tree
        state = self.running.holder.actor.app_state if self.running.holder is not None else None
        try:
            described = tree(state) if callable(tree) else tree
        except Exception as error:
            raise UpgradeFailed("tree", application.name, f"{type(error).__name__}: {error}") from error
        if not isinstance(described, Tree):
            raise UpgradeFailed("tree", application.name, f"its tree is {described!r}")
        return described

    # The end of it

    async def _roll_back(self) -> None:
        await self.steps.undo()
        while self._undo:
            step = self._undo.pop()
            try:
                step()
            except Exception:
                self.node.log.exception("upgrade_step_not_undone", application=self.running.application.name)
        await self.steps.revive()

    def _run_anew(self) -> None:
        """Let scripts that allow it begin their `run` again, in the new code."""
        for cell in self.cells:
            actor = cell.actor
            if cell.alive and cell in self.hold and isinstance(actor, CoroutineProcess) and actor.upgradable:
                self.hold.hand_over(cell)
                actor._runtime_run_anew()

    def _report(self, pause: float) -> UpgradeReport:
        return UpgradeReport(
            application=self.plan.application.name,
            from_version=self.running.application.version,
            to_version=self.plan.application.version,
            direction="down" if self.plan.down else "up",
            pause=round(pause, 6),
            load=round(self.plan.load_time, 6),
            processes=self.processes,
            code_changed=self.code_changed,
            messages=self.messages,
            added=tuple(self.steps.added),
            deleted=tuple(self.steps.deleted),
            restarted=tuple(self.steps.restarted),
            at_work=tuple(_told(cell) for cell in self.at_work if cell.alive),
            old_code=tuple(self.old_code),
        )


def _told(cell: Cell) -> str:
    return f"{cell.label} {cell.pid}"

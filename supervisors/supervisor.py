"""The supervisor: starts its children in order, restarts those that end, stops them in reverse order (OTP: supervisor).

    import asyncio

    from mirliton.runtime import GenServer, Name, Node
    from mirliton.supervisors import Supervisor, Tree, which_children, worker

    class Counter(GenServer):
        def init(self, start):
            self.value = start

    A, B = Name("counter", "a"), Name("counter", "b")
    tree = Tree("one_for_one", [worker(Counter, 0, id="a", name=A), worker(Counter, 10, id="b", name=B)], intensity=3)

    async def main() -> None:
        async with Node() as node:
            supervisor = await node.start(Supervisor, tree)
            a, b = node.whereis(A), node.whereis(B)
            node.exit(b, "kill")
            children = await which_children(node, supervisor)      # newest first
            assert [child.id for child in children] == ["b", "a"]
            assert node.whereis(B) not in (b, None)                # another b is there, with 10 again
            assert node.whereis(A) == a
            node.exit(supervisor, "shutdown", node.root)           # its parent says so: b ends, then a, then it
            assert await node.wait_exit(supervisor) == "shutdown"

    asyncio.run(main())

Kill b four times in five seconds and the supervisor gives up: it stops a and ends with "shutdown"; what happens next
is its own supervisor's decision.

While a child's init runs its supervisor waits for it and answers nobody, as in OTP; only its parent can cut that short.
A supervisor's own restart starts all its static children anew; those that were added by request are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from mirliton.runtime import (
    IGNORE,
    Call,
    CoroutineProcess,
    Exit,
    ExitSignal,
    NameTaken,
    Pid,
    Shutdown,
    Stop,
    is_quiet,
    kind_of,
)
from mirliton.supervisors import answers, counters, reports, stopping
from mirliton.supervisors.checks import check_tree
from mirliton.supervisors.children import Child, Children
from mirliton.supervisors.errors import SpecError
from mirliton.supervisors.history import Archive, note
from mirliton.supervisors.reports import Label, Report
from mirliton.supervisors.requests import TryAgain
from mirliton.supervisors.specs import ChildSpec
from mirliton.supervisors.starting import Failed, Outcome, Running, start
from mirliton.supervisors.strategies import STRATEGIES
from mirliton.supervisors.terms import sendable
from mirliton.supervisors.tree import Tree, kept_names
from mirliton.supervisors.window import RestartWindow


class Supervisor(CoroutineProcess):
    """A process whose work is to keep other processes alive.

    Start it with a Tree, or subclass it and override `describe` to make the Tree from other arguments:

        class CallSupervisor(Supervisor):
            def describe(self, call_id: str) -> Tree:
                return Tree("rest_for_one", [worker(CallActor, call_id), worker(Executor, call_id)])
    """

    tree: Tree
    template: ChildSpec | None = None
    """Under simple_one_for_one: the spec that all children share."""
    leaving: tuple[Any] | None = None
    """The reason its parent told it to end with, when that was heard while it waited for a child's init."""

    def describe(self, *args: Any, **kwargs: Any) -> Any:
        """The Tree to start, or IGNORE: by default its one argument.

        Gets what the supervisor was started with. Runs in every start of it, and when its code changes.
        """
        if kwargs or len(args) != 1:
            raise TypeError(f"a {type(self).__qualname__} starts from one Tree, not from {args!r} {kwargs!r}")
        return args[0]

    # Life

    async def init(self, *args: Any, **kwargs: Any) -> Any:
        self.trap_exit()
        self.arguments = (args, kwargs)
        described = self.describe(*args, **kwargs)
        if described is IGNORE:
            return IGNORE
        if not isinstance(described, Tree):
            return Stop(sendable(("bad_return", (type(self).__qualname__, "describe", described))))
        try:
            specs = check_tree(described)
        except SpecError as error:
            self.log.error("tree_refused", error=str(error))
            return Stop(sendable(error.reason))
        self.tree = described
        self.window = RestartWindow(described.intensity, described.period)
        self.archive = Archive()
        self.children = Children(dynamic=self.simple)
        self._take_name(described)
        if self.simple:
            self.template = specs[0]
            return None
        return await self._start_children(specs)

    async def run(self) -> None:
        while True:
            if self.leaving is not None:
                await self.finish(*self.leaving)
            message = await self.receive()
            kind = type(message)
            if kind is ExitSignal:
                if message.sender == self.parent:
                    await self.finish(message.reason)
                await self._child_ended(message.sender, message.reason)
            elif kind is Call:
                await answers.answer(self, message)
            elif kind is TryAgain:
                await self._try_again(message)
            else:
                self.report("unexpected_message", message)

    async def finish(self, reason: Any) -> NoReturn:
        """Stop all children, then end with `reason`."""
        if self.simple:
            await self._stop_at_once()
        else:
            for child in reversed(self.children):
                await self.halt(child)
        raise Exit(reason)

    # Starting

    async def _start_children(self, specs: Sequence[ChildSpec]) -> Stop | None:
        for spec in specs:
            self.children.add(Child(spec))
        for child in self.children:
            outcome = await self.launch(child)
            if isinstance(outcome, Failed):
                self.report("start_error", outcome.reason, child)
                for started in reversed(self.children):
                    await self.halt(started)
                return Stop(Shutdown(("failed_to_start_child", child.id, outcome.reason)))
        return None

    async def launch(self, child: Child, by: str | None = None) -> Outcome:
        """Start a child that is listed and has no process; what came of it is entered in the list.

        A start that failed leaves the child as it was. `by` says who asked, for its history.
        """
        if child.retry is not None:
            self._cancel_retry(child)
        before = child.pid
        outcome = await start(self, child)
        if type(outcome) is Running:
            self.children.runs(child, outcome.pid)
            child.started_at = self.node.clock.now()
            if by is not None:
                note(self, child, "started", outcome.pid, None, "running", by)
            if not self.simple:
                # OTP reports no progress for dynamic children: there are too many of them.
                self.report("progress", None, child)
        elif type(outcome) is Failed:
            counters.count_failed_start(self.label, child.id)
            note(self, child, "start_failed", before, outcome.reason, "not started", by or "supervisor")
        else:
            self.children.rests(child)
            if child.spec.temporary or self.simple:
                # OTP 25 keeps a dynamic child whose restart is ignored, and crashes over it when it stops.
                self.forget(child)
        return outcome

    # Ending

    async def _child_ended(self, pid: Pid, reason: Any) -> None:
        child = self.children.by_pid(pid)
        if child is None or child.process != pid:
            return  # a stray link, or a start that failed and has been dealt with
        spec = child.spec
        if spec.permanent or not is_quiet(reason):
            self.report("child_terminated", reason, child)
        if spec.permanent or (spec.restart == "transient" and not is_quiet(reason)):
            await self._restart(child, reason)
            return
        if not is_quiet(reason) or child.history is not None:
            # A first quiet end needs no explanation, and of calls there are thousands.
            action = "forgotten" if spec.temporary or self.simple else "not restarted"
            note(self, child, "ended", pid, reason, f"{action} ({spec.restart})", "itself")
        self.drop(child)
        if self._must_end_after(child):
            await self.finish("shutdown")

    def _must_end_after(self, ended: Child) -> bool:
        """Whether the end of this child, which is not restarted, ends the supervisor (auto_shutdown)."""
        if self.tree.auto_shutdown == "never" or not ended.spec.significant:
            return False
        if self.tree.auto_shutdown == "any_significant":
            return True
        return not any(child.spec.significant and child.state is not None for child in self.children)

    async def _restart(self, child: Child, reason: Any) -> None:
        """Restart a child that has ended, as far as the intensity allows."""
        ended = child.pid
        child.why = kind_of(reason)
        now = self.node.clock.now()
        if child.spec.backoff is not None and now - child.started_at >= child.spec.backoff.calm_after():
            child.attempts = 0
        if not self.window.admit(now):
            note(self, child, "ended", ended, reason, f"supervisor gave up: {self._limit()}", "itself")
            await self._give_up(child)
        if child.spec.backoff is None:
            note(self, child, "ended", ended, reason, "restart", "itself")
            await self._carry_out_restart(child)
            return
        for other in STRATEGIES[self.tree.strategy](self.children, child).stop:
            await self.halt(other, by=f"restart of {child.id!r}", restarting=True)
        delay = self._retry_later(child, ended, granted=True)
        note(self, child, "ended", ended, reason, f"restart in {delay:g} s", "itself")

    async def _carry_out_restart(self, child: Child) -> None:
        """Do what the strategy says. When a start fails the rest is left for a later try, through the mailbox."""
        plan = STRATEGIES[self.tree.strategy](self.children, child)
        ended = child.pid
        if self.tree.strategy in ("one_for_all", "rest_for_one"):
            # If another one fails first, this one is simply not there until the next try.
            self.children.rests(child)
        for other in plan.stop:
            await self.halt(other, by=f"restart of {child.id!r}", restarting=True)
        for each in plan.start:
            outcome = await self.launch(each, by="itself" if each is child else f"restart of {child.id!r}")
            if isinstance(outcome, Failed):
                self.report("start_error", outcome.reason, each)
                self._retry_later(each, ended if each is child else None, granted=False)
                return
            if isinstance(outcome, Running):
                counters.count_restart(self.label, each.id, child.why)

    def _retry_later(self, child: Child, ended: Pid | None, *, granted: bool) -> float:
        """Note to try (again); OTP's way is at once but behind the mail that waits. Returns the seconds until then."""
        self.children.retries(child, ended)
        again = TryAgain(ended if self.simple else child.id, granted)
        if child.spec.backoff is None:
            self.send(self.pid, again)
            return 0.0
        child.attempts += 1
        delay = child.spec.backoff.delay(child.attempts, child.id)
        child.retry = self.send_after(delay, self.pid, again)
        return delay

    async def _try_again(self, again: TryAgain) -> None:
        child = self.children.by_pid(again.child) if self.simple else self.children.by_id(again.child)
        if child is None or not child.restarting:
            return  # it was stopped, or a sibling's restart has started it
        child.retry = None
        if not again.granted and not self.window.admit(self.node.clock.now()):
            await self._give_up(child)
        await self._carry_out_restart(child)

    async def _give_up(self, child: Child) -> NoReturn:
        self.report("shutdown", "reached_max_restart_intensity", child)
        counters.count_gave_up(self.label)
        self.drop(child)
        await self.finish("shutdown")

    # Stopping

    async def halt(self, child: Child, *, by: str | None = None, restarting: bool = False) -> None:
        """Stop a child, if it has a process or a restart is due; a temporary one is then forgotten.

        `by` says on whose account, for its history (None: the supervisor ends, nobody will ask). `restarting`: it is
        to be started again, so mail to its name is still kept.
        """
        self._cancel_retry(child)
        pid = child.process
        if pid is not None:
            reason = await stopping.stop(self, pid, child.spec.grace)
            self.stopped(child, reason, by)
        self.children.rests(child)
        if child.spec.temporary:
            self.forget(child)
        elif not restarting:
            self.release_names(child)

    def stopped(self, child: Child, reason: Any, by: str | None) -> None:
        """Enter how a child ended that was told to."""
        if not stopping.acceptable(child.spec, reason):
            self.report("shutdown_error", reason, child)
            counters.count_unclean_stop(self.label, child.id)
        if by is not None:
            note(self, child, "stopped", child.pid, reason, "stopped", by)

    async def _stop_at_once(self) -> None:
        """simple_one_for_one: stop all children together; ends of one kind are reported together."""
        assert self.template is not None
        running = {child.pid: child for child in self.children if child.process is not None and child.pid is not None}
        unclean: dict[str, tuple[Any, int]] = {}
        for pid, reason in await stopping.stop_all(self, running, self.template.grace):
            self.release_names(running[pid])
            if not stopping.acceptable(self.template, reason):
                _, count = unclean.get(repr(reason), (reason, 0))
                unclean[repr(reason)] = (reason, count + 1)
                counters.count_unclean_stop(self.label, self.template.id)
        for reason, count in unclean.values():
            self.emit(Report("shutdown_error", self.called, self.pid, reason, self.template, count=count))

    # The list

    def drop(self, child: Child) -> None:
        """A child will not be restarted: list it without a process, or not at all when temporary or dynamic."""
        self._cancel_retry(child)
        if child.spec.temporary or self.simple:
            self.forget(child)
        else:
            self.children.rests(child)
            self.release_names(child)

    def forget(self, child: Child) -> None:
        """Take a child off the list; what happened to it can still be explained for a while."""
        self._cancel_retry(child)
        if child.history is not None:
            self.archive.keep(child.id, child.pid, child.history)
        self.children.remove(child)
        self.release_names(child)

    def release_names(self, child: Child) -> None:
        """Nobody will come for the mail that is kept for these names."""
        for name in kept_names(child.spec):
            lost = self.node.registry.release(name)
            if lost:
                self.log.warning("kept_mail_dropped", kept_for=str(name), messages=lost)

    def _cancel_retry(self, child: Child) -> None:
        if child.retry is not None:
            self.cancel_timer(child.retry)
            child.retry = None

    # Itself

    def lives(self, pid: Pid) -> bool:
        """Whether this process is alive now (its exit may still wait in the mailbox)."""
        return self.node.find(pid) is not None

    @property
    def simple(self) -> bool:
        return self.tree.strategy == "simple_one_for_one"

    @property
    def called(self) -> Any:
        """Its name, or its Pid when it has none."""
        return self.tree.name if self.tree.name is not None else self.pid

    @property
    def label(self) -> str:
        """What its counters are kept under (see counters.Statistics)."""
        name = self.tree.name
        if name is None:
            return type(self).__qualname__
        if name.kind == "supervisor":
            return name.key
        return str(name) if name.kind == "service" else name.kind

    def state(self) -> dict[str, Any]:
        """What `sys.get_state` shows."""
        return {
            "tree": self.tree,
            "children": [child.info(child.id) for child in self.children],
            "restarts": self.window.used(self.node.clock.now()),
        }

    def set_state(self, state: Any) -> None:
        """Refused: the list of children has to agree with the processes. ChangeTree changes the tree."""
        raise TypeError("a supervisor's state cannot be replaced; use ChangeTree")

    def report(self, label: Label, reason: Any, child: Child | None = None) -> None:
        if not reports.wanted(self, label):
            return
        if child is None:
            self.emit(Report(label, self.called, self.pid, reason))
        else:
            self.emit(Report(label, self.called, self.pid, reason, child.whole, child.pid, child.restarting))

    def emit(self, report: Report) -> None:
        reports.emit(self, report)

    def _limit(self) -> str:
        return f"more than {self.tree.intensity} restarts in {self.tree.period:g} s"

    def _take_name(self, tree: Tree) -> None:
        """Register under the tree's name, unless the start has done so."""
        if tree.name is None or self.whereis(tree.name) == self.pid:
            return
        try:
            self.register(tree.name)
        except NameTaken as taken:
            raise Exit(("already_started", taken.holder)) from None

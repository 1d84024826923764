"""Links, monitors, exit signals and death, by Erlang's rules (OTP reference: Processes, "Error handling").

An untrapped exit or a `kill` acts on arrival: on a process that awaits, is suspended or has a full mailbox too. What
becomes a message (a Down, a trapped exit) joins the mailbox at its end.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.calls import PendingCall
from mirliton.runtime.cell import Cell, Monitor, Told
from mirliton.runtime.dossier import Dossier
from mirliton.runtime.errors import CodecError, Exit, NoProc, ServerDied, StartError
from mirliton.runtime.protocol import SIGNALS, Call, Down, ExitSignal, Ref
from mirliton.runtime.reasons import KILL, KILLED, NOPROC, NORMAL, Crash, is_quiet, kind_of
from mirliton.runtime.script_turn import close
from mirliton.runtime.waits import Io, Receive, Wait

if TYPE_CHECKING:
    from mirliton.runtime.node import Node


class Signals:
    """The signals of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._links_to_fire: deque[tuple[Cell, Pid | None, Any]] = deque()
        """Who hears of whose end; without a Pid: the dead process whose watchers do."""
        self._firing = False

    # Links

    def link(self, cell: Cell, to: Pid) -> None:
        """Link two processes. To a dead one: a trapping process gets its exit `noproc`, another one a NoProc raised."""
        peer = self.node.find(to)
        if peer is cell:
            return
        if peer is not None:
            cell.join(peer)
        elif self.node.distribution is not None and self.node.distribution.link(cell, to):
            pass
        elif cell.trap:
            self.exit(cell, to, NOPROC, by_link=True)
        else:
            raise NoProc(to)

    def unlink(self, cell: Cell, to: Pid) -> None:
        """After this no exit of that link arrives; one already in the mailbox stays."""
        peer = self.node.find(to)
        if peer is not None:
            cell.part(peer)
        elif self.node.distribution is not None:
            self.node.distribution.unlink(cell, to)

    # Monitors

    def monitor(self, cell: Cell, target: Address) -> Ref:
        """Each call is a monitor of its own. A dead or unregistered target gives a Down with `noproc` at once."""
        ref = self.node.new_ref()
        watched = self.node.find(target)
        if watched is None:
            if self.node.distribution is None or not self.node.distribution.monitor(ref, target, cell):
                cell.post.hand_over(cell, Down(ref, target, NOPROC), None)
        else:
            monitor = Monitor(ref, watched, target, watcher=cell)
            self._watch(monitor)
            if cell.monitors is None:
                cell.monitors = {}
            cell.monitors[ref.serial] = monitor
        return ref

    def watch(self, target: Address, future: Told) -> Monitor | None:
        """Let a future outside all processes have the exit reason; at once, and with no Monitor, for a dead one."""
        watched = self.node.find(target)
        if watched is None:
            if self.node.distribution is not None:
                return self.node.distribution.watch(target, future)
            future.set_result(NOPROC)
            return None
        monitor = Monitor(self.node.new_ref(), watched, target, future=future)
        self._watch(monitor)
        return monitor

    @staticmethod
    def unwatch(monitor: Monitor | None) -> None:
        """Undo `watch`."""
        if monitor is not None:
            monitor.drop()

    @staticmethod
    def _watch(monitor: Monitor) -> None:
        if monitor.watched.monitored_by is None:
            monitor.watched.monitored_by = {}
        monitor.watched.monitored_by[monitor.ref.serial] = monitor

    def demonitor(self, cell: Cell, ref: Ref, flush: bool) -> bool:
        """Whether the monitor was still active. With `flush` a Down that is already in the mailbox goes too."""
        monitor = (cell.monitors or {}).pop(ref.serial, None)
        if monitor is not None:
            monitor.drop()
        if flush:
            cell.take_out(lambda mail: type(mail) is Down and mail.ref == ref)
        return monitor is not None

    # Exit signals

    def exit(self, cell: Cell, sender: Pid, reason: Any, *, by_link: bool = False) -> None:
        """Deliver an exit signal (the table of "Exit signals" in the OTP reference)."""
        if not cell.alive:
            return
        if by_link is False and cell.post.strict:
            self.node.check(reason)
        if reason == KILL and not by_link:
            self.die(cell, KILLED, sender)
        elif cell.trap:
            cell.post.hand_over(cell, ExitSignal(sender, reason), sender)
        elif reason != NORMAL or (sender == cell.pid and not by_link):
            self.die(cell, reason, sender)

    def die(self, cell: Cell, reason: Any, sender: Pid | None = None) -> None:
        """End a process: nothing of it runs, sends or waits any more, and everybody concerned hears of it.

        `sender` is whose exit signal it dies of, if it dies of one.
        """
        if not cell.alive:
            return
        node = self.node
        if cell.post.strict:
            reason = self._sendable(reason)
        cell.alive = False
        cell.door = None
        cell.reason = reason
        node.cells.pop(cell.pid.serial, None)
        node.exited[cell.kind, kind_of(reason)] += 1
        dossier = None
        if not is_quiet(reason):
            dossier = node.dossiers.add(Dossier.of(cell, reason, node.clock.time(), self._sender(sender)))
        # Most processes have little of what follows: each is looked at before it costs a call.
        names = cell.names
        if names or node.registry.aliases:
            node.registry.forget(cell)
            if names and cell.keep_mail:
                self._keep_mail(cell, names[0])
        if cell.coroutine is not None or cell.wait is not None or cell.task is not None or cell.beside is not None:
            self._stop_running(cell)
        if cell.owned is not None:
            self._close_owned(cell)
        if cell.callers or cell.calls:
            self._end_calls(cell)
        if cell.timers:
            for timer in tuple(cell.timers):
                timer.cancel()
        if cell.starter:
            cell.post.calls.fail(cell.starter, StartError(cell.kind, reason))
            cell.starter = 0
        for peer in cell.links:
            peer.drop_link(cell)
            self._links_to_fire.append((peer, cell.pid, reason))
        # As in Erlang, who is linked and watches as well hears of the link first.
        if cell.callers or cell.monitored_by or cell.monitors:
            if cell.link is None:
                self._tell_watchers(cell, reason)
            else:
                self._links_to_fire.append((cell, None, reason))
        node.thespian.ended(cell)
        # No reference cycle may be left behind: a dead process costs no garbage collection.
        cell.pid.cell = None
        cell.actor = cell.init = cell.last = cell.answer = cell.error = cell.idle = None
        if cell.mailbox is not None:
            cell.mailbox.clear()  # its turn may not be over
        cell.mailbox = cell.saved = cell.held = None
        cell.link = cell.more_links = None
        cell.calls = cell.timers = None
        for hook in node.on_exit:
            try:
                hook(cell, reason, names, dossier)
            except Exception:
                node.log.exception("exit_hook_failed", pid=str(cell.pid))
        if self._links_to_fire and not self._firing:
            self._fire_links()

    def _sender(self, pid: Pid | None) -> tuple[Any, Pid] | Pid | None:
        """Who sent an exit signal, for the dossier: with its name or class, while it is known."""
        cell = self.node.find(pid) if pid is not None else None
        if cell is None or pid is None:
            return pid
        return (cell.names[0] if cell.names else cell.kind), pid

    def _close_owned(self, cell: Cell) -> None:
        owned, cell.owned = cell.owned, None
        for release in reversed(owned or ()):
            try:
                release()
            except (Exception, Exit):
                self.node.log.exception("owned_resource_not_closed", pid=str(cell.pid))

    def _sendable(self, reason: Any) -> Any:
        """Strict mode: an exit reason has to be able to travel. One that is not is noted and told in words."""
        try:
            self.node.check(reason)
        except CodecError as error:
            if error not in self.node.strict_violations:
                self.node.strict_violations.append(error)
            return Crash(type(error).__qualname__, f"the exit reason {reason!r} cannot travel")
        return reason

    def _fire_links(self) -> None:
        # A loop, not a recursion: a chain of a hundred thousand links falls like dominoes.
        self._firing = True
        try:
            while self._links_to_fire:
                peer, sender, reason = self._links_to_fire.popleft()
                if sender is None:
                    self._tell_watchers(peer, reason)
                else:
                    self.exit(peer, sender, reason, by_link=True)
        finally:
            self._firing = False

    def _tell_watchers(self, cell: Cell, reason: Any) -> None:
        """Who monitors the dead process, and who waits for its answer, hears of its end."""
        watchers, cell.monitored_by = cell.monitored_by, None
        for monitor in (watchers or {}).values():
            if monitor.watcher is not None:
                if monitor.watcher.monitors is not None:
                    monitor.watcher.monitors.pop(monitor.ref.serial, None)
                if monitor.watcher.alive:
                    cell.post.hand_over(monitor.watcher, Down(monitor.ref, monitor.target, reason), None)
            elif monitor.future is not None and not monitor.future.done():
                monitor.future.set_result(reason)
        mine, cell.monitors = cell.monitors, None
        for monitor in (mine or {}).values():
            monitor.drop()
        callers, cell.callers = cell.callers, None
        for tag in callers or ():
            self.node.calls.fail_with(tag, lambda target: ServerDied(target, reason))

    def _end_calls(self, cell: Cell) -> None:
        """Forget the calls it waits on; those on it that are kept for its successor are no more on it."""
        if cell.keep_mail and cell.names:
            kept = {
                item[0].sender.tag
                for item in cell.all_mail()
                if type(item[0]) is Call and item is not cell.last and self.node.registry.reserved(cell.names[0])
            }
            for tag in kept.intersection(cell.callers or ()):
                assert cell.callers is not None
                cell.callers.discard(tag)
                self.node.calls.unbind(tag)
        calls, cell.calls = cell.calls, None
        for tag in calls or ():
            self.node.calls.forget(tag)

    def _keep_mail(self, cell: Cell, name: Name) -> None:
        """Leave the mail to the successor, but for what a handler was at work on: it may be what killed it."""
        kept = [item for item in cell.all_mail() if item is not cell.last and not isinstance(item[0], SIGNALS)]
        self.node.registry.reserve(name, kept)

    def _stop_running(self, cell: Cell) -> None:
        wait, cell.wait = cell.wait, None
        cell.answer = cell.error = None
        if type(wait) is Receive:
            wait.finish()
        elif isinstance(wait, PendingCall):
            self.node.calls.forget(wait.tag)
        elif isinstance(wait, Wait):
            wait.done = True
            if type(wait) is Io and wait.task is not None:
                wait.task.cancel()
        for beside in cell.beside or ():
            beside.cancel()
        coroutine = cell.coroutine
        if coroutine is not None and not getattr(coroutine, "cr_running", False):
            cell.coroutine = None
            close(cell, coroutine)
        task, cell.task = cell.task, None
        if task is not None:
            task.cancel()  # also its own: it goes no further than its next await

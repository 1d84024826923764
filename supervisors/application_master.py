"""The process that holds one running application: it is the parent of its top supervisor and runs its hooks.

Killing it kills the tree through the links; nothing restarts it (what its end means is the controller's business).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mirliton.runtime import CoroutineProcess, Exit, ExitSignal, Pid, StartError, Stop, message, reason_of
from mirliton.supervisors import stopping
from mirliton.supervisors.application import Application
from mirliton.supervisors.supervisor import Supervisor
from mirliton.supervisors.terms import sendable
from mirliton.supervisors.tree import Tree


@message("application.up")
class ApplicationUp:
    """A master tells its controller which process is the top of its tree."""

    name: str
    top: Pid


@message("application.top_ended")
class TopEnded:
    """A master tells its controller that its tree ended by itself; the hooks have run."""

    name: str
    reason: Any


class ApplicationMaster(CoroutineProcess):
    """Starts the tree in its init; ends when the tree ends or its controller says so."""

    async def init(self, application: Application) -> Any:
        self.trap_exit()
        self.application = application
        self.app_state: Any = None
        started = (application.name, "start", ["normal"])
        try:
            if application.start is not None:
                self.app_state = await self._run_hook(application.start)
        except Exception as error:  # noqa: BLE001 - whatever a start hook raises is why it did not start
            return Stop(_bad_return(started, ("EXIT", reason_of(error))))
        if isinstance(self.app_state, Stop):
            return Stop(sendable((self.app_state.reason, started)))
        reason = await self._start_top(started)
        if reason is None:
            self.send(self.parent, ApplicationUp(application.name, self.top))
            reason = await self._run_phases()
            if reason is None:
                return None
            await stopping.stop(self, self.top, application.shutdown)
        await self._after("stop", application.stop)
        return Stop(reason)

    async def run(self) -> None:
        while True:
            signal = await self.receive(ExitSignal)
            if signal.sender == self.parent:
                await self._after("prep_stop", self.application.prep_stop)
                await stopping.stop(self, self.top, self.application.shutdown)
                await self._after("stop", self.application.stop)
                raise Exit(signal.reason)
            if signal.sender == self.top:
                await self._after("prep_stop", self.application.prep_stop)
                await self._after("stop", self.application.stop)
                self.send(self.parent, TopEnded(self.application.name, sendable(signal.reason)))
                return

    async def _run_phases(self) -> Any:
        """Run the start phases; returns why one did not go well, None when all did."""
        for phase, arguments in self.application.start_phases:
            called = (self.application.name, "start_phase", [phase, "normal", arguments])
            hook = self.application.start_phase
            if hook is None:
                return _bad_return(called, ("EXIT", "undef"))
            try:
                answer = await self._run_hook(hook, phase, self.app_state, arguments)
            except Exception as error:  # noqa: BLE001 - whatever it raises is why the application did not start
                return _bad_return(called, ("EXIT", reason_of(error)))
            if isinstance(answer, Stop):
                return sendable((answer.reason, called))
            if answer is not None:
                return _bad_return(called, answer)
        return None

    async def _start_top(self, called: Any) -> Any:
        """Start the tree; returns why it did not start, None when it did."""
        tree = self.application.tree
        try:
            described: Any = tree(self.app_state) if callable(tree) else tree
            if not isinstance(described, Tree):
                return _bad_return(called, described)
            top = await self.start_link(Supervisor, described, name=described.name)
        except StartError as error:
            return (error.reason, called)
        except Exception as error:  # noqa: BLE001 - the function that makes the tree is the application's own
            return _bad_return(called, ("EXIT", reason_of(error)))
        if top is None:
            return ("ignore", called)
        self.top = top
        return None

    async def _after(self, name: str, hook: Callable[[Any], Any] | None) -> None:
        if hook is None:
            return
        try:
            result = await self._run_hook(hook, self.app_state)
        except Exception as error:  # noqa: BLE001 - stopping goes on whatever a hook raises
            self.log.error("application_hook_failed", application=self.application.name, hook=name, error=repr(error))
            return
        if name == "prep_stop":
            self.app_state = result

    async def _run_hook(self, hook: Callable[..., Any], *args: Any) -> Any:
        result = hook(*args)
        return await self.io(result) if inspect.isawaitable(result) else result


def _bad_return(called: Any, answer: Any) -> Any:
    """OTP's term for what a callback answered or raised instead of what it should have answered."""
    return sendable(("bad_return", (called, answer)))

"""The process that starts and stops a node's applications (OTP: the application controller).

It answers while applications start and stop. When an application whose end ends the node has ended, the controller
stops the others, the latest first, and ends with `("application_terminated", name, reason)`: the node's program waits
for that and exits with a status other than 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from mirliton.runtime import Call, Completed, CoroutineProcess, Down, Exit, ExitSignal, From, Pid, Ref, Stop
from mirliton.supervisors.application import (
    START_TYPES,
    Application,
    ApplicationInfo,
    LoadApplication,
    LoadedApplications,
    LoadedInfo,
    MissingApplications,
    SetEnv,
    StartApplication,
    StopApplication,
    UnloadApplication,
    UnsetEnv,
    WhichApplications,
    check_applications,
    check_circles,
    start_order,
)
from mirliton.supervisors.application_master import ApplicationMaster, ApplicationUp, TopEnded
from mirliton.supervisors.errors import ApplicationRefused, UnknownApplication
from mirliton.supervisors.requests import OK, Refused
from mirliton.supervisors.terms import sendable


class _Running:
    """One application that runs, or is about to."""

    __slots__ = ("callers", "master", "name", "stopping", "top", "type", "up")

    def __init__(self, name: str, start_type: str, master: Pid, caller: From) -> None:
        self.name = name
        self.type = start_type
        self.master = master
        self.top: Pid | None = None
        self.up = False
        self.stopping = False
        self.callers = [caller]
        """Who waits for the start, or for the stop."""


class ApplicationController(CoroutineProcess):
    """Holds the applications it was started with and runs those it is asked to. A restart of it runs none."""

    async def init(self, applications: Sequence[Application]) -> Any:
        self.trap_exit()
        self.running: dict[str, _Running] = {}
        try:
            self.known = check_applications(applications)
        except ApplicationRefused as error:
            return Stop(error.reason)
        self.environments = {name: dict(each.environment) for name, each in self.known.items()}
        return None

    async def run(self) -> None:
        while True:
            message = await self.receive()
            match message:
                case Call(sender, request):
                    self._answer(sender, request)
                case Completed(name, _, error):
                    self._start_ended(name, error)
                case ApplicationUp(name, top):
                    self._is_up(name, top)
                case TopEnded(name, reason):
                    await self._top_ended(name, reason)
                case ExitSignal() if message.sender == self.parent:
                    await self._finish(message.reason)
                case ExitSignal():
                    await self._master_ended(message.sender, message.reason)
                case _:
                    self.log.warning("unexpected_message", type=type(message).__qualname__)

    # Requests

    def _answer(self, sender: From, request: Any) -> None:
        match request:
            case StartApplication(name, start_type):
                refused = self._start(sender, name, start_type)
                if refused is not None:
                    self.reply(sender, Refused(refused))
            case StopApplication(name):
                self._stop(sender, name)
            case MissingApplications(name):
                self.reply(sender, self._missing(name))
            case WhichApplications():
                listed = [each for each in reversed(self.running.values()) if each.up]
                self.reply(sender, [ApplicationInfo(each.name, each.type, each.top) for each in listed])
            case _:
                self.reply(sender, self._answer_at_once(request))

    def _answer_at_once(self, request: Any) -> Any:
        """Requests about what is loaded."""
        match request:
            case LoadApplication(application):
                return self._load(application)
            case UnloadApplication(name):
                return self._unload(name)
            case LoadedApplications():
                return [LoadedInfo(each.name, each.description, each.version) for each in self.known.values()]
            case SetEnv(name) | UnsetEnv(name) if name not in self.known:
                return Refused(("not_loaded", name))
            case SetEnv(name, key, value):
                self.environments[name][key] = value
                return OK
            case UnsetEnv(name, key):
                self.environments[name].pop(key, None)
                return OK
        return Refused(("unknown_request", type(request).__qualname__))

    def _load(self, application: Application) -> Any:
        name = application.name
        if name in self.known:
            return Refused(("already_loaded", name))
        try:
            check_circles({**self.known, name: application}, name)
        except ApplicationRefused as error:
            return Refused(error.reason)
        self.known[name] = application
        self.environments[name] = dict(application.environment)
        return OK

    def _unload(self, name: str) -> Any:
        if name not in self.known:
            return Refused(("not_loaded", name))
        if name in self.running:
            return Refused(("running", name))
        del self.known[name], self.environments[name]
        return OK

    def _start(self, sender: From, name: str, start_type: str) -> Any:
        """Begin a start; returns why not, None when the answer comes later."""
        application = self.known.get(name)
        if application is None:
            return ("unknown_application", name)
        if start_type not in START_TYPES:
            return ("invalid_start_type", start_type)
        present = self.running.get(name)
        if present is not None and not present.up and not present.stopping:
            present.callers.append(sender)  # it is being started: both get that answer
            return None
        if present is not None:
            return ("already_started", name)
        for needed in application.dependencies:
            if needed not in self.running or not self.running[needed].up:
                return ("not_started", needed)
        master = self.start_link_later(ApplicationMaster, application, tag=name)
        self.running[name] = _Running(name, start_type, master, sender)
        return None

    def _stop(self, sender: From, name: str) -> None:
        present = self.running.get(name)
        if present is None or not (present.up or present.stopping):
            self.reply(sender, Refused(("not_started", name)))
            return
        present.callers.append(sender)
        if not present.stopping:
            present.stopping = True
            present.up = False
            self.exit(present.master, "shutdown")

    def _missing(self, name: str) -> list[str] | Refused:
        try:
            return [each for each in start_order(self.known, name) if not self._is_running(each)]
        except UnknownApplication as error:
            return Refused(("unknown_application", error.application))
        except ApplicationRefused as error:
            return Refused(error.reason)

    def _is_running(self, name: str) -> bool:
        return name in self.running and self.running[name].up

    # What becomes of applications

    def _is_up(self, name: str, top: Pid) -> None:
        if name in self.running:
            self.running[name].top = top

    def _start_ended(self, name: str, error: Any) -> None:
        present = self.running.get(name)
        if present is None:
            return
        if error is not None:
            del self.running[name]
            self._tell(present, Refused(sendable(error)))
            return
        present.up = True
        self.log.info("application_started", application=name, type=present.type)
        self._tell(present, OK)

    async def _top_ended(self, name: str, reason: Any) -> None:
        present = self.running.get(name)
        if present is not None and not present.stopping:
            await self._ended(present, reason)

    async def _master_ended(self, pid: Pid, reason: Any) -> None:
        present = next((each for each in self.running.values() if each.master == pid), None)
        if present is None:
            return
        if present.stopping:
            del self.running[present.name]
            self.log.info("application_stopped", application=present.name)
            self._tell(present, OK)
        elif present.up:
            await self._ended(present, reason)

    async def _ended(self, ended: _Running, reason: Any) -> None:
        """An application has ended by itself: what that means is up to its start type."""
        del self.running[ended.name]
        fatal = ended.type == "permanent" or (ended.type == "transient" and reason != "normal")
        write = self.log.error if fatal or reason != "normal" else self.log.info
        write("application_ended", application=ended.name, type=ended.type, reason=str(reason), ends_node=fatal)
        if fatal:
            await self._finish(("application_terminated", ended.name, reason))

    async def _finish(self, reason: Any) -> NoReturn:
        """Stop all applications, the latest first, then end."""
        for present in reversed(list(self.running.values())):
            ref = self.monitor(present.master)
            if not present.stopping:
                self.exit(present.master, "shutdown")
            await self.receive(_down_of(ref))
        raise Exit(reason)

    def _tell(self, present: _Running, answer: Any) -> None:
        callers, present.callers = present.callers, []
        for caller in callers:
            self.reply(caller, answer)


def _down_of(ref: Ref) -> Callable[[Any], bool]:
    return lambda item: type(item) is Down and item.ref == ref

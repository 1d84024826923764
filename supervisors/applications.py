"""Loading, starting and stopping applications from a process or from outside all processes, with errors raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mirliton.runtime import Address, NoProc, Process
from mirliton.supervisors.application import (
    APPLICATIONS,
    Application,
    ApplicationInfo,
    LoadApplication,
    LoadedApplications,
    LoadedInfo,
    MissingApplications,
    SetEnv,
    StartApplication,
    StartType,
    StopApplication,
    UnloadApplication,
    UnsetEnv,
    WhichApplications,
)
from mirliton.supervisors.application_controller import ApplicationController
from mirliton.supervisors.client import Asker
from mirliton.supervisors.errors import ApplicationRefused
from mirliton.supervisors.requests import Refused

TIMEOUT: Final = 60.0
"""Seconds an application has to start or stop unless the caller says otherwise; None waits for ever, as OTP does."""


async def start_application(
    asker: Asker,
    controller: Address,
    name: str,
    start_type: StartType = "temporary",
    *,
    timeout: float | None = TIMEOUT,
) -> None:
    """Start one application whose dependencies run. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, name, StartApplication(name, start_type), timeout)


async def ensure_all_started(
    asker: Asker,
    controller: Address,
    names: str | Sequence[str],
    start_type: StartType = "temporary",
    *,
    timeout: float | None = TIMEOUT,
) -> list[str]:
    """Start an application, or several, after what they depend on; returns what had to be started, in that order.

    When one does not start, those that were started here are stopped again, the latest first. Raises
    ApplicationRefused (of the application that did not start) or CallError. `timeout` is for each application.
    """
    started: list[str] = []
    try:
        for name in [names] if isinstance(names, str) else names:
            missing: list[str] = await _ask(asker, controller, name, MissingApplications(name), timeout)
            for each in missing:
                await start_application(asker, controller, each, start_type, timeout=timeout)
                started.append(each)
    except Exception:
        for each in reversed(started):
            await stop_application(asker, controller, each, timeout=timeout)
        raise
    return started


async def stop_application(asker: Asker, controller: Address, name: str, *, timeout: float | None = TIMEOUT) -> None:
    """Stop one application and wait until it is gone. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, name, StopApplication(name), timeout)


async def which_applications(
    asker: Asker, controller: Address, *, timeout: float | None = TIMEOUT
) -> list[ApplicationInfo]:
    """What runs, the latest first. Raises CallError."""
    answer: list[ApplicationInfo] = await _ask(asker, controller, "", WhichApplications(), timeout)
    return answer


async def load_application(
    asker: Asker, controller: Address, application: Application, *, timeout: float | None = TIMEOUT
) -> None:
    """Make an application known to the controller of this node. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, application.name, LoadApplication(application), timeout)


async def unload_application(asker: Asker, controller: Address, name: str, *, timeout: float | None = TIMEOUT) -> None:
    """Forget an application that does not run. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, name, UnloadApplication(name), timeout)


async def loaded_applications(
    asker: Asker, controller: Address, *, timeout: float | None = TIMEOUT
) -> list[LoadedInfo]:
    """What is loaded, running or not. Raises CallError."""
    answer: list[LoadedInfo] = await _ask(asker, controller, "", LoadedApplications(), timeout)
    return answer


def get_env(asker: Asker, name: str, key: str, default: Any = None, *, controller: Address = APPLICATIONS) -> Any:
    """The value of an application's parameter, or `default`; the value is not to be changed.

    Looks into the controller of this node directly, so it waits for nothing and may be used anywhere. Raises NoProc.
    """
    cell = asker.node.find(controller) if isinstance(asker, Process) else asker.find(controller)
    if cell is None or not isinstance(cell.actor, ApplicationController):
        raise NoProc(controller, "no application controller is there")
    return cell.actor.environments.get(name, {}).get(key, default)


async def set_env(
    asker: Asker, controller: Address, name: str, key: str, value: Any, *, timeout: float | None = TIMEOUT
) -> None:
    """Give a parameter of a loaded application a value, till it is unloaded. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, name, SetEnv(name, key, value), timeout)


async def unset_env(asker: Asker, controller: Address, name: str, key: str, *, timeout: float | None = TIMEOUT) -> None:
    """Take a parameter's value away, also one it was loaded with. Raises ApplicationRefused or CallError."""
    await _ask(asker, controller, name, UnsetEnv(name, key), timeout)


async def _ask(asker: Asker, controller: Address, name: str, request: Any, timeout: float | None) -> Any:
    answer = await asker.call(controller, request, timeout=timeout)
    if isinstance(answer, Refused):
        raise ApplicationRefused(name, answer.reason)
    return answer

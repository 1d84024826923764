"""Starting and stopping applications from a process or from outside all processes, with errors raised."""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime import Address
from mirliton.supervisors.application import (
    ApplicationInfo,
    MissingApplications,
    StartApplication,
    StartType,
    StopApplication,
    WhichApplications,
)
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
    name: str,
    start_type: StartType = "temporary",
    *,
    timeout: float | None = TIMEOUT,
) -> list[str]:
    """Start an application after what it depends on; returns what had to be started, in that order.

    When one does not start, those that were started here are stopped again, the latest first. Raises
    ApplicationRefused (of the application that did not start) or CallError. `timeout` is for each application.
    """
    missing: list[str] = await _ask(asker, controller, name, MissingApplications(name), timeout)
    started: list[str] = []
    try:
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


async def _ask(asker: Asker, controller: Address, name: str, request: Any, timeout: float | None) -> Any:
    answer = await asker.call(controller, request, timeout=timeout)
    if isinstance(answer, Refused):
        raise ApplicationRefused(name, answer.reason)
    return answer

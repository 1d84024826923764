"""Services that a plan restarts by a command of its own: the broker, say. Members of a field."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Mapping
from typing import Final

from mirliton.supervisors.chaos.field import Hit
from mirliton.supervisors.chaos.named import NamedField
from mirliton.supervisors.chaos.plan import Attack, Service
from mirliton.supervisors.chaos.real_time import RealTime

LOOK_EVERY: Final = 0.05
CONNECT_TIMEOUT: Final = 1.0
ENDS_WITHIN: Final = 5.0
"""Seconds that a command which is cut off has to end after SIGTERM."""
MOST_SAID: Final = 500
"""Bytes of what a command that failed has said, for the report."""


class RestartedService:
    """One of them. Its time to return is the whole restart, from the begin of the command until it answers."""

    kind = "service"

    def __init__(self, service: Service) -> None:
        self._service = service
        self.place = service.answers or "-"

    async def troubled(self, attack: Attack, hit: Hit, within: float, time: RealTime) -> None:
        """See Member."""
        began = time.now()
        if said := await _run(self._service.restart, self._service.timeout):
            hit.fate, hit.note = "lost", said
            return
        while not await _answers(self._service.answers):
            if time.now() - began >= within:
                hit.fate, hit.note = "lost", f"nobody answers at {self._service.answers}"
                return
            await time.pause(LOOK_EVERY)
        hit.fate, hit.took = "back", time.now() - began


def service_field(services: Mapping[str, Service]) -> NamedField:
    """These services, by name."""
    return NamedField("services", {name: RestartedService(service) for name, service in services.items()})


async def _run(words: tuple[str, ...], timeout: float) -> str:
    """Run a command to its end; what was wrong, or nothing. What it starts and leaves running is its own affair."""
    # No pipe: one would have to be read for as long as anything lives that the command has started.
    with tempfile.TemporaryFile() as errors:
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            return f"{words[0]} cannot be run: {error.strerror}"
        try:
            async with asyncio.timeout(timeout):
                status = await process.wait()
        except TimeoutError:
            return f"{words[0]} did not end within {timeout:g} s"
        finally:
            if process.returncode is None:
                await _end(process)
        if status == 0:
            return ""
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - MOST_SAID))
        said = " ".join(errors.read(MOST_SAID).decode(errors="replace").split())
        return f"{words[0]} ended with {status}{f': {said}' if said else ''}"


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                await process.wait()
                return


async def _answers(address: str) -> bool:
    if not address:
        return True
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True

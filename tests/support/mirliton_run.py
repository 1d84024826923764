"""The mirliton command as its user runs it: real OS processes, real sockets, a state directory of its own."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError

START_TIMEOUT = 30.0
STOP_TIMEOUT = 20.0


@dataclass
class Running:
    """A `mirliton run` and where it lives."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def log(self) -> str:
        return (self.folder / "var" / "mirliton.log").read_text()

    def command(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MIRLITON, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def node_pid(self) -> int:
        """The OS process of the newest node."""
        return int(re.findall(r"program_started .*?node=node os_pid=(\d+)", self.log)[-1])

    def control(self) -> Control:
        return Control(self.folder / "var" / "control.sock", 10.0)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT)


MIRLITON = [sys.executable, "-c", "import sys; from mirliton.api.cli import main; sys.exit(main())"]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        taken = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


def settings_in(folder: Path, extra: str = "") -> None:
    api, metrics, switch, records = free_ports(4)
    (folder / "mirliton.toml").write_text(
        f"[api]\nport = {api}\n[metrics]\nport = {metrics}\n[simulator]\nport = {switch}\n"
        f"[leg_records]\nport = {records}\n{extra}"
    )


def start(folder: Path, *arguments: str) -> Running:
    process = subprocess.Popen(
        [*MIRLITON, "run", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Running(folder, process)


def eventually(holds: Callable[[], object], what: str, timeout: float = START_TIMEOUT) -> None:
    """Other OS processes are watched from outside: ask until it holds."""
    deadline = time.monotonic() + timeout
    while True:
        with contextlib.suppress(CommandError, OSError, IndexError):
            if holds():
                return
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout:g} s"
        time.sleep(0.05)

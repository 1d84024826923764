"""A real Kamailio with our configuration on a free port, in a folder of its own: it leaves nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CONFIG: Final = ROOT / "config" / "kamailio"
SCHEMAS: Final = Path("/usr/share/kamailio/db_sqlite")
TABLES: Final = ("standard", "usrloc", "dispatcher", "presence")
MODULES: Final = "*/kamailio/modules/"
"""Below /usr/lib; the star is for the machine's kind."""
NEEDED: Final = ("kazoo.so", "presence.so", "db_sqlite.so")
START_TIMEOUT: Final = 30.0


def program(name: str) -> str | None:
    """Where a program is; Debian keeps servers where not everybody looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def missing() -> str | None:
    """Why there can be no Kamailio here, or nobody to call it."""
    absent = [name for name in ("kamailio", "sipp") if program(name) is None]
    if not absent:
        absent = [f"Kamailio's {name}" for name in NEEDED if not any(Path("/usr/lib").glob(MODULES + name))]
    return f"not installed: {', '.join(absent)}" if absent else None


class Kamailio:
    """Started with `start`, ended with `stop`; what it holds in its database outlives that."""

    def __init__(self, folder: Path, brokers: Sequence[str], *, ping: int = 1, first_answer: int = 2500) -> None:
        """`ping` is in seconds, `first_answer` in milliseconds, as in local.cfg."""
        self.folder = folder
        self.port = free_port()
        self.database = folder / "kamailio.sqlite"
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copy(CONFIG / "kamailio.cfg", folder)
        words = {
            "MY_ADDRESS": f"127.0.0.1:{self.port}",
            "MY_HOST": "kamailio.test",
            "MY_ZONE": "local",
            "AMQP_FIRST": brokers[0].rstrip("/"),
            "AMQP_SECOND": brokers[-1].rstrip("/"),
            "MY_DATABASE": str(self.database),
            "PING_INTERVAL": str(ping),
            "FIRST_ANSWER": str(first_answer),
        }
        lines = [f'#!substdef "!{word}!{value}!g"\n' for word, value in words.items()]
        (folder / "local.cfg").write_text("".join(lines))
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            for table in TABLES:
                database.executescript((SCHEMAS / f"{table}-create.sql").read_text())
            database.executescript((CONFIG / "switches.sql").read_text())

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "kamailio.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers; raises TimeoutError with its log."""
        here = str(self.folder)
        command = [program("kamailio") or "kamailio", "-DD", "-E", "-f", f"{here}/kamailio.cfg", "-m", "64", "-M", "8",
                   "-Y", here, "-P", f"{here}/pid", "-w", here]  # fmt: skip
        with (self.folder / "kamailio.log").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise TimeoutError(f"Kamailio did not start:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """End it, with all its processes."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=10.0)
        self._process = None

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What its database says."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=5.0)) as database:
            return list(database.execute(query))


@contextlib.contextmanager
def running_kamailio(folder: Path, brokers: Sequence[str]) -> Iterator[Kamailio]:
    """A Kamailio that runs, and ends at the end."""
    kamailio = Kamailio(folder, brokers)
    kamailio.start()
    try:
        yield kamailio
    finally:
        kamailio.stop()


def answers(port: int, timeout: float = 0.2) -> bool:
    """Whether a SIP server answers an OPTIONS at this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(timeout)
        here = ours.getsockname()[1]
        ours.sendto(
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bK{here}\r\n"
            f"From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\n"
            f"Call-ID: probe-{time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 5\r\nContent-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", port),
        )
        try:
            return ours.recv(4096).startswith(b"SIP/2.0 200")
        except OSError:
            return False


def free_port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        return int(ours.getsockname()[1])

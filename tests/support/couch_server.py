"""A server with CouchDB's interface for tests: pouchdb-server from npm, installed once into build/pouchdb.

It is not CouchDB. What tests must not expect of it: integers beyond 2**53, ids beyond U+FF00, CouchDB's order of
strings (it compares code units). Where MIRLITON_TEST_COUCHDB names an empty CouchDB (http://user:password@host:port),
that one is used; every database that a test leaves there is deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "pouchdb"
PROGRAM = FOLDER / "node_modules" / "pouchdb-server" / "bin" / "pouchdb-server"
PACKAGE = "pouchdb-server@4.2.0"
INSTALL_SECONDS = 600.0
START_SECONDS = 40.0
OWN_SERVER = "MIRLITON_TEST_COUCHDB"


def is_ready() -> bool:
    """Whether a server can be had without installing one."""
    return bool(os.environ.get(OWN_SERVER)) or PROGRAM.exists()


def is_real() -> bool:
    """Whether tests run against a CouchDB and not what stands for it."""
    return bool(os.environ.get(OWN_SERVER))


def install() -> None:
    """Install the server if need be; skips the test where that cannot be done, saying why."""
    if PROGRAM.exists():
        return
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed, which the CouchDB-like server for tests needs")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once install it once
        if PROGRAM.exists():
            return
        command = ["npm", "install", "--prefix", str(FOLDER), "--no-audit", "--no-fund", "--loglevel=error", PACKAGE]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, cwd=FOLDER)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install {PACKAGE} within {INSTALL_SECONDS:g} s")
        if done.returncode or not PROGRAM.exists():
            pytest.skip(f"npm could not install {PACKAGE}: {done.stderr.strip()[-300:]}")


class CouchServer:
    """One server process on a port of its own, with its databases in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.spawn()
        self.wait()

    def spawn(self) -> None:
        """Start it without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # A request that it does not foresee would end the whole process but for the first option.
        command = ["node", "--unhandled-rejections=warn", "-r", str(Path(__file__).with_name("pouchdb_names.js"))]
        command += [str(PROGRAM), "--port", str(self.port), "--host", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--no-stdout-logs", "--config", str(self.folder / "config.json")]
        log = (self.folder / "stderr.txt").open("ab")
        # It ends when its standard input does: it does not outlive tests that are killed.
        self._process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url, timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.05)  # another process: there is nothing to await
        told = (self.folder / "stderr.txt").read_text()[-500:]
        self.kill()
        pytest.fail(f"pouchdb-server does not answer on {self.url}: {told}")

    def kill(self) -> None:
        """End it at once, as a crash of the machine would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate(timeout=10)
            self._process = None

    def pause(self) -> None:
        """Stop its work without ending it: connections are taken, nothing is answered."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """The end of a pause."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path) -> Iterator[CouchServer]:
    """A server for the length of a block."""
    install()
    server = CouchServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def any_server(folder: Path) -> Iterator[str]:
    """The URL of the CouchDB that is named, which must be empty, or else of a server of our own."""
    named = os.environ.get(OWN_SERVER)
    if not named:
        with running(folder) as server:
            yield server.url
        return
    there = [name for name in json.load(urllib.request.urlopen(f"{named}/_all_dbs", timeout=10)) if name[0] != "_"]
    if there:
        pytest.fail(f"{OWN_SERVER} has databases ({there[0]}, …), and tests delete all: name an empty one")
    yield named

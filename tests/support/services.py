"""Installs the servers that some tests talk to: `make services`, which `make test` does first.

RabbitMQ, Kamailio, SIPp and node come from Debian, pouchdb-server (for CouchDB) from npm into build/pouchdb. Where this
machine does not let us install something (no apt-get, not root) that is said, and the tests that need it are skipped.
Where it does and the installation fails, this fails: a test that could run must not be skipped unseen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
POUCHDB: Final = ROOT / "build" / "pouchdb"
POUCHDB_SERVER: Final = POUCHDB / "node_modules" / "pouchdb-server" / "bin" / "pouchdb-server"
POUCHDB_PACKAGE: Final = "pouchdb-server@4.2.0"
SECONDS: Final = 600.0
"""How long one installation may take."""


@dataclass(frozen=True)
class Debian:
    """A program, the packages it comes in, and a file (below /usr/lib) that must be there besides."""

    program: str
    packages: tuple[str, ...]
    file: str = ""

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return found(self.program) and (not self.file or next(Path("/usr/lib").glob(self.file), None) is not None)


DEBIAN: Final = (
    Debian("rabbitmq-server", ("rabbitmq-server",)),
    Debian("node", ("nodejs",)),
    Debian("npm", ("npm",)),
    Debian("openssl", ("openssl",)),
    *(
        Debian("kamailio", (package,), f"*/kamailio/modules/{module}.so")
        for package, module in (
            ("kamailio", "tm"),
            ("kamailio-kazoo-modules", "kazoo"),
            ("kamailio-presence-modules", "presence"),
            ("kamailio-sqlite-modules", "db_sqlite"),
        )
    ),
    Debian("sipp", ("sip-tester",)),
)


def main() -> int:
    """Install what is missing; the exit status."""
    missing = [each for each in DEBIAN if not each.is_there]
    if missing and (obstacle := no_apt()) is not None:
        say(f"not installed, and not to be had: {', '.join(each.packages[0] for each in missing)} ({obstacle})")
    elif missing and not apt(missing):
        return 1
    if found("npm") and not POUCHDB_SERVER.exists():
        POUCHDB.mkdir(parents=True, exist_ok=True)
        say(f"installing {POUCHDB_PACKAGE} into {POUCHDB.relative_to(ROOT)}")
        command = ["npm", "install", "--prefix", str(POUCHDB), "--no-audit", "--no-fund", "--loglevel=error"]
        if not run([*command, POUCHDB_PACKAGE], POUCHDB):
            return 1
    return 0


def found(program: str) -> bool:
    """Whether the program is there; servers live in directories that not everybody searches."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def no_apt() -> str | None:
    """Why packages cannot be installed here, if so."""
    if shutil.which("apt-get") is None:
        return "there is no apt-get"
    return None if os.geteuid() == 0 else "only root may install packages"


def apt(missing: list[Debian]) -> bool:
    """Install packages, whose services are not started: tests start their own."""
    packages = [package for each in missing for package in each.packages]
    say(f"installing {', '.join(packages)}")
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        if not run(["apt-get", "update", "-q"]):
            return False
        return run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages])
    finally:
        if ours:
            policy.unlink()


def run(command: list[str], folder: Path = ROOT) -> bool:
    """Whether the command did it; what it said is shown when it did not."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired:
        say(f"{' '.join(command)}: not done within {SECONDS:g} s")
        return False
    if done.returncode:
        say(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.returncode == 0


def say(text: str) -> None:
    sys.stdout.write(f"services: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

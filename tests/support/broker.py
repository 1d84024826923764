"""A private RabbitMQ on free ports, in a folder of its own: it meets no other broker here, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SERVER: Final = "rabbitmq-server"
EPMD: Final = "epmd"
START_TIMEOUT: Final = 60.0


def missing() -> str | None:
    """Why there can be no broker here."""
    absent = [program for program in (SERVER, EPMD) if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


class Broker:
    """Started with `start`, ended with `kill` or `stop`; each start is a new, empty broker on the same port."""

    def __init__(self, folder: Path, *plugins: str, tls: bool = False) -> None:
        self.folder = folder
        self.port, self._dist_port, self._epmd_port, self.tls_port = _free_ports(4)
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users = none\nlog.file.level = error\n"
            "disk_free_limit.absolute = 1MB\n" + (self._with_tls() if tls else "")
        )

    @property
    def certificate(self) -> Path:
        """What vouches for the broker, where it speaks TLS."""
        return self.folder / "certificate.pem"

    def _with_tls(self) -> str:
        key = self.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(self.certificate)],
            check=True, capture_output=True, timeout=30.0,
        )  # fmt: skip
        return (
            f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\nssl_options.cacertfile = {self.certificate}\n"
            f"ssl_options.certfile = {self.certificate}\nssl_options.keyfile = {key}\n"
            "ssl_options.verify = verify_none\n"
        )

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it and wait until it answers; raises TimeoutError with its log."""
        with (self.folder / "output.log").open("ab") as output:
            # Otherwise the broker starts one that outlives it.
            self._epmd = subprocess.Popen(
                [EPMD, "-address", "127.0.0.1", "-port", str(self._epmd_port)], stdout=output, stderr=output
            )
            self._process = subprocess.Popen(
                [server()], env=self._environment(), stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "output.log").read_text(errors="replace")[-4000:]
                self.kill()
                raise TimeoutError(f"the broker did not start:\n{log}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                connection.settimeout(2.0)
                return bool(connection.recv(1))
        except OSError:
            return False

    def pause(self) -> None:
        """Freeze it: its sockets stay open, and nothing comes from them."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, with its epmd."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(timeout=10.0)
            self._process = None
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(timeout=10.0)
            self._epmd = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": home,
            "RABBITMQ_NODENAME": f"mirliton{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Two cores are shared with the test itself: schedulers that spin while they wait take them away.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }


@contextlib.contextmanager
def running_broker(folder: Path, *plugins: str, tls: bool = False) -> Iterator[Broker]:
    """A broker that runs, and ends at the end."""
    broker = Broker(folder, *plugins, tls=tls)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def server() -> str:
    """The program that is the server."""
    return _script(SERVER)


def control() -> str:
    """The program that asks it."""
    return _script("rabbitmqctl")


def _script(name: str) -> str:
    # Debian's wrapper insists on its own user; the script behind it runs as anybody.
    script = Path("/usr/lib/rabbitmq/bin") / name
    return str(script) if script.exists() else name


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]

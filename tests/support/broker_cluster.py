"""A cluster of RabbitMQ nodes, each in a network namespace of its own: quorum queues have a member on each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from broker import EPMD, START_TIMEOUT, control, server
from namespaces import Namespace

PORT: Final = 5672
TICK: Final = 8
"""Erlang's net_ticktime, seconds: a node that is silent is taken for lost after three to five quarters of it."""
TOGETHER_WITHIN: Final = 60.0


class ClusteredBroker:
    """One node. The first of a cluster is who the others join; what it has on disk outlives its kill."""

    def __init__(self, folder: Path, place: Namespace, first: Namespace) -> None:
        self.folder, self.place = folder, place
        self.url = f"amqp://guest:guest@{place.address}:{PORT}/"
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)
        cookie = folder / ".erlang.cookie"
        cookie.write_text("MIRLITONTRIALS")
        cookie.chmod(0o400)
        (folder / "enabled_plugins").write_text("[rabbitmq_event_exchange].\n")
        (folder / "advanced.config").write_text(f"[{{kernel, [{{net_ticktime, {TICK}}}]}}].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 0.0.0.0:{PORT}\nloopback_users = none\nlog.file.level = info\n"
            "disk_free_limit.absolute = 1MB\ncluster_partition_handling = pause_minority\n"
            "cluster_formation.peer_discovery_backend = classic_config\n"
            f"cluster_formation.classic_config.nodes.1 = rabbit@{first.address}\n"
        )

    def start(self) -> None:
        """Start it and wait until it answers; raises TimeoutError with its log."""
        with (self.folder / "output.log").open("ab") as output:
            self._epmd = subprocess.Popen([*self.place.prefix, EPMD], stdout=output, stderr=output)
            self._process = subprocess.Popen(
                [*self.place.prefix, server()], env=self._environment(), stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "output.log").read_text(errors="replace")[-4000:]
                self.kill()
                raise TimeoutError(f"the broker did not start:\n{log}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it takes clients; not while it is cut off, or pauses because it is."""
        try:
            with socket.create_connection((self.place.address, PORT), timeout=1.0) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                connection.settimeout(2.0)
                return bool(connection.recv(1))
        except OSError:
            return False

    def running(self) -> int:
        """How many nodes of the cluster run, as this one sees it; 0 where it cannot say just now."""
        command = [*self.place.prefix, control(), "cluster_status", "--formatter", "json", "--silent"]
        try:
            done = subprocess.run(
                command, env=self._environment(), capture_output=True, text=True, timeout=30.0, check=False
            )
        except subprocess.TimeoutExpired:
            return 0
        return len(json.loads(done.stdout)["running_nodes"]) if done.returncode == 0 else 0

    def kill(self) -> None:
        """End it at once, with its epmd."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10.0)
            self._process = None
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(timeout=10.0)
            self._epmd = None

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": home,
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_NODENAME": f"rabbit@{self.place.address}",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }


@contextlib.contextmanager
def broker_cluster(folder: Path, places: Sequence[Namespace]) -> Iterator[list[ClusteredBroker]]:
    """A node in each of these places, all of them together; none outlives the block."""
    brokers = [ClusteredBroker(folder / place.name, place, places[0]) for place in places]
    try:
        brokers[0].start()
        with ThreadPoolExecutor(len(brokers)) as pool:
            list(pool.map(ClusteredBroker.start, brokers[1:]))
        deadline = time.monotonic() + TOGETHER_WITHIN
        while brokers[0].running() < len(brokers):
            if time.monotonic() > deadline:
                raise TimeoutError("the brokers did not come together")
        yield brokers
    finally:
        for broker in brokers:
            broker.kill()

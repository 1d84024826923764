"""A cluster as its operator runs it: a RabbitMQ, a simulated switch and nodes, each an OS process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from broker import Broker
from mirliton.api.cli.client import Control
from mirliton.api.cli.demo import ADMIN, REALM, kept_password
from mirliton.api.cli.errors import CommandError
from mirliton.supervisors.node_control import NoHost, ask_host
from mirliton_run import MIRLITON, free_ports

COOKIE: Final = "what all nodes of this cluster know"
PATIENCE: Final = 60.0
SWITCH: Final = "simulated"
"""The first switch, which is named so by default."""
ROLES: Final = {"ecallmgr": "ecallmgr", "api": "api", "switch": "simulator"}
"""By the beginning of a node's name; all others have the role whapps."""

Own = Callable[[str, Mapping[str, int]], Mapping[str, str]]
"""The settings of a node of its own, as environment variables; it is told of the switches' ports."""


class ClusterWorld:
    """A host with its switch and nodes. What is killed stays dead until `start` is called for it."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        nodes: Mapping[str, Sequence[str]],
        switches: Sequence[str] = (SWITCH,),
        own: Own = lambda node, at: {},
    ) -> None:
        self.folder = folder
        self.broker = broker
        self.nodes = {name: tuple(apps) for name, apps in nodes.items()}
        self.switches = tuple(switches)
        self.api_port, records, *ports = free_ports(2 + len(nodes) + len(switches))
        self.metrics = dict(zip(nodes, ports, strict=False))
        at = dict(zip(switches, ports[len(nodes) :], strict=True))
        self._own = {name: own(name, at) for name in nodes}
        (folder / "mirliton.toml").write_text(
            f"[simulator]\nport = {at[SWITCH]}\n[leg_records]\nport = {records}\n[api]\nport = {self.api_port}\n"
            "[timeouts]\nswitch_reconnect_first = 0.1\n"
            f'[amqp]\nuri = "{broker.url}"\ncookie = "{COOKIE}"\n'
            + "".join(
                f'[[switches]]\nname = "{name}"\nport = {port}\npassword = "ClueCon"\n'
                for name, port in at.items()
                if name != SWITCH
            )
        )
        for name, port in at.items():
            (folder / f"{name}.toml").write_text(
                f'[node]\nstate_dir = "{name}"\n[simulator]\nname = "{name}"\nport = {port}\n'
                f"[leg_records]\nport = {records}\n"
            )
        (folder / "host.toml").write_text(
            '[defaults]\nrestart = "temporary"\nstall_timeout = 0\n'
            + "".join(f'[nodes."{name}"]\nrole = "simulator"\nsettings = "{name}.toml"\n' for name in switches)
            + "".join(self._table(name, apps) for name, apps in self.nodes.items())
        )
        self._log = (folder / "host.log").open("wb")
        self._host = subprocess.Popen([*MIRLITON, "start"], cwd=folder, stdout=self._log, stderr=self._log)

    def _table(self, name: str, apps: Sequence[str]) -> str:
        role = ROLES.get(name.partition("@")[0].rstrip("0123456789"), "whapps")
        chosen = f"apps = {list(apps)}\n" if role == "whapps" else ""
        own = {"MIRLITON_METRICS_PORT": str(self.metrics[name]), **self._own[name]}
        environment = ", ".join(f'{variable} = "{value}"' for variable, value in own.items())
        return f'[nodes."{name}"]\nrole = "{role}"\n{chosen}environment = {{ {environment} }}\n'

    def _ask_host(self, do: str, **what: str) -> Any:
        answer = ask_host(self.folder / "var" / "host.sock", {"do": do, **what}, 20.0)
        assert answer["ok"], answer
        return answer["result"]

    def _picture(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(node for node in self._ask_host("ps")["nodes"] if node["name"] == name)
        return found

    def start(self, *names: str) -> None:
        """Start those of these nodes that do not run."""
        for name in names:
            if self._picture(name)["os_pid"] is None:
                self._ask_host("restart", node=name)

    def kill(self, name: str) -> None:
        """kill -9."""
        os.kill(self._picture(name)["os_pid"], signal.SIGKILL)

    def freeze(self, name: str) -> None:
        os.kill(self._picture(name)["os_pid"], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(self._picture(name)["os_pid"], signal.SIGCONT)

    def close(self) -> None:
        """End everything at once: with the host supervisor the kernel kills its nodes."""
        self._host.kill()
        self._host.wait(timeout=10.0)
        self._log.close()

    # Looking

    def control(self, node: str) -> Control:
        return Control(self.folder / "var" / f"{node}.sock", 20.0)

    def ask(self, node: str, do: str, **request: Any) -> Any:
        with self.control(node) as control:
            return control.ask(do, **request)

    def cards(self, node: str) -> dict[str, dict[str, Any]]:
        """How all nodes are, as this one tells."""
        return {card["node"]: card for card in self.ask(node, "cluster")}

    def health(self, node: str, what: str = "ready") -> tuple[int, dict[str, Any]]:
        answer = httpx.get(f"http://127.0.0.1:{self.metrics[node]}/health/{what}", timeout=10.0)
        return answer.status_code, answer.json()

    def wait(self, holds: Callable[[], object], what: str, timeout: float = PATIENCE) -> float:
        """Ask until it holds; the seconds it took."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(CommandError, NoHost, OSError, httpx.TransportError, KeyError):
                if holds():
                    return time.monotonic() - began
            if time.monotonic() - began > timeout:
                raise AssertionError(f"{what} did not happen within {timeout:g} s:\n{self.log()}")
            time.sleep(0.02)

    def all_see(self, *nodes: str) -> None:
        """Wait until each of these sees all others, and is ready."""

        def ready() -> bool:
            cards = self.cards(nodes[0])
            return set(cards) == set(nodes) and all(
                card["ready"] and set(card["nodes"]) == set(nodes) - {name} for name, card in cards.items()
            )

        self.wait(ready, f"{', '.join(nodes)} being ready")

    def acting(self, node: str, switch: str = SWITCH) -> list[str]:
        """The nodes that have the switch: one, unless something is wrong or it is being taken over."""
        return [name for name, card in self.cards(node).items() if f"switch {switch}" in card["acting"]]

    def log(self) -> str:
        return (self.folder / "host.log").read_text()[-20_000:]

    # Calls

    def call(self, node: str, number: str = "1001", *, stays: float | None = None, switch: str = SWITCH) -> str:
        """Bob calls; he hangs up `stays` seconds after the answer. The leg's id."""
        script: list[dict[str, Any]] = [{"do": "await_answer"}]
        if stays is not None:
            script.append({"do": "hang_up", "after": stays})
        request = {"do": "call", "from": f"bob@{REALM}", "to": number, "name": "Bob", "context": "context_2"}
        placed = self.simulator(node, {**request, "script": script}, switch)
        return str(placed["uuid"])

    def simulator(self, node: str, request: dict[str, Any], switch: str = SWITCH) -> Any:
        return self.ask(node, "simulator", switch=switch, request=request)

    def channels(self, node: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(node, "channels")
        return found

    def cdrs(self, node: str, call_ids: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(node, "cdrs", call_ids=list(call_ids))
        return found


class Rest:
    """The demo account's administrator."""

    def __init__(self, world: ClusterWorld) -> None:
        self.base = f"http://127.0.0.1:{world.api_port}/v2"
        password = kept_password(world.folder / "var")
        credentials = hashlib.md5(f"{ADMIN}:{password}".encode()).hexdigest()
        body = {"data": {"credentials": credentials, "account_name": "demo", "method": "md5"}}
        answer = httpx.put(f"{self.base}/user_auth", json=body, timeout=10.0)
        answer.raise_for_status()
        told = answer.json()
        self.account = told["data"]["account_id"]
        self.headers = {"X-Auth-Token": told["auth_token"]}

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.base}/accounts/{self.account}/{path}", headers=self.headers, timeout=15.0)


@contextlib.contextmanager
def cluster_world(
    folder: Path,
    broker: Broker,
    nodes: Mapping[str, Sequence[str]],
    switches: Sequence[str] = (SWITCH,),
    own: Own = lambda node, at: {},
) -> Iterator[ClusterWorld]:
    """One whose processes do not outlive this block."""
    world = ClusterWorld(folder, broker, nodes, switches, own)
    try:
        yield world
    finally:
        world.close()

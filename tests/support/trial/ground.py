"""The place of the trial: files, a RabbitMQ behind proxies, a host supervisor with two switches and the nodes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from broker import Broker
from mirliton.actors.store import SqliteStore
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.supervisors.node_control import NoHost, ask_host
from mirliton.supervisors.node_errors import HostSocketError
from mirliton_run import MIRLITON, free_ports
from trial.town import furnish

SWITCHES: Final = ("switch1", "switch2")
ECALLMGRS: Final = ("ecallmgr1", "ecallmgr2")
WHAPPS: Final = ("whapps1", "whapps2")
API: Final = "api1"
NODES: Final = (*ECALLMGRS, *WHAPPS, API)
APPS: Final = ("callflow", "cdr", "stepswitch", "hotornot", "acdc", "teletype", "hangups")
STALL: Final = 4.0
"""Seconds of silence of a node's loop after which the host supervisor kills it."""
COOKIE: Final = "what all nodes of this trial know"
START_TIMEOUT: Final = 90.0
STOP_TIMEOUT: Final = 60.0
SUPPORT: Final = Path(__file__).parents[1]
AWAY: Final = (CommandError, NoHost, HostSocketError, OSError, KeyError, ValueError)
"""What asking a cluster that is being repaired may raise."""


@dataclass
class Ground:
    """Everything under `folder`, which must be empty."""

    folder: Path
    seed: int
    python: str = sys.executable
    """Which installation of Mirliton the nodes run."""

    def __post_init__(self) -> None:
        names = (*SWITCHES, "records", "api", *NODES, *(f"metrics {name}" for name in NODES))
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.var = self.folder / "var"
        self.broker = Broker(self.folder / "broker", "rabbitmq_event_exchange")
        self.host: subprocess.Popen[bytes] | None = None
        self._hand: asyncio.Server | None = None

    # Life

    async def open(self) -> None:
        """Start everything, and wait until all nodes see one another and both switches are connected."""
        self.var.mkdir(mode=0o700)
        store = SqliteStore(self.var / "mirliton.db")
        await store.open()
        await furnish(store)
        await store.close()
        (self.folder / "mirliton.toml").write_text(self._settings())
        (self.folder / "host.toml").write_text(self._host_file())
        await asyncio.to_thread(self.broker.start)
        self._hand = await asyncio.start_unix_server(self._restart_broker, self.folder / "broker.hand")
        self.host = await asyncio.to_thread(self._start_host)
        await self.is_whole()

    def _start_host(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
        with (self.folder / "host.log").open("ab") as log:
            return subprocess.Popen(
                [self.python, *MIRLITON[1:], "start"],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )

    async def close(self) -> int:
        """Stop everything in order; the exit status of the host supervisor."""
        try:
            if self.host is None:
                return 0
            self.host.send_signal(signal.SIGTERM)
            try:
                return await asyncio.to_thread(self.host.wait, STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.host.kill()
                return await asyncio.to_thread(self.host.wait, STOP_TIMEOUT)
        finally:
            if self._hand is not None:
                self._hand.close()
            await asyncio.to_thread(self.broker.kill)

    async def _restart_broker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whoever connects gets a line when it is done."""
        await asyncio.to_thread(self.broker.kill)
        await asyncio.to_thread(self.broker.start)
        writer.write(b"done\n")
        writer.close()

    # Files

    def _settings(self) -> str:
        switches = "".join(
            f'[[switches]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {self.ports[name]}\npassword = "ClueCon"\n'
            for name in SWITCHES
        )
        return (
            f"[api]\nport = {self.ports['api']}\n[leg_records]\nport = {self.ports['records']}\n"
            "[chaos]\nenabled = true\n"
            f'[simulator]\nenabled = false\n[limits]\ncalls = 20000\n[logging]\nformat = "json"\n'
            "[timeouts]\nswitch_reconnect_first = 0.1\nswitch_reconnect_most = 1.0\n"
            f'[amqp]\nuri = "{self.broker.url}"\ncookie = "{COOKIE}"\n{switches}'
        )

    def _host_file(self) -> str:
        # Who is killed every few seconds on purpose would otherwise be given up, or wait longer each time.
        parts = [
            f'[host]\nlog = "host.log"\n[defaults]\nstall_timeout = {STALL}\nrestarts = 1000\nbackoff_first = 0.05\n'
            f"backoff_most = 0.1\nbackoff_calm = 2.0\n"
        ]
        ways = [f"{name}={self.ports[name]}" for name in NODES]
        parts.append(_program("proxies", "trial.proxies:main", [str(self.folder), str(self.broker.port), *ways]))
        for name in SWITCHES:
            records = f"http://127.0.0.1:{self.ports['records']}/leg-records"
            arguments = [str(self.folder), name, str(self.ports[name]), records, str(self.seed)]
            parts.append(_program(name, "trial.switch:main", arguments))
        parts += [self._node(name) for name in NODES]
        return "".join(parts)

    def _node(self, name: str) -> str:
        role = name.rstrip("0123456789")
        apps = f"apps = {json.dumps(APPS)}\n" if role == "whapps" else ""
        environment = {
            "MIRLITON_METRICS_PORT": str(self.ports[f"metrics {name}"]),
            "MIRLITON_AMQP_URI": f"amqp://guest:guest@127.0.0.1:{self.ports[name]}/",
        }
        shown = ", ".join(f'{key} = "{value}"' for key, value in environment.items())
        after = json.dumps(["proxies", *SWITCHES])
        return (
            f'[nodes.{name}]\nrole = "{role}"\n{apps}log = "{name}.log"\nafter = {after}\nenvironment = {{ {shown} }}\n'
        )

    # Asking

    async def ask(self, node: str, do: str, **request: Any) -> Any:
        """Ask a node over its control socket. Raises CommandError."""

        def asked() -> Any:
            with Control(self.var / f"{node}.sock", 10.0) as control:
                return control.ask(do, **request)

        return await asyncio.to_thread(asked)

    async def ask_switch(self, name: str, do: str, **request: Any) -> dict[str, Any]:
        """Ask a switch. Raises OSError, TimeoutError."""
        async with asyncio.timeout(60.0):
            reader, writer = await asyncio.open_unix_connection(self.folder / f"{name}.sock")
            try:
                writer.write(json.dumps({"do": do, **request}).encode() + b"\n")
                answer: dict[str, Any] = json.loads(await reader.readline())
                return answer
            finally:
                writer.close()

    async def ps(self) -> dict[str, dict[str, Any]]:
        """What the host supervisor tells of each of its programs."""
        answer = await asyncio.to_thread(ask_host, self.var / "host.sock", {"do": "ps"}, 5.0)
        return {each["name"]: each for each in answer["result"]["nodes"]}

    async def cards(self) -> dict[str, dict[str, Any]]:
        """How all nodes are, as the API node tells."""
        return {card["node"]: card for card in await self.ask(API, "cluster")}

    async def is_whole(self, within: float = START_TIMEOUT) -> float:
        """Wait until all nodes are ready, see each other, and are connected to both switches; the seconds it took."""

        async def whole() -> str:
            cards = await self.cards()
            for name in NODES:
                card = cards.get(name)
                if card is None or not card["ready"]:
                    return f"{name} is not ready: {card and card.get('problems')}"
                if set(card["nodes"]) != set(NODES) - {name}:
                    return f"{name} sees {card['nodes']}"
            for name in SWITCHES:
                connections = (await self.ask_switch(name, "status"))["connections"]
                if connections != 2:
                    return f"{name} has {connections} connections"
            return ""

        return await self.until(whole, within, "the cluster being whole")

    async def until(self, wrong: Callable[[], Awaitable[str]], within: float, what: str) -> float:
        """Ask until nothing is wrong; the seconds it took. Raises TimeoutError with what was wrong last."""
        loop = asyncio.get_running_loop()
        began, last = loop.time(), "nobody answered"
        while loop.time() - began < within:
            with contextlib.suppress(*AWAY):
                last = await wrong()
                if not last:
                    return loop.time() - began
            if self.host is not None and self.host.poll() is not None:
                raise RuntimeError(f"the host supervisor ended with {self.host.returncode}; see {self.folder}")
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{what} did not happen within {within:g} s: {last}; see {self.folder}")


def _program(name: str, main: str, arguments: list[str]) -> str:
    head = f'[nodes.{name}]\nrole = "program"\nrestart = "temporary"\nlog = "{name}.log"\n'
    return f'{head}program = "{main}"\narguments = {json.dumps(arguments)}\n'


@contextlib.asynccontextmanager
async def a_ground(folder: Path, seed: int) -> AsyncIterator[Ground]:
    """One whose processes do not outlive this block."""
    ground = Ground(folder, seed)
    try:
        await ground.open()
        yield ground
    finally:
        await ground.close()

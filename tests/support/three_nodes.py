"""Three nodes that each run everything, of whatever version, in whatever place, with one switch that places calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eventually import until
from mirliton.actors.store import SqliteStore
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from mirliton.config.settings import APPS
from mirliton_run import free_ports
from trial.course import records_when_complete
from trial.evidence import Calls, Records, judge_calls, judge_records, read
from trial.mixture import PATIENCE
from trial.switch import TrialSwitchPlace
from trial.town import AGENTS, TOWN, furnish
from versions import Installed

NODES: Final = ("n1", "n2", "n3")
SWITCH: Final = "switch1"
PASSWORD: Final = "of-leg-records"
WITHIN: Final = 90.0
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Place:
    """Where a node is: the broker it knows, what runs a command there, and its address."""

    broker: str
    prefix: tuple[str, ...] = ()
    address: str = LOOPBACK


class ThreeNodes:
    """The nodes, each a `mirliton node` of some version, and what an operator does."""

    def __init__(self, folder: Path, places: Mapping[str, Place], switch_host: str) -> None:
        self.folder = folder
        self.places = dict(places)
        self.switch_port, self.records_port, *ports = free_ports(2 + 2 * len(NODES))
        self.ports = dict(zip(NODES, zip(ports[::2], ports[1::2], strict=True), strict=True))
        self.switch: TrialSwitchPlace
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.installed: dict[str, Installed] = {}
        (folder / "mirliton.toml").write_text(
            f'[leg_records]\nport = {self.records_port}\npassword = "{PASSWORD}"\n'
            "[simulator]\nenabled = false\n[demo]\nenabled = false\n"
            '[amqp]\ncookie = "what these three nodes know"\n'
            "[timeouts]\nswitch_reconnect_first = 0.1\nswitch_reconnect_most = 1.0\n"
            f'[[switches]]\nname = "{SWITCH}"\nhost = "{switch_host}"\nport = {self.switch_port}\n'
            'password = "ClueCon"\n'
        )

    def _environment(self, **more: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return {**kept, **more}

    def start(self, name: str, version: Installed) -> None:
        metrics, api = self.ports[name]
        place = self.places[name]
        environment = self._environment(
            MIRLITON_METRICS_PORT=str(metrics),
            MIRLITON_API_PORT=str(api),
            MIRLITON_AMQP_URI=place.broker,
            MIRLITON_LEG_RECORDS_HOST=place.address,
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*place.prefix, *version.command("node", "--name", name, "--apps", ",".join(APPS))],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.installed[name] = version

    async def command(self, version: Installed, *words: str) -> str:
        """What an operator's command prints. Raises AssertionError where it fails."""

        def run() -> str:
            done = subprocess.run(
                version.command(*words),
                cwd=self.folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=300.0,
                check=False,
            )
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
            return done.stdout

        return await asyncio.to_thread(run)

    async def cards(self, asked: str = NODES[0]) -> dict[str, dict[str, Any]]:
        """How all nodes are, as one of them tells. Raises CommandError."""

        def ask() -> Any:
            with Control(self.folder / "var" / f"{asked}.sock", 10.0) as control:
                return control.ask("cluster")

        return {card["node"]: card for card in await asyncio.to_thread(ask)}

    async def all_ready(self) -> None:
        """Wait until all three are ready, each in its version, see each other, and the switch is connected."""
        loop = asyncio.get_running_loop()
        ends, why = loop.time() + WITHIN, "nothing was asked"
        while loop.time() < ends:
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)}"
            try:
                cards = await self.cards()
            except CommandError as error:
                why = str(error)
                await asyncio.sleep(0.1)
                continue
            wanted = {name: version.version for name, version in self.installed.items()}
            ready = all(card["ready"] and len(card["nodes"]) == len(NODES) - 1 for card in cards.values())
            if ready and {name: card["version"] for name, card in cards.items()} == wanted:
                if len(self.switch.switch.connections) == 2:
                    return
                why = f"{len(self.switch.switch.connections)} connections"
            else:
                why = str({name: (card["version"], card["problems"], card["nodes"]) for name, card in cards.items()})
        raise TimeoutError(f"not all are ready: {why}")

    async def upgrade(self, name: str, version: Installed) -> None:
        """Drain, stop, start in another version."""
        await self.command(version, "cluster", "drain", name, "--wait", "200")
        process = self.running[name]
        process.send_signal(signal.SIGTERM)
        status = await asyncio.to_thread(process.wait, 60.0)
        assert status == 0, f"{name} ended with {status}: {self.log(name)}"
        self.start(name, version)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-4000:]

    async def evidence(self) -> tuple[Calls, Records]:
        """How all calls have ended, and their records, when all is over."""
        switch = self.switch.switch
        await until(lambda: not (switch.up or switch.legs), 2 * PATIENCE)
        legs, calls = read(self.folder, "legs", [SWITCH]), read(self.folder, "calls", [SWITCH])
        store = SqliteStore(self.folder / "var" / "mirliton.db")
        await store.open()
        try:
            records = await records_when_complete(store, len(legs))
        finally:
            await store.close()
        assert switch.failures == []
        return judge_calls(calls), judge_records(legs, calls, records)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait(timeout=10.0)


@contextlib.asynccontextmanager
async def three_nodes(
    folder: Path, places: Mapping[str, Place], version: Installed, switch_host: str = LOOPBACK
) -> AsyncIterator[ThreeNodes]:
    """All of them ready, and the switch's agents logged in. The switch posts its records to the first."""
    state = folder / "var"
    state.mkdir(mode=0o700)
    store = SqliteStore(state / "mirliton.db")
    await store.open()
    await furnish(store)
    await store.close()
    nodes = ThreeNodes(folder, places, switch_host)
    records = f"http://mirliton:{PASSWORD}@{places[NODES[0]].address}:{nodes.records_port}/leg-records"
    nodes.switch = TrialSwitchPlace(folder, SWITCH, nodes.switch_port, records, 1, switch_host)
    await nodes.switch.open()
    try:
        for name in NODES:
            nodes.start(name, version)
        await nodes.all_ready()
        assert await nodes.switch.log_all_in() == len(TOWN) * AGENTS
        yield nodes
    finally:
        nodes.close()
        await nodes.switch.close()

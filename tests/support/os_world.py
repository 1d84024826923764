"""The same small Mirliton as an operator runs it: `mirliton run`, so a node supervisor with the node as its child, each
an OS process. The simulated switch, with the phones, is in the test's own process, and outlives them.

Processes are looked at and killed over the control socket, as the command line does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import SqliteStore, Store
from mirliton.api.cli.client import Control
from mirliton.api.cli.errors import CommandError
from scene import PASSWORD, PATIENCE, SWITCH, Scene, a_switch, add_phones, eventually, free_port, furnish
from watched_switch import WatchedSwitch

MIRLITON: Final = (sys.executable, "-c", "import sys; from mirliton.api.cli import main; sys.exit(main())")
STOP_TIMEOUT: Final = 30.0
_SETTINGS: Final = """
[node]
name = "test"
stall_timeout = 10.0
[api]
port = {api}
[metrics]
port = {metrics}
[simulator]
enabled = false
[demo]
enabled = false
[leg_records]
port = {records}
[[switches]]
name = "{name}"
host = "127.0.0.1"
port = {switch}
password = "{password}"
[timeouts]
switch_reconnect_first = 0.05
switch_reconnect_most = 0.5
"""

Branch = dict[str, Any]


class OsWorld(Scene):
    """A `mirliton run` and its switch."""

    def __init__(self, switch: WatchedSwitch, store: Store, folder: Path, process: asyncio.subprocess.Process) -> None:
        super().__init__(switch, store)
        self.folder = folder
        self.process = process
        self.before: Counter[str] = Counter()

    @property
    def log(self) -> str:
        return (self.folder / "var" / "mirliton.log").read_text()

    def node_pids(self) -> list[int]:
        """The OS processes of all nodes there have been, oldest first."""
        return [int(pid) for pid in re.findall(r"program_started .*?node=node os_pid=(\d+)", self.log)]

    def kill_node(self) -> int:
        """kill -9 the node's OS process; its process id."""
        pid = self.node_pids()[-1]
        os.kill(pid, signal.SIGKILL)
        return pid

    async def ask(self, do: str, **request: Any) -> Any:
        """A request to the node's control socket. Raises CommandError, also while there is no node."""

        def asked() -> Any:
            with Control(self.folder / "var" / "control.sock", 10.0) as control:
                return control.ask(do, **request)

        return await asyncio.to_thread(asked)

    async def kill(self, name: str) -> bool:
        """Kill a process of the node by its name; false when there is none just now, or no node."""
        try:
            await self.ask("kill", process=name)
        except CommandError:
            return False
        return True

    async def storm(self, name: str) -> int:
        """Kill a process again and again, faster than its supervisors bear, until they and at last the node's root have
        given up and the node has ended; how many kills that took."""
        node, kills = self.node_pids()[-1], 0

        async def ended() -> bool:
            nonlocal kills
            kills += await self.kill(name)
            return not _runs(node)

        assert await eventually(ended, PATIENCE), f"the node has outlived {kills} kills of {name}"
        return kills

    async def is_up(self, within: float = PATIENCE) -> None:
        """A node answers, and is connected to the switch."""
        assert await eventually(self._answers, within), "no node answers"
        await self.connected()

    async def _answers(self) -> bool:
        with contextlib.suppress(CommandError):
            return bool(await self.ask("status"))
        return False

    async def is_whole_and_quiet(self, within: float = 2 * PATIENCE) -> None:
        """The tree has all its processes and no more, each with an empty mailbox; and so has the switch."""
        complaints: list[str] = []

        async def quiet() -> bool:
            complaints[:] = [*await self._left_over(), *self._on_the_switch()]
            return not complaints

        assert await eventually(quiet, within), "\n".join(complaints)

    async def _left_over(self) -> list[str]:
        try:
            tree = await self.ask("tree")
        except CommandError as error:
            return [f"the node does not answer: {error}"]
        now = Counter(_kinds(tree))
        complaints = [
            f"{now[kind]} processes {kind}, there were {self.before[kind]}"
            for kind in sorted(now.keys() | self.before.keys())
            if now[kind] != self.before[kind]
        ]
        return complaints + [
            f"{_name(branch)} is {branch['status']}, with {branch.get('mailbox_length', 0)} messages"
            for branch in _branches(tree)
            if not branch["pid"] or branch["mailbox_length"]
        ]


def _branches(tree: Branch) -> Iterator[Branch]:
    yield tree
    for child in tree.get("children", ()):
        yield from _branches(child)


def _name(branch: Branch) -> str:
    names = branch.get("names")
    return str(names[0] if names else branch.get("class", branch["id"]))


def _kinds(tree: Branch) -> Iterator[str]:
    """All processes by name or class, less those of accounts, which may stay or not."""
    for branch in _branches(tree):
        of_an_account = any(_name(child).startswith("account:") for child in branch.get("children", ()))
        if not _name(branch).startswith("account:") and not of_an_account:
            yield _name(branch)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@contextlib.asynccontextmanager
async def an_os_world(folder: Path, *, speed: float) -> AsyncIterator[OsWorld]:
    """Start everything in `folder`; at the end the node is told to stop, and must do so in order."""
    state = folder / "var"
    state.mkdir(mode=0o700)
    await furnish(state / "mirliton.db")
    records = free_port()
    store = SqliteStore(state / "mirliton.db")
    async with a_switch(records, speed) as switch:
        add_phones(switch)
        (folder / "mirliton.toml").write_text(
            _SETTINGS.format(
                api=free_port(),
                metrics=free_port(),
                records=records,
                name=SWITCH,
                switch=switch.port,
                password=PASSWORD,
            )
        )
        process = await asyncio.create_subprocess_exec(
            *MIRLITON, "run", "--quiet", cwd=folder, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        world = OsWorld(switch, store, folder, process)
        try:
            await store.open()
            await world.is_up()
            world.before = Counter(_kinds(await world.ask("tree")))
            yield world
            process.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
            assert status == 0, f"mirliton run ended with {status}:\n{world.log[-3000:]}"
        finally:
            await store.close()
            if process.returncode is None:
                process.kill()
                await process.wait()

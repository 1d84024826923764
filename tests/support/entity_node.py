"""A node with entities in an OS process of its own, on a real broker and a store in a file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import SqliteStore
from mirliton.actors.store.entities import DocumentEntityStore
from mirliton.runtime import CallError, Name, Node, Reply
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors.entities import Entities, Entity, Options
from mirliton.supervisors.entities.amqp_shards import AmqpShards

SECRET: Final = "the secret of all these processes"
SHARDS: Final = 4
HEARTBEAT: Final = 2
LEASE: Final = 1.5
LIFE: Final = 120.0
"""Seconds after which such a process ends by itself, should its test have died."""


class Tally(Entity):
    """Counts, and writes each act down beside the store: epoch, OS process, what it came to, when, which."""

    def init(self, key: str, state: Any) -> None:
        self.value = state or 0
        self.acts = Path(os.environ.get("TALLY_ACTS", os.devnull))

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "who":
            return Reply(self.node.name)
        self.handle_info(request)
        if request == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return Reply(self.value)

    def handle_info(self, request: Any) -> None:
        if isinstance(request, int):
            self.value += request
            self.save(self.value)
        with self.acts.open("a") as file:
            file.write(f"{self.stamp.epoch} {os.getpid()} {self.value} {time.monotonic()} {self.key}\n")


@contextlib.asynccontextmanager
async def entities_on(
    node: Node, url: str | Sequence[str], folder: Path, *, hosts: bool, shards_url: str | None = None
) -> AsyncIterator[Entities]:
    """A node's part, opened."""
    store = SqliteStore(folder / "store.db")
    await store.open()
    keys = Keyring(SECRET)
    async with Distribution(node, AmqpNetwork(url, pause=0.2), keys) as distribution:
        await distribution.connected(30.0)
        shards = AmqpShards(shards_url or url, keys, count=SHARDS, pause=0.2, heartbeat=HEARTBEAT)
        options = Options(hosts=hosts, lease=LEASE, tick=0.25, claim_every=1.0)
        entities = Entities(node, distribution, shards, DocumentEntityStore(store, SHARDS), {"tally": Tally}, options)
        async with entities:
            yield entities
        await node.stop()
    await store.close()


class EntityProcess:
    """The test's hand on such an OS process."""

    def __init__(
        self,
        name: str,
        url: str,
        folder: Path,
        shards_url: str | None = None,
        *,
        life: float = LIFE,
        busy: int = 0,
        prefix: Sequence[str] = (),
    ) -> None:
        """`busy`: it adds to so many entities all the time, by itself. `prefix` is a command that runs a command, in a
        network namespace say."""
        self.name = name
        # Not as a script: its classes would belong to another module, and be other classes.
        command = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import entity_node; entity_node.run()"
        )
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", command, name, url, str(folder), shards_url or url, str(life), str(busy)],
            env={**os.environ, "TALLY_ACTS": str(folder / "acts")},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(timeout=10.0)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """An orderly end; the exit status."""
        self._process.terminate()
        return self._process.wait(timeout=30.0)


@contextlib.contextmanager
def entity_processes(folder: Path, url: str, **urls: str | None) -> Iterator[dict[str, EntityProcess]]:
    """Nodes of these names, each with the URL of its way to the broker for shards, which do not outlive this block."""
    processes = {name: EntityProcess(f"{name}@host", url, folder, of_shards) for name, of_shards in urls.items()}
    try:
        yield {process.name: process for process in processes.values()}
    finally:
        for process in processes.values():
            process.kill()


async def main(name: str, url: str, folder: str, shards_url: str, life: str, busy: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with (
        Node(name) as node,
        entities_on(node, url, Path(folder), hosts=True, shards_url=shards_url) as entities,
        asyncio.TaskGroup() as group,
    ):
        working = [group.create_task(_add_for_ever(entities, f"busy {number}")) for number in range(int(busy))]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), float(life))
        for task in working:
            task.cancel()


async def _add_for_ever(entities: Entities, key: str) -> None:
    """An entity that is owned here has something to do, also when nobody else reaches this node."""
    while True:
        with contextlib.suppress(CallError):
            await entities.call(Name("tally", key), 1, key=uuid.uuid4().hex, timeout=1.0)
        await asyncio.sleep(0.02)


def run() -> None:
    asyncio.run(main(*sys.argv[1:7]))

"""A node in an OS process of its own, with a Peer under the name service:peer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mirliton.runtime import GenServer, Name, Node, NoReply, Reply
from mirliton.runtime.distribution import Distribution
from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.amqp import AmqpNetwork

SECRET: Final = "the secret of both processes"
PEER: Final = Name("service", "peer")
LIFE: Final = 120.0
"""Seconds after which such a process ends by itself, should its test have died."""


class Peer(GenServer):
    """Counts its mail; answers some words as they say, "wait" never, and anything else with itself."""

    def init(self) -> None:
        self.trap_exit(True)
        self.count = 0
        self.out_of_order = 0
        self.exits: list[Any] = []

    def handle_info(self, received: Any) -> None:
        if isinstance(received, int):
            self.out_of_order += received != self.count
            self.count += 1
        else:
            self.exits.append(getattr(received, "reason", received))

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request == "wait":
            return NoReply()
        if request == "count":
            return Reply((self.count, self.out_of_order))
        if request == "exits":
            return Reply(self.exits)
        if request == "monitors":
            return Reply(len(self._cell.monitored_by or ()))
        return Reply(os.getpid() if request == "pid" else request)


class Process:
    """The test's hand on such an OS process."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        # Not as a script: its classes would belong to another module, and be other classes.
        command = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import amqp_node; amqp_node.run()"
        self._process = subprocess.Popen([sys.executable, "-c", command, url, name])

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
        return self._process.wait(timeout=20.0)


@contextlib.contextmanager
def other_process(url: str, name: str = "b@host") -> Iterator[Process]:
    """One that runs, and does not outlive this block."""
    process = Process(url, name)
    try:
        yield process
    finally:
        process.kill()


async def main(url: str, name: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    node = Node(name)
    async with node:
        distribution = Distribution(node, AmqpNetwork(url, pause=0.2), Keyring(SECRET))
        await node.start(Peer, name=PEER)
        await distribution.open()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), LIFE)
        await node.stop()
        await distribution.close()


def run() -> None:
    asyncio.run(main(sys.argv[1], sys.argv[2]))

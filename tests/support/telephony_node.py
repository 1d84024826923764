"""Nodes that have nothing but the entities of telephony, each an OS process, on a real broker and one store.

The test's own node has none of them; it has the channel table, and sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

from mirliton.actors import entity_server
from mirliton.actors.admission import AccountUnavailable, Admitted, admit
from mirliton.actors.entity_kinds import KINDS
from mirliton.actors.kapi.channels import (
    ChannelStatusReq,
    ChannelStatusResp,
    QueryAccountChannelsReq,
    QueryAccountChannelsResp,
)
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import CHANNELS, AskSwitches, LegAdmitted, channels_name
from mirliton.runtime import Completed, From, GenServer, Name, Node, NoReply, Reply
from mirliton.runtime.distribution import Distribution, Share, Shared
from mirliton.runtime.transport import Keyring
from mirliton.runtime.transport.amqp import AmqpNetwork
from mirliton.supervisors import Supervisor, Tree, supervisor, worker
from mirliton.supervisors.entities import Options, is_over
from mirliton.supervisors.entities.amqp_shards import AmqpShards

SECRET: Final = "the secret of all these processes"
SHARDS: Final = 8
LIFE: Final = 120.0
"""Seconds after which such a process ends by itself, should its test have died."""
ASKER: Final = Name("test", "asker")
SWITCH: Final = "sim"
SHARED: Final[Shared] = {
    **dict.fromkeys(KINDS, Share.ANY),
    CHANNELS: Share.ANY,
    **dict.fromkeys(("channels", "cf_exe"), Share.ONE),
}
"""As in a whole cluster, as far as it is there."""


class Asker(GenServer):
    """Asks, with ("admit", account, first, last), for as many calls at once; answers with those that were admitted."""

    def init(self) -> None: ...

    def handle_call(self, request: Any, sender: From) -> Any:
        _, account_id, first, last = request
        self.background(self._ask(account_id, range(first, last)), sender)
        return NoReply()

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=error):
                self.reply(sender, value if error is None else str(error))
            case _:
                super().handle_info(message)

    async def _ask(self, account_id: str, numbers: range) -> list[str]:
        calls = [f"call-{number}" for number in numbers]
        answers = await asyncio.gather(*[self._one(account_id, call) for call in calls])
        return [call for call, answer in zip(calls, answers, strict=True) if isinstance(answer, Admitted)]

    async def _one(self, account_id: str, call: str) -> Any:
        while True:
            try:
                return await admit(self, account_id, call, SWITCH)
            except AccountUnavailable:
                continue


class Table(GenServer):
    """The channel table, as far as accounts see it: all calls are up."""

    def init(self) -> None:
        self.register(channels_name(SWITCH))
        self.noted: set[str] = set()
        self.refused = 0

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case LegAdmitted(call_id):
                late = request.stamp is None or is_over(self.node, request.stamp)
                self.refused += late
                if not late:
                    self.noted.add(call_id)
                return Reply(not late)
            case QueryAccountChannelsReq():
                rows = [{"uuid": call, "direction": "inbound", "is_authorized": True} for call in sorted(self.noted)]
                return Reply(QueryAccountChannelsResp(tuple(rows)))
            case ChannelStatusReq(call_id):
                return Reply(ChannelStatusResp(call_id=call_id, status="active"))
            case AskSwitches():
                return Reply(())
        return super().handle_call(request, sender)


@contextlib.asynccontextmanager
async def telephony_on(node: Node, url: str, folder: Path, *, hosts: bool) -> AsyncIterator[None]:
    """A node's part of it, opened."""
    keys = Keyring(SECRET)
    async with Distribution(node, AmqpNetwork(url, pause=0.2), keys, shared=SHARED) as distribution:
        await distribution.connected(30.0)
        options = Options(hosts=hosts, lease=1.5, tick=0.25, claim_every=1.0)

        def shards() -> AmqpShards:
            return AmqpShards(url, keys, count=SHARDS, prefix="mirliton.telephony", pause=0.2, heartbeat=2)

        tree = Tree(
            "one_for_one",
            [
                worker(StoreServer, str(folder / "store.db"), id="store", name=STORE, keep_mail=True, shutdown=10.0),
                supervisor(entity_server.tree(shards, options)),
                worker(Asker, name=ASKER),
            ],
            intensity=5,
            period=10.0,
        )
        await node.start(Supervisor, tree)
        yield
        await node.stop()


async def a_table(node: Node) -> Table:
    """The channel table of the one switch, and who answers for all of them."""
    pid = await node.start(Table, name=CHANNELS)
    cell = node.find(pid)
    assert cell is not None
    table: Table = cell.actor
    return table


@contextlib.contextmanager
def telephony_processes(folder: Path, url: str, *names: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Nodes of these names, which do not outlive this block."""
    # Not as a script: its classes would belong to another module, and be other classes.
    command = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import telephony_node; telephony_node.run()"
    )
    processes = {name: subprocess.Popen([sys.executable, "-c", command, name, url, str(folder)]) for name in names}
    try:
        yield processes
    finally:
        for process in processes.values():
            process.kill()
            process.wait(timeout=10.0)


async def main(name: str, url: str, folder: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with Node(name) as node, telephony_on(node, url, Path(folder), hosts=True):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), LIFE)


def run() -> None:
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    asyncio.run(main(*sys.argv[1:4]))

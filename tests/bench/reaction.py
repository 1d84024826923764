"""How long a switch waits for what comes next: from an event to the command that answers it, seen from the switch.

Ours goes the whole way: socket, connection, channel table, call, executor, store, and back. The floor is a bare asyncio
client that answers each event at once with a command it knows beforehand.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from mirliton.ecallmgr.simulator import SimulatorClient
from scenarios import MENU
from scene import PATIENCE, SPEED
from tenants import ALICE
from tests.bench.measuring import Figures, spread
from watched_switch import Headers, WatchedSwitch
from world import a_world

ASKING: Final = "play_and_get_digits"


class Stopwatch:
    """Measures, on the switch, from a parked call to its first command, and from `answer`'s end to what is run next."""

    def __init__(self) -> None:
        self.parked: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.first: list[float] = []
        self.next: list[float] = []

    def see(self, name: str, headers: Headers) -> None:
        now = time.perf_counter()
        uuid = str(headers.get("Unique-ID"))
        application = headers.get("Application")
        if name == "CHANNEL_PARK":
            self.parked[uuid] = now
        elif name == "API":
            words = str(headers.get("API-Command-Argument", "")).split()
            if words and words[0] in self.parked:
                self.first.append(now - self.parked.pop(words[0]))
        elif name == "CHANNEL_EXECUTE_COMPLETE" and application == "answer":
            self.answered[uuid] = now
        elif name == "CHANNEL_EXECUTE" and application == ASKING and uuid in self.answered:
            self.next.append(now - self.answered.pop(uuid))

    def figures(self) -> Figures:
        return {**spread(self.first, 1e3, "park_"), **spread(self.next, 1e3, "next_")}


async def ours(count: int) -> Figures:
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        async with a_world(Path(folder), strict=False) as world:
            await _calls(world.switch, watch, count)
    return watch.figures()


async def floor(count: int) -> Figures:
    watch = Stopwatch()
    async with (
        WatchedSwitch(speed=SPEED, heartbeat=0) as switch,
        SimulatorClient("127.0.0.1", switch.port, switch.password) as client,
    ):
        await client.command("event json CHANNEL_PARK CHANNEL_EXECUTE_COMPLETE")
        answering = asyncio.create_task(_answer_everything(client))
        await _calls(switch, watch, count)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
    return watch.figures()


async def _calls(switch: WatchedSwitch, watch: Stopwatch, count: int) -> None:
    """One after the other, each hung up when it is asked for a digit: nothing waits for anything but the answer."""
    for number in range(count + 1):
        if number == 1:
            switch.watchers.append(watch.see)  # the first one has made databases and accounts
        asked = asyncio.create_task(switch.happened(_asks, PATIENCE))
        await asyncio.sleep(0)
        call = await switch.place_call(ALICE.name, MENU.number, realm="demo.test", context="context_2")
        await asked
        call.hang_up()
        await call.wait_ended(PATIENCE)


def _asks(name: str, headers: Headers) -> bool:
    return name == "CHANNEL_EXECUTE" and headers.get("Application") == ASKING


async def _answer_everything(client: SimulatorClient) -> None:
    while True:
        event = await client.event(lambda _: True, PATIENCE)
        uuid = str(event["Unique-ID"])
        if event["Event-Name"] == "CHANNEL_PARK":
            _answer(client, uuid)
        elif event.get("Application") == "answer":
            _ask(client, uuid)


def _answer(client: SimulatorClient, uuid: str) -> None:
    client.send(f"api uuid_setvar {uuid} x 1")
    _execute(client, uuid, "answer", "")


def _ask(client: SimulatorClient, uuid: str) -> None:
    _execute(client, uuid, ASKING, "1 1 1 5000 # silence_stream://250 silence_stream://250 digits [0-9] 5000")


def _execute(client: SimulatorClient, uuid: str, name: str, argument: str) -> None:
    client.send(
        f"sendmsg {uuid}\ncall-command: execute\nexecute-app-name: {name}\n"
        f"execute-app-arg: {argument}\nevent-lock: true"
    )

"""Switches as a proxy sees them: each a SIPp that answers calls, and a process that says where it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import sipp
from kamailio import free_port
from mirliton.actors.switching import DRAINS, SWITCH_NEWS, SwitchApi, SwitchDown, SwitchUp, switch_name
from mirliton.runtime import GenServer, Node, Reply


class SaysWhereItIs(GenServer):
    """Stands for the connection to a switch, as far as an advertiser asks."""

    def init(self, port: int) -> None:
        self.port = port

    def handle_call(self, request: Any, sender: Any) -> Any:
        assert isinstance(request, SwitchApi)
        if request.command == "global_getvar core_uuid":
            return Reply(f"run-{self.port}")
        if request.command == DRAINS:
            return Reply("")
        assert request.command == "sofia status profile sipinterface_1"
        return Reply(f"Name             \tsipinterface_1\nURL              \tsip:mod_sofia@127.0.0.1:{self.port}\n")


class Switch:
    """One switch. It answers OPTIONS and calls while `serve` runs."""

    def __init__(self, node: Node, folder: Path, name: str) -> None:
        self.node, self.folder, self.name = node, folder, name
        self.port = free_port()
        self.sipp: sipp.Sipp | None = None

    async def serve(self, status: int = 200, more: str = "") -> None:
        """Answer calls from now on; or refuse them with this status, and `more` headers, and answer no OPTIONS."""
        scenario = sipp.switch(self.name, status, more)
        self.sipp = await sipp.start(self.folder, scenario, port=self.port, calls=0, timeout=100)

    async def die(self) -> None:
        """Answer nothing more, without a word."""
        if self.sipp is not None:
            await self.sipp.end()
            self.sipp = None

    async def connect(self) -> None:
        """Its connection to the node stands."""
        await self.node.start(SaysWhereItIs, self.port, name=switch_name(self.name))
        self._news(SwitchUp(self.name, False, f"run-{self.port}"))

    async def lose(self) -> None:
        """The node loses it."""
        pid = self.node.whereis(switch_name(self.name))
        assert pid is not None
        self.node.exit(pid, "kill")
        await self.node.wait_exit(pid)
        self._news(SwitchDown(self.name, "lost"))

    def _news(self, news: SwitchUp | SwitchDown) -> None:
        for watcher in self.node.groups.members(SWITCH_NEWS):
            self.node.send(watcher, news)


def answered_by(result: sipp.Result) -> str:
    """Which switch answered a call."""
    found = re.search(r"^X-Switch: (\w+)", result.messages, re.MULTILINE)
    assert found is not None, result.messages
    return found[1]

"""A process that notes what it is sent, for tests to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

from mirliton.runtime.addresses import Name, Pid
from mirliton.runtime.gen_server import GenServer, NoReply, Reply
from mirliton.runtime.node import Node
from mirliton.runtime.protocol import From
from mirliton.runtime.saved_mail import Match


class Probe:
    """`messages` holds everything that came: info messages, casts and calls (the bare requests) in one list.

    With `answer` calls are answered by what it returns for the request; without it they stay open until `reply`.
    """

    def __init__(self, node: Node, answer: Callable[[Any], Any] | None) -> None:
        self.node = node
        self.answer = answer
        self.messages: list[Any] = []
        self.callers: list[From] = []
        self.pid: Pid
        self._news = asyncio.Event()

    @classmethod
    async def start(cls, node: Node, *, name: Name | None = None, answer: Callable[[Any], Any] | None = None) -> Self:
        """A probe on `node`, reachable as `name`."""
        probe = cls(node, answer)
        probe.pid = await node.start(_Collector, probe, name=name)
        return probe

    async def expect(self, match: Match = None, timeout: float = 5.0) -> Any:
        """Take the first noted message that matches out of `messages`, waiting `timeout` real seconds for it."""
        async with asyncio.timeout(timeout):
            while True:
                for index, message in enumerate(self.messages):
                    if match is None or (
                        isinstance(message, match) if isinstance(match, type | tuple) else match(message)
                    ):
                        return self.messages.pop(index)
                self._news.clear()
                await self._news.wait()

    def reply(self, value: Any) -> None:
        """Answer the oldest open call."""
        self.node.reply(self.callers.pop(0), value)

    def note(self, message: Any) -> None:
        self.messages.append(message)
        self._news.set()


class _Collector(GenServer):
    def init(self, probe: Probe) -> None:
        self.probe = probe
        self.trap_exit(True)

    def handle_call(self, request: Any, sender: From) -> Any:
        self.probe.note(request)
        if self.probe.answer is not None:
            return Reply(self.probe.answer(request))
        self.probe.callers.append(sender)
        return NoReply()

    def handle_cast(self, request: Any) -> None:
        self.probe.note(request)

    def handle_info(self, message: Any) -> None:
        self.probe.note(message)

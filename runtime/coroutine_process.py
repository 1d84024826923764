"""CoroutineProcess: a process that reads as one script, with Erlang's selective receive.

    class Greeter(CoroutineProcess):
        async def run(self) -> None:
            while True:
                call = await self.receive(Call)
                await self.sleep(0.1)
                self.reply(call.sender, f"hello {call.request}")

The scheduler drives the coroutine itself, without a Task. It may await what the process offers (`receive`, `call`,
`sleep`, `start_link` …); a foreign awaitable goes through `await self.io(…)`. A kill closes the coroutine where it
stands; its `finally` blocks run but may not wait. A restart begins again at `init`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from mirliton.runtime.gen_server import IGNORE, Stop
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import From, Init
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.waits import Io, Match, Receive


class CoroutineProcess(Process):
    """A process whose life is `run`."""

    async def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set the state up; the start returns when this is done. Answer None, IGNORE or Stop(reason)."""

    async def run(self) -> None:
        """Live. The process ends normally when this returns, and crashes when it raises."""
        raise NotImplementedError

    async def receive(self, match: Match = None, timeout: float | None = None) -> Any:
        """The first message that matches; the others stay where they are.

        `match`: a type, a tuple of types, a predicate, or None for any message. `timeout` in seconds; raises
        TimeoutError, and does not lose a message for it; 0 only looks at what is there (Erlang's `after 0`). A
        predicate that raises, raises here, and the message stays.
        """
        return await Receive(self._cell, match, timeout)

    async def io(self, awaitable: Awaitable[Any]) -> Any:
        """Await something foreign (a socket, aiohttp …). It is cancelled when the process ends."""
        wait = Io(self._cell, awaitable)
        wait.start()
        return await wait

    def _runtime_begin(self, message: Init) -> None:
        cell = self._myRef
        cell.coroutine = self.__live(message.args, message.kwargs)
        cell.last = None

    async def __live(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        cell = self._cell
        node = cell.node
        result = await self.init(*args, **kwargs)
        starter, cell.starter = cell.starter, 0
        if result is None:
            if starter:
                node.calls.answer(From(node.name, starter), cell.pid)
            await self.run()
        elif result is IGNORE:
            node.signals.die(cell, NORMAL)
            node.calls.answer(From(node.name, starter), None)
        else:
            cell.starter = starter
            node.signals.die(cell, result.reason if type(result) is Stop else ("bad_return_value", result))

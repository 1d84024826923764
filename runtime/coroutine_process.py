"""CoroutineProcess: a process that reads as one script, with Erlang's selective receive.

    import asyncio

    from mirliton.runtime import Call, CallTimeout, CoroutineProcess, Exit, Node, ServerDied

    class Doorman(CoroutineProcess):
        async def run(self) -> None:
            while True:
                call = await self.receive(Call)      # whatever else is sent waits in the mailbox
                try:
                    word = await self.receive(str, timeout=0.05)
                except TimeoutError:
                    raise Exit("left standing") from None
                self.reply(call.sender, f"{call.request}: {word}")

    async def main() -> None:
        async with Node() as node:
            doorman = await node.start(Doorman)
            node.send(doorman, "swordfish")
            assert await node.call(doorman, "the word is") == "the word is: swordfish"
            try:
                await node.call(doorman, "the word is")      # and nobody says it
            except ServerDied as death:
                assert death.reason == "left standing"

    asyncio.run(main())

The scheduler drives the coroutine itself, without a Task. It may await what the process offers (`receive`, `call`,
`sleep`, `start_link` …); a foreign awaitable goes through `await self.io(…)`. A kill closes the coroutine where it
stands; its `finally` blocks run but may not wait. A restart begins again at `init`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator, Mapping, Sequence
from types import coroutine
from typing import Any

from mirliton.runtime.gen_server import IGNORE, Stop
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import Init
from mirliton.runtime.reasons import NORMAL
from mirliton.runtime.saved_mail import Match
from mirliton.runtime.script_turn import close
from mirliton.runtime.waits import ANY_MAIL, Io, Receive


class CoroutineProcess(Process):
    """A process whose life is `run`."""

    upgradable: bool = False
    """Whether a hot upgrade may leave `run` at any `receive` and begin it again in the new code: everything that `run`
    needs to go on is in attributes. Otherwise `run` goes on in its old code."""

    async def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set the state up; the start returns when this is done. Answer None, IGNORE or Stop(reason)."""

    async def run(self) -> None:
        """Live. The process ends normally when this returns, and crashes when it raises."""
        raise NotImplementedError

    def code_change(self, old_version: Any, extra: Any) -> Any:
        """Take over the state that code of `old_version` left (see `sys.change_code`). Raise to refuse."""
        raise NotImplementedError(f"{type(self).__qualname__} has no code_change")

    @coroutine
    def receive(self, match: Match = None, timeout: float | None = None) -> Generator[Any, Any, Any]:
        """The first message that matches; the others stay where they are.

        `match`: a type, a tuple of types, a predicate, or None for any message. `timeout` in seconds; raises
        TimeoutError, and does not lose a message for it; 0 only looks at what is there (Erlang's `after 0`). A
        predicate that raises, raises here, and the message stays.
        """
        cell = self._cell
        if cell.node.scheduler.current is not cell:
            raise RuntimeError("receive belongs to the process's own coroutine, not to a Task beside it")
        return (yield ANY_MAIL if match is None and timeout is None else Receive(cell, match, timeout))

    async def io(self, awaitable: Awaitable[Any]) -> Any:
        """Await something foreign (a socket, aiohttp …). It is cancelled when the process ends."""
        wait = Io(self._cell, awaitable)
        wait.start()
        return await wait

    def _runtime_begin(self, message: Init) -> None:
        cell = self._myRef
        cell.coroutine = self.__begin(message.args, message.kwargs)
        cell.last = None

    def _runtime_run_anew(self) -> None:
        """Leave `run` at the receive where it stands, and begin it again: its `finally` blocks run, mail stays."""
        cell = self._myRef
        assert isinstance(cell.wait, Receive)
        assert cell.coroutine is not None
        cell.wait.finish()
        cell.wait = None
        left, cell.coroutine = cell.coroutine, None
        close(cell, left)
        if not cell.alive:
            return
        cell.coroutine = self.run()
        if cell.saved:
            cell.put_back(list(cell.saved))
            cell.saved = None
        cell.node.scheduler.enqueue(cell)

    async def __begin(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Coroutine[Any, Any, None] | None:
        """Returns what comes next, `run`: awaited here it would keep this coroutine for all its life (250 bytes)."""
        cell = self._cell
        node = cell.node
        result = await self.init(*args, **kwargs)
        if result is None:
            cell.begun(False)
            return self.run()
        starter, cell.starter = cell.starter, 0
        if result is IGNORE:
            node.signals.die(cell, NORMAL)
            node.calls.finish(starter, None)
        else:
            cell.starter = starter
            node.signals.die(cell, result.reason if type(result) is Stop else ("bad_return_value", result))
        return None

"""GenServer: a process that serves requests one at a time (OTP: gen_server).

    import asyncio

    from mirliton.runtime import GenServer, Name, Node, Reply, ServerDied, message

    @message("calculator.add")
    class Add:
        amount: int

    @message("calculator.divide")
    class Divide:
        by: int

    class Calculator(GenServer):
        def init(self, start: int = 0) -> None:
            self.value = start

        def handle_call(self, request, sender):
            match request:
                case Divide(by):
                    self.value //= by   # Divide(0) crashes it, and its supervisor starts another
                    return Reply(self.value)

        def handle_cast(self, request):
            match request:
                case Add(amount):
                    self.value += amount

    async def main() -> None:
        async with Node() as node:
            pid = await node.start(Calculator, 5, name=Name("service", "calculator"))
            node.cast(pid, Add(2))
            assert await node.call(pid, Divide(2)) == 3
            try:
                await node.call(pid, Divide(0))
            except ServerDied as death:   # the caller learns what the server died of
                assert "ZeroDivisionError" in str(death)

    asyncio.run(main())

A callback may be `async def`: it then runs in a Task, and the server takes its next message when it is done.
A restart runs `init` again; nothing else of the state survives.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any

from mirliton.runtime.dossier import describe
from mirliton.runtime.errors import Exit, Throw
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import TIMEOUT, Call, Cast, ExitSignal, From, Init, Proceed, SystemRequest
from mirliton.runtime.reasons import NORMAL, is_quiet, reason_of
from mirliton.runtime.serving import IGNORE, MISSING, Continue, NoReply, Reply, Stop
from mirliton.runtime.timers import TimerRef

__all__ = ["IGNORE", "MISSING", "Continue", "GenServer", "NoReply", "Reply", "Stop"]


class GenServer(Process):
    """A server process. Override the callbacks; see the module for one running example."""

    def init(self, *args: Any, **kwargs: Any) -> Any:
        """Set the state up. Answer None, NoReply(timeout, then), IGNORE or Stop(reason)."""

    def handle_call(self, request: Any, sender: From) -> Any:
        """Handle a request with an answer: Reply, NoReply (answer later by `reply(sender, …)`) or Stop."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_call, asked {request!r}")

    def handle_cast(self, request: Any) -> Any:
        """Handle a request without an answer: None, NoReply or Stop."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_cast, asked {request!r}")

    def handle_info(self, message: Any) -> Any:
        """Handle any other message: None, NoReply or Stop. By default it is logged and forgotten."""
        self.log.warning("unexpected_message", message_type=type(message).__qualname__)

    def handle_continue(self, argument: Any) -> Any:
        """Go on after a callback that answered `then=Continue(argument)`: None, NoReply or Stop."""
        raise NotImplementedError(f"{type(self).__qualname__} has no handle_continue")

    def terminate(self, reason: Any) -> Any:
        """Clean up. Runs at an orderly stop, after a crash, and at the parent's exit when exits are trapped; never at a
        kill."""

    def code_change(self, old_version: Any, extra: Any) -> Any:
        """Take over the state that code of `old_version` left (see `sys.change_code`). Raise to refuse."""
        raise NotImplementedError(f"{type(self).__qualname__} has no code_change")

    # What the scheduler calls. The usual messages it hands to the callbacks itself, see handler_turn.py: where
    # receiveMessage is overridden it does not.

    __serves_plainly = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__serves_plainly = cls.receiveMessage is GenServer.receiveMessage

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        """Take a message; a coroutine when that takes a Task."""
        cell = self._myRef
        if cell.idle is not None:
            cell.idle.cancel()
            cell.idle = None
        kind = type(message)
        if kind is Call:
            return self._runtime_after(self.handle_call(message.request, message.sender), message.sender)
        if kind is Cast:
            result = self.handle_cast(message.request)
        elif kind is Proceed:
            result = self.handle_continue(message.argument)
        elif kind is ExitSignal and message.sender == cell.parent:
            result = Stop(message.reason)
        else:
            result = self.handle_info(message)
        return self._runtime_after(result, None)

    def _runtime_begin(self, message: Init) -> Any:
        result = self.init(*message.args, **message.kwargs)
        if type(result) is CoroutineType:
            return self.__begin_later(result)
        return self._myRef.begun(self.__serves_plainly) if result is None else self.__began(result)

    async def __begin_later(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.__began(await coroutine)

    def __began(self, result: Any) -> Any:
        cell = self._cell
        node = cell.node
        if result is None or type(result) is NoReply:
            cell.begun(self.__serves_plainly)
            return self._runtime_after(result, None)
        if result is IGNORE:
            starter, cell.starter = cell.starter, 0
            node.signals.die(cell, NORMAL)
            node.calls.finish(starter, None)
            return None
        node.signals.die(cell, result.reason if type(result) is Stop else ("bad_return_value", result))
        return None

    def _runtime_after(self, result: Any, caller: From | None) -> Any:
        """Do what a callback answered. A coroutine when that takes a Task."""
        kind = type(result)
        if (result is None and caller is None) or not self._myRef.alive:
            return None
        if kind is CoroutineType:
            return self.__after_later(result, caller)
        if kind is NoReply or (kind is Reply and caller is not None):
            if kind is Reply:
                assert caller is not None
                self._myRef.node.reply(caller, result.value)
            if result.then is not None:
                self._myRef.put_first(Proceed(result.then.argument))
            elif result.timeout is not None:
                self.__wait_idle(result.timeout)
            return None
        if kind is Stop:
            return self.__stop(result.reason, caller, result.reply)
        return self.__stop(("bad_return_value", result), caller, MISSING)

    def __wait_idle(self, seconds: float) -> None:
        cell = self._myRef
        if seconds > 0:
            cell.idle = TimerRef.arm(cell, seconds, self.__nothing_came, cell)
        else:
            self.__nothing_came()

    def __nothing_came(self) -> None:
        cell = self._myRef
        cell.idle = None
        # Mail that waits has come in time, also when it is not yet handled; a look by `sys` is no mail.
        if all(type(item[0]) is SystemRequest for item in cell.all_mail()):
            cell.node.deliver(cell, TIMEOUT, None)

    async def __after_later(self, coroutine: Coroutine[Any, Any, Any], caller: From | None) -> None:
        more = self._runtime_after(await coroutine, caller)
        if more is not None:
            await more

    def __stop(self, reason: Any, caller: From | None, reply: Any) -> Any:
        try:
            cleaning = self.terminate(reason)
        except Exception as error:  # noqa: BLE001 - an error in terminate replaces the reason
            return self.__end(reason_of(error), None, MISSING)
        except Exit as error:
            return self.__end(error.reason, None, MISSING)
        except Throw:
            cleaning = None
        if type(cleaning) is CoroutineType:
            return self.__stop_later(cleaning, reason, caller, reply)
        return self.__end(reason, caller, reply)

    async def __stop_later(
        self, cleaning: Coroutine[Any, Any, Any], reason: Any, caller: From | None, reply: Any
    ) -> None:
        try:
            await cleaning
        except Exception as error:  # noqa: BLE001 - an error in terminate replaces the reason
            self.__end(reason_of(error), None, MISSING)
        except Exit as error:
            self.__end(error.reason, None, MISSING)
        except Throw:
            self.__end(reason, caller, reply)
        else:
            self.__end(reason, caller, reply)

    def __end(self, reason: Any, caller: From | None, reply: Any) -> None:
        cell = self._myRef
        if caller is not None and reply is not MISSING:
            cell.node.reply(caller, reply)
        if not is_quiet(reason):
            self.log.error("gen_server_terminated", reason=describe(reason))
        cell.node.signals.die(cell, reason)

    def _runtime_failed(self, error: BaseException) -> None:
        cell = self._myRef
        if isinstance(error, Throw):
            self.__thrown(error.value)
            return
        reason = reason_of(error)
        if cell.last is not None and type(cell.last[0]) is Init:
            # A failed init: terminate does not run.
            cell.node.signals.die(cell, reason)
            return
        cleaning = self.__stop(reason, None, MISSING)
        if cleaning is not None:
            cell.node.scheduler.tasks.handle(cell, cleaning)

    def __thrown(self, value: Any) -> None:
        """A callback was left by a throw: go on as if it had answered `value`."""
        cell = self._myRef
        message = cell.last[0]
        cell.last = None
        if type(message) is Init:
            self.__began(value)
            return
        more = self._runtime_after(value, message.sender if type(message) is Call else None)
        if more is not None:
            cell.node.scheduler.tasks.handle(cell, more)

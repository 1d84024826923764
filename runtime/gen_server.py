"""GenServer: a process that serves requests one at a time (OTP: gen_server).

    class Counter(GenServer):
        def init(self, start: int = 0) -> None:
            self.value = start

        def handle_call(self, request, sender):
            match request:
                case Get():
                    return Reply(self.value)
                case Divide(by):
                    return Reply(self.value // by)   # Divide(0) crashes it, and its supervisor starts another

        def handle_cast(self, request):
            match request:
                case Add(amount):
                    self.value += amount

    pid = await node.start(Counter, 5, name=Name("service", "counter"))
    node.cast(pid, Add(2))
    await node.call(pid, Get())        # 7
    await node.call(pid, Divide(0))    # raises ServerDied: the caller learns what the server died of

A callback may be `async def`: it then runs in a Task, and the server takes its next message when it is done.
A restart runs `init` again; nothing else of the state survives.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, Final

from mirliton.runtime.dossier import describe
from mirliton.runtime.errors import Exit
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import TIMEOUT, Call, Cast, ExitSignal, From, Init, Proceed, SystemRequest
from mirliton.runtime.reasons import NORMAL, is_quiet, reason_of
from mirliton.runtime.timers import TimerRef


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Continue:
    """`then=Continue(argument)`: run handle_continue(argument) before any queued message."""

    __slots__ = ("argument",)

    def __init__(self, argument: Any = None) -> None:
        self.argument = argument


class Reply:
    """Answer the call with `value` and go on. `timeout` in seconds: be sent TIMEOUT when no message comes till then."""

    __slots__ = ("then", "timeout", "value")

    def __init__(self, value: Any = None, *, timeout: float | None = None, then: Continue | None = None) -> None:
        self.value = value
        self.timeout = timeout
        self.then = then


class NoReply:
    """Go on without an answer; a caller keeps waiting until `reply`."""

    __slots__ = ("then", "timeout")

    def __init__(self, *, timeout: float | None = None, then: Continue | None = None) -> None:
        self.timeout = timeout
        self.then = then


class Stop:
    """End with `reason`. terminate runs first, then the answer goes out (when there is one), then the process ends."""

    __slots__ = ("reason", "reply")

    def __init__(self, reason: Any = NORMAL, *, reply: Any = MISSING) -> None:
        self.reason = reason
        self.reply = reply


class _Ignore:
    def __repr__(self) -> str:
        return "IGNORE"


IGNORE: Final = _Ignore()
"""What init answers when this process is not wanted: it ends normally and the start counts as done."""


class GenServer(Process):
    """A server process. Override the callbacks; see the module for one running example."""

    __idle: TimerRef | None = None

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

    # What the scheduler calls

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        if self.__idle is not None:
            self.__idle.cancel()
            self.__idle = None
        kind = type(message)
        if kind is Call:
            result = self.handle_call(message.request, message.sender)
            if type(result) is Reply and result.timeout is None and result.then is None:
                self._myRef.node.reply(message.sender, result.value)
                return None
            return self.__after(result, message.sender)
        if kind is Cast:
            result = self.handle_cast(message.request)
        elif kind is Proceed:
            result = self.handle_continue(message.argument)
        elif kind is ExitSignal and message.sender == self._myRef.parent:
            result = Stop(message.reason)
        else:
            result = self.handle_info(message)
        return None if result is None else self.__after(result, None)

    def _runtime_begin(self, message: Init) -> Any:
        result = self.init(*message.args, **message.kwargs)
        if type(result) is CoroutineType:
            return self.__begin_later(result)
        return self.__began(result)

    async def __begin_later(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.__began(await coroutine)

    def __began(self, result: Any) -> Any:
        cell = self._cell
        node = cell.node
        if result is None or type(result) is NoReply:
            if cell.starter:
                node.calls.answer(From(node.name, cell.starter), cell.pid)
                cell.starter = 0
            return self.__after(result, None)
        if result is IGNORE:
            starter, cell.starter = cell.starter, 0
            node.signals.die(cell, NORMAL)
            node.calls.answer(From(node.name, starter), None)
            return None
        node.signals.die(cell, result.reason if type(result) is Stop else ("bad_return_value", result))
        return None

    def __after(self, result: Any, caller: From | None) -> Any:
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
            self.__idle = TimerRef.arm(cell, seconds, self.__nothing_came, cell)
        else:
            self.__nothing_came()

    def __nothing_came(self) -> None:
        self.__idle = None
        cell = self._myRef
        # Mail that waits has come in time, also when it is not yet handled; a look by `sys` is no mail.
        if all(type(item[0]) is SystemRequest for item in cell.all_mail()):
            cell.node.deliver(cell, TIMEOUT, None)

    async def __after_later(self, coroutine: Coroutine[Any, Any, Any], caller: From | None) -> None:
        more = self.__after(await coroutine, caller)
        if more is not None:
            await more

    def __stop(self, reason: Any, caller: From | None, reply: Any) -> Any:
        try:
            cleaning = self.terminate(reason)
        except Exception as error:  # noqa: BLE001 - an error in terminate replaces the reason
            return self.__end(reason_of(error), None, MISSING)
        except Exit as error:
            return self.__end(error.reason, None, MISSING)
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
        reason = reason_of(error)
        if cell.last is not None and type(cell.last[0]) is Init:
            # A failed init: terminate does not run.
            cell.node.signals.die(cell, reason)
            return
        cleaning = self.__stop(reason, None, MISSING)
        if cleaning is not None:
            cell.node.scheduler.run_task(cell, cleaning)

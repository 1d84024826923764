"""The process behind gen_event: a list of handlers that are told every event, the newest first."""

from __future__ import annotations

from typing import Any, Final

from mirliton.runtime.addresses import Pid
from mirliton.runtime.codec import encode
from mirliton.runtime.dossier import describe, state_of
from mirliton.runtime.errors import CodecError, Exit, Throw
from mirliton.runtime.event_handler import EventHandler, Remove, Swap
from mirliton.runtime.event_requests import (
    AddHandler,
    CallHandler,
    DeleteHandler,
    Failed,
    GenEventExit,
    StopManager,
    SwapHandler,
    SyncNotify,
    WhichHandlers,
)
from mirliton.runtime.gen_server import GenServer, Reply, Stop
from mirliton.runtime.protocol import ExitSignal, From
from mirliton.runtime.reasons import NORMAL, SHUTDOWN, reason_of

OK: Final = "ok"


class _Raised:
    """What a callback raised, as the reason it gives."""

    __slots__ = ("reason",)

    def __init__(self, reason: Any) -> None:
        self.reason = ("EXIT", reason)


class _Installed:
    """A handler in its place."""

    __slots__ = ("handler", "id", "supervised_by")
    upgrade_looks_inside = True

    def __init__(self, id: Any, handler: EventHandler, supervised_by: Pid | None) -> None:
        self.id = id
        self.handler = handler
        self.supervised_by = supervised_by


class GenEvent(GenServer):
    """An event manager. Use the functions of gen_event to talk to it; a cast is an event to it as well."""

    def init(self) -> None:
        self.trap_exit()
        self.handlers: list[_Installed] = []
        """Newest first."""

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case SyncNotify(event):
                self._tell_all("handle_event", event)
                return Reply(OK)
            case AddHandler():
                return Reply(self._add(request))
            case CallHandler(id, question):
                return Reply(self._call(id, question))
            case DeleteHandler(id, reason):
                return Reply(self._delete(id, reason))
            case SwapHandler():
                return Reply(self._swap(request))
            case WhichHandlers():
                return Reply([each.id for each in self.handlers])
            case StopManager(reason):
                return Stop(reason, reply=OK)
        return Reply(Failed(("unknown_request", type(request).__qualname__)))

    def handle_cast(self, request: Any) -> None:
        self._tell_all("handle_event", request)

    def handle_info(self, message: Any) -> None:
        if isinstance(message, ExitSignal):
            for each in list(self.handlers):
                if each.supervised_by == message.sender and self._take_out(each):
                    self._terminate(each, ("stop", message.reason))
        self._tell_all("handle_info", message)

    def terminate(self, reason: Any) -> None:
        while self.handlers:
            each = self.handlers.pop(0)
            self._terminate(each, "stop")
            self._report(each, SHUTDOWN)

    def code_change(self, old_version: Any, extra: Any) -> None:
        for each in self.handlers:
            each.handler.code_change(old_version, extra)

    def state(self) -> dict[str, Any]:
        """The attributes of each handler by its id, newest first."""
        return {"handlers": {each.id: _attributes(each) for each in self.handlers}}

    def set_state(self, state: Any) -> None:
        """Take new attributes for the handlers that are named."""
        for each in self.handlers:
            vars(each.handler).update(state["handlers"].get(each.id, {}))

    # Events

    def _tell_all(self, callback: str, news: Any) -> None:
        for each in list(self.handlers):
            if each in self.handlers:  # one before it may have taken it out
                self._follow(each, self._run(each, callback, news))

    def _call(self, id: Any, question: Any) -> Any:
        each = self._find(id)
        if each is None:
            return Failed("bad_module")
        answer = self._run(each, "handle_call", question)
        if type(answer) is Reply:
            return answer.value
        if type(answer) is Remove or type(answer) is Swap:
            self._follow(each, answer)
            return answer.reply
        return Failed(self._failed(each, answer))

    def _run(self, each: _Installed, callback: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(each.handler, callback)(*args, **kwargs)
        except Throw as thrown:
            return thrown.value
        except (Exception, Exit) as error:
            if not self._myRef.alive:
                raise
            return _Raised(reason_of(error))

    def _follow(self, each: _Installed, answer: Any) -> None:
        """Do what a callback answered."""
        if answer is None:
            return
        if type(answer) is Remove:
            self._take_out(each)
            self._terminate(each, "remove_handler")
            self._report(each, NORMAL)
        elif type(answer) is Swap:
            self._swap_itself(each, answer)
        else:
            self._failed(each, answer)

    def _failed(self, each: _Installed, answer: Any) -> Any:
        """Take out a handler that raised, or answered what is no answer. Returns why."""
        why = _tellable(answer.reason if type(answer) is _Raised else answer)
        self._take_out(each)
        self._terminate(each, ("error", why))
        self._report(each, why)
        self.log.error("event_handler_failed", handler=str(each.id), reason=describe(why))
        return why

    # The list

    def _find(self, id: Any) -> _Installed | None:
        return next((each for each in self.handlers if each.id == id), None)

    def _take_out(self, each: _Installed) -> bool:
        """Whether it was still there."""
        if each not in self.handlers:
            return False
        self.handlers.remove(each)
        return True

    def _add(self, request: AddHandler, begin: str = "init", *before: Any, position: int = 0) -> Any:
        if self._find(request.id) is not None:
            return Failed("already_present")
        each = _Installed(request.id, request.cls(), request.supervised_by)
        each.handler.manager = self
        answer = self._run(each, begin, *before, *request.args, **request.kwargs)
        if type(answer) is _Raised or type(answer) is Stop:
            return Failed(_tellable(answer.reason))
        if answer is not None:
            return Failed(_tellable(answer))
        if each.supervised_by is not None:
            self.link(each.supervised_by)  # to a dead one: its exit comes as a message, and takes the handler out
        self.handlers.insert(position, each)
        return OK

    def _delete(self, id: Any, reason: Any) -> Any:
        each = self._find(id)
        if each is None:
            return Failed("module_not_found")
        self._take_out(each)
        result = self._terminate(each, reason)
        self._report(each, NORMAL)
        return Failed(result.reason) if type(result) is _Raised else result

    def _swap(self, request: SwapHandler) -> Any:
        each, new = self._find(request.old), request.new
        if new.id != request.old and self._find(new.id) is not None:
            return Failed("already_present")
        result: Any = "error"
        if each is not None:
            self._take_out(each)
            result = self._result(self._terminate(each, request.reason))
            self._report(each, ("swapped", new.id, new.supervised_by))
        return self._add(new, "take_over", result)

    def _swap_itself(self, each: _Installed, swap: Swap) -> None:
        id = id_of(swap.cls, swap.id)
        new = AddHandler(swap.cls, id, swap.args, swap.kwargs, each.supervised_by)
        position = self.handlers.index(each) if each in self.handlers else 0
        self._take_out(each)
        result = self._result(self._terminate(each, swap.reason))
        answer = self._add(new, "take_over", result, position=position)
        self._report(each, ("swapped", id, each.supervised_by))
        if type(answer) is Failed:
            self._report(_Installed(id, each.handler, each.supervised_by), answer.reason)
            self.log.error("event_handler_not_swapped", handler=str(id), reason=describe(answer.reason))

    @staticmethod
    def _result(result: Any) -> Any:
        return result.reason if type(result) is _Raised else result

    def _terminate(self, each: _Installed, reason: Any) -> Any:
        """What its terminate returned, or a _Raised."""
        result = self._run(each, "terminate", reason)
        if type(result) is _Raised:
            self.log.error("event_handler_not_terminated", handler=str(each.id), reason=describe(result.reason))
        return result

    def _report(self, each: _Installed, reason: Any) -> None:
        """Tell who supervises the handler that it is gone, and undo their link unless another handler needs it."""
        adder = each.supervised_by
        if adder is None:
            return
        self.send(adder, GenEventExit(each.id, reason, self.pid))
        if adder != self.parent and not any(other.supervised_by == adder for other in self.handlers):
            self.unlink(adder)


def id_of(cls: type[EventHandler], id: Any) -> Any:
    """The id a handler has: the name of its class, unless it was given another."""
    return cls.__name__ if id is None else id


def _attributes(each: _Installed) -> dict[str, Any]:
    return {key: value for key, value in state_of(each.handler).items() if key != "manager"}


def _tellable(value: Any) -> Any:
    """The value, or its description where it could not be sent: a faulty handler may answer anything."""
    try:
        encode(value)
    except CodecError:
        return repr(value)
    return value

"""GenEvent: one process that tells every event to a list of handlers (OTP: gen_event).

The manager is a process, the handlers are objects in it: an event costs one message and a method call for each. They
run one after the other, the newest first. One that crashes, or answers what is no answer, is taken out and the rest go
on; whoever added it with `add_sup_handler` is told.

    import asyncio

    from mirliton.runtime import EventHandler, GenEvent, GenEventExit, GenServer, Node, Reply, gen_event


    class Total(EventHandler):
        def init(self) -> None:
            self.total = 0

        def handle_event(self, event) -> None:
            self.total += int(event)     # "many" crashes it

        def handle_call(self, request):
            return Reply(self.total)


    class Keeper(GenServer):
        \"\"\"Puts its handler back when it has failed.\"\"\"

        async def init(self, events) -> None:
            self.events = events
            await gen_event.add_sup_handler(self, events, Total)

        async def handle_info(self, message) -> None:
            match message:
                case GenEventExit(handler="Total", reason=("EXIT", _)):
                    await gen_event.add_sup_handler(self, self.events, Total)


    async def main() -> None:
        async with Node() as node:
            events = await node.start(GenEvent)
            keeper = await node.start(Keeper, events)
            await gen_event.sync_notify(node, events, "3")
            await gen_event.sync_notify(node, events, "4")
            assert await gen_event.call(node, events, "Total", "how much?") == 7

            await gen_event.sync_notify(node, events, "many")     # Total is gone, the manager is not
            await node.sys.get_state(keeper)                      # by now the keeper has heard of it
            assert await gen_event.which_handlers(node, events) == ["Total"]
            assert await gen_event.call(node, events, "Total", "how much?") == 0


    asyncio.run(main())

Why this, and not a process for each handler with demand flowing back, as Elixir's GenStage has it: a handler is for
the quick things (count, log, forward), where order and price matter and `sync_notify` is all the back-pressure there is
to want. Whatever waits or works for long should be a process of its own, under a supervisor: let it register in a
duplicate KeyRegistry and `dispatch` to it, or send it a call from there, and it has its own mailbox with its own bound
(`mailbox_limit`). For the same reason a handler's callbacks cannot be async. A manager's own mailbox is bounded when a
subclass says so; `notify` then raises MailboxFull.

A restart of the manager has no handlers: who added them was linked to it (`add_sup_handler`), or adds them anew.
Different from OTP: a handler id is used once ("already_present"), and a failure that a caller asked for is raised as
EventHandlerError instead of answered.
"""

from __future__ import annotations

from typing import Any

from mirliton.runtime.addresses import Address
from mirliton.runtime.errors import EventHandlerError
from mirliton.runtime.event_handler import EventHandler
from mirliton.runtime.event_manager import id_of
from mirliton.runtime.event_requests import (
    AddHandler,
    CallHandler,
    DeleteHandler,
    Failed,
    StopManager,
    SwapHandler,
    SyncNotify,
    WhichHandlers,
)
from mirliton.runtime.node import Node
from mirliton.runtime.process import Process
from mirliton.runtime.reasons import NORMAL

Asker = Process | Node


async def add_handler(
    asker: Asker, manager: Address, cls: type[EventHandler], *args: Any, id: Any = None, **kwargs: Any
) -> None:
    """Put a handler before the others; its id is the name of its class unless given. Its arguments must be sendable.

    Raises EventHandlerError when its init raised or answered Stop, or its id is taken; or CallError.
    """
    await _ask(asker, manager, id_of(cls, id), AddHandler(cls, id_of(cls, id), args, kwargs))


async def add_sup_handler(
    me: Process, manager: Address, cls: type[EventHandler], *args: Any, id: Any = None, **kwargs: Any
) -> None:
    """`add_handler`, supervised by `me`: linked to the manager, and told by a GenEventExit when the handler goes.

    When `me` ends, the handler is terminated with ("stop", reason).
    """
    await _ask(me, manager, id_of(cls, id), AddHandler(cls, id_of(cls, id), args, kwargs, me.pid))


async def delete_handler(asker: Asker, manager: Address, id: Any, reason: Any = NORMAL) -> Any:
    """Take a handler out; returns what its terminate(reason) returned. Raises EventHandlerError or CallError."""
    return await _ask(asker, manager, id, DeleteHandler(id, reason))


async def swap_handler(
    asker: Asker,
    manager: Address,
    old: Any,
    reason: Any,
    cls: type[EventHandler],
    *args: Any,
    id: Any = None,
    **kwargs: Any,
) -> None:
    """Put a handler in the place of `old`: it begins with `take_over`, given what the old one's terminate returned.

    Raises EventHandlerError (the old one is gone all the same when the new one fails) or CallError.
    """
    new = AddHandler(cls, id_of(cls, id), args, kwargs)
    await _ask(asker, manager, new.id, SwapHandler(old, reason, new))


async def swap_sup_handler(
    me: Process,
    manager: Address,
    old: Any,
    reason: Any,
    cls: type[EventHandler],
    *args: Any,
    id: Any = None,
    **kwargs: Any,
) -> None:
    """`swap_handler`, the new one supervised by `me`."""
    new = AddHandler(cls, id_of(cls, id), args, kwargs, me.pid)
    await _ask(me, manager, new.id, SwapHandler(old, reason, new))


def notify(asker: Asker, manager: Address, event: Any) -> None:
    """Tell an event and do not wait; lost where there is no manager. Raises MailboxFull where it is bounded."""
    asker.cast(manager, event)


async def sync_notify(asker: Asker, manager: Address, event: Any, timeout: float | None = 5.0) -> None:
    """Tell an event and wait until all handlers have had it. Raises CallError."""
    await asker.call(manager, SyncNotify(event), timeout=timeout)


async def call(asker: Asker, manager: Address, id: Any, request: Any, timeout: float | None = 5.0) -> Any:
    """Ask one handler. Raises EventHandlerError, also when it failed over the question; or CallError."""
    return await _ask(asker, manager, id, CallHandler(id, request), timeout)


async def which_handlers(asker: Asker, manager: Address) -> list[Any]:
    """The ids of the handlers, newest first. Raises CallError."""
    ids: list[Any] = await asker.call(manager, WhichHandlers())
    return ids


async def stop(asker: Asker, manager: Address, reason: Any = NORMAL, timeout: float | None = None) -> None:
    """End a manager; its handlers are terminated with "stop". Raises CallError."""
    await asker.call(manager, StopManager(reason), timeout=timeout)


async def _ask(asker: Asker, manager: Address, id: Any, request: Any, timeout: float | None = 5.0) -> Any:
    answer = await asker.call(manager, request, timeout=timeout)
    if type(answer) is Failed:
        raise EventHandlerError(manager, id, answer.reason)
    return answer

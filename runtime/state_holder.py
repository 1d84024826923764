"""StateHolder: a process that holds one value and runs the functions it is given on it, one at a time (Elixir: Agent).

It is called a holder and not an agent because an agent, in the telephony that stands on this runtime, is a person who
takes calls from a queue; and a state holder is what it is.

    import asyncio

    from mirliton.runtime import Name, Node, NoProc, ServerDied, StateHolder, state_holder

    STOCK = Name("service", "stock")


    def take(stock: dict, what: str):
        if stock[what] == 0:
            return "sold out", stock
        return "here you are", {**stock, what: stock[what] - 1}


    async def main() -> None:
        async with Node() as node:
            await node.start(StateHolder, lambda: {"tea": 1, "milk": 5}, name=STOCK)
            assert await state_holder.get_and_update(node, STOCK, take, "tea") == "here you are"
            assert await state_holder.get_and_update(node, STOCK, take, "tea") == "sold out"
            await state_holder.update(node, STOCK, lambda stock: {**stock, "rum": 1})
            assert await state_holder.get(node, STOCK, sorted) == ["milk", "rum", "tea"]

            try:
                await state_holder.get_and_update(node, STOCK, take, "gin")      # a KeyError, in the holder
            except ServerDied as error:
                assert "KeyError" in str(error)
            try:
                await state_holder.get(node, STOCK, len)
            except NoProc:
                await node.start(StateHolder, lambda: {"tea": 1, "milk": 5}, name=STOCK)   # a supervisor's work
            assert await state_holder.get(node, STOCK, len) == 2


    asyncio.run(main())

A function runs inside the holder, as `function(value, *args, **kwargs)`, and everybody else waits meanwhile: let it be
short, and never async; do the slow part outside and hand the result in. When it raises the holder crashes and the
caller gets ServerDied with the reason. A restart begins with the first function again.

The value is handed over by reference: return a copy from `get` where it can be changed, or hold immutable values.
`asker` is a process or the node. Functions cannot travel, so a holder serves its own node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mirliton.runtime.addresses import Address
from mirliton.runtime.gen_server import GenServer, NoReply, Reply, Stop
from mirliton.runtime.node import Node
from mirliton.runtime.process import Process
from mirliton.runtime.protocol import From, Local
from mirliton.runtime.reasons import NORMAL

Asker = Process | Node
OK = "ok"


class _Work(Local):
    """A function for the holder to run."""

    __slots__ = ("args", "function", "kwargs")
    __match_args__ = ("function", "args", "kwargs")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise TypeError(f"a state holder runs plain functions, not {function!r}: it must not wait")
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def on(self, value: Any) -> Any:
        return self.function(value, *self.args, **self.kwargs)


class _Get(_Work):
    __slots__ = ()


class _Update(_Work):
    __slots__ = ()


class _GetAndUpdate(_Work):
    __slots__ = ()


class _Stop(Local):
    __slots__ = ("reason",)
    __match_args__ = ("reason",)

    def __init__(self, reason: Any) -> None:
        self.reason = reason


class StateHolder(GenServer):
    """Holds what `initial(*args, **kwargs)` returns. Use the functions of this module to reach it."""

    def init(self, initial: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.value = _Work(initial, args, kwargs).function(*args, **kwargs)

    def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case _Get():
                return Reply(request.on(self.value))
            case _Update():
                self.value = request.on(self.value)
                return Reply(OK)
            case _GetAndUpdate():
                answer = request.on(self.value)
                if type(answer) is not tuple or len(answer) != 2:
                    raise TypeError(f"get_and_update wants a function that returns (answer, new value), not {answer!r}")
                reply, self.value = answer
                return Reply(reply)
            case _Stop(reason):
                return Stop(reason, reply=OK)
        return super().handle_call(request, sender)

    def handle_cast(self, request: Any) -> Any:
        if type(request) is not _Update:
            return super().handle_cast(request)
        self.value = request.on(self.value)
        return NoReply()

    def state(self) -> Any:
        """The value itself."""
        return self.value

    def set_state(self, state: Any) -> None:
        self.value = state


async def get(
    asker: Asker,
    holder: Address,
    function: Callable[..., Any],
    *args: Any,
    timeout: float | None = 5.0,
    **kwargs: Any,
) -> Any:
    """What `function(value)` returns. `timeout` in seconds. Raises CallError."""
    return await asker.call(holder, _Get(function, args, kwargs), timeout=timeout)


async def update(
    asker: Asker,
    holder: Address,
    function: Callable[..., Any],
    *args: Any,
    timeout: float | None = 5.0,
    **kwargs: Any,
) -> None:
    """Put what `function(value)` returns in the value's place, and wait for it. Raises CallError."""
    await asker.call(holder, _Update(function, args, kwargs), timeout=timeout)


async def get_and_update(
    asker: Asker,
    holder: Address,
    function: Callable[..., tuple[Any, Any]],
    *args: Any,
    timeout: float | None = 5.0,
    **kwargs: Any,
) -> Any:
    """`function(value)` returns (answer, new value): the answer. Nothing comes between the two. Raises CallError."""
    return await asker.call(holder, _GetAndUpdate(function, args, kwargs), timeout=timeout)


def cast(asker: Asker, holder: Address, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """`update` without waiting; nothing happens where there is no holder."""
    asker.cast(holder, _Update(function, args, kwargs))


async def stop(asker: Asker, holder: Address, reason: Any = NORMAL, timeout: float | None = None) -> None:
    """End a holder in order. Raises CallError."""
    await asker.call(holder, _Stop(reason), timeout=timeout)

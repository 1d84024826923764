"""Making things go wrong on purpose, at exactly the n-th time.

    async with virtual_node() as node:
        node.faults.method(Store, "save", nth=2, fail=OSError("disk full"))
        node.faults.message(Add, to=Name("service", "counter"), nth=3, drop=True)
        node.faults.message(Event, to=Listener, delay=2.0, times=None)
        ...

A method may belong to a class or to one object (a store's operation, say); a message is known by its type (that of the
request, for calls and casts), and by whom it is for: an address, or a class of processes. Each rule fails, delays or
drops from its `nth` match on, `times` times (None: for ever). All is undone at the end of the node; a rule that never
came into effect fails the test, which would otherwise prove nothing.

What is delayed keeps its place among the messages of its sender to its receiver: later ones wait behind it.
"""

from __future__ import annotations

import functools
import inspect
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mirliton.runtime.addresses import Address, Name, Pid
from mirliton.runtime.protocol import SIGNALS, Call, Cast
from mirliton.runtime.waits import Wait

if TYPE_CHECKING:
    from mirliton.runtime.cell import Cell
    from mirliton.runtime.testing.virtual import VirtualNode

Receiver = Address | type
Pair = tuple[Pid | None, "Cell"]


class Rule:
    """One thing that goes wrong. `seen` counts the matches, `happened` how often it did."""

    def __init__(
        self, what: str, nth: int, times: int | None, fail: BaseException | None, delay: float | None, drop: bool
    ) -> None:
        """The same choice for all rules: exactly one of `fail`, `delay` (seconds) and `drop`."""
        if nth < 1 or (times is not None and times < 1):
            raise ValueError(f"{what}: nth and times count from 1, not {nth} and {times}")
        if (fail is not None) + (delay is not None) + drop != 1:
            raise ValueError(f"{what}: say exactly one of fail, delay and drop")
        self.what = what
        self.fail = fail
        self.delay = delay
        self.drop = drop
        self.seen = 0
        self.happened = 0
        self._nth = nth
        self._times = times

    def strikes(self) -> bool:
        """Count one match. Whether this one goes wrong."""
        self.seen += 1
        if self.seen < self._nth or (self._times is not None and self.happened >= self._times):
            return False
        self.happened += 1
        return True

    def __str__(self) -> str:
        return f"{self.what}, matched {self.seen} times"


class _MessageRule(Rule):
    def __init__(self, kind: type | tuple[type, ...] | None, to: Receiver | None, *rest: Any) -> None:
        super().__init__(*rest)
        self._kind = kind
        self._to = to

    def matches(self, cell: Cell, message: Any) -> bool:
        content = message.request if isinstance(message, Call | Cast) else message
        if self._kind is not None and not isinstance(content, self._kind):
            return False
        to = self._to
        if to is None:
            return True
        if isinstance(to, type):
            return isinstance(cell.actor, to)
        return to in (cell.names or ()) if isinstance(to, Name) else to == cell.pid


class _Held:
    """A message that is delayed itself, or stands behind one that is."""

    def __init__(self, message: Any, waits: bool) -> None:
        self.message = message
        self.waits = waits


class Faults:
    """The rules of one node (`node.faults`)."""

    def __init__(self, node: VirtualNode) -> None:
        self._node = node
        self._rules: list[Rule] = []
        self._messages: list[_MessageRule] = []
        self._late: dict[Pair, deque[_Held]] = {}
        """By pair, what waits behind a delayed message."""
        self._undo: list[Callable[[], None]] = []

    def method(
        self,
        owner: Any,
        name: str,
        *,
        nth: int = 1,
        times: int | None = 1,
        fail: BaseException | None = None,
        delay: float | None = None,
        drop: bool = False,
    ) -> Rule:
        """Let the n-th call of `owner.name` raise `fail`, come `delay` virtual seconds later, or not be made (None).

        Raises AttributeError where there is no such method, ValueError where a plain function is to be delayed.
        """
        called = getattr(owner, name)
        what = f"{getattr(owner, '__qualname__', type(owner).__qualname__)}.{name}"
        rule = Rule(what, nth, times, fail, delay, drop)
        mine = vars(owner)
        if isinstance(mine.get(name), staticmethod | classmethod | property):
            raise ValueError(f"{what} is no plain method")
        if inspect.iscoroutinefunction(called):

            @functools.wraps(called)
            async def struck(*args: Any, **kwargs: Any) -> Any:
                if rule.strikes():
                    if rule.fail is not None:
                        raise rule.fail
                    if rule.drop:
                        return None
                    await self._pause(rule.delay or 0.0)
                return await called(*args, **kwargs)

        elif delay is not None:
            raise ValueError(f"{what} is no coroutine function: it cannot be delayed")
        else:

            @functools.wraps(called)
            def struck(*args: Any, **kwargs: Any) -> Any:
                if rule.strikes():
                    if rule.fail is not None:
                        raise rule.fail
                    return None
                return called(*args, **kwargs)

        if name in mine:
            self._undo.append(functools.partial(setattr, owner, name, mine[name]))
        else:
            self._undo.append(functools.partial(delattr, owner, name))
        setattr(owner, name, struck)
        self._rules.append(rule)
        return rule

    def message(
        self,
        kind: type | tuple[type, ...] | None = None,
        *,
        to: Receiver | None = None,
        nth: int = 1,
        times: int | None = 1,
        fail: BaseException | None = None,
        delay: float | None = None,
        drop: bool = False,
    ) -> Rule:
        """Let the n-th message of a type to a process be lost, come `delay` seconds late, or raise in its sender.

        None matches all. Signals (exits, Down, timers of `start_timer`) are no messages and cannot be touched.
        """
        what = f"message {getattr(kind, '__qualname__', kind or 'of any type')} to {getattr(to, '__qualname__', to)}"
        rule = _MessageRule(kind, to, what, nth, times, fail, delay, drop)
        self._rules.append(rule)
        self._messages.append(rule)
        return rule

    def take(self, cell: Cell, message: Any, sender: Pid | None) -> bool:
        """Whether a message on its way has gone wrong, and is not to be delivered now. Raises what a rule says."""
        pair = (sender, cell)
        rule = None
        if self._messages and not isinstance(message, SIGNALS):
            rule = next((rule for rule in self._messages if rule.matches(cell, message) and rule.strikes()), None)
        if rule is not None and rule.fail is not None:
            raise rule.fail
        if rule is not None and rule.drop:
            return True
        if rule is None and pair not in self._late:
            return False
        held = _Held(message, waits=rule is not None)
        self._late.setdefault(pair, deque()).append(held)
        if rule is not None:
            self._node.after(rule.delay or 0.0, self._release, (pair, held))
        return True

    def _release(self, due: tuple[Pair, _Held]) -> None:
        """The delay of one message is over: it goes on, and what is behind it up to the next delayed one."""
        pair, held = due
        held.waits = False
        late = self._late[pair]
        while late and not late[0].waits:
            self._node.deliver_now(pair[1], late.popleft().message, pair[0])
        if not late:
            del self._late[pair]

    async def _pause(self, seconds: float) -> None:
        current = self._node.scheduler.current
        wait = Wait(current, self._node.scheduler)
        timer = self._node.after(seconds, wait.resolve)
        try:
            await wait
        finally:
            self._node.timers.cancel(timer)

    def undo(self) -> None:
        """Let everything go right again."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        self._messages.clear()

    def check(self) -> None:
        """Raise AssertionError for rules that never came into effect."""
        idle = [str(rule) for rule in self._rules if not rule.happened]
        assert not idle, f"faults that never happened: {'; '.join(idle)}"

"""The watchdog: a thread that notices a handler which holds the event loop, and ends it.

    node = Node("whapps1@host", watchdog=Watchdog(slow=0.1, stalled=2.0))

A handler that holds the loop for `slow` seconds is counted and logged with its class, the type of its message and its
stack. One that holds it for `stalled` seconds gets a HandlerTooSlow raised inside it: its process dies with a Crash of
the kind "HandlerTooSlow", the stack in its dossier, and its supervisor starts another. There is one thread per OS
process, however many nodes it has.

The exception must hit the guilty handler and nobody else, though the handler may end at any instant. So the thread does
not raise it (PyThreadState_SetAsyncExc would let it come up wherever the loop has got to by then: in the scheduler, or
in the next process). It taps the loop's thread with a signal; the signal's handler runs *in* that thread, between two
instructions, where nothing can move: it looks whether the accused handler still runs, and whether this is a place where
an exception ends it alone (see `holding.may_raise`), and only then raises. If not, it goes away, and the thread taps
again a moment later. As a signal it also ends what an asynchronous exception cannot: `time.sleep`, a blocking socket, a
lock.

Python runs signal handlers in the main thread only: of a loop in another thread the watchdog reports and breaks
nothing. Nor can it break C code that keeps the interpreter to itself (a catastrophic regular expression), and a foreign
callback or Task that belongs to no process is only reported. All that falls to the node supervisor, which kills a node
whose loop has stalled.

On the hot path it costs nothing: it reads what the scheduler notes anyway, and sends a ping through the loop.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from mirliton.runtime.errors import HandlerTooSlow
from mirliton.runtime.families import Spread
from mirliton.runtime.holding import Holder, may_raise, stack
from mirliton.runtime.rate_limit import RateLimit
from mirliton.runtime.reasons import Crash

if TYPE_CHECKING:
    from mirliton.runtime.node import Node

TAP: Final = signal.SIGRTMIN + 6
"""The signal that the watchdog uses in its own process."""

RETRY: Final = 0.005
"""Seconds between two taps on a handler that could not be ended where it stood."""
HOPELESS: Final = 400
"""Taps without effect after which the log says so."""
LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5)
"""Bounds of what is told of the loop's lag, in seconds."""
LOG_EVERY: Final = 10.0
"""Seconds between two lines about slow handlers of one class."""


@dataclass(frozen=True, slots=True)
class Watchdog:
    """What a node's watchdog does not put up with, in seconds.

    `slow`: a handler that holds the loop for so long is reported. `stalled`: one that holds it for so long is ended;
    None only reports.

    >>> Watchdog(slow=0.2, stalled=1.0)
    Watchdog(slow=0.2, stalled=1.0)
    >>> Watchdog(slow=2.0, stalled=1.0)
    Traceback (most recent call last):
    ValueError: Watchdog(slow=2.0, stalled=1.0): slow must be above 0, and stalled not below slow
    """

    slow: float = 0.1
    stalled: float | None = 2.0

    def __post_init__(self) -> None:
        if self.slow <= 0 or (self.stalled is not None and self.stalled < self.slow):
            raise ValueError(f"{self}: slow must be above 0, and stalled not below slow")


class Watch:
    """The watchdog's eye on one node."""

    def __init__(self, node: Node, limits: Watchdog) -> None:
        self.limits = limits
        self.slow: Counter[tuple[str, str]] = Counter()
        """Slow handlers by (class, type of message)."""
        self.ended: Counter[str] = Counter()
        """Handlers that were ended, by class."""
        self.lag = 0.0
        """Seconds that the last ping took through the loop."""
        self.lags = Spread(LAGS)
        """What all pings took."""
        self.longest_lag = 0.0
        self.interval = limits.slow / 2
        self.node = node
        self._scheduler = node.scheduler
        self._loop: asyncio.AbstractEventLoop = node.loop
        # Of a loop that does not run yet, the first answer tells whose it is.
        self._thread = threading.get_ident() if _runs_here(node.loop) else None
        self._answered = True
        self._holder: Holder | None = None
        self._held = 0.0
        self._reported = False
        self._taps = 0
        self._log = RateLimit(LOG_EVERY)

    def look(self, elapsed: float) -> float:
        """One look at the loop, `elapsed` seconds after the last. How many seconds until the next (watchdog's thread).

        Time in which the whole OS process was stopped or starved is not held against the handler.
        """
        if self._answered:
            self._held, self._reported, self._taps = 0.0, False, 0
            self._holder = Holder(self._scheduler)
            self._answered = False
            self._loop.call_soon_threadsafe(self._pong, time.monotonic())
            return self.interval
        if not self._loop.is_running():
            return self.interval
        holder = Holder(self._scheduler)
        if self._holder is None or not holder.is_same(self._holder):
            self._holder, self._held, self._reported, self._taps = holder, 0.0, False, 0
            return self.interval
        self._held += min(elapsed, 1.5 * self.interval)
        if self._held >= self.limits.slow and not self._reported:
            self._reported = True
            self._report(self._holder)
        if self.limits.stalled is None or self._held < self.limits.stalled:
            return self.interval
        return self._tap()

    def _pong(self, sent: float) -> None:
        self._thread = threading.get_ident()
        self.lag = time.monotonic() - sent
        self.longest_lag = max(self.longest_lag, self.lag)
        self.lags.observe(self.lag)
        self._answered = True

    def _report(self, holder: Holder) -> None:
        holder.name(self._scheduler)
        self.slow[holder.kind, holder.message] += 1
        unsaid = self._log.allows(holder.kind)
        if unsaid is not None:
            self._say("slow_handler", holder, held=round(self._held, 3), unsaid=unsaid)

    def _say(self, event: str, holder: Holder, **facts: Any) -> None:
        thread = sys._current_frames().get(self._thread or 0)
        where = "\n".join(f"{file}:{line} {function}" for file, line, function in stack(thread))
        cell = holder.cell
        if cell is not None:
            facts |= {"pid": str(cell.pid), "name": cell.label}
        self.node.log.warning(event, kind=holder.kind, message_type=holder.message, stack=where, **facts)

    def _tap(self) -> float:
        holder, thread = self._holder, self._thread
        if holder is None or holder.cell is None or thread is None or thread != threading.main_thread().ident:
            return self.interval
        self._taps += 1
        if self._taps == HOPELESS:
            self._say("handler_cannot_be_ended", holder, held=round(self._held, 3))
        _guard.accused = self
        signal.pthread_kill(thread, TAP)
        return RETRY

    def judge(self, frame: FrameType | None) -> None:
        """Raise HandlerTooSlow if the accused still runs and may be ended here (the loop's thread, in the signal)."""
        holder = self._holder
        if self._answered or holder is None or not holder.is_same(Holder(self._scheduler)) or not may_raise(frame):
            return
        held, self._held = self._held, 0.0  # its terminate has as long again
        self.ended[holder.kind] += 1
        doing = f" handling {holder.message}" if holder.message else ""
        raise HandlerTooSlow(
            Crash("HandlerTooSlow", f"held the event loop for {held:.2f} s{doing}", stack(frame)), held
        )


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _Guard:
    """The thread, and what it watches."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Watch nothing. Also in a forked child: the thread, and whoever held the lock, have stayed with the parent."""
        self.accused: Watch | None = None
        self._watches: dict[Watch, float] = {}
        """When each is looked at next (monotonic)."""
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        if threading.current_thread() is threading.main_thread():
            # It stays: the default action of a tap that comes late would end the OS process.
            signal.signal(TAP, self._tapped)
        with self._change:
            self._watches[watch] = 0.0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mirliton-watchdog", daemon=True)
                self._thread.start()
            self._change.notify()

    def remove(self, watch: Watch) -> None:
        with self._change:
            self._watches.pop(watch, None)
            if self.accused is watch:
                self.accused = None
            self._change.notify()

    def _tapped(self, _: int, frame: FrameType | None) -> None:
        accused, self.accused = self.accused, None
        if accused is not None:
            accused.judge(frame)

    def _run(self) -> None:
        looked: dict[Watch, float] = {}
        while True:
            with self._change:
                if not self._watches:
                    self._thread = None
                    return
                self._change.wait(max(0.0, min(self._watches.values()) - time.monotonic()))
                watches = dict(self._watches)
            looked = {watch: at for watch, at in looked.items() if watch in watches}
            for watch, due in watches.items():
                now = time.monotonic()
                if now < due:
                    continue
                pause = self._look(watch, now - looked.get(watch, now))
                looked[watch] = now
                with self._change:
                    if pause is None:
                        self._watches.pop(watch, None)
                    elif watch in self._watches:
                        self._watches[watch] = now + pause

    @staticmethod
    def _look(watch: Watch, elapsed: float) -> float | None:
        """Seconds until the next look; None when this node is not to be looked at any more."""
        try:
            return watch.look(elapsed)
        except Exception:
            if watch.node.loop.is_closed():
                return None
            watch.node.log.exception("watchdog_failed")
            return 1.0


_guard: Final = _Guard()
os.register_at_fork(after_in_child=_guard._begin)


def watch(node: Node, limits: Watchdog) -> Watch:
    """Keep an eye on a node that has a loop, until `unwatch`."""
    made = Watch(node, limits)
    _guard.add(made)
    return made


def unwatch(made: Watch) -> None:
    """Look no more. Without a watch the thread ends."""
    _guard.remove(made)

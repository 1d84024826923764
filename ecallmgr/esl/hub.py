"""The thread in which greenswitch's gevent hub runs, beside the asyncio loop.

gevent is not patched into anything: its greenlets live in this one thread, and exactly two things cross the border.
Into the hub: `Hub.post`, which appends to a deque and rings the hub's async watcher. Out of it:
`loop.call_soon_threadsafe` (`inbox`). One hub serves all connections of a process; a connection costs it two
greenlets.

`Hub()` starts with its first use and is stopped by its owner. Who owns none uses `SharedHub`, which runs while
somebody holds it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import gevent
import gevent.event
import structlog

from mirliton.ecallmgr.esl.errors import HubStopped

_log = structlog.get_logger(__name__)

STOP_TIMEOUT: Final = 5.0


class Hub:
    """One gevent hub in one daemon thread. Not started, running, or stopped; it does not start twice."""

    def __init__(self, name: str = "esl-hub") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._calls: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._watcher: Any = None
        """The hub's async watcher: `send` is the one method another thread may call."""
        self._leaving: gevent.event.Event | None = None
        self._at_end: dict[object, Callable[[], object]] = {}
        self._ending = False
        self._gone = False
        self._tell_gone: list[Callable[[], object]] = []

    @property
    def running(self) -> bool:
        """Whether the thread is there and takes calls."""
        return self._thread is not None and not self._ending

    def post(self, call: Callable[[], object]) -> None:
        """Have `call` run in the hub, after all that were posted before. From any thread; returns at once.

        `call` runs in the hub's own greenlet and may not wait for anything. What it raises is logged. The first post
        starts the thread. Raises HubStopped once the hub is stopping.
        """
        with self._lock:
            if self._ending:
                raise HubStopped
            self._calls.append(call)
            if self._watcher is not None:
                self._watcher.send()
            elif self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()

    def at_end(self, key: object, call: Callable[[], object] | None) -> None:
        """In the hub: have `call` run when the hub ends; None takes it back. So connections end with their hub."""
        if call is None:
            self._at_end.pop(key, None)
        else:
            self._at_end[key] = call

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """End every connection of this hub (with HubStopped) and the thread; nothing to do on a stopped hub.

        Raises HubStopped when the thread is still there after `timeout` seconds: something in it does not give way.
        """
        loop = asyncio.get_running_loop()
        gone = loop.create_future()
        if not self._begin_to_end(lambda: _tell(loop, gone)):
            return
        await asyncio.wait([gone], timeout=timeout)
        assert self._thread is not None
        if gone.done():
            # To tell us was the thread's last act but its return.
            self._thread.join(1.0)
        if self._thread.is_alive():
            raise HubStopped(f"the hub thread {self.name!r} did not end within {timeout:g} s")

    def stop_soon(self) -> None:
        """Begin to end the hub, without waiting. From any thread."""
        self._begin_to_end(None)

    def _begin_to_end(self, tell_gone: Callable[[], object] | None) -> bool:
        """Whether there is a thread whose end can be waited for."""
        with self._lock:
            if self._thread is None or self._gone:
                self._ending = True
                return False
            if tell_gone is not None:
                self._tell_gone.append(tell_gone)
            if not self._ending:
                self._ending = True
                self._calls.append(self._leave)
                if self._watcher is not None:
                    self._watcher.send()
            return True

    def _leave(self) -> None:
        assert self._leaving is not None
        self._leaving.set()

    def _run(self) -> None:
        watcher = None
        try:
            hub = gevent.get_hub()
            self._leaving = gevent.event.Event()
            watcher = hub.loop.async_()
            watcher.start(self._take_calls)
            with self._lock:
                self._watcher = watcher
                # For what was posted while there was no watcher to ring.
                watcher.send()
            self._leaving.wait()
        finally:
            with self._lock:
                self._ending = True
                self._watcher = None
                if watcher is not None:
                    watcher.stop()
                    watcher.close()
            for call in list(self._at_end.values()):
                self._guarded(call)
            # The greenlets that were killed just now run to their ends in the next turn.
            gevent.sleep(0)
            gevent.get_hub().destroy(destroy_loop=True)
            with self._lock:
                self._gone = True
            for tell in self._tell_gone:
                tell()

    def _take_calls(self) -> None:
        while self._calls:
            self._guarded(self._calls.popleft())

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:  # noqa: BLE001
            # One connection's fault must not end the thread that serves them all.
            _log.exception("a call in the event socket hub failed", hub=self.name)


def _tell(loop: asyncio.AbstractEventLoop, gone: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(_set, gone)
    except RuntimeError:
        # The loop is closed, so nobody waits in it.
        return


def _set(gone: asyncio.Future[None]) -> None:
    if not gone.done():
        gone.set_result(None)


class SharedHub:
    """The hub of all who bring none: started for the first, ended after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hub: Hub | None = None
        self._holders = 0

    def hold(self) -> Hub:
        """The running hub; each hold needs its `release`. From any thread."""
        with self._lock:
            if self._hub is None:
                self._hub = Hub("esl-hub-shared")
            self._holders += 1
            return self._hub

    def release(self) -> None:
        """Give back one hold."""
        with self._lock:
            self._holders -= 1
            if self._holders == 0 and self._hub is not None:
                self._hub.stop_soon()
                self._hub = None


shared = SharedHub()

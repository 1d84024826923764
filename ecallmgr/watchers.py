"""Who wants to be told of the legs of one switch, and which of their events."""

from __future__ import annotations

from mirliton.actors.kapi.call import event_name
from mirliton.actors.switching import PARKED, LegEvent, LegParked, LegsMissed, WatchLegs
from mirliton.runtime import Address, GenServer, OutboxFull, Ref


class Watchers:
    """Those of one channel table. One whose node has too much waiting for it already misses events, and is told that it
    did as soon as it can be told anything."""

    def __init__(self, process: GenServer, switch: str) -> None:
        self._process = process
        self._missed = LegsMissed(switch)
        self._wanted: dict[Ref, WatchLegs] = {}
        self._behind: set[Address] = set()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._wanted)

    def watch(self, wanted: WatchLegs) -> None:
        """Begin to tell somebody, tell them of other events than before, or (`on` is False) no more."""
        for ref in [ref for ref, each in self._wanted.items() if each.watcher == wanted.watcher]:
            self._process.demonitor(ref, flush=True)
            del self._wanted[ref]
        self._behind.discard(wanted.watcher)
        if wanted.on:
            self._wanted[self._process.monitor(wanted.watcher)] = wanted

    def ended(self, ref: Ref) -> bool:
        """Whether this was the end of one of them."""
        wanted = self._wanted.pop(ref, None)
        if wanted is not None:
            self._behind.discard(wanted.watcher)
        return wanted is not None

    def tell(self, news: LegEvent | LegParked) -> None:
        """Tell whoever wants it."""
        if not self._wanted:
            return
        name = event_name(news.event) if isinstance(news, LegEvent) else PARKED
        for wanted in self._wanted.values():
            if not wanted.only or name in wanted.only:
                self._send(wanted.watcher, news)

    def _send(self, watcher: Address, news: LegEvent | LegParked) -> None:
        try:
            if watcher in self._behind:
                self._process.send(watcher, self._missed)
                self._behind.discard(watcher)
            self._process.send(watcher, news)
        except OutboxFull as error:
            self.dropped += 1
            if watcher not in self._behind:
                self._behind.add(watcher)
                self._process.log.warning("watcher_misses_legs", watcher=str(watcher), error=str(error))

"""Finds what changed in the databases without a message: the safety net of those who listen (`news.py`).

On each node one process follows the databases that somebody there listens to: those of the system by name, and of the
classes (accounts' own databases, say) those that the node has used, up to MOST_FOLLOWED; beyond that those used longest
ago are not followed. It holds one long poll for each. What it finds it tells to its own node's listeners only, since
each node looks for itself; what they were told by message it passes over.

A restart begins with what changes from then on: a listener that must know of what came before is restarted with it, or
reads at intervals. While the database is away nothing is told, and everything that was written meanwhile afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.store.changes import NOW, Changes, went_back
from mirliton.actors.store.client import LONGEST_WAIT, StoreClient
from mirliton.actors.store.errors import DatabaseNotFound, StoreError, StoreUnavailable
from mirliton.actors.store.names import check_database, classify
from mirliton.actors.store.news import EVERYTHING, SCOPE, anything_changed, listeners, update_of
from mirliton.actors.store.server import STORE, DatabasesInUse
from mirliton.runtime import CallError, Completed, GenServer, Name, TimerFired

FOLLOWER: Final = Name("service", "store_follower")
MOST_FOLLOWED: Final = 256
LOOK_EVERY: Final = 2.0
"""Seconds between looks at who listens to what, and which databases are in use."""
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0
PAGE: Final = 1000
REMEMBERED: Final = 8192
"""Changes of which it is known that they were told."""
CLASSES: Final = frozenset({"account", "modb", "numbers"})
"""Classes of many databases; every other class is the name of one."""


@dataclass(slots=True)
class Feed:
    """A database that is followed."""

    place: str | None = None
    """How far; None: it has just begun."""
    since: str = NOW
    """Where it begins."""
    pause: float = FIRST_PAUSE


class Follower(GenServer):
    """Under FOLLOWER. It can be killed at any time; what is written until it is back is told by message only."""

    mailbox_limit = 100_000
    mailbox_overflow = "drop_oldest"

    def init(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.told: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self.heard: set[str] = set()
        """The groups that it has joined, to hear what is told."""
        self.found = 0
        """Changes that came without a message."""
        self.start_timer(0.0, "look")

    def state(self) -> Any:
        return {"followed": sorted(self.feeds), "found": self.found}

    async def handle_info(self, message: Any) -> None:
        match message:
            case DocUpdate(database=db, id=id, rev=str(rev)):
                self.told[db, id, rev] = None
                if len(self.told) > REMEMBERED:
                    self.told.popitem(last=False)
            case DocUpdate():
                pass
            case TimerFired(message="look"):
                await self._look()
                self.start_timer(LOOK_EVERY, "look")
            case TimerFired(message=("again", str(db))):
                self._poll(db)
            case Completed(tag=("polled", str(db), place), value=value, error=error):
                feed = self.feeds.get(db)
                if feed is not None and feed.place == place:
                    self._polled(db, feed, value, error)
            case _:
                super().handle_info(message)

    async def _look(self) -> None:
        """Follow what is to be followed, and nothing else."""
        wanted = await self._wanted()
        for db in self.feeds.keys() - wanted:
            del self.feeds[db]
        for db in wanted:
            if db not in self.feeds:
                self.feeds[db] = Feed()
                self._poll(db)

    async def _wanted(self) -> list[str]:
        groups = self.node.groups.scope(SCOPE)
        asked = {
            group
            for group in groups.which_groups()
            if isinstance(group, str)
            and group != EVERYTHING
            and any(pid != self.pid for pid in groups.local_members(group))
        }
        for group in asked - self.heard:
            groups.join(group, self.pid)
        self.heard |= asked
        for group in self.heard - asked:
            groups.leave(group, self.pid)
        self.heard &= asked
        named = [check_database(group) for group in sorted(asked - CLASSES)]
        classes = asked & CLASSES
        if not classes:
            return named[:MOST_FOLLOWED]
        try:
            used: list[str] = await self.call(STORE, DatabasesInUse())
        except CallError:
            used = [db for db in self.feeds if classify(db) in classes]  # it is just being restarted
        return list(dict.fromkeys([*named, *(db for db in used if classify(db) in classes)]))[:MOST_FOLLOWED]

    def _poll(self, db: str) -> None:
        feed = self.feeds.get(db)
        if feed is not None:
            begun = feed.place is not None
            self.background(
                self._changes(db, feed.place or feed.since, LONGEST_WAIT if begun else 0.0), ("polled", db, feed.place)
            )

    async def _changes(self, db: str, place: str, wait: float) -> Changes | StoreError:
        try:
            return await StoreClient(self).changes(db, place, wait=wait, limit=PAGE)
        except StoreError as error:
            return error

    def _polled(self, db: str, feed: Feed, value: Changes | StoreError | None, error: Any) -> None:
        match value:
            case Changes() as page if not went_back(feed.place or "0", page.place):
                # What a poll without end would hide: a server that answers at once, and nothing.
                idle = not page.changes and page.place == feed.place
                self._tell(db, page)
                feed.place, feed.pause = page.place, FIRST_PAUSE
                if idle:
                    self.start_timer(FIRST_PAUSE, ("again", db))
                else:
                    self._poll(db)
            case Changes():
                self._begin_anew(db, feed)
                self._poll(db)
            case DatabaseNotFound():
                if feed.place is not None:
                    self._begin_anew(db, feed)
                feed.since = "0"  # should it be made yet, everything in it is new
                self._later(db, feed)
            case StoreUnavailable() | None:
                self.log.debug("changes_not_read", db=db, error=str(value or error))
                self._later(db, feed)
            case StoreError():
                self.log.warning("changes_begin_anew", db=db, error=str(value))
                self._begin_anew(db, feed)
                self._later(db, feed)

    def _later(self, db: str, feed: Feed) -> None:
        self.start_timer(feed.pause, ("again", db))
        feed.pause = min(feed.pause * 2, LONGEST_PAUSE)

    def _begin_anew(self, db: str, feed: Feed) -> None:
        """The place is not known any more: it is another database of the name, and anything may be different."""
        feed.place, feed.since = None, NOW
        update = anything_changed(db)
        for pid in listeners(self.node, db, here=True) - {self.pid}:
            self.send(pid, update)

    def _tell(self, db: str, page: Changes) -> None:
        new = [change for change in page.changes if (change.db, change.id, change.rev) not in self.told]
        if not new:
            return
        self.found += len(new)
        hearing = listeners(self.node, db, here=True) - {self.pid}
        for change in new:
            update = update_of(change)
            for pid in hearing:
                self.send(pid, update)

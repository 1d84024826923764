"""Starts the tasks that are to run, some at a time. Kazoo: kz_tasks_scheduler.

Its truth is the database: it looks at intervals, and at once when a task's document changes. It runs on one node at a
time; a task that another was carrying out when it died is taken over from its last checkpoint.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.store import Conflict, DatabaseNotFound, Document, NotFound, StoreError
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.news import listen
from mirliton.actors.system_config import config_of
from mirliton.runtime import Completed, Continue, GenServer, NoReply, TimerFired, TimerRef
from mirliton.whapps.tasks.action import Run
from mirliton.whapps.tasks.catalogue import action_of
from mirliton.whapps.tasks.record import DATABASE, LookForTasks, finished
from mirliton.whapps.tasks.worker import carry_out

LOOK_EVERY: Final = 10.0
AT_ONCE: Final = 4
"""Tasks that are carried out at the same time."""
MOST_WAITING: Final = 1000
CATEGORY: Final = "tasks"
SILENT_FOR: Final = 15.0
"""Seconds without a checkpoint after which another node's task is taken over; one is due every two seconds."""
LONGEST_PAUSE: Final = 5.0
PAUSE: Final = 0.0
"""Seconds after each row, unless `wait_after_row_ms` of `system_config/tasks` says otherwise (Kazoo: 0.5)."""


class Scheduler(GenServer):
    """Under TASKS. A restart goes on with what was under way."""

    mailbox_limit = 10_000
    mailbox_overflow = "drop_oldest"

    def init(self) -> NoReply:
        self.running: set[str] = set()
        self.looking = False
        self.look_again = False
        self.timer: TimerRef | None = None
        self.ended = self.failed = 0
        self.worker = secrets.token_hex(8)
        """Tells this process's attempts from those of any other."""
        listen(self, DATABASE)
        return NoReply(then=Continue())

    def state(self) -> Any:
        return {"running": sorted(self.running), "ended": self.ended, "failed": self.failed}

    def handle_continue(self, argument: Any) -> None:
        self._look()

    def handle_info(self, message: Any) -> None:
        match message:
            case LookForTasks() | DocUpdate(type="task" | None):
                self._look()
            case DocUpdate():
                pass
            case TimerFired(message="look"):
                self._look()
            case Completed(tag="look", value=found, error=error):
                self._looked(found or [], error)
            case Completed(tag=("task", str(id)), value=end, error=error):
                self.running.discard(id)
                if error is not None:
                    self.failed += 1
                    self.log.warning("task_interrupted", task=id, error=str(error))
                    return  # the next look takes it up again
                self.ended += end != "left"
                self._look()
            case _:
                super().handle_info(message)

    def _look(self) -> None:
        if self.looking:
            self.look_again = True
        else:
            self.looking = True
            self.background(self._to_run(), "look")

    async def _to_run(self) -> list[Document]:
        try:
            rows = (
                await StoreClient(self).view(
                    DATABASE, "tasks/by_status", key="executing", limit=MOST_WAITING, include_docs=True
                )
            ).rows
        except DatabaseNotFound:
            return []
        return [row.doc for row in rows if row.doc is not None]

    def _looked(self, found: list[Document], error: Any) -> None:
        self.looking = False
        if error is not None:
            self.log.warning("tasks_not_read", error=str(error))
        for doc in sorted(found, key=lambda doc: (doc.get("pvt_started_at") or 0, doc["_id"])):
            if len(self.running) < AT_ONCE and doc["_id"] not in self.running and self._may_take(doc):
                self.running.add(doc["_id"])
                self.background(self._carry_out(doc), ("task", doc["_id"]))
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.start_timer(LOOK_EVERY, "look")
        if self.look_again:
            self.look_again = False
            self._look()

    def _may_take(self, doc: Document) -> bool:
        """Whether nobody has the task: a predecessor on this node is gone, one elsewhere has been silent for long."""
        if doc.get("pvt_worker") is None or doc.get("pvt_worker_node") == self.node.name:
            return True
        return self.node.clock.time() - float(doc.get("pvt_beat") or 0) > SILENT_FOR

    async def _carry_out(self, doc: Document) -> str:
        store = StoreClient(self)
        action = action_of(doc.get("pvt_category"), doc.get("pvt_action"))
        account_id, auth = str(doc.get("pvt_account_id")), str(doc.get("pvt_auth_account_id"))
        if action is None:
            return await self._refuse(doc, "there is no such action in this version")
        config = await config_of(store, CATEGORY)
        master = (await config_of(store, "accounts")).get("master_account_id") == auth
        run = Run(store, self.node.clock.time, doc["_id"], account_id, auth, master)
        try:
            return await carry_out(run, action, doc, self.worker, self.node.name, _pause(config))
        except StoreError:
            raise
        except Exception as error:
            self.log.exception("task_failed", task=doc["_id"], action=f"{action.category}/{action.name}")
            return await self._refuse(doc, f"{type(error).__name__} in the action")

    async def _refuse(self, doc: Document, reason: str) -> str:
        """A task that cannot be carried out by trying again ends."""
        store = StoreClient(self)
        try:
            there = await store.get(DATABASE, doc["_id"])
            await store.put(DATABASE, finished(there, "internal_error", self.node.clock.time(), reason))
        except (NotFound, Conflict):
            return "left"
        return "ended"


def _pause(config: dict[str, Any]) -> float:
    given = config.get("wait_after_row_ms")
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        return PAUSE
    return min(given / 1000, LONGEST_PAUSE)

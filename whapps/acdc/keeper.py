"""Has queues and agents run: a queue when somebody needs it, an agent as long as it is at work.

Who is at work is stored, so after a restart of the node every agent is there again, and one whose own supervisor gave
it up is back with the next look. It outlives the supervisors of both: to end with them would take two of the restarts
that they share.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.agent import agent_tree
from mirliton.actors.queue import queue_tree
from mirliton.actors.queueing import (
    ACDC_DB,
    AGENTS_SUPERVISOR,
    QUEUES_SUPERVISOR,
    EnsureAgent,
    EnsureQueue,
    agent_name,
    queue_name,
)
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.documents import is_deleted
from mirliton.runtime import (
    CallError,
    Completed,
    Continue,
    Down,
    From,
    GenServer,
    Name,
    NoReply,
    Ref,
    Reply,
    TimerFired,
    TimerRef,
)
from mirliton.supervisors import Refused, StartChild, Tree

LOOK_EVERY: Final = 10.0
"""Seconds between looks at whether every agent that is at work has its process."""
LOOK_AGAIN: Final = 1.0
GRACE: Final = 0.05
"""Seconds that the supervisor of all agents gets to be restarted."""


class Keeper(GenServer):
    """Under ACDC."""

    def init(self) -> NoReply:
        self.looking = False
        self.next_look: TimerRef | None = None
        self.agents: Ref | None = None
        return NoReply(then=Continue())

    def handle_continue(self, argument: Any) -> None:
        self.agents = self.monitor(AGENTS_SUPERVISOR)
        self._look()

    def _look(self, later: float = 0.0) -> None:
        if self.next_look is not None:
            self.next_look.cancel()
            self.next_look = None
        if later:
            self.next_look = self.start_timer(later, "look")
        elif not self.looking:
            self.looking = True
            self.background(self._at_work(), "look")

    async def handle_call(self, request: Any, sender: From) -> Any:
        match request:
            case EnsureQueue(account_id, queue_id):
                name, supervisor = queue_name(account_id, queue_id), QUEUES_SUPERVISOR
                return Reply(await self._ensure(name, supervisor, queue_tree(account_id, queue_id)))
            case EnsureAgent(account_id, agent_id):
                name, supervisor = agent_name(account_id, agent_id), AGENTS_SUPERVISOR
                return Reply(await self._ensure(name, supervisor, agent_tree(account_id, agent_id)))
        return super().handle_call(request, sender)

    async def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag="look", value=found, error=error):
                self.looking = False
                if error is not None:
                    self.log.warning("agents_not_read", error=str(error))
                for account_id, agent_id in found or ():
                    name = agent_name(account_id, agent_id)
                    if isinstance(
                        await self._ensure(name, AGENTS_SUPERVISOR, agent_tree(account_id, agent_id)), Refused
                    ):
                        self.log.warning("agent_not_started", agent_id=agent_id)
                self._look(LOOK_EVERY if error is None else LOOK_AGAIN)
            case TimerFired(message="look"):
                self._look()
            case TimerFired(message="agents"):
                self.agents = self.monitor(AGENTS_SUPERVISOR)
                self._look()
            case Down(ref=ref) if ref == self.agents:
                # All agents died with it; it comes back at once, and so must they.
                self.start_timer(GRACE, "agents")
            case _:
                super().handle_info(message)

    async def _at_work(self) -> list[tuple[str, str]]:
        """The agents that are at work: account and agent."""
        store = StoreClient(self)
        await store.create_database(ACDC_DB)
        rows = (await store.all_docs(ACDC_DB, include_docs=True)).rows
        docs = [row.doc for row in rows if row.doc is not None and not is_deleted(row.doc)]
        working = [doc for doc in docs if doc.get("pvt_type") == "agent" and doc.get("status") in ("ready", "paused")]
        return [(str(doc.get("pvt_account_id")), str(doc.get("agent_id"))) for doc in working]

    async def _ensure(self, name: Name, supervisor: Name, tree: Tree) -> Name | Refused:
        """Its name, when it runs or is being restarted."""
        if self.whereis(name) is not None:
            return name
        try:
            started = await self.call(supervisor, StartChild([tree]))
        except CallError as error:
            started = Refused(str(error))
        if isinstance(started, Refused):
            # It may be back by its own supervisor by now.
            return name if self.whereis(name) is not None else started
        return name

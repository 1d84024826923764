"""A call centre on a whole node and a simulated switch: a queue, its agents with their phones, callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mirliton.actors.kapi.acdc_agent import Login
from mirliton.actors.queueing import (
    AgentIs,
    AskAgent,
    AskQueue,
    QueueIs,
    agent_name,
    queue_name,
)
from mirliton.actors.store.documents import stamp
from mirliton.actors.switching import call_name, executor_name
from mirliton.ecallmgr.simulator.calls import RemoteCall
from mirliton.runtime import Name
from mirliton.supervisors.entities import entities_of
from scene import PATIENCE, eventually
from tenants import ALICE, BOB, CAROL, DAVE, DEMO, Person
from watched_switch import Headers
from world import World

QUEUE = "queue-support"
NUMBER = "5000"
LOGIN, LOGOUT, PAUSE, RESUME = "*20", "*21", "*22", "*23"
AFTER = {"module": "response", "data": {"code": 486}, "children": {}}
"""What follows when the queue lets a caller out."""


class Centre:
    """The world, its one queue and its agents."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.node = world.node
        self.rings: list[str] = []
        """Whose phones were rung."""
        world.switch.watchers.append(self._watch)

    async def queue(self, *agents: Person, **wishes: Any) -> None:
        """Set the queue up, with these agents logged in."""
        doc = {"_id": QUEUE, "name": "support", "agent_ring_timeout": 60, **wishes}
        await self.put("queue", doc)
        flow = {"module": "acdc_member", "data": {"id": QUEUE}, "children": {"_": AFTER}}
        await self.put("callflow", {"_id": "callflow-queue", "numbers": [NUMBER], "flow": flow})
        for number, action in ((LOGIN, "login"), (LOGOUT, "logout"), (PAUSE, "paused"), (RESUME, "resume")):
            flow = {"module": "acdc_agent", "data": {"action": action}, "children": {}}
            await self.put("callflow", {"_id": f"callflow-{action}", "numbers": [number], "flow": flow})
        for agent in agents:
            await self.belongs(agent)
            await self.told(agent, Login(DEMO.account_id, agent.user_id))

    async def put(self, kind: str, doc: dict[str, Any]) -> None:
        await self.world.store.put(DEMO.db, stamp(doc, type=kind, account_id=DEMO.account_id))

    async def belongs(self, agent: Person, queues: tuple[str, ...] = (QUEUE,)) -> None:
        """The agent works for these queues."""
        user = await self.world.store.get(DEMO.db, agent.user_id)
        await self.world.store.put(DEMO.db, {**user, "queues": list(queues)})

    async def told(self, agent: Person, request: Any) -> AgentIs:
        """Ask an agent's actor something."""
        answer = await self.node.call(agent_name(DEMO.account_id, agent.user_id), request)
        assert isinstance(answer, AgentIs), answer
        return answer

    async def becomes(self, agent: Person, status: str, within: float = PATIENCE) -> None:
        """The agent will be doing this."""
        seen: list[str] = []

        async def is_so() -> bool:
            seen[:] = [(await self.node.call(agent_name(DEMO.account_id, agent.user_id), AskAgent())).status]
            return seen == [status]

        assert await eventually(is_so, within), f"{agent.name} is {seen}, not {status}"

    async def is_so(self, holds: Callable[[QueueIs], bool], within: float = PATIENCE) -> None:
        """The queue will be like this."""
        seen: list[Any] = []

        async def look() -> bool:
            seen[:] = [await self.node.call(queue_name(DEMO.account_id, QUEUE), AskQueue())]
            return holds(seen[0])

        assert await eventually(look, within), seen

    async def caller(self, who: Person = ALICE, number: str = NUMBER) -> RemoteCall:
        """Somebody calls the queue, and waits in it with music or is connected."""
        return await self.world.place(who, number)

    async def waits(self, call: RemoteCall) -> None:
        """The caller is in the queue and hears its music."""
        await self.is_so(lambda queue: call.uuid in queue.waiting or call.uuid in queue.offered)
        await call.wait_heard("local_stream://moh", PATIENCE)

    def actor(self, who: Person) -> Any:
        """An agent's process, from inside."""
        cell = self.node.find(agent_name(DEMO.account_id, who.user_id))
        assert cell is not None
        return cell.actor

    def waiting_since(self) -> dict[str, float]:
        """Since when each caller waits, as the queue's process has it; nothing while there is none."""
        cell = self.node.find(queue_name(DEMO.account_id, QUEUE))
        return {} if cell is None else {member.call_id: member.entered for member in cell.actor.members.values()}

    def agent(self, who: Person) -> Any:
        """What an agent's process knows."""
        return self.actor(who).agent

    def _watch(self, event: str, headers: Headers) -> None:
        owner = headers.get("variable_ecallmgr_Owner-ID")
        if event == "CHANNEL_CREATE" and headers.get("Call-Direction") == "outbound" and owner:
            self.rings.append(str(owner))

    def rung(self, who: Person) -> int:
        """How often that person's phone has been rung."""
        return self.rings.count(who.user_id)

    async def rings_at(self, who: Person, times: int = 1) -> None:
        """That person's phone will have been rung so often."""

        async def so_often() -> bool:
            return self.rung(who) >= times

        assert await eventually(so_often, PATIENCE), f"{who.name} was rung {self.rung(who)} times"

    async def saved(self, who: Person) -> Any:
        """What an agent has saved last; None while that is not written, or nothing."""
        name, entities = agent_name(DEMO.account_id, who.user_id), entities_of(self.node)
        assert entities is not None
        [state] = await entities.saved([name])
        slot = entities.slot(name)
        return state if slot is None or slot.quiet else None

    async def is_saved(self, who: Person) -> None:
        """What the agent's process knows is in the store."""

        async def saved() -> bool:
            return bool(await self.saved(who) == self.agent(who).document())

        assert await eventually(saved, PATIENCE)

    @staticmethod
    async def a_moment(seconds: float) -> None:
        """Let real time pass, for tests that strike at any moment."""
        await asyncio.sleep(seconds)

    def kill(self, *names: Name) -> None:
        """Kill whoever has these names."""
        for name in names:
            pid = self.node.whereis(name)
            if pid is not None:
                self.node.exit(pid, "kill")

    def all_of(self, *calls: RemoteCall) -> dict[str, Name]:
        """Everybody who may be killed, by what they are."""
        found = {"queue": queue_name(DEMO.account_id, QUEUE)}
        for person in (BOB, CAROL, DAVE):
            found[f"agent {person.name}"] = agent_name(DEMO.account_id, person.user_id)
        for number, call in enumerate(calls):
            found[f"executor {number}"] = executor_name(call.uuid)
            found[f"call {number}"] = call_name(call.uuid)
        return found

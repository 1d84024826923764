"""acdc_queue: an agent begins to work for a queue, or ends that, by phone. Kazoo: cf_acdc_queue."""

from __future__ import annotations

from mirliton.actors.kapi.acdc_agent import LoginQueue, LogoutQueue
from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.queueing import AgentIs
from mirliton.whapps.callflow.actions.acdc_agent import INVALID, NOT_AN_AGENT
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.queueing import ask_agent, queue_document, user_of
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell


async def run(call: Script, data: Data) -> Outcome:
    """`id` (the queue), `action` (login, logout). The agent is the caller's user; the queue is kept in its document.
    Child: `_`."""
    queue_id = required_id("acdc_queue", data)
    await queue_document(call, queue_id)
    agent_id = await user_of(call)
    await call.execute(Answer(call.id))
    if agent_id is None:
        await tell(call, NOT_AN_AGENT)
        return Next()
    belongs = data.get("action") != "logout"
    make = LoginQueue if belongs else LogoutQueue
    answer = await ask_agent(call, agent_id, make(call.account_id, agent_id, queue_id=queue_id))
    done = isinstance(answer, AgentIs) and (queue_id in answer.queues) is belongs
    if not done:
        call.log.error("agent_queue_not_changed", agent_id=agent_id, queue_id=queue_id)
        await tell(call, INVALID)
        return Next()
    await tell(call, "agent-logged_in" if belongs else "agent-logged_out")
    return Next()

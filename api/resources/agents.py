"""`agents`: who works for the queues, and what each does. Kazoo: cb_agents.

    GET  agents                         users who are agents of some queue
    GET  agents/{user_id}
    GET  agents/status                  what each is doing, by id
    GET  agents/{user_id}/status        (also agents/status/{user_id})
    POST agents/{user_id}/status        {"status": "login" | "logout" | "pause" | "resume" | "end_wrapup", "timeout": s}
    GET  agents/{user_id}/queue_status  the ids of its queues
    POST agents/{user_id}/queue_status  {"action": "login" | "logout", "queue_id": id}

Left out: statistics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.agent_state import AgentState
from mirliton.actors.kapi.acdc_agent import EndWrapup, Login, LoginQueue, Logout, LogoutQueue, Pause, Resume
from mirliton.actors.queueing import AgentIs, AskAgent, agent_name
from mirliton.actors.store import Document
from mirliton.actors.store.documents import gregorian
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import load_document, required_object
from mirliton.api.errors import InvalidData, Unavailable
from mirliton.api.routing import Route
from mirliton.runtime import CallError
from mirliton.supervisors.entities import EntityStoreAway, entities_of

LONGEST_PAUSE: Final = 30 * 86_400
_ACTIONS: Final[dict[str, Callable[[str, str, float | None], Any]]] = {
    "login": lambda account, agent, _: Login(account, agent),
    "logout": lambda account, agent, _: Logout(account, agent),
    "pause": lambda account, agent, seconds: Pause(account, agent, time_limit=seconds),
    "resume": lambda account, agent, _: Resume(account, agent),
    "end_wrapup": lambda account, agent, _: EndWrapup(account, agent),
}


async def _list(context: Context) -> Answer:
    return Answer([_listed(doc) for doc in await _users(context)])


async def _read(context: Context) -> Answer:
    return Answer(_listed(await load_document(context, parameter(context, "user_id"), "user")))


def _listed(doc: Document) -> dict[str, Any]:
    names = {name: doc.get(name) for name in ("first_name", "last_name")}
    return {"id": doc["_id"], **names, "queues": doc.get("queues", [])}


async def _users(context: Context) -> list[Document]:
    view = await context.store.view(account_db(context.account_id), "queues/agents_listing", include_docs=True)
    found = {str(row.id): row.doc for row in view.rows if row.doc is not None}
    return [found[user_id] for user_id in sorted(found)]


async def _statuses(context: Context) -> Answer:
    return Answer({doc["_id"]: _shown(context, await _now(context, str(doc["_id"]))) for doc in await _users(context)})


async def _status(context: Context) -> Answer:
    return Answer(_shown(context, await _now(context, await _agent_id(context))))


async def _set_status(context: Context) -> Answer:
    agent_id = await _agent_id(context)
    data = required_object(context)
    status = data.get("status")
    if not isinstance(status, str) or status not in _ACTIONS:
        raise InvalidData.of("status", "enum", "must be one of the listed values", target=list(_ACTIONS))
    seconds = data.get("timeout")
    if seconds is not None and not (type(seconds) is int and 0 <= seconds <= LONGEST_PAUSE):
        raise InvalidData.of("timeout", "type", f"must be whole seconds up to {LONGEST_PAUSE}")
    told = await _ask(context, agent_id, _ACTIONS[status](context.account_id, agent_id, seconds or None))
    context.log.info("agent_told", agent_id=agent_id, status=status)
    return Answer(_shown(context, told))


async def _queues(context: Context) -> Answer:
    user = await load_document(context, parameter(context, "user_id"), "user")
    listed = user.get("queues")
    return Answer(listed if isinstance(listed, list) else [])


async def _set_queue(context: Context) -> Answer:
    agent_id = await _agent_id(context)
    data = required_object(context)
    conformed = await context.conform("queue_update", data)
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    queue_id = str(data["queue_id"])
    await load_document(context, queue_id, "queue")
    make = LoginQueue if data["action"] == "login" else LogoutQueue
    told = await _ask(context, agent_id, make(context.account_id, agent_id, queue_id=queue_id))
    return Answer(list(told.queues))


async def _agent_id(context: Context) -> str:
    """The agent in the URL, who is a user of the account. Raises BadIdentifier."""
    user = await load_document(context, parameter(context, "user_id"), "user")
    return str(user["_id"])


async def _now(context: Context, agent_id: str) -> AgentIs:
    """What an agent is doing: by its actor's word, or what one saved that does not run."""
    name = agent_name(context.account_id, agent_id)
    if context.services.node.whereis(name) is not None:
        try:
            told = await context.services.call(name, AskAgent())
        except CallError:
            context.log.info("agent_not_asked", agent_id=agent_id)
        else:
            assert isinstance(told, AgentIs)
            return told
    entities = entities_of(context.services.node)
    if entities is None:
        raise Unavailable("agents cannot be asked now", "service_unavailable")
    try:
        [saved] = await entities.saved([name])
    except EntityStoreAway as error:
        raise Unavailable(f"agents cannot be asked now: {error}", "service_unavailable") from error
    return AgentState.of(agent_id, saved or {}).told(context.services.now(), ())


async def _ask(context: Context, agent_id: str, request: Any) -> AgentIs:
    services = context.services
    try:
        told = await services.call(agent_name(context.account_id, agent_id), request)
    except CallError as error:
        raise Unavailable(f"the agent does not answer: {error}", "service_unavailable") from error
    if not isinstance(told, AgentIs):
        raise Unavailable(f"the agent cannot be asked now: {told}", "service_unavailable")
    return told


def _shown(context: Context, told: AgentIs) -> dict[str, Any]:
    until = None if told.until is None else max(0, round(told.until - context.services.now()))
    known = {
        "agent_id": told.agent_id,
        "status": told.status,
        "timestamp": gregorian(context.services.now()),
        "call_id": told.call_id or None,
        "time_left": until,
    }
    return {name: value for name, value in known.items() if value is not None}


_AGENTS: Final = "accounts/{account_id}/agents"
_BOTH: Final = {"GET": _status, "POST": _set_status}

ROUTES: Final = (
    Route(_AGENTS, "agents", {"GET": _list}),
    Route(f"{_AGENTS}/{{user_id}}", "agents", {"GET": _read}),
    Route(f"{_AGENTS}/status", "agents", {"GET": _statuses}),
    Route(f"{_AGENTS}/status/{{user_id}}", "agents", _BOTH),
    Route(f"{_AGENTS}/{{user_id}}/status", "agents", _BOTH),
    Route(f"{_AGENTS}/{{user_id}}/queue_status", "agents", {"GET": _queues, "POST": _set_queue}),
)

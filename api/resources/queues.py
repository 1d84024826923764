"""`queues`: queues of callers, and who works for them. Kazoo: cb_queues.

    GET, PUT queues; GET, POST, PATCH, DELETE queues/{id}
    GET queues/{id}/roster                   the ids of its agents
    POST queues/{id}/roster [user ids]       these are its agents, and no others
    DELETE queues/{id}/roster                nobody is

An agent's document lists its queues; the roster is made of that. Kazoo's `strategy` may be `ring_all` too, which its
schema forgets. Left out: statistics and eavesdropping.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.queueing import ReloadAgent, ReloadQueue, agent_name, queue_name
from mirliton.actors.store import Document, NotFound, update
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents
from mirliton.api.errors import InvalidData
from mirliton.api.resource import Resource
from mirliton.api.routing import Route

MOST_AGENTS: Final = 1000
RING_ALL: Final = "ring_all"


class _Queues(Documents):
    async def judged(self, context: Context, data: dict[str, Any], stored: Document) -> tuple[Document, list[Any]]:
        if data.get("strategy") != RING_ALL:
            return await super().judged(context, data, stored)
        known = {name: value for name, value in data.items() if name != "strategy"}
        doc, errors = await super().judged(context, known, stored)
        return {**doc, "strategy": RING_ALL}, errors


async def _changed(context: Context, doc: Document) -> None:
    """Have the queue's actor read its document; one that is not up does when it starts."""
    node, name = context.services.node, queue_name(context.account_id, str(doc["_id"]))
    if node.whereis(name) is not None:
        node.cast(name, ReloadQueue())


QUEUES: Final = Resource("queues", id_name="queue_id", type="queue", changed=_changed)
DOCUMENTS: Final = _Queues(QUEUES)


async def _roster(context: Context) -> Answer:
    return Answer(await _agents(context, str((await DOCUMENTS.load(context))["_id"])))


async def _agents(context: Context, queue_id: str) -> list[str]:
    view = await context.store.view(account_db(context.account_id), "queues/agents_listing", key=queue_id)
    return sorted(str(row.id) for row in view.rows)


async def _set_roster(context: Context) -> Answer:
    await DOCUMENTS.load(context)
    wanted = context.data
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted) or len(wanted) > MOST_AGENTS:
        raise InvalidData.of("roster", "type", f"must be a list of at most {MOST_AGENTS} ids of users")
    return await _change_roster(context, set(wanted))


async def _clear_roster(context: Context) -> Answer:
    return await _change_roster(context, set())


async def _change_roster(context: Context, wanted: set[str]) -> Answer:
    queue_id = str((await DOCUMENTS.load(context))["_id"])
    async with context.services.locks.hold(f"{context.account_id}/roster"):
        before = set(await _agents(context, queue_id))
        missing = [user_id for user_id in sorted(wanted - before) if not await _is_user(context, user_id)]
        if missing:
            raise InvalidData.of("roster", "invalid", "must be ids of users", value=missing[0])
        for user_id in sorted(wanted ^ before):
            await _belongs(context, user_id, queue_id, user_id in wanted)
    return Answer(sorted(wanted))


async def _is_user(context: Context, user_id: str) -> bool:
    try:
        doc = await context.store.get(account_db(context.account_id), user_id)
    except NotFound:
        return False
    return doc.get("pvt_type") == "user" and not is_deleted(doc)


async def _belongs(context: Context, user_id: str, queue_id: str, belongs: bool) -> None:
    def changed(doc: Document) -> Document | None:
        listed = doc.get("queues")
        others = [each for each in listed if each != queue_id] if isinstance(listed, list) else []
        return {**doc, "queues": [*others, queue_id] if belongs else others}

    await update(context.store, account_db(context.account_id), user_id, changed)
    node, name = context.services.node, agent_name(context.account_id, user_id)
    if node.whereis(name) is not None:
        node.cast(name, ReloadAgent())


ROUTES: Final = (
    *DOCUMENTS.routes(lists={"GET": "any"}),
    Route(
        "accounts/{account_id}/queues/{queue_id}/roster",
        "queues",
        {"GET": _roster, "POST": _set_roster, "DELETE": _clear_roster},
    ),
)

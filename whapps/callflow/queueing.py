"""Queues and agents, as the actions of a callflow speak with them."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.queueing import agent_name, queue_name
from mirliton.actors.store import Document, DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.runtime import CallError, Name
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.script import Script

ATTEMPTS: Final = 8
PAUSE: Final = 0.25
"""Seconds before somebody who is being restarted is asked again."""
TIMEOUT: Final = 5.0


async def queue_document(call: Script, queue_id: str) -> Document:
    """A queue of the account. Raises InvalidFlow where there is none."""
    try:
        doc = await call.document(queue_id)
    except (DocumentNotFound, InvalidName) as error:
        raise InvalidFlow(f"queue {queue_id[:64]!r}", "there is no such document") from error
    if is_deleted(doc) or doc.get("pvt_type") != "queue":
        raise InvalidFlow(f"queue {queue_id}", "it is no queue")
    return doc


async def user_of(call: Script) -> str | None:
    """The caller's user, who may be an agent; None for a caller who is nobody's."""
    owner = call.vars.get("Owner-ID")
    if not isinstance(owner, str) or not owner:
        return None
    try:
        doc = await call.document(owner)
    except (DocumentNotFound, InvalidName):
        return None
    return None if is_deleted(doc) or doc.get("pvt_type") != "user" else owner


async def ask_queue(call: Script, queue_id: str, request: Any, attempts: int = ATTEMPTS) -> Any:
    """Ask a queue; None when it does not answer."""
    return await _ask(call, queue_name(call.account_id, queue_id), request, attempts)


async def ask_agent(call: Script, agent_id: str, request: Any) -> Any:
    """Ask an agent; None when it does not answer."""
    return await _ask(call, agent_name(call.account_id, agent_id), request, ATTEMPTS)


async def _ask(call: Script, name: Name, request: Any, attempts: int) -> Any:
    process = call.process
    for attempt in range(attempts):
        if attempt:
            await process.sleep(PAUSE * attempt)
        try:
            return await process.call(name, request, timeout=TIMEOUT)
        except CallError as error:
            call.log.info("asked_again", who=str(name), error=str(error))
    return None

"""`supervision/dead_letters`: messages to entities that were set aside (docs/entities.md). Ours, not Kazoo's.

    GET supervision/dead_letters                    the oldest thousand
    POST supervision/dead_letters                   {"action": "redrive"}: all go back into the queues they came from
    DELETE supervision/dead_letters                 all are discarded
    GET, POST, DELETE supervision/dead_letters/{id} the same with one

Only administrators of the master account may, and what is tried again or discarded is audited. Of a message that cannot
be tried again, since nobody can read it, nothing goes back.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from mirliton.api import audit, dead_letters
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.dead_letters import NoSuchLetter
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, InvalidData, Unavailable
from mirliton.api.routing import Route
from mirliton.supervisors.entities import EntityFault

T = TypeVar("T")


async def _all(context: Context) -> Answer:
    return Answer(await _asked(dead_letters.listed(context.services.node)))


async def _one(context: Context) -> Answer:
    return Answer(await _asked(dead_letters.shown(context.services.node, parameter(context, "letter_id"))))


async def _redrive(context: Context) -> Answer:
    if required_object(context).get("action") != "redrive":
        raise InvalidData.of("action", "enum", "must be one of the listed values", target=["redrive"])
    return await _done(context, "redrive")


async def _discard(context: Context) -> Answer:
    return await _done(context, "discard")


async def _done(context: Context, what: str) -> Answer:
    node, id = context.services.node, context.parameters.get("letter_id")
    letters = await _asked(dead_letters.listed(node) if id is None else dead_letters.shown(node, id))
    await audit.note(context, f"dead_letters_{what}", letter=id, messages=len(letters))
    act = dead_letters.redrive if what == "redrive" else dead_letters.discard
    return Answer({"messages": await _asked(act(node, id))})


async def _asked(asking: Awaitable[T]) -> T:
    try:
        return await asking
    except NoSuchLetter as error:
        raise BadIdentifier(error.id) from None
    except EntityFault as error:
        raise Unavailable(str(error), "dead_letters_away", "the dead letters cannot be reached") from None


ROUTES: Final = (
    Route(
        "supervision/dead_letters",
        "supervision",
        {"GET": _all, "POST": _redrive, "DELETE": _discard},
        "master",
    ),
    Route(
        "supervision/dead_letters/{letter_id}",
        "supervision",
        {"GET": _one, "POST": _redrive, "DELETE": _discard},
        "master",
    ),
)

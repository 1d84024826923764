"""`token_restrictions`: what the tokens of an account may ask for. Kazoo: cb_token_restrictions.

What the rules mean is said in `restrictions.py`; they hold from the next request on.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document
from mirliton.api import audit
from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object, shown
from mirliton.api.restrictions import DOCUMENT
from mirliton.api.routing import Route
from mirliton.api.single import Single

RESTRICTIONS: Final = Single(DOCUMENT, "token_restrictions", "token_restrictions")


async def _read(context: Context) -> Answer:
    return _answer(await RESTRICTIONS.load(context))


async def _replace(context: Context) -> Answer:
    given = required_object(context)
    await audit.note(context, "token_restrictions_changed", account=context.account_id)
    return _answer(await RESTRICTIONS.write(context, lambda stored: given))


async def _delete(context: Context) -> Answer:
    await RESTRICTIONS.load(context)
    await audit.note(context, "token_restrictions_deleted", account=context.account_id)
    return _answer(await RESTRICTIONS.delete(context))


def _answer(doc: Document) -> Answer:
    return Answer(shown(doc), revision=doc["_rev"])


ROUTES: Final = (
    Route(
        "accounts/{account_id}/token_restrictions",
        "token_restrictions",
        {"GET": _read, "POST": _replace, "DELETE": _delete},
    ),
)

"""`directories`: users who can be found by the letters of their names. Kazoo: cb_directories.

A user names the directories they are in, with the callflow that leads to them (`directories`); a directory shows them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource

MAX_USERS: Final = 1000

DIRECTORIES: Final = Resource("directories", id_name="directory_id", type="directory")
DOCUMENTS: Final = Documents(DIRECTORIES)


async def _read(context: Context) -> Answer:
    answer = await DOCUMENTS.read(context)
    id = parameter(context, DIRECTORIES.id_name)
    rows = (
        await context.store.view(
            account_db(context.account_id), "directories/users_listing", key=id, include_docs=True, limit=MAX_USERS
        )
    ).rows
    users = [{"user_id": row.id, "callflow_id": row.doc["directories"].get(id)} for row in rows if row.doc is not None]
    return replace(answer, data={**answer.data, "users": users})


ROUTES: Final = DOCUMENTS.routes(lists={"GET": "any"}, read=_read)

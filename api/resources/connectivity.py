"""`connectivity`: PBXs that register as servers of an account. Kazoo: cb_connectivity, the documents `sys_info`.

A server's user name is there once in the account's realm, among the devices' too.
"""

from __future__ import annotations

from typing import Final

from mirliton.actors.store import Document
from mirliton.actors.store.names import account_db
from mirliton.api.context import Context
from mirliton.api.documents import Documents
from mirliton.api.resource import Resource
from mirliton.api.taking import sip_usernames
from mirliton.api.unique import not_unique, taken_by
from mirliton.config import ValidationError


async def _credentials_are_free(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    errors: list[ValidationError] = []
    seen: set[str] = set()
    servers = doc.get("servers")
    for index, server in enumerate(servers if isinstance(servers, list) else ()):
        auth = server.get("auth") if isinstance(server, dict) else None
        username = auth.get("auth_user") if isinstance(auth, dict) else None
        if not isinstance(username, str):
            continue
        name = username.lower()
        database, view = account_db(context.account_id), "devices/sip_credentials"
        if name in seen or await taken_by(context.store, database, view, name, but=doc.get("_id")):
            path = ("servers", index, "auth", "auth_user")
            errors.append(not_unique(path, "is used by another server or device of this realm", username))
        seen.add(name)
    return errors


CONNECTIVITY: Final = Resource(
    "connectivity",
    id_name="connectivity_id",
    type="sys_info",
    checks=(_credentials_are_free,),
    things=sip_usernames,
)

ROUTES: Final = Documents(CONNECTIVITY).routes()

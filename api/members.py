"""A member of documents that has URLs of its own: GET shows it, POST replaces it, DELETE takes it away.

    member_route("accounts/{account_id}/devices/{device_id}", Documents(DEVICES), "metaflows")

The whole document is judged, as it is when it is changed in any other way.
"""

from __future__ import annotations

from typing import Any

from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents, required_object
from mirliton.api.errors import InvalidData
from mirliton.api.routing import Route
from mirliton.config import public_fields


def member_route(shape: str, documents: Documents, member: str, schema: str | None = None) -> Route:
    """The route of a member of the documents at `shape`; `schema` judges it where the documents' own does not."""

    def shown(doc: dict[str, Any]) -> Answer:
        return Answer(doc.get(member, {}), revision=doc["_rev"])

    async def read(context: Context) -> Answer:
        return shown(await documents.load(context))

    async def replace(context: Context) -> Answer:
        given = required_object(context)
        if schema is not None:
            conformed = await context.conform(schema, given)
            if not conformed.ok:
                raise InvalidData(conformed.errors)
            given = conformed.document
        await documents.change(context, lambda stored: {**public_fields(stored), member: given})
        return shown(await documents.load(context))

    async def remove(context: Context) -> Answer:
        def without(stored: dict[str, Any]) -> dict[str, Any]:
            return {key: value for key, value in public_fields(stored).items() if key != member}

        await documents.change(context, without)
        return shown(await documents.load(context))

    return Route(f"{shape}/{member}", member, {"GET": read, "POST": replace, "DELETE": remove})

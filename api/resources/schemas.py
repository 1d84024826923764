"""`schemas`: the JSON schemas that documents are judged by, for anybody to read. Kazoo: cb_schemas."""

from __future__ import annotations

from typing import Final

from mirliton.api.context import Answer, Context
from mirliton.api.documents import required_object
from mirliton.api.errors import BadIdentifier, InvalidData
from mirliton.api.routing import Route
from mirliton.config import UnknownSchema, schema, schema_names


async def _list(context: Context) -> Answer:
    return Answer(sorted(schema_names()))


async def _read(context: Context) -> Answer:
    name = context.parameters["schema_name"]
    try:
        return Answer(schema(name))
    except UnknownSchema:
        raise BadIdentifier(name) from None


async def _validate(context: Context) -> Answer:
    """The data as it would be stored; nothing is."""
    name = context.parameters["schema_name"]
    if name not in schema_names():
        raise BadIdentifier(name)
    conformed = await context.conform(name, required_object(context))
    if not conformed.ok:
        raise InvalidData(conformed.errors)
    return Answer(conformed.document)


ROUTES: Final = (
    Route("schemas", "schemas", {"GET": _list}, "public"),
    Route("schemas/{schema_name}", "schemas", {"GET": _read}, "public"),
    Route("schemas/{schema_name}/validation", "schemas", {"PUT": _validate}, "token"),
)

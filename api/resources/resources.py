"""`resources`: carriers, an account's own and the system's. Kazoo: cb_resources, without jobs.

    accounts/{id}/resources    calls of this account (and those below it) that go out through its own carriers
    resources                  those of the system: the master account

`collection` takes a list: PUT creates all of it, POST replaces those that have an id and creates the others. What is
wrong with one keeps none of the others from being written; each is told of by its index or id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.api.context import Answer, Context
from mirliton.api.documents import Documents
from mirliton.api.errors import ApiFault, InvalidData
from mirliton.api.faults import fault_of
from mirliton.api.resource import Resource
from mirliton.api.routing import Handler, Route
from mirliton.config import ValidationError
from mirliton.config.validation import is_regex

MAX_COLLECTION: Final = 100
"""Resources in one request."""


async def _rules_compile(context: Context, doc: Document, stored: Document | None) -> list[ValidationError]:
    rules = doc.get("rules")
    return [
        ValidationError(("rules", index), "regexp", "must be a regular expression", {"cause": rule[:128]})
        for index, rule in enumerate(rules if isinstance(rules, list) else ())
        if isinstance(rule, str) and not is_regex(rule)
    ]


def _collection(documents: Documents) -> dict[str, Handler]:
    async def create(context: Context) -> Answer:
        return await _each(context, documents, replacing=False)

    async def write(context: Context) -> Answer:
        return await _each(context, documents, replacing=True)

    return {"PUT": create, "POST": write}


async def _each(context: Context, documents: Documents, *, replacing: bool) -> Answer:
    given = context.data
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise InvalidData.of("data", "type", "must be a list of objects", target="array")
    if len(given) > MAX_COLLECTION:
        raise InvalidData.of("data", "maxItems", f"must have at most {MAX_COLLECTION} items", target=MAX_COLLECTION)
    succeeded: dict[str, Any] = {}
    failed: dict[str, Any] = {}
    for index, item in enumerate(given):
        known = item.get("id") if replacing else None
        one = replace(context, data=item, parameters={**context.parameters, "resource_id": str(known)})
        try:
            answer = await (documents.create(one) if known is None else documents.replace(one))
        except ApiFault as fault:
            failed[str(known or index)] = fault.data
        except Exception as error:
            fault_or_none = fault_of(error)
            if fault_or_none is None:
                raise
            failed[str(known or index)] = fault_or_none.data
        else:
            succeeded[answer.data["id"]] = answer.data
    return Answer({"success": succeeded, "errors": failed}, 201 if not replacing else 200)


LOCAL: Final = Resource("resources", id_name="resource_id", type="resource", checks=(_rules_compile,))
SYSTEMS: Final = replace(LOCAL, database="offnet")
_LOCAL: Final = Documents(LOCAL)
_SYSTEMS: Final = Documents(SYSTEMS)

ROUTES: Final = (
    *_LOCAL.routes(),
    *_SYSTEMS.routes(),
    Route("accounts/{account_id}/resources/collection", "resources", _collection(_LOCAL)),
    Route("resources/collection", "resources", _collection(_SYSTEMS), "master"),
)

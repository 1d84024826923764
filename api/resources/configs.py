"""`configs`: what an account has of its own of a category of the system's configuration. Kazoo: cb_configs.

    GET, PUT, POST, PATCH, DELETE configs/{category}

The document is `configs_{category}` of the account's database; it goes over `system_config/{category}`. Where Kazoo has
a schema for what accounts may set of the category (`account_config.{category}`), that is what judges it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import Document, NotFound
from mirliton.actors.store.documents import is_deleted, replace_public, soft_deleted, stamp
from mirliton.actors.store.names import account_db
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import check_precondition, required_object, shown
from mirliton.api.errors import BadIdentifier, DatastoreConflict, InvalidData
from mirliton.api.merging import merged
from mirliton.api.routing import Route
from mirliton.config import public_fields, schema_names

_CATEGORY: Final = re.compile(r"[a-z0-9_.-]{1,64}")
PREFIX: Final = "configs_"


async def _read(context: Context) -> Answer:
    return _shown(await _existing(context))


async def _create(context: Context) -> Answer:
    given = required_object(context)
    if await _stored(context) is not None:
        raise DatastoreConflict
    return _shown(await _write(context, lambda stored: given), 201)


async def _replace(context: Context) -> Answer:
    given = required_object(context)
    await _existing(context)
    return _shown(await _write(context, lambda stored: given))


async def _merge(context: Context) -> Answer:
    given = required_object(context)
    await _existing(context)
    return _shown(await _write(context, lambda stored: merged(public_fields(stored), given)))


async def _delete(context: Context) -> Answer:
    stored = await _existing(context)
    check_precondition(context, stored)
    gone = soft_deleted(stored, now=context.services.now())
    gone["_rev"] = await context.store.put(account_db(context.account_id), gone)
    return _shown(gone)


async def _write(context: Context, change: Callable[[Document], Any]) -> Document:
    services, category = context.services, _category(context)
    async with services.locks.hold(f"{context.account_id}/configs"):
        stored = await _stored(context)
        if stored is not None:
            check_precondition(context, stored)
        data = {key: value for key, value in change(stored or {}).items() if key != "id"}
        schema = f"account_config.{category}"
        if schema in schema_names():
            conformed = await context.conform(schema, data)
            if not conformed.ok:
                raise InvalidData(conformed.errors)
            data = conformed.document
        doc = replace_public(stored or await _revision(context), data)
        doc.pop("pvt_deleted", None)
        doc = stamp(
            {**doc, "_id": f"{PREFIX}{category}"},
            type="account_config",
            account_id=context.account_id,
            now=services.now(),
            node=services.node.name,
        )
        return {**doc, "_rev": await context.store.put(account_db(context.account_id), doc)}


async def _revision(context: Context) -> Document:
    """What is left of a deleted document, over which a new one is written."""
    try:
        doc = await context.store.get(account_db(context.account_id), f"{PREFIX}{_category(context)}")
    except NotFound:
        return {}
    return {"_rev": doc["_rev"]}


async def _existing(context: Context) -> Document:
    stored = await _stored(context)
    if stored is None:
        raise BadIdentifier(_category(context))
    return stored


async def _stored(context: Context) -> Document | None:
    try:
        doc = await context.store.get(account_db(context.account_id), f"{PREFIX}{_category(context)}")
    except NotFound:
        return None
    return None if is_deleted(doc) else doc


def _category(context: Context) -> str:
    category = parameter(context, "config_id")
    if not _CATEGORY.fullmatch(category):
        raise BadIdentifier(category)
    return category


def _shown(doc: Document, status: int = 200) -> Answer:
    return Answer({**shown(doc), "id": str(doc["_id"]).removeprefix(PREFIX)}, status, revision=doc["_rev"])


ROUTES: Final = (
    Route(
        "accounts/{account_id}/configs/{config_id}",
        "configs",
        {"GET": _read, "PUT": _create, "POST": _replace, "PATCH": _merge, "DELETE": _delete},
    ),
)

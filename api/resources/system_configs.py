"""`system_configs`: the configuration of the whole system, for the master account. Kazoo: cb_system_configs.

    GET system_configs                                        the categories that somebody has set
    GET, PUT, POST, PATCH, DELETE system_configs/{category}   {"default": {…}, "node@host": {…}}
    GET, POST, PATCH, DELETE …/{category}/{section}           one section of it

With `?with_defaults=true` GET fills in what is not set: a section from `default`, that from the schema. Each section
is judged by the schema `system_config.{category}` where there is one. What is not set answers as empty; every change is
audited, by name and not by value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, Document, NotFound
from mirliton.actors.store.documents import is_deleted, public, soft_deleted, stamp
from mirliton.actors.system_config import merged as laid_over
from mirliton.api import audit
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.documents import check_precondition, required_object
from mirliton.api.errors import BadIdentifier, DatastoreConflict, InvalidData
from mirliton.api.identity import SYSTEM_CONFIG
from mirliton.api.merging import merged
from mirliton.api.routing import Route
from mirliton.config import ValidationError, schema_names, with_defaults

DEFAULT: Final = "default"
MAX_LISTED: Final = 1000
_CATEGORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SECTION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")

Sections = dict[str, Any]


async def _list(context: Context) -> Answer:
    try:
        rows = (await context.store.all_docs(SYSTEM_CONFIG, limit=MAX_LISTED, include_docs=True)).rows
    except DatabaseNotFound:
        return Answer([])
    return Answer([row.id for row in rows if row.doc is not None and not is_deleted(row.doc)])


async def _read(context: Context) -> Answer:
    stored = await _stored(context)
    sections = _sections(stored)
    if _defaults_wanted(context):
        names = [DEFAULT, *(name for name in sections if name != DEFAULT)]
        sections = {name: _filled(context, sections, name) for name in names}
    return _shown(context, sections, stored)


async def _create(context: Context) -> Answer:
    if await _stored(context) is not None:
        raise DatastoreConflict
    return await _write(context, lambda sections: _given(context), 201)


async def _replace(context: Context) -> Answer:
    return await _write(context, lambda sections: _given(context))


async def _merge(context: Context) -> Answer:
    return await _write(context, lambda sections: merged(sections, _given(context)))


async def _delete(context: Context) -> Answer:
    stored = await _stored(context)
    if stored is None:
        raise BadIdentifier(_category(context))
    check_precondition(context, stored)
    await audit.note(context, "system_config_deleted", category=_category(context))
    gone = soft_deleted(stored, now=context.services.now())
    gone["_rev"] = await context.store.put(SYSTEM_CONFIG, gone)
    return _shown(context, _sections(stored), gone)


async def _read_section(context: Context) -> Answer:
    stored = await _stored(context)
    sections, name = _sections(stored), _section(context)
    data = _filled(context, sections, name) if _defaults_wanted(context) else sections.get(name, {})
    return _shown_section(context, data, stored)


async def _replace_section(context: Context) -> Answer:
    name, given = _section(context), _given(context)
    return await _write_section(context, lambda sections: {**sections, name: given})


async def _merge_section(context: Context) -> Answer:
    name, given = _section(context), _given(context)
    return await _write_section(context, lambda sections: {**sections, name: merged(sections.get(name, {}), given)})


async def _delete_section(context: Context) -> Answer:
    name = _section(context)
    if name not in _sections(await _stored(context)):
        raise BadIdentifier(name)
    return await _write_section(context, lambda sections: {key: sections[key] for key in sections if key != name})


async def _write(context: Context, change: Callable[[Sections], Sections], status: int = 200) -> Answer:
    stored = await _written(context, change)
    return _shown(context, _sections(stored), stored, status)


async def _write_section(context: Context, change: Callable[[Sections], Sections]) -> Answer:
    stored = await _written(context, change)
    return _shown_section(context, _sections(stored).get(_section(context), {}), stored)


async def _written(context: Context, change: Callable[[Sections], Sections]) -> Document:
    services, category = context.services, _category(context)
    await context.store.create_database(SYSTEM_CONFIG)
    async with services.locks.hold(f"{SYSTEM_CONFIG}/{category}"):
        stored = await _stored(context)
        if stored is not None:
            check_precondition(context, stored)
        sections = change(_sections(stored))
        await _judge(context, category, sections)
        before = stored if stored is not None else await _left_over(context)
        private = {key: before[key] for key in before if key.startswith(("_", "pvt_")) and key != "pvt_deleted"}
        await audit.note(context, "system_config_changed", category=category, sections=sorted(sections))
        doc = stamp(
            {**sections, **private, "_id": category},
            type="config",
            db=SYSTEM_CONFIG,
            now=services.now(),
            node=services.node.name,
        )
        return {**doc, "_rev": await context.store.put(SYSTEM_CONFIG, doc)}


async def _judge(context: Context, category: str, sections: Sections) -> None:
    """Raises InvalidData with what is wrong in any section. Defaults are not stored: they may change."""
    errors: list[ValidationError] = []
    schema = f"system_config.{category}"
    for name, section in sections.items():
        if not _SECTION.fullmatch(name):
            errors.append(ValidationError((name[:64],), "invalid", "is no name of a node, a zone or `default`", {}))
        elif not isinstance(section, dict):
            errors.append(ValidationError((name,), "type", "must be of type object", {"target": "object"}))
        elif schema in schema_names():
            found = (await context.conform(schema, section)).errors
            errors += [
                ValidationError((name, *error.path), error.rule, error.message, error.details) for error in found
            ]
    if errors:
        raise InvalidData(errors)


async def _left_over(context: Context) -> Document:
    try:
        return await context.store.get(SYSTEM_CONFIG, _category(context))
    except NotFound:
        return {}


async def _stored(context: Context) -> Document | None:
    try:
        doc = await context.store.get(SYSTEM_CONFIG, _category(context))
    except NotFound:
        return None
    return None if is_deleted(doc) else doc


def _sections(stored: Document | None) -> Sections:
    return {key: value for key, value in public(stored or {}).items() if key != "id"}


def _filled(context: Context, sections: Sections, name: str) -> dict[str, Any]:
    """A section with what it does not say itself."""
    default, own = sections.get(DEFAULT), sections.get(name)
    base = default if isinstance(default, dict) else {}
    whole = laid_over(base, own) if isinstance(own, dict) and name != DEFAULT else base
    schema = f"system_config.{_category(context)}"
    return with_defaults(schema, whole) if schema in schema_names() else whole


def _given(context: Context) -> Sections:
    return {key: value for key, value in required_object(context).items() if key != "id"}


def _defaults_wanted(context: Context) -> bool:
    return context.query.get("with_defaults", "").lower() in ("true", "yes", "1")


def _category(context: Context) -> str:
    category = parameter(context, "system_config_id")
    if not _CATEGORY.fullmatch(category):
        raise BadIdentifier(category)
    return category


def _section(context: Context) -> str:
    section = parameter(context, "node")
    if not _SECTION.fullmatch(section):
        raise BadIdentifier(section)
    return section


def _shown(context: Context, sections: Sections, stored: Document | None, status: int = 200) -> Answer:
    revision = stored["_rev"] if stored is not None else None
    return Answer({**sections, "id": _category(context)}, status, revision=revision)


def _shown_section(context: Context, section: dict[str, Any], stored: Document | None) -> Answer:
    revision = stored["_rev"] if stored is not None else None
    return Answer({**section, "id": f"{_category(context)}/{_section(context)}"}, revision=revision)


_ONE: Final = "system_configs/{system_config_id}"

ROUTES: Final = (
    Route("system_configs", "system_configs", {"GET": _list}, "master"),
    Route(
        _ONE,
        "system_configs",
        {"GET": _read, "PUT": _create, "POST": _replace, "PATCH": _merge, "DELETE": _delete},
        "master",
    ),
    Route(
        f"{_ONE}/{{node}}",
        "system_configs",
        {"GET": _read_section, "POST": _replace_section, "PATCH": _merge_section, "DELETE": _delete_section},
        "master",
    ),
)

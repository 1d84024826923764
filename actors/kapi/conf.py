"""A document or database has changed. Exchange configuration. Kazoo: kapi_conf."""

from __future__ import annotations

from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.routing import needed, segment
from mirliton.actors.kapi.wire import Anything, Gregorian


def _doc_key(update: DocUpdate) -> str:
    kind = segment(update.type or "undefined")
    return f"{update.event_name}.{segment(needed(update, 'database'))}.{kind}.{segment(needed(update, 'id'))}"


@kapi("conf.doc_update", "configuration", "configuration", _doc_key, name=None, binding="*.*.*.*")
class DocUpdate:
    """This document, or database, was created, edited or deleted."""

    id: str
    database: str
    event_name: Literal[
        "doc_edited", "doc_created", "doc_deleted", "db_edited", "db_created", "db_deleted", "db_views_updated"
    ]
    account_id: str | None = None
    date_created: Gregorian | None = None
    date_modified: Gregorian | None = None
    doc: Anything = None
    is_soft_deleted: bool | None = None
    rev: str | None = None
    type: str | None = None
    version: str | None = None
    origin_cache: str | None = None


@kapi("conf.doc_type_update", "configuration", "configuration", "configuration.doc_type_update.{type}")
class DocTypeUpdate:
    """Documents of this type have changed."""

    type: str
    action: str | None = None
    account_id: str | None = None

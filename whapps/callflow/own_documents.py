"""The caller's own user or device, and changing it by phone.

A change goes through a mark that is on the switch first (`Script.safe`): what was decided is decided once, and written
as often as it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from mirliton.actors.store import Document, DocumentNotFound, InvalidName, update
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.fields import mapping
from mirliton.whapps.callflow.script import Script

Scope = Literal["user", "device"]


async def own_document(call: Script, *scopes: Scope, named: str | None = None) -> Document | None:
    """The document that is `named`, else the caller's first of these kinds; None where the caller has none."""
    ids = {"user": call.vars.get("Owner-ID"), "device": call.vars.get("Authorizing-ID")}
    for doc_id in (named, *(ids[scope] for scope in scopes)):
        if not isinstance(doc_id, str) or not doc_id:
            continue
        try:
            doc = await call.document(doc_id)
        except (DocumentNotFound, InvalidName):
            continue
        if not is_deleted(doc) and doc.get("pvt_type") in ("user", "device"):
            return doc
    return None


async def write(call: Script, doc_id: str, change: Callable[[Document], Document]) -> None:
    """Change a document, unless it is so already, or gone."""

    def changed(doc: Document) -> Document | None:
        after = change(doc)
        return None if after == doc or is_deleted(doc) else after

    try:
        await update(call.store, call.account_db, doc_id, changed)
    except DocumentNotFound:
        call.log.info("document_gone", document=doc_id)


async def set_flag(call: Script, doc_id: str, name: str, value: bool) -> None:
    """Set `enabled` in an object of the document."""
    await write(call, doc_id, lambda doc: {**doc, name: {**mapping(doc, name), "enabled": value}})

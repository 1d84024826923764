"""branch_variable: branch by the value of a variable, or of a field of a document. Kazoo: cf_branch_variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mirliton.actors.store import DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script

_DOCUMENTS = {"device": ("Authorizing-ID",), "user": ("Owner-ID",), "account": ("Account-ID",)}
_MERGED = ("Authorizing-ID", "Owner-ID", "Account-ID")


async def run(call: Script, data: Data) -> Outcome:
    """`variable`, `scope` (custom_channel_vars; device, user, account: a field of the caller's, `a.b` one within
    another; merged: the device's, else the user's, else the account's). Children: the value, `_`."""
    variable, scope = text(data, "variable"), data.get("scope")
    if variable is None:
        return Next()
    if scope == "merged":
        return Next(await _of_documents(call, _MERGED, variable) or "_")
    if isinstance(scope, str) and scope in _DOCUMENTS:
        return Next(await _of_documents(call, _DOCUMENTS[scope], variable) or "_")
    return Next(_key(call.vars.get(variable)) or "_")


async def _of_documents(call: Script, owners: tuple[str, ...], variable: str) -> str | None:
    for owner in owners:
        doc_id = call.vars.get(owner)
        if not isinstance(doc_id, str) or not doc_id:
            continue
        try:
            doc = await call.document(doc_id)
        except (DocumentNotFound, InvalidName):
            continue
        if not is_deleted(doc) and (key := _key(_field(doc, variable))) is not None:
            return key
    return None


def _field(doc: Mapping[str, Any], path: str) -> Any:
    """A field that everybody may see, by its name or a path of names; a tenant's flow has no business with others."""
    value: Any = doc
    for name in path.split("."):
        if not isinstance(value, dict) or name.startswith(("_", "pvt_")):
            return None
        value = value.get(name)
    return value


def _key(value: Any) -> str | None:
    """A value as the key of a child."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value) or None
    return None

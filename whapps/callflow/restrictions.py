"""Which numbers a caller may call: by kind of number, and by group. Kazoo: call_restriction, closed_groups.

The account, the caller's device, its owner and the groups of both may each deny a kind of number. Help can always be
called. In closed groups a caller reaches only those whom it has a group in common with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, Document, DocumentNotFound, InvalidName, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.whapps.callflow.fields import mapping, owner_of, text
from mirliton.whapps.numbers.rules import Classifier, NumberRules

FIELD: Final = "call_restriction"
CLOSED: Final = "closed_groups"
MOST_GROUPS: Final = 100


async def restriction(
    store: Store, account: Document, caller: Document, dialled: str, rules: NumberRules, flow_id: str | None = None
) -> str | None:
    """Why this caller (a device or user of the account, or nobody known) may not call what it dialled: the kind of
    number that is denied, or `closed_groups`; None where it may. `flow_id` is the callflow that takes the call, where
    there is one.

    Raises StoreError when that cannot be known now.
    """
    account_id = str(account["_id"])
    user = await _user(store, account_id, caller)
    groups = await _groups(store, account_id, [str(doc["_id"]) for doc in (caller, user) if doc])
    everybody = [account, caller, user, *groups]
    number = rules.e164(dialled, _dial_plan(caller, user, account))
    kind = rules.classify(number)
    if kind.emergency:
        return None
    if is_denied(everybody, kind):
        return kind.name
    if flow_id is not None and _action(everybody, CLOSED):
        callee = _callee(await _document(store, account_id, flow_id))
        if callee is not None:
            theirs = await _groups(store, account_id, await _with_owner(store, account_id, callee))
            if not {group["_id"] for group in groups} & {group["_id"] for group in theirs}:
                return CLOSED
    return None


def is_denied(documents: Iterable[Document], kind: Classifier) -> bool:
    """Whether any of these denies a kind of number."""
    return not kind.emergency and _action(documents, kind.name)


def _action(documents: Iterable[Document], name: str) -> bool:
    return any(mapping(mapping(doc, FIELD), name).get("action") == "deny" for doc in documents)


def _dial_plan(*documents: Document) -> dict[str, Any]:
    return next((plan for doc in documents if (plan := mapping(doc, "dial_plan"))), {})


def _callee(flow: Document) -> str | None:
    """Whom a callflow rings first, if one user or device."""
    first = mapping(flow, "flow")
    return text(mapping(first, "data"), "id") if first.get("module") in ("user", "device") else None


async def _user(store: Store, account_id: str, caller: Document) -> Document:
    owner = owner_of(caller)
    if caller.get("pvt_type") == "user" or owner is None:
        return {}
    return await _document(store, account_id, owner)


async def _with_owner(store: Store, account_id: str, doc_id: str) -> list[str]:
    owner = owner_of(await _document(store, account_id, doc_id))
    return [doc_id, owner] if owner is not None else [doc_id]


async def _groups(store: Store, account_id: str, members: Sequence[str]) -> list[Document]:
    """The groups that any of these is in."""
    if not members:
        return []
    try:
        rows = await store.view(
            account_db(account_id), "attributes/groups", keys=list(members), include_docs=True, limit=MOST_GROUPS
        )
    except DatabaseNotFound:
        return []
    return [row.doc for row in rows.rows if row.doc is not None and not is_deleted(row.doc)]


async def _document(store: Store, account_id: str, doc_id: str) -> Document:
    try:
        doc = await store.get(account_db(account_id), doc_id)
    except (DatabaseNotFound, DocumentNotFound, InvalidName):
        return {}
    return {} if is_deleted(doc) else doc

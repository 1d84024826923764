"""What operators have set for the whole system, and accounts for themselves. Kazoo: kapps_config, kapps_account_config.

A category is a document of `system_config`; what holds for all nodes stands under `default`, what a node has of its own
under the node's name. An account's `configs_{category}` goes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, DocumentNotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db

SYSTEM_CONFIG: Final = "system_config"


async def config_of(
    store: Store, category: str, *, account_id: str | None = None, node: str | None = None
) -> dict[str, Any]:
    """The settings of a category; an empty object where nobody has set any. Raises StoreError when the store cannot be
    asked."""
    system = await _document(store, SYSTEM_CONFIG, category)
    found = _object(system.get("default"))
    if node is not None:
        found = merged(found, _object(system.get(node)))
    if account_id is not None:
        own = await _document(store, account_db(account_id), f"configs_{category}")
        found = merged(found, {name: value for name, value in own.items() if not name.startswith(("_", "pvt_"))})
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, object by object; where both say something `above` counts."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        found[name] = merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return found


async def _document(store: Store, db: str, doc_id: str) -> dict[str, Any]:
    try:
        doc = await store.get(db, doc_id)
    except (DatabaseNotFound, DocumentNotFound):
        return {}
    return {} if is_deleted(doc) else dict(doc)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

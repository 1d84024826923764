"""The carriers of all accounts and their gateways, as far as a switch has to know of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, Store
from mirliton.actors.store.documents import is_deleted

OFFNET: Final = "offnet"
MOST: Final = 2000
MOST_GATEWAYS: Final = 50


async def gateways(store: Store) -> list[tuple[str, dict[str, Any]]]:
    """Each enabled gateway of each enabled resource, with a name of its own. Raises StoreError."""
    try:
        view = await store.view(OFFNET, "resources/listing_active_by_weight", include_docs=True, limit=MOST)
    except DatabaseNotFound:
        return []
    return [pair for row in view.rows if row.doc is not None for pair in _gateways(row.doc)]


def _gateways(doc: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    listed = doc.get("gateways")
    if is_deleted(doc) or not isinstance(listed, list):
        return
    for index, gateway in enumerate(listed[:MOST_GATEWAYS]):
        if isinstance(gateway, dict) and gateway.get("enabled") is not False:
            yield f"{doc['_id']}-{index}", gateway

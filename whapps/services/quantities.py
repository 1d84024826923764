"""What an account has that a service plan may count. Kazoo: kz_services_quantities.

    {"devices": {"sip_device": 4}, "users": {"admin": 1, "user": 3}, "limits": {"twoway_trunks": 10},
     "phone_numbers": {"did_us": 2}, "number_services": {"cnam": 1}}

Counted from the documents each time: nothing is kept, so nothing can be wrong for long.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, NotFound, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.whapps.numbers.rules import number_rules

TRUNKS: Final = ("inbound_trunks", "outbound_trunks", "twoway_trunks", "burst_trunks")
PAGE: Final = 1000
Quantities = dict[str, dict[str, int]]


async def quantities(store: Store, account_id: str) -> Quantities:
    """What an account has, without those below it; nothing where there is no such account. Raises StoreError."""
    db = account_db(account_id)
    found: Quantities = {}
    try:
        for row in (await store.view(db, "services/quantify", group=True)).rows:
            category, item = row.key
            found.setdefault(str(category), {})[str(item)] = int(row.value)
        for category, items in (await _numbers(store, db, account_id)).items():
            found.setdefault(category, {}).update(items)
        trunks = await _trunks(store, db)
    except DatabaseNotFound:
        return {}
    return {**found, "limits": trunks} if trunks else found


async def descendants(store: Store, account_id: str) -> list[str]:
    """The accounts below an account. Raises StoreError."""
    found: list[str] = []
    while True:
        try:
            rows = (
                await store.view(
                    "accounts",
                    "accounts/listing_by_descendants",
                    startkey=[account_id],
                    endkey=[account_id, {}],
                    skip=len(found),
                    limit=PAGE,
                )
            ).rows
        except DatabaseNotFound:
            return found
        found += [str(row.id) for row in rows]
        if len(rows) < PAGE:
            return found


async def _trunks(store: Store, db: str) -> dict[str, int]:
    try:
        doc = await store.get(db, "limits")
    except NotFound:
        return {}
    if is_deleted(doc):
        return {}
    given = {name: doc.get(name) for name in TRUNKS}
    return {name: value for name, value in given.items() if type(value) is int and value > 0}


async def _numbers(store: Store, db: str, account_id: str) -> Quantities:
    """Numbers by classification, and their features."""
    rules = await number_rules(store, account_id)
    kinds: dict[str, int] = {}
    features: dict[str, int] = {}
    after: Any = None
    while True:
        options: dict[str, Any] = {} if after is None else {"startkey": after, "skip": 1}
        rows = (await store.view(db, "numbers/list_by_number", include_docs=True, limit=PAGE, **options)).rows
        for row in rows:
            kind = rules.classify(str(row.id)).name
            kinds[kind] = kinds.get(kind, 0) + 1
            for feature in (row.doc or {}).get("pvt_features") or ():
                features[str(feature)] = features.get(str(feature), 0) + 1
        if len(rows) < PAGE:
            return {key: value for key, value in (("phone_numbers", kinds), ("number_services", features)) if value}
        after = rows[-1].key

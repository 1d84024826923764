"""route_to_cid: ring whoever has the number that was dialled as a caller id. Kazoo: cf_route_to_cid."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.calling import dialled
from mirliton.whapps.callflow.endpoints import device_endpoints, distinct, some, user_endpoints
from mirliton.whapps.callflow.ringing import DEFAULT_TIMEOUT, ring, seconds
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.wishes import wishes_of
from mirliton.whapps.numbers.rules import number_rules

KINDS: Final = ("internal", "external", "emergency")
MOST: Final = 100


async def run(call: Script, data: Data) -> Outcome:
    """`cid_types` (internal; external, emergency), `endpoint_types` (user, device; both), `timeout` (20 s), `delay`,
    `can_call_self`, `suppress_clid`, `static_invite`. The number is what the pattern captured, else what was dialled.
    Children: a hangup cause, a SIP code, `_`."""
    number = call.capture_group or dialled(call)
    wishes = wishes_of(data, delay=seconds(data.get("delay"), 0.0) or None)
    wanted = _texts(data.get("endpoint_types")) or ["user", "device"]
    found = []
    for doc in await _having(
        call, [kind for kind in _texts(data.get("cid_types")) or KINDS[:1] if kind in KINDS], number
    ):
        if doc.get("pvt_type") == "user" and "user" in wanted:
            found += await user_endpoints(call, str(doc["_id"]), wishes)
        elif doc.get("pvt_type") == "device" and "device" in wanted:
            found += await device_endpoints(call, doc, wishes)
    return (
        await ring(
            call,
            some(f"caller id {number}", distinct(found)),
            timeout=seconds(data.get("timeout"), DEFAULT_TIMEOUT),
            strategy="simultaneous",
            data=data,
        )
        or Next()
    )


async def _having(call: Script, kinds: list[str], number: str) -> list[Document]:
    """The users and devices that have the number, as it was dialled or in E.164, as such a caller id."""
    written = dict.fromkeys((number, (await number_rules(call.store)).e164(number)))
    keys = [[kind, each] for kind in kinds for each in written]
    rows = await call.store.view(call.account_db, "attributes/caller_ids", keys=keys, include_docs=True, limit=MOST)
    docs = {str(row.id): row.doc for row in rows.rows if row.doc is not None and not is_deleted(row.doc)}
    return list(docs.values())


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

"""Groups: documents that list users and devices."""

from __future__ import annotations

from typing import Any

from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import mapping, number
from mirliton.whapps.callflow.script import Script


async def members_of(call: Script, group_id: str) -> list[dict[str, Any]]:
    """A group's members as a ring group has them, the lightest first. Raises InvalidFlow where there is none."""
    doc = await call.document(group_id)
    if is_deleted(doc) or doc.get("pvt_type") != "group":
        raise InvalidFlow(f"group {group_id}", "it does not exist")
    found = [(member_id, member) for member_id, member in mapping(doc, "endpoints").items() if isinstance(member, dict)]
    found.sort(key=lambda pair: number(pair[1], "weight", 0, 0, 1000))
    return [{"id": member_id, "endpoint_type": member.get("type", "device")} for member_id, member in found]

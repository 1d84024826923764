"""group: ring the members of a group document. Kazoo: cf_group."""

from __future__ import annotations

from typing import Any

from mirliton.whapps.callflow.actions import ring_group
from mirliton.whapps.callflow.endpoints import required_id
from mirliton.whapps.callflow.groups import members_of
from mirliton.whapps.callflow.script import Data, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`id` (a group) or `endpoints` (ids of users and devices), and the rest as `ring_group`. Children: as there.

    Raises InvalidFlow where there is no such group.
    """
    listed = data.get("endpoints")
    if isinstance(listed, list) and listed:
        members = [
            await _member(call, member) for member in listed[: ring_group.MAX_MEMBERS] if isinstance(member, str)
        ]
    else:
        members = await members_of(call, required_id("group", data))
    return await ring_group.run(call, {**data, "endpoints": members})


async def _member(call: Script, member_id: str) -> dict[str, Any]:
    doc = await call.document(member_id)
    return {"id": member_id, "endpoint_type": str(doc.get("pvt_type"))}

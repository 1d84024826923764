"""ring_group_toggle: take the caller out of a ring group, or back in. Kazoo: cf_ring_group_toggle."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.actors.store import Document, DocumentNotFound, InvalidName
from mirliton.actors.store.documents import is_deleted
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.own_documents import write
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script
from mirliton.whapps.callflow.talking import tell

FOR_EVER: Final = 63_113_904_000 * 2
"""Kazoo's seconds until which a member who has left is not rung: some two thousand years from now."""
DEEPEST: Final = 100


async def run(call: Script, data: Data) -> Outcome:
    """`action` (login, logout), `callflow_id`: whose ring groups have the caller's device or user. Child: `_`.

    Raises InvalidFlow where there is no such callflow.
    """
    flow_id, action = text(data, "callflow_id"), data.get("action")
    if flow_id is None or action not in ("login", "logout"):
        raise InvalidFlow("ring_group_toggle", "its data has no callflow_id, or no action")
    await call.execute(Answer(call.id))
    try:
        doc = await call.document(flow_id)
    except (DocumentNotFound, InvalidName) as error:
        raise InvalidFlow(f"callflow {flow_id[:64]}", "it does not exist") from error
    if is_deleted(doc) or doc.get("pvt_type") != "callflow":
        raise InvalidFlow(f"callflow {flow_id}", "it does not exist")
    until = None if action == "login" else FOR_EVER
    members = {call.vars.get("Authorizing-ID"), call.vars.get("Owner-ID")} - {None, ""}
    await write(call, flow_id, lambda found: {**found, "flow": _changed(found.get("flow"), members, until)})
    await tell(call, "agent-logged_in" if action == "login" else "agent-logged_out")
    return Next()


def _changed(flow: Any, members: set[Any], until: int | None, depth: int = 0) -> Any:
    """A flow in whose ring groups these members are not rung until then (None: are rung)."""
    if not isinstance(flow, dict) or depth > DEEPEST:
        return flow
    changed: Document = dict(flow)
    data, children = flow.get("data"), flow.get("children")
    if flow.get("module") == "ring_group" and isinstance(data, dict) and isinstance(data.get("endpoints"), list):
        endpoints = [_member(endpoint, members, until) for endpoint in data["endpoints"]]
        changed["data"] = {**data, "endpoints": endpoints}
    if isinstance(children, dict):
        changed["children"] = {key: _changed(child, members, until, depth + 1) for key, child in children.items()}
    return changed


def _member(endpoint: Any, members: set[Any], until: int | None) -> Any:
    if not isinstance(endpoint, dict) or endpoint.get("id") not in members:
        return endpoint
    kept = {name: value for name, value in endpoint.items() if name != "disable_until"}
    return kept if until is None else {**kept, "disable_until": until}

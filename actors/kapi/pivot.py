"""Calls that are steered by a customer's web server. Exchange callmgr. Kazoo: kapi_pivot."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.errors import NoRoutingKey
from mirliton.actors.kapi.routing import segment
from mirliton.actors.kapi.wire import Flag, Seconds, Vars


def _pivot_key(request: PivotReq) -> str:
    sender = request.call.get("From")
    realm = sender.rpartition("@")[2] if isinstance(sender, str) else ""
    if not realm:
        raise NoRoutingKey("PivotReq", "call.From")
    return f"pivot.req.{segment(realm)}"


@kapi("pivot.pivot_req", "dialplan", "callmgr", _pivot_key, binding="pivot.req.*")
class PivotReq:
    """Take this call."""

    call: Vars
    voice_uri: str
    cdr_uri: str | None = None
    request_format: str | None = None
    request_body_format: str | None = None
    request_timeout: Seconds | None = None
    http_method: str | None = None
    debug: Flag | None = None


@kapi("pivot.failed", "pivot")
class Failed:
    """The web server gave nothing that can be done."""

    call_id: str


@kapi("pivot.processing", "pivot")
class Processing:
    """The call is taken."""

    call_id: str

"""Callflows that start or act from elsewhere. Exchange kapps. Kazoo: kapi_callflow."""

from __future__ import annotations

from collections.abc import Mapping

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.errors import NoRoutingKey
from mirliton.actors.kapi.routing import segment
from mirliton.actors.kapi.wire import Anything, Vars


@kapi("callflow.resume", "callflow", "kapps", "callflow.resume")
class Resume:
    """Go on with this call at this place of its callflow."""

    call: Vars
    flow: Anything


def _action_key(request: ActionExecute) -> str:
    data = request.data
    module = data.get("module") if isinstance(data, Mapping) else None
    if not isinstance(module, str) or not module:
        raise NoRoutingKey("ActionExecute", "data.module")
    return f"callflow.action.{segment(module)}"


@kapi("callflow.action.execute", "callflow", "kapps", _action_key, name="action.execute", binding="callflow.action.*")
class ActionExecute:
    """Do one action for a call, here."""

    call_id: str
    call: Vars
    data: Anything = None


@kapi("callflow.action.accepted", "callflow", name="action.accepted")
class ActionAccepted:
    """Somebody does the action."""

    msg_id: str
    call_id: str


@kapi("callflow.action.result", "callflow", name="action.result")
class ActionResult:
    """What came of the action."""

    msg_id: str
    call_id: str
    result: Anything

"""Keys in a call that do things. Exchange metaflow. Kazoo: kapi_metaflow."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.errors import NoRoutingKey
from mirliton.actors.kapi.routing import segment
from mirliton.actors.kapi.wire import Anything, Key, Millis, Vars


@kapi("metaflow.flow", "metaflow", "metaflow", "metaflow.flow.{call_id}")
class Flow:
    """Run this flow on the call."""

    flow: Vars
    call_id: str


@kapi("metaflow.action", "metaflow", "metaflow", "metaflow.action.{call_id}.{action}")
class Action:
    """Do this on the call."""

    action: Literal[
        "audio_level",
        "break",
        "callflow",
        "hangup",
        "hold",
        "intercept",
        "move",
        "park",
        "play",
        "record_call",
        "resume",
        "say",
        "transfer",
        "tts",
        "unpark",
    ]
    call_id: str
    data: Anything = None


@kapi("metaflow.bind_req", "metaflow", "metaflow", "metaflow.bind_req.{account_id}")
class BindReq:
    """What keys has this call?"""

    account_id: str
    authorizing_id: str | None = None
    authorizing_type: str | None = None
    binding_leg: str | None = None
    call_id: str | None = None
    callflow_id: str | None = None
    resource_id: str | None = None


def _bind_key(bind: Bind) -> str:
    call = bind.call_id or bind.call.get("Call-ID")
    if not isinstance(call, str) or not call:
        raise NoRoutingKey("Bind", "call_id")
    account = bind.call.get("Account-ID")
    return f"metaflow.bind.{segment(account) if isinstance(account, str) and account else '*'}.{segment(call)}"


@kapi("metaflow.bind", "metaflow", "metaflow", _bind_key, one_of=(("Call", "Call-ID"),), binding="metaflow.bind.*.*")
class Bind:
    """Listen for these keys."""

    call: Vars = field(default_factory=dict)
    call_id: str | None = None
    binding_digit: Key | None = None
    digit_timeout: Millis | None = None
    endpoint_id: str | None = None
    listen_on: Literal["aleg", "bleg", "both", "peer", "self"] | None = None
    numbers: Anything = None
    patterns: Anything = None

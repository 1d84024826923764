"""Who listens to the websockets of the API. Exchanges sysconf and kapps. Kazoo: kapi_websockets."""

from __future__ import annotations

from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything


@kapi("websockets.get_req", "websockets", "sysconf", "websockets.get")
class GetReq:
    """Which sockets has this account?"""

    account_id: str
    auth_account_id: str | None = None
    socket_id: str | None = None


@kapi("websockets.get_resp", "websockets")
class GetResp:
    """These."""

    data: Anything = None


@kapi("websockets.module_req", "websockets", "kapps", "ws.module_req")
class ModuleReq:
    """Start or stop a module."""

    module: str
    action: Literal["start", "stop"]
    persist: bool | None = None


@kapi("websockets.module_resp", "websockets")
class ModuleResp:
    """What came of it."""

    persisted: bool
    started: bool
    error: str | None = None

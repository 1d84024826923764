"""Wake a phone through its maker's push service. Exchange pushes. Kazoo: kapi_pusher."""

from __future__ import annotations

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Number, TextSeconds


@kapi("pusher.push_req", "notification", "pushes", "notification.push.{token_type}.{token_id}")
class PushReq:
    """Wake the phone with this token."""

    token_id: str
    token_type: str
    token_app: str
    payload: Anything
    queue: str | None = None
    call_id: str | None = None
    badge: Number | None = None
    sound: str | None = None
    account_id: str | None = None
    endpoint_id: str | None = None
    expires: TextSeconds | None = None
    token_reg: str | None = None
    alert: str | None = None
    alert_key: str | None = None
    alert_params: Anything = None


@kapi("pusher.push_resp", "notification")
class PushResp:
    """The push service took it."""

    token_id: str

"""Text messages; what they go through differs, their form does not. Exchange im. Kazoo: kapi_im."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.endpoint import Endpoint
from mirliton.actors.kapi.wire import Anything, Vars


@kapi("im.inbound", None, "im", "{event_category}.inbound.{route_type|*}.{message_id}")
class Inbound:
    """A message has come in."""

    message_id: str
    body: str
    from_: str
    to: str
    event_category: Literal["sms", "mms"]
    custom_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    request: str | None = None
    account_id: str | None = None
    route_type: Literal["onnet", "offnet"] | None = None
    system_id: str | None = None
    route_id: str | None = None
    transaction_id: str | None = None
    charges: Anything = None


@kapi("im.outbound", None, "im", "{event_category}.outbound.{route_type|*}.{message_id}")
class Outbound:
    """A message is to go out."""

    message_id: str
    body: str
    from_: str
    to: str
    event_category: Literal["sms", "mms"]
    custom_vars: Vars = field(default_factory=dict)
    request: str | None = None
    account_id: str | None = None
    application_id: str | None = None
    route_type: Literal["onnet", "offnet"] | None = None
    system_id: str | None = None
    route_id: str | None = None
    originator_properties: Anything = None
    target_properties: Anything = None
    originator_flags: Anything = None
    target_flags: Anything = None
    endpoints: tuple[Endpoint, ...] = ()
    transaction_id: str | None = None

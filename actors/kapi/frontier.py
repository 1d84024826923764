"""The proxy's guard: rates and access lists by realm. Exchanges frontier and frontier_acl. Kazoo: kapi_frontier."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Vars


@kapi("frontier.req", None, "frontier", "sbc_config", name="query")
class Req:
    """How often may it ask, or who may?"""

    entity: str
    event_category: Literal["rate_limit", "acl"]
    with_realm: Anything = None


@kapi("frontier.resp", None, name="query_resp")
class Resp:
    """The rules for the realm, and for the device."""

    event_category: Literal["rate_limit", "acl"]
    realm: Vars = field(default_factory=dict)
    device: Vars = field(default_factory=dict)


@kapi("frontier.flush", "acl", "frontier_acl", "flush", name="acl_flush")
class Flush:
    """The lists of this realm, or device, have changed."""

    realm: str
    device: str | None = None

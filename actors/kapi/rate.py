"""What does a call cost? Exchange callmgr. Kazoo: kapi_rate."""

from __future__ import annotations

from typing import Annotated, Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Header


@kapi("rate.req", "rate", "callmgr", "rate.req")
class Req:
    """What costs a call to this number?"""

    to_did: str
    account_id: str | None = None
    call_id: str | None = None
    direction: Literal["inbound", "outbound"] | None = None
    from_did: str | None = None
    options: tuple[str, ...] = ()
    outbound_flags: Anything = None
    ratedeck_id: str | None = None
    resource_id: str | None = None
    resource_type: Literal["audio", "video", "sms"] | None = None
    send_empty: bool | None = None
    authorizing_type: str | None = None


@kapi("rate.resp", "rate", also=(("callmgr", "rate.resp.broadcast"),))
class Resp:
    """So much."""

    base_cost: str | None = None
    call_id: str | None = None
    discount_percentage: str | None = None
    prefix: str | None = None
    pvt_cost: str | None = None
    rate: str | None = None
    rate_id: str | None = None
    rate_description: str | None = None
    rate_increment: int | None = None
    rate_minimum: str | None = None
    rate_name: str | None = None
    rate_nocharge_time: Annotated[int | None, Header("Rate-NoCharge-Time")] = None
    rate_version: str | None = None
    ratedeck_id: str | None = None
    surcharge: str | None = None
    update_callee_id: bool | None = None

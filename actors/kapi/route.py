"""Routing a new call: ecallmgr asks everyone who might want it, the first good answer wins, the winner is told.

    ecallmgr → all          RouteReq    callmgr, route.req.audio.{account}
    application → ecallmgr  RouteResp   targeted
    ecallmgr → winner       RouteWin    targeted; from now on the winner commands the call through `control_queue`

Kazoo: kapi_route.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from mirliton.actors.kapi._family import kapi, part
from mirliton.actors.kapi.endpoint import InviteFormat
from mirliton.actors.kapi.routing import needed, segment
from mirliton.actors.kapi.wire import Flag, Header, Number, ReplyTo, Seconds, Secret, Vars

ResourceType = Literal["mms", "sms", "audio", "video", "chat", "metaflow"]
RouteMethod = Literal["bridge", "park", "error", "sms", "plan", "application"]
PrePark = Literal["none", "ring_ready", "answer"]


@part("route.cost_parameters")
class CostParameters:
    """What the call may cost."""

    min_increment_cost: int | None = None
    max_incremental_cost: int | None = None
    min_setup_cost: int | None = None
    max_setup_cost: int | None = None


def _route_req_key(request: RouteReq) -> str:
    kind = segment(request.resource_type)
    account = request.custom_channel_vars.get("Account-ID")
    if isinstance(account, str) and account:
        return f"route.req.{kind}.{segment(account)}"
    user, _, realm = needed(request, "from_").partition("@")
    return f"route.req.{kind}.{segment(realm)}.{segment(user)}"


@kapi("route.route_req", "dialplan", "callmgr", _route_req_key, binding="route.req.#")
class RouteReq:
    """Who takes this call? Sent once per call that nobody controls yet."""

    call_id: str
    from_: str
    """user@realm"""
    to: str
    request: str
    resource_type: ResourceType = "audio"
    call_direction: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    destination_number: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    """Account-ID, Account-Realm, Authorizing-ID and -Type, Owner-ID, Realm, Username, Fetch-ID … where known."""
    custom_application_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    custom_routing_headers: Vars = field(default_factory=dict)
    body: str | None = None
    codecs: str | None = None
    context: str | None = None
    cost_parameters: CostParameters | None = None
    from_network_addr: str | None = None
    from_network_port: str | None = None
    from_tag: str | None = None
    geo_location: str | None = None
    max_call_length: str | None = None
    media: Literal["process", "proxy", "bypass"] | None = None
    message_id: str | None = None
    orig_ip: str | None = None
    orig_port: str | None = None
    origination_call_id: str | None = None
    prepend_cid_name: str | None = None
    ringback_media: str | None = None
    sip_request_host: str | None = None
    switch_hostname: str | None = None
    switch_nodename: str | None = None
    switch_uri: str | None = None
    switch_url: str | None = None
    to_tag: str | None = None
    transcode: str | None = None
    transfer_media: str | None = None
    user_agent: str | None = None
    server_id: ReplyTo | None = None
    """Where answers go."""


@part("route.route")
class Route:
    """One way to reach the destination, for `method="bridge"`."""

    invite_format: InviteFormat
    auth_password: Secret[str | None] = None
    auth_user: str | None = None
    caller_id_name: str | None = None
    caller_id_number: str | None = None
    caller_id_type: Literal["from", "rpid", "pid"] | None = None
    codecs: tuple[str, ...] = ()
    context: str | None = None
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    media: Literal["process", "bypass", "auto"] | None = None
    progress_timeout: Seconds | None = None
    proxy_via: str | None = None
    rate: str | None = None
    rate_increment: str | None = None
    rate_minimum: str | None = None
    rate_nocharge_time: Annotated[int | None, Header("Rate-NoCharge-Time")] = None
    route: str | None = None
    surcharge: str | None = None
    to_did: str | None = None
    to_realm: str | None = None
    to_user: str | None = None
    weight_cost: str | None = None
    weight_location: str | None = None


@kapi("route.route_resp", "dialplan")
class RouteResp:
    """I take it (`park` and wait for my commands), or: refuse it (`error`), or: bridge it to these routes."""

    method: RouteMethod
    application_data: str | None = None
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    from_realm: str | None = None
    from_uri: str | None = None
    from_user: str | None = None
    plan_data: str | None = None
    pre_park: PrePark = "none"
    ringback_media: str | None = None
    route_error_code: Number | None = None
    route_error_message: str | None = None
    routes: tuple[Route, ...] = ()
    transfer_media: str | None = None
    server_id: ReplyTo | None = None
    """The controller: gets the RouteWin."""
    defer_response: Flag | None = None
    """True: take me only if nobody else answers."""


@kapi("route.route_win", "dialplan")
class RouteWin:
    """The call is yours."""

    call_id: str
    control_queue: ReplyTo
    """Takes the commands for this call."""
    custom_channel_vars: Vars = field(default_factory=dict)
    switch_hostname: str | None = None

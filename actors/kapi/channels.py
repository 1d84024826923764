"""Asking the switch side who is on the phone: requests on callevt (`call.status_req.…`), answers to the asker's queue.

A channel in an answer is an object of the fields that Kazoo's channel table has. Kazoo: kapi_call.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.errors import NoRoutingKey
from mirliton.actors.kapi.routing import needed, segment
from mirliton.actors.kapi.wire import Anything, Flag, Vars


@kapi("call.channel_status_req", "call_event", "callevt", "call.status_req.{call_id}")
class ChannelStatusReq:
    """Is this leg alive, and where?"""

    call_id: str
    active_only: Flag | None = None
    """True: only the node that has the leg answers."""


@kapi("channels.channel_status_req", "channel", "channels", "query.status")
class ProxyChannelStatusReq(ChannelStatusReq):
    """The same, as the SIP proxy asks it, to pick up a call."""


@kapi("call.channel_status_resp", "call_event")
class ChannelStatusResp:
    """The leg is `active`, or its switch cannot be reached (`tmpdown`), or nobody here knows it (`terminated`)."""

    call_id: str
    status: Literal["active", "tmpdown", "terminated"]
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    error_msg: str | None = None
    from_tag: str | None = None
    other_leg_call_id: str | None = None
    realm: str | None = None
    switch_hostname: str | None = None
    switch_nodename: str | None = None
    switch_url: str | None = None
    to_tag: str | None = None
    username: str | None = None


@kapi("call.query_auth_id_req", "call_event", "callevt", "call.status_req.{auth_id}")
class QueryAuthIdReq:
    """Which channels has this device?"""

    auth_id: str


@kapi("call.query_auth_id_resp", "call_event")
class QueryAuthIdResp:
    """The device's channels."""

    channels: tuple[Vars, ...] = ()


def _user_channels_key(request: QueryUserChannelsReq) -> str:
    if request.realm is None and request.username is None:
        return "call.status_req."
    username = next(iter(request.usernames), None) if request.username is None else request.username
    if not username:
        raise NoRoutingKey("QueryUserChannelsReq", "username")
    return f"call.status_req.{segment(username + ':' + needed(request, 'realm'))}"


@kapi("call.query_user_channels_req", "call_event", "callevt", _user_channels_key, binding="call.status_req.*")
class QueryUserChannelsReq:
    """Which channels have these users of a realm, or these devices?"""

    realm: str | None = None
    username: str | None = None
    usernames: tuple[str, ...] = ()
    authorizing_ids: tuple[str, ...] = ()
    active_only: bool | None = None


@kapi("call.query_user_channels_resp", "call_event")
class QueryUserChannelsResp:
    """Their channels."""

    channels: tuple[Vars, ...] = ()


@kapi("call.query_account_channels_req", "call_event", "callevt", "call.status_req.{account_id}")
class QueryAccountChannelsReq:
    """Which channels has this account?"""

    account_id: str
    username: str | None = None
    usernames: tuple[str, ...] = ()
    active_only: bool | None = None


@kapi("call.query_account_channels_resp", "call_event")
class QueryAccountChannelsResp:
    """The account's channels."""

    channels: tuple[Vars, ...] = ()


@kapi("call.query_channels_req", "call_event", "callevt", "call.status_req.channels")
class QueryChannelsReq:
    """Which channels are there at all?"""

    call_id: str | None = None
    """Only this one."""
    fields: Anything = None
    """`all`, or the names of those wanted."""
    active_only: bool | None = None


@kapi("call.query_channels_resp", "call_event")
class QueryChannelsResp:
    """Channels by call-id."""

    channels: Vars

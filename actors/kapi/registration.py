"""Phones and the proxy that holds their registrations. Exchange registrar. Kazoo: kapi_registration."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Anything, Flag, Number, TextSeconds, Vars


@kapi("registration.reg_success", "directory", "registrar", "registration.success.{realm}.{username}")
class RegSuccess:
    """A phone has registered, or (Status Unregistered, Expires 0) is gone."""

    username: str
    realm: str
    contact: str
    expires: TextSeconds
    event_timestamp: Number
    """Seconds; Kamailio counts them from 1970."""
    account_db: str | None = None
    account_id: str | None = None
    aor: str | None = None
    authorizing_id: str | None = None
    call_id: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    first_registration: Flag | None = None
    freeswitch_hostname: str | None = None
    freeswitch_nodename: str | None = None
    from_host: str | None = None
    from_user: str | None = None
    network_ip: str | None = None
    network_port: str | None = None
    original_contact: str | None = None
    presence_hosts: str | None = None
    profile_name: str | None = None
    proxy_ip: str | None = None
    proxy_path: str | None = None
    proxy_port: str | None = None
    proxy_protocol: str | None = None
    register_overwrite_notify: Flag | None = None
    registrar_node: str | None = None
    rpid: str | None = None
    ruid: str | None = None
    source_ip: str | None = None
    source_port: str | None = None
    status: str | None = None
    suppress_unregister_notify: Flag | None = None
    to_host: str | None = None
    to_user: str | None = None
    user_agent: str | None = None


@kapi("registration.reg_query", "directory", "registrar", "registration.query.{realm|*}.{username|*}")
class RegQuery:
    """Where is this phone registered? Without a username: all of the realm."""

    realm: str | None = None
    username: str | None = None
    fields: Anything = None
    """The names of those wanted; all, if there are none."""
    count_only: Flag | None = None


@kapi("registration.reg_query_resp", "directory")
class RegQueryResp:
    """What this registrar knows."""

    fields: Anything = None
    count: Number | None = None
    registrar_age: TextSeconds | None = None
    """Seconds since it started; a young one may not know all yet."""


@kapi("registration.reg_query_error", "directory")
class RegQueryError:
    """This registrar knows no such phone."""

    registrar_age: TextSeconds | None = None


@kapi("registration.reg_flush", "directory", "registrar", "registration.flush.{realm}")
class RegFlush:
    """Forget this phone, or without a username the whole realm."""

    realm: str
    username: str | None = None
    cache_only: Flag | None = None
    """True: forget only its password, as the SIP proxy remembers it."""


@kapi("registration.reg_sync", "directory", "registrar", "registration.sync")
class RegSync:
    """Tell me every registration again: each comes as a RegSuccess to the asker's queue."""


@kapi("registration.search_req", "registration", "registrar", "registration.search_req.{realm}")
class SearchReq:
    """Which phones does the SIP proxy know in this realm?"""

    realm: str
    username: str | None = None
    search_type: Literal["summary", "detail", "token", "meta"] | None = None


@kapi("registration.search_partial_resp", "registration")
class SearchPartialResp:
    """Some of them; more come."""

    registrations: Anything = None


@kapi("registration.search_resp", "registration")
class SearchResp:
    """The last of them."""

    registrations: Anything = None

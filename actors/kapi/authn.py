"""Who is this phone? The SIP proxy asks, with the user and realm of a REGISTER or an INVITE.

Configurations of the proxy for Kazoo 4.3 ask on callmgr, later ones on registrar; whoever answers binds both. The
proxy matches an answer by its Msg-ID alone. Kazoo: kapi_authn.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.routing import needed, segment
from mirliton.actors.kapi.wire import Anything, Flag, Secret, TextSeconds, Vars


@kapi(
    "authn.authn_req",
    "directory",
    "callmgr",
    "authn.req.{auth_realm}",
    also=(("registrar", "authn.endpoint.req.{auth_realm}"),),
)
class AuthnReq:
    """Which password has this user?"""

    auth_realm: str
    auth_user: str
    from_: str
    to: str
    auth_nonce: str | None = None
    auth_response: Secret[str | None] = None
    call_id: str | None = None
    contact: str | None = None
    custom_sip_headers: Vars = field(default_factory=dict)
    expires: TextSeconds | None = None
    method: str | None = None
    orig_ip: str | None = None
    orig_port: str | None = None
    switch_hostname: str | None = None
    user_agent: str | None = None


@kapi("authn.authn_resp", "directory")
class AuthnResp:
    """Its password (or that none is needed), and what its calls and registrations shall carry."""

    auth_method: Literal["password", "ip", "a1-hash", "error", "gsm", "nonce", "a3a8"]
    auth_password: Secret[str]
    access_group: str | None = None
    auth_nonce: str | None = None
    auth_username: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    expires: TextSeconds | None = None
    register_overwrite_notify: Flag | None = None
    suppress_unregister_notifications: Flag | None = None
    tenant_id: str | None = None
    trusted_auth: Flag | None = None
    """True: do not ask for the password. Later configurations of the proxy heed it."""


def _token_key(request: TokenReq) -> str:
    realm = needed(request, "to").rpartition("@")[2]
    return f"authn.token_req.{segment(realm)}"


@kapi("authn.token_req", "directory", "callmgr", _token_key, binding="authn.token_req.*")
class TokenReq:
    """Whose token is this?"""

    auth_token: Secret[str]
    from_: str
    to: str
    call_id: str | None = None
    contact: str | None = None
    custom_sip_headers: Vars = field(default_factory=dict)
    expires: TextSeconds | None = None
    orig_ip: str | None = None
    orig_port: str | None = None
    switch_hostname: str | None = None
    user_agent: str | None = None


@kapi("authn.token_resp", "directory")
class TokenResp:
    """The user of the token."""

    token_data: Secret[Anything]
    access_group: str | None = None
    auth_nonce: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    custom_sip_headers: Vars = field(default_factory=dict)
    expires: TextSeconds | None = None
    register_overwrite_notify: Flag | None = None
    suppress_unregister_notifications: Flag | None = None
    tenant_id: str | None = None


@kapi("authn.authn_err", "directory")
class AuthnErr:
    """Nobody here knows the user; the asker waits on, in case another does."""

    permanent_error: Flag | None = None
    """True: do not ask again soon. Later configurations of the proxy heed it."""

"""May this call be made? ecallmgr asks where limits are kept. Exchange callmgr. Kazoo: kapi_authz."""

from __future__ import annotations

from dataclasses import field

from mirliton.actors.kapi._family import kapi
from mirliton.actors.kapi.wire import Flag, Vars


@kapi("authz.authz_req", "authz", "callmgr", "authz.authorize")
class AuthzReq:
    """May this leg be?"""

    call_direction: str
    call_id: str
    caller_id_name: str
    caller_id_number: str
    from_: str
    request: str
    to: str
    custom_application_vars: Vars = field(default_factory=dict)
    custom_channel_vars: Vars = field(default_factory=dict)
    from_network_addr: str | None = None
    from_network_port: str | None = None
    other_leg_call_id: str | None = None
    switch_hostname: str | None = None


@kapi("authz.authz_resp", "authz", also=(("callmgr", "authz.authorize.broadcast"),))
class AuthzResp:
    """It may or may not, and who pays."""

    call_id: str
    is_authorized: Flag
    account_id: str | None = None
    account_billing: str | None = None
    reseller_id: str | None = None
    reseller_billing: str | None = None
    custom_channel_vars: Vars = field(default_factory=dict)
    call_direction: str | None = None
    soft_limit: int | None = None
    other_leg_call_id: str | None = None


@kapi("authz.balance_check_req", "authz", "callmgr", "authz.balance_check")
class BalanceCheckReq:
    """Can these accounts pay?"""

    accounts: tuple[str, ...]


@kapi("authz.balance_check_resp", "authz")
class BalanceCheckResp:
    """Whether each can."""

    balances: Vars

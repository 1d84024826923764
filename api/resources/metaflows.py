"""`metaflows`: what keys do during a call, of an account, a user, a device or a callflow. Kazoo: cb_metaflows."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.members import member_route
from mirliton.api.resources.accounts import DOCUMENTS as ACCOUNTS
from mirliton.api.resources.callflows import CALLFLOWS
from mirliton.api.resources.devices import DEVICES
from mirliton.api.resources.users import USERS

_ACCOUNT: Final = "accounts/{account_id}"

ROUTES: Final = (
    member_route(_ACCOUNT, ACCOUNTS, "metaflows", "metaflows"),
    member_route(f"{_ACCOUNT}/users/{{user_id}}", Documents(USERS), "metaflows", "metaflows"),
    member_route(f"{_ACCOUNT}/devices/{{device_id}}", Documents(DEVICES), "metaflows", "metaflows"),
    member_route(f"{_ACCOUNT}/callflows/{{callflow_id}}", Documents(CALLFLOWS), "metaflows", "metaflows"),
)

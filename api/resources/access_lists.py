"""`access_lists`: from where an account's phones, or one device, may come. Kazoo: cb_access_lists."""

from __future__ import annotations

from typing import Final

from mirliton.api.documents import Documents
from mirliton.api.members import member_route
from mirliton.api.resources.accounts import DOCUMENTS as ACCOUNTS
from mirliton.api.resources.devices import DEVICES

ROUTES: Final = (
    member_route("accounts/{account_id}", ACCOUNTS, "access_lists", "access_lists"),
    member_route("accounts/{account_id}/devices/{device_id}", Documents(DEVICES), "access_lists", "access_lists"),
)

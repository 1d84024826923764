"""Whom a caller reaches who would rather speak with somebody."""

from __future__ import annotations

from typing import Final

from mirliton.whapps.callflow.routing import find_flow
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.callflow.voicemail.box import Box

OPERATOR_KEY: Final = "0"
OPERATOR_NUMBER: Final = "0"
"""The number of the operator's callflow, where the mailbox names no other (Kazoo: operator_key)."""


async def operator_flow(call: Script, box: Box) -> str | None:
    """The callflow of whoever answers for this mailbox; None where nobody does."""
    flow = await find_flow(call.store, call.account_id, box.operator or OPERATOR_NUMBER)
    return None if flow is None else str(flow["_id"])

"""Calls that are forwarded: the number they go to as an endpoint. Kazoo: the call forward endpoints of kz_endpoint.

The number is called by a leg of the switch's own (loopback) whose far end comes back to us as a call of the account, by
the forwarding phone; so it may be anything that the phone may dial. Forwardings that lead to one another end after
MOST of them.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from mirliton.actors.kapi.dialplan import Endpoint
from mirliton.actors.switching import LOOPED_ACCOUNT
from mirliton.whapps.callflow.attributes import Attributes
from mirliton.whapps.callflow.caller_id import shown
from mirliton.whapps.callflow.fields import flag, mapping, text
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.script import Script
from mirliton.whapps.callflow.sip_endpoint import leg_id, presence_id
from mirliton.whapps.callflow.wishes import Wishes

MOST: Final = 5
"""Legs of the switch's own that may follow one another. A ring group of two that forwards to itself is 32 calls."""
HOPS: Final = "Loopback-Hops"
"""The channel variable that counts them."""
_NUMBER: Final = re.compile(r"[+*#0-9A-Za-z_.-]{1,64}")


def is_forwarded(forward: dict[str, Any], *, direct: bool) -> bool:
    """Whether calls are forwarded. `direct`: it was not a group that was called."""
    return flag(forward, "enabled", False) and (direct or not flag(forward, "direct_calls_only", False))


def stands_in(forward: dict[str, Any]) -> bool:
    """Whether the number is called where the phone cannot be reached."""
    return flag(forward, "failover", False) and not flag(forward, "enabled", False)


def hops(call: Script) -> int:
    """How many legs of the switch's own this call has come through."""
    passed = str(call.vars.get(HOPS) or "0")
    return int(passed) if passed.isascii() and passed.isdigit() and len(passed) < 4 else MOST


async def forward_endpoint(
    call: Script, attributes: Attributes, forwarder: str, kind: Literal["device", "user"], wishes: Wishes
) -> Endpoint | None:
    """The number that a device's or user's calls are forwarded to; None where that would go on for ever, or is no
    number."""
    forward = attributes.forward
    number = (text(forward, "number") or "").replace(" ", "")
    if not _NUMBER.fullmatch(number):
        call.log.info("forward_number_invalid", forwarder=forwarder)
        return None
    if hops(call) >= MOST:
        call.log.warning("forwarded_too_often", forwarder=forwarder)
        return None
    confirm = flag(forward, "require_keypress", True)
    substitute = flag(forward, "substitute", True)
    keeps = flag(forward, "keep_caller_id", True)
    caller = await shown(call)
    known = {
        "Account-ID": call.account_id,
        "Authorizing-ID": forwarder,
        "Authorizing-Type": kind,
        "Owner-ID": attributes.user.get("_id"),
        "Call-Interaction-ID": call.vars.get("Call-Interaction-ID"),
        "Inception": call.vars.get("Inception"),
        "Call-Forward": "true",
        "Retain-CID": "true" if keeps else "false",
        HOPS: str(hops(call) + 1),
        LOOPED_ACCOUNT: call.account_id,
    }
    if confirm:
        known |= {
            "Confirm-Key": "1",
            "Confirm-Cancel-Timeout": "true",
            "Confirm-File": prompt(call, "ivr-group_confirm"),
        }
    return Endpoint(
        "loopback",
        route=number,
        endpoint_id=forwarder,
        endpoint_timeout=wishes.timeout,
        endpoint_delay=wishes.delay,
        outbound_call_id=leg_id(call, f"forward/{number}"),
        presence_id=presence_id(attributes),
        # What the number plays before it is answered is no answer of the phone's.
        ignore_early_media=True if confirm or not substitute else flag(forward, "ignore_early_media", True),
        loopback_bowout=False,
        simplify_loopback=False,
        custom_channel_vars={name: value for name, value in known.items() if value},
        caller_id_name=caller.name,
        caller_id_number=caller.number,
        callee_id_name=text(attributes.device, "name") or text(mapping(attributes.user, "caller_id"), "name"),
    )

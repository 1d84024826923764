"""Calls that nobody took: who is told of them, once such a call has ended.

That somebody talked with the caller is known by the end of what rang a phone, or by an event; a process that takes over
looks at the leg.
"""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi import KapiError
from mirliton.actors.kapi.call import ChannelBridged
from mirliton.actors.kapi.notifications import MissedCall
from mirliton.actors.mailing import notify
from mirliton.actors.store.documents import gregorian
from mirliton.actors.switching import LegEvent
from mirliton.whapps.callflow.caller_id import caller_id
from mirliton.whapps.callflow.script import Script

RECIPIENTS: Final = "missed_call_alert"
TALKED: Final = "talked"
"""Kept once somebody has talked with the caller."""
MESSAGE_LEFT: Final = "message_left"
"""Kept once the caller has left a message."""
MOST: Final = 50
"""Recipients of one call."""


async def tell_of_missed(call: Script, cause: str) -> None:
    """Have those told who want to be, if nobody took the call. May be done twice. Raises StoreError."""
    recipients = call.kept(RECIPIENTS)
    if not recipients or call.kept(TALKED) or call.kept(MESSAGE_LEFT) or await _was_bridged(call):
        return
    shown, leg = caller_id(call), call.leg
    from_user, from_realm = _address(leg.from_)
    to_user, to_realm = _address(leg.to)
    missed = MissedCall(
        account_id=call.account_id,
        call_bridged=False,
        call_id=call.id,
        message_left=0,
        caller_id_name=shown.name,
        caller_id_number=shown.number,
        from_user=from_user,
        from_realm=from_realm,
        to_user=to_user,
        to_realm=to_realm,
        notify={"recipients": recipients, "hangup_cause": cause},
        timestamp=gregorian(call.process.node.clock.time()),
    )
    try:
        await notify(call.store, call.process, missed, key=call.id)
    except KapiError as error:
        call.log.error("missed_call_not_told", error=str(error))


async def _was_bridged(call: Script) -> bool:
    """Whether an event said so that nobody has waited for."""
    try:
        await call.process.receive(_bridges, 0.0)
    except TimeoutError:
        return False
    return True


def _bridges(message: Any) -> bool:
    return isinstance(message, LegEvent) and isinstance(message.event, ChannelBridged)


def _address(value: str | None) -> tuple[str | None, str | None]:
    user, _, realm = (value or "").removeprefix("sip:").partition("@")
    return user or None, realm or None

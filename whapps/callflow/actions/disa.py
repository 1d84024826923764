"""disa: let a caller from outside dial as one of the account's phones would. Kazoo: cf_disa."""

from __future__ import annotations

import hmac
from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.whapps.callflow.caller_id import set_caller_id
from mirliton.whapps.callflow.calling import denied, flow_for
from mirliton.whapps.callflow.fields import flag, mapping, milliseconds, number, text
from mirliton.whapps.callflow.media import prompt
from mirliton.whapps.callflow.script import Data, Done, Outcome, Script
from mirliton.whapps.callflow.talking import FIRST_DIGIT, NEXT_DIGIT, ask_digits, tell

RETRIES: Final = 3
MOST_DIGITS: Final = 15
PIN_LENGTH: Final = 16
DIALTONE: Final = "tone_stream://%(10000,0,350,440)"
RINGING: Final = "tone_stream://%(2000,4000,440,480)"


async def run(call: Script, data: Data) -> Outcome:
    """`pin` (none: nobody is asked), `retries` (3), `max_digits` (15), `interdigit` (milliseconds), `preconnect_audio`
    (dialtone, ringing) with `ring_repeat_count` (1), `use_account_caller_id`,
    `enforce_call_restriction` (true). Nothing follows: the call goes on in the
    callflow of the number that was dialled, or ends. Digits of a PIN stand in no log.

    The state is {"at": "pin" or "number", "left": tries left}.
    """
    tries = number(data, "retries", RETRIES, 1, 10)
    pin = text(data, "pin")
    state: dict[str, Any] = call.state or {"at": "pin" if pin else "number", "left": tries, "first": True}
    while state["left"] > 0:
        if state.get("first"):
            await call.execute(Answer(call.id))
        if state["at"] == "pin" and pin is not None:
            state = await _pin(call, pin, state, tries)
        else:
            jump = await _dialled(call, data)
            if jump is not None:
                return jump
            state = {"at": "number", "left": state["left"] - 1}
        call.mark(state)
    await tell(call, "disa-retries_exceeded")
    return Done()


async def _pin(call: Script, pin: str, state: dict[str, Any], tries: int) -> dict[str, Any]:
    entered = await ask_digits(call, prompt(call, "disa-enter_pin"), PIN_LENGTH)
    if hmac.compare_digest(entered.encode(), pin.encode()):
        return {"at": "number", "left": tries}
    await tell(call, "disa-invalid_pin")
    return {"at": "pin", "left": state["left"] - 1}


async def _dialled(call: Script, data: Data) -> Outcome | None:
    """Take a number, and find its callflow; None when there is none."""
    audio = DIALTONE
    if data.get("preconnect_audio") == "ringing":
        audio = f"{RINGING};loops={number(data, 'ring_repeat_count', 1, 1, 10)}"
    between = milliseconds(data, "interdigit", NEXT_DIGIT)
    most = number(data, "max_digits", MOST_DIGITS, 1, 64)
    dialled = await ask_digits(call, audio, most, FIRST_DIGIT, between)
    if dialled and flag(data, "enforce_call_restriction", True) and await denied(call, dialled):
        await tell(call, "cf-unauthorized_call")
        return None
    jump = await flow_for(call, dialled, no_match=True) if dialled else None
    if jump is None:
        await tell(call, "fault-can_not_be_completed_as_dialed")
        return None
    if flag(data, "use_account_caller_id", False):
        external = mapping(mapping(await call.document(call.account_id), "caller_id"), "external")
        set_caller_id(call, text(external, "name"), text(external, "number"))
    return jump

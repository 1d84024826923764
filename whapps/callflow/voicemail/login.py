"""Which mailbox it is, and whether the caller may open it. Digits of a PIN are compared and forgotten: they stand in no
log, no document and no state."""

from __future__ import annotations

import hmac
from typing import Final

from mirliton.whapps.callflow.script import Next, Outcome
from mirliton.whapps.callflow.talking import tell
from mirliton.whapps.callflow.voicemail.box import box_of_number, is_owner
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

TRIES: Final = 3
"""Wrong mailbox numbers and PINs in one visit (Kazoo: max_login_attempts)."""
PIN_LENGTH: Final = 6
NUMBER_LENGTH: Final = 15


async def enter(visit: Visit, state: State) -> State:
    """Whom the mailbox is opened to."""
    if state["tries"] >= TRIES:
        return {"at": "abort"}
    if state["box"] is None:
        return {"at": "ask_box", "tries": state["tries"]}
    box = await visit.box(state["box"])
    if is_owner(visit.call, box) and not box.require_pin:
        return {"at": "inbox", "box": box.id, "loop": 1}
    if not box.pin:
        return {"at": "no_access"}
    return {**state, "at": "ask_pin"}


async def ask_box(visit: Visit, state: State) -> State:
    """Ask for the mailbox's number."""
    number = await visit.digits("vm-enter_id", NUMBER_LENGTH)
    box_id = await box_of_number(visit.call, number) if number else None
    if box_id is None:
        return {"at": "wrong", "say": "menu-invalid_entry", "box": None, "tries": state["tries"] + 1}
    return {"at": "enter", "box": box_id, "tries": state["tries"]}


async def ask_pin(visit: Visit, state: State) -> State:
    """Ask for the PIN."""
    entered = await visit.digits("vm-enter_pass", PIN_LENGTH)
    box = await visit.box(state["box"])
    if box.pin and hmac.compare_digest(entered.encode(), box.pin.encode()):
        return {"at": "inbox", "box": box.id, "loop": 1}
    visit.call.log.info("mailbox_login_failed", mailbox=box.id, attempt=state["tries"] + 1)
    return {"at": "wrong", "say": "vm-fail_auth", "box": box.id, "tries": state["tries"] + 1}


async def wrong(visit: Visit, state: State) -> State:
    """Say so, and ask again."""
    await tell(visit.call, state["say"])
    return {"at": "enter", "box": state["box"], "tries": state["tries"]}


async def abort(visit: Visit, state: State) -> Outcome:
    """Three times wrong."""
    await tell(visit.call, "vm-abort")
    return Next()


async def no_access(visit: Visit, state: State) -> Outcome:
    """A mailbox without a PIN opens to its owner alone."""
    await tell(visit.call, "vm-no_access")
    return Next()


STEPS: Final[dict[str, Step]] = {
    "enter": enter,
    "ask_box": ask_box,
    "ask_pin": ask_pin,
    "wrong": wrong,
    "abort": abort,
    "no_access": no_access,
}

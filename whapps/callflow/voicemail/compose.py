"""Leaving a message: the greeting, and what a caller may press in it."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.kapi.dialplan import Answer
from mirliton.whapps.callflow.script import Jump, Next, Outcome
from mirliton.whapps.callflow.talking import ANY_KEY, Medium, Piece, Prompt, Spell, announce, tell
from mirliton.whapps.callflow.voicemail.box import find_box, is_owner
from mirliton.whapps.callflow.voicemail.greetings import greeting as greeting_of
from mirliton.whapps.callflow.voicemail.messages import NEW, SAVED
from mirliton.whapps.callflow.voicemail.operator import OPERATOR_KEY, operator_flow
from mirliton.whapps.callflow.voicemail.recording import first_take
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

MAX_MESSAGES: Final = 100
"""New and saved messages that a mailbox holds (Kazoo: max_message_count)."""
LOGIN_KEY: Final = "*"


async def begin(visit: Visit, state: State) -> State | Outcome:
    """Answer, and see what the action is to do."""
    call = visit.call
    action = visit.data.get("action", "compose")
    if action not in ("compose", "check"):
        call.log.warning("voicemail_action_unknown", action=str(action)[:40])
        return Next()
    await call.execute(Answer(call.id))
    box_id = await find_box(call, visit.data)
    if action == "check":
        return {"at": "enter", "box": box_id, "tries": 0}
    if box_id is None:
        return {"at": "absent"}
    box = await visit.box(box_id)
    if box.check_if_owner and is_owner(call, box):
        return {"at": "enter", "box": box_id, "tries": 0}
    await visit.messages.recover(box)
    greeting = [] if box.skip_greeting else await greeting_of(call, box)
    if len(await visit.messages.listed(box_id, NEW, SAVED)) >= MAX_MESSAGES:
        return {"at": "greet", "box": box_id, "full": True, "pieces": _noted([*greeting, Prompt("vm-mailbox_full")])}
    if not box.skip_instructions and not box.announcement_only:
        greeting = [*greeting, Prompt("vm-record_message")]
    return {"at": "greet", "box": box_id, "pieces": _noted(greeting)}


async def absent(visit: Visit, state: State) -> Outcome:
    """There is no such mailbox."""
    await tell(visit.call, "vm-not_available_no_voicemail")
    return Next()


async def greet(visit: Visit, state: State) -> State | Outcome:
    """Play the greeting. A key cuts it short: the operator, the login, any other to speak at once."""
    key = await announce(visit.call, _pieces(state["pieces"]), ANY_KEY)
    box = await visit.box(state["box"])
    if key == LOGIN_KEY:
        return {"at": "enter", "box": box.id, "tries": 0}
    if key == OPERATOR_KEY and (flow := await operator_flow(visit.call, box)) is not None:
        return Jump(flow)
    if box.announcement_only or state.get("full"):
        return Next()
    return await first_take(visit, box)


def _noted(pieces: list[Piece]) -> list[list[str]]:
    """Pieces as plain JSON."""
    noted = []
    for piece in pieces:
        match piece:
            case Prompt(prompt_id):
                noted.append(["prompt", prompt_id])
            case Medium(name):
                noted.append(["medium", name])
            case Spell(said, _):
                noted.append(["spell", said])
    return noted


def _pieces(noted: list[list[str]]) -> list[Piece]:
    made: dict[str, Any] = {"prompt": Prompt, "medium": Medium, "spell": lambda said: Spell(said, "name_spelled")}
    return [made[kind](value) for kind, value in noted]


STEPS: Final[dict[str, Step]] = {"begin": begin, "absent": absent, "greet": greet}

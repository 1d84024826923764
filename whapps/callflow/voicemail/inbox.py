"""Hearing messages: the main menu, one message after the other, and passing one on to another mailbox."""

from __future__ import annotations

from typing import Any, Final

from mirliton.actors.store import Document
from mirliton.actors.store.documents import GREGORIAN_OFFSET, gregorian, unix
from mirliton.whapps.callflow.calling import denied, flow_for
from mirliton.whapps.callflow.fields import mapping, number, text
from mirliton.whapps.callflow.script import Next, Outcome
from mirliton.whapps.callflow.talking import ANY_KEY, Medium, Piece, Prompt, Spell, announce, tell
from mirliton.whapps.callflow.voicemail.box import Box, box_of_number
from mirliton.whapps.callflow.voicemail.login import NUMBER_LENGTH, TRIES
from mirliton.whapps.callflow.voicemail.messages import DELETED, NEW, SAVED, Message, local_time
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

LOOPS: Final = 4
"""Wrong or missing keys in a menu, after which the caller is taken to be gone."""
AT_ONCE: Final = 200
"""Messages that one round through a folder takes; the next round takes the others."""
HEAR_NEW, HEAR_SAVED, SETTINGS, LEAVE = "1", "2", "5", "#"
KEEP, REPLAY, FORWARD, PREVIOUS, FOLLOWING, DELETE, CALL_BACK, RETURN = "1", "2", "3", "4", "6", "7", "9", "0"
_FOLDERS: Final = {HEAR_NEW: NEW, HEAR_SAVED: SAVED}


async def inbox(visit: Visit, state: State) -> State:
    """See what is there."""
    if state["loop"] > LOOPS:
        return {"at": "goodbye"}
    box = await visit.box(state["box"])
    await visit.messages.recover(box)
    listed = await visit.messages.listed(box.id, NEW, SAVED)
    new = sum(message.folder == NEW for message in listed)
    menu = "vm-main_menu" if box.configurable else "vm-main_menu_not_configurable"
    return {**state, "at": "main", "new": new, "saved": len(listed) - new, "menu": menu}


async def main(visit: Visit, state: State) -> State | Outcome:
    """Say how many messages there are, and ask what to do."""
    key = await announce(visit.call, _counts(state["new"], state["saved"]), ANY_KEY)
    key = key or await visit.key(state["menu"])
    if key == LEAVE:
        return Next()
    if key in _FOLDERS:
        return {"at": "folder", "box": state["box"], "folder": _FOLDERS[key]}
    if key == SETTINGS and state["menu"] == "vm-main_menu":
        return {"at": "settings", "box": state["box"], "loop": 1}
    return {"at": "inbox", "box": state["box"], "loop": state["loop"] + 1}


async def folder(visit: Visit, state: State) -> State:
    """Take the messages of a folder, as it is now, one after the other."""
    box = await visit.box(state["box"])
    listed = await visit.messages.listed(box.id, state["folder"])
    ordered = listed if box.oldest_first else listed[::-1]
    keys = [message.key for message in ordered[:AT_ONCE]]
    return {"at": "message", "box": box.id, "keys": keys, "here": 0, "total": len(keys), "loop": 1}


async def message(visit: Visit, state: State) -> State | Outcome:
    """Play a message, and do with it what the caller says.

    `keys` are the messages of this round, `here` the one that is played; what is deleted is taken out of them.
    """
    call = visit.call
    if state.get("say"):
        await tell(call, state["say"])
    if state["here"] >= len(state["keys"]) or state["loop"] > LOOPS:
        return {"at": "inbox", "box": state["box"], "loop": 1}
    box = await visit.box(state["box"])
    found = await _find(visit, box, state["keys"][state["here"]])
    if found is None:
        return _without(state)
    # How many pieces there are is decided by the state alone, should the message be gone when a successor looks.
    heard = None if state.get("heard") else await announce(call, _envelope(visit, box, found, state), ANY_KEY)
    key = heard or await visit.key("vm-message_menu")
    if key == CALL_BACK:
        return await _call_back(visit, state, found)
    return await _act(visit, state, str(found["_id"]), key)


async def _call_back(visit: Visit, state: State, found: Document) -> State | Outcome:
    """Call who has left the message, which is saved, if the caller may."""
    call, number = visit.call, text(mapping(found, "metadata"), "caller_id_number")
    jump = (
        await flow_for(call, number, no_match=True) if number is not None and not await denied(call, number) else None
    )
    if jump is None:
        return {**state, "say": "vm-call_back_impossible", "heard": True, "loop": state["loop"] + 1}
    await visit.messages.move(str(found["_id"]), SAVED)
    return jump


async def _act(visit: Visit, state: State, message_id: str, key: str) -> State:
    again = {**state, "say": None, "heard": False, "loop": 1}
    last = len(state["keys"]) - 1
    match key:
        case _ if key == KEEP:
            await visit.messages.move(message_id, SAVED)
            return {**again, "here": state["here"] + 1, "say": "vm-saved"}
        case _ if key == DELETE:
            await visit.messages.move(message_id, DELETED)
            return {**_without(state), "say": "vm-deleted"}
        case _ if key == RETURN:
            await visit.messages.move(message_id, SAVED)
            return {**again, "here": len(state["keys"]), "say": "vm-saved"}
        case _ if key == REPLAY:
            return again
        case _ if key == FOLLOWING:
            return {**again, "here": min(state["here"] + 1, last)}
        case _ if key == PREVIOUS:
            return {**again, "here": max(state["here"] - 1, 0)}
        case _ if key == FORWARD:
            return {**again, "at": "forward", "tries": 0}
    return {**state, "say": "menu-invalid_entry", "heard": True, "loop": state["loop"] + 1}


async def forward(visit: Visit, state: State) -> State:
    """Ask for the mailbox that is to get the message too."""
    call = visit.call
    back = {**state, "at": "message", "heard": True}
    if state.get("say"):
        await tell(call, state["say"])
    if state["tries"] >= TRIES:
        return {**back, "say": "vm-forward_abort"}
    dialled = await visit.digits("vm-enter_forward_id", NUMBER_LENGTH)
    target = await box_of_number(call, dialled) if dialled else None
    if target is None or target == state["box"]:
        return {**state, "say": "menu-invalid_entry", "tries": state["tries"] + 1}
    at = visit.now()
    return {**back, "at": "copy", "target": target, "copy": visit.messages.new_id(at), "date": at}


async def copy(visit: Visit, state: State) -> State:
    """Pass the message on; the caller's own is saved."""
    kept = {name: value for name, value in state.items() if name not in ("target", "copy", "date", "tries")}
    after = {**kept, "at": "message", "heard": False, "here": state["here"] + 1, "say": "vm-saved"}
    found = await _find(visit, await visit.box(state["box"]), state["keys"][state["here"]])
    if found is not None:
        await visit.messages.copy(found["_id"], state["copy"], state["date"], await visit.box(state["target"]))
        await visit.messages.move(found["_id"], SAVED)
    return after


async def goodbye(visit: Visit, state: State) -> Outcome:
    """Nobody presses anything that makes sense."""
    await tell(visit.call, "vm-goodbye")
    return Next()


async def _find(visit: Visit, box: Box, key: str) -> Document | None:
    """The message of that key; also a deleted one, which a successor may find so by the same key press."""
    listed: list[Message] = await visit.messages.listed(box.id, NEW, SAVED, DELETED)
    found = next((message for message in listed if message.key == key), None)
    return await visit.messages.opened(found.id) if found is not None else None


def _without(state: State) -> State:
    """The same, without the message that is played."""
    here = state["here"]
    keys = state["keys"][:here] + state["keys"][here + 1 :]
    return {**state, "say": None, "heard": False, "keys": keys, "loop": 1}


def _counts(new: int, saved: int) -> list[Piece]:
    """«You have two new and one saved message.»"""
    if not new and not saved:
        return [Prompt("vm-no_messages")]
    pieces: list[Piece] = [Prompt("vm-you_have")]
    if new:
        ending = "vm-new_and" if saved else "vm-new_message" if new == 1 else "vm-new_messages"
        pieces += [Spell(str(new), "messages"), Prompt(ending)]
    if saved:
        pieces += [Spell(str(saved), "messages"), Prompt("vm-saved_message" if saved == 1 else "vm-saved_messages")]
    return pieces


def _envelope(visit: Visit, box: Box, found: dict[str, Any], state: State) -> list[Piece]:
    """The message's number, itself, and when it was left."""
    position = state["total"] - len(state["keys"]) + state["here"] + 1
    pieces: list[Piece] = [
        Prompt("vm-message_number"),
        Spell(str(position), "number"),
        Medium(visit.messages.url(found)),
    ]
    if not box.skip_envelope:
        now = gregorian(visit.now())
        at = unix(number(mapping(found, "metadata"), "timestamp", now, GREGORIAN_OFFSET, now))
        # The switch says a time by its own clock's zone, UTC; the shift makes it the mailbox's.
        there = local_time(at, box.timezone)
        shift = offset.total_seconds() if (offset := there.utcoffset()) is not None else 0.0
        pieces += [Prompt("vm-received"), Spell(str(int(at + shift)), "current_date_time")]
    return pieces


STEPS: Final[dict[str, Step]] = {
    "inbox": inbox,
    "main": main,
    "folder": folder,
    "message": message,
    "forward": forward,
    "copy": copy,
    "goodbye": goodbye,
}

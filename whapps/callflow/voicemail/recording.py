"""Speaking onto the switch: the beep, the recording, the menu in which the caller judges it, and storing a message."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Record
from mirliton.actors.switching import CommandResult
from mirliton.whapps.callflow.errors import CallGone
from mirliton.whapps.callflow.script import Done, Jump, Next, Outcome
from mirliton.whapps.callflow.talking import ANY_KEY, Medium, announce, beep, tell
from mirliton.whapps.callflow.voicemail.box import Box
from mirliton.whapps.callflow.voicemail.delivery import file_on_switch
from mirliton.whapps.callflow.voicemail.greetings import ASKED, kind_of
from mirliton.whapps.callflow.voicemail.messages import MIN_LENGTH, Recording
from mirliton.whapps.callflow.voicemail.operator import OPERATOR_KEY, operator_flow
from mirliton.whapps.callflow.voicemail.visit import State, Step, Visit

MAX_TAKES: Final = 10
REVIEWS: Final = 4
"""Wrong or missing keys in the review menu, after which the message is stored."""
GREETING_LENGTH: Final = 300
"""Seconds that a greeting may last."""
SAVE, LISTEN, AGAIN = "1", "2", "3"


async def first_take(visit: Visit, box: Box) -> State:
    """The state in which a message for this mailbox is recorded."""
    at = visit.now()
    return {
        "at": "record",
        "box": box.id,
        "doc": visit.messages.new_id(at),
        "date": at,
        "file": await file_on_switch(visit.call, "file", box.extension),
        "take": 1,
    }


async def another_take(visit: Visit, state: State, say: str | None = None) -> State:
    """The state in which the same is recorded once more, into another file."""
    file = await file_on_switch(visit.call, "file", state["file"].rpartition(".")[2])
    return {**_kept(state), "at": "record", "file": file, "take": state["take"] + 1, **({"say": say} if say else {})}


async def record(visit: Visit, state: State) -> State | Outcome:
    """Beep, and record until a key, silence, the limit, or the caller hangs up."""
    call = visit.call
    box = await visit.box(state["box"])
    greeting = bool(state.get("greeting"))
    try:
        await tell(call, *([state["say"]] if state.get("say") else []), *([ASKED[kind_of(state)]] if greeting else []))
        await beep(call)
    except CallGone:
        if not greeting:
            # Of an earlier take, which the caller did not want.
            await visit.messages.discard(state["doc"])
        raise
    if not greeting:
        await visit.messages.begin(_recording(visit, state), box)
    limit = GREETING_LENGTH if greeting else box.max_length
    result = await call.attempt(Record(call.id, state["file"], terminators=ANY_KEY, time_limit=float(limit)))
    if result.status == "refused":
        call.log.error("recording_refused", answer=result.response)
        return {"at": "refused", **_kept(state)}
    if result.status == "gone":
        return Done() if greeting else {"at": "store", **_kept(state), "length": None, "then": "gone"}
    return {"at": "review", **_kept(state), "length": _length(result), "loop": 1}


async def review(visit: Visit, state: State) -> State | Outcome:
    """Save, listen, or speak again; for a message also the operator. Who hangs up here has left a message."""
    try:
        return await _reviewed(visit, state)
    except CallGone:
        return Done() if state.get("greeting") else {**state, "at": "store", "then": "gone"}


async def _reviewed(visit: Visit, state: State) -> State | Outcome:
    call = visit.call
    if state["loop"] > REVIEWS:
        return {"at": "dropped", **_kept(state)} if state.get("greeting") else {**state, "at": "store", "then": "saved"}
    key = await announce(call, [Medium(state["file"])], ANY_KEY) if state.get("listen") else None
    key = key or await visit.key("vm-review_recording")
    again = {**state, "listen": False, "loop": state["loop"] + 1}
    match key:
        case _ if key == SAVE:
            if state["length"] is not None and state["length"] < MIN_LENGTH and state["take"] < MAX_TAKES:
                return await another_take(visit, state, "vm-recording_to_short")
            return (
                {**state, "at": "keep_greeting"} if state.get("greeting") else {**state, "at": "store", "then": "saved"}
            )
        case _ if key == LISTEN:
            return {**state, "listen": True, "loop": 1}
        case _ if key == AGAIN and state["take"] < MAX_TAKES:
            return await another_take(visit, state)
        case _ if key == OPERATOR_KEY and not state.get("greeting"):
            flow = await operator_flow(call, await visit.box(state["box"]))
            return again if flow is None else {**state, "at": "store", "then": "operator", "flow": flow}
    return again


async def store(visit: Visit, state: State) -> Outcome:
    """Make a message of the recording; then tell the caller, if there still is one."""
    call = visit.call
    long_enough = state["length"] is None or state["length"] >= MIN_LENGTH
    stored = await visit.messages.finish(_recording(visit, state), state["length"])
    if not stored:
        call.log.error("message_not_stored", message=state["doc"], mailbox=state["box"])
    if state["then"] == "gone":
        return Done()
    if stored and long_enough:
        await tell(call, *(["vm-saved"] if state["then"] == "operator" else ["vm-saved", "vm-thank_you"]))
    return Jump(state["flow"]) if state["then"] == "operator" else Next()


async def refused(visit: Visit, state: State) -> State | Outcome:
    """The switch does not record."""
    if state.get("greeting"):
        return {"at": "settings", "box": state["box"], "loop": 1}
    await visit.messages.discard(state["doc"])
    return Next()


def _kept(state: State) -> State:
    return {name: state[name] for name in ("box", "doc", "date", "file", "take", "greeting") if name in state}


def _recording(visit: Visit, state: State) -> Recording:
    return Recording(state["doc"], state["date"], state["file"], visit.call.info.switch)


def _length(result: CommandResult) -> int | None:
    """The length of what was recorded, in milliseconds; None where the switch does not tell."""
    told = result.variables.get("record_ms", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 10 else None


STEPS: Final[dict[str, Step]] = {"record": record, "review": review, "store": store, "refused": refused}

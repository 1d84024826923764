"""page_group: speak to many phones at once, which answer by themselves. Kazoo: cf_page_group."""

from __future__ import annotations

from typing import Final

from mirliton.actors.kapi.dialplan import Answer, Page
from mirliton.whapps.callflow.actions.ring_group import MAX_MEMBERS, endpoints_of
from mirliton.whapps.callflow.caller_id import shown
from mirliton.whapps.callflow.endpoints import some
from mirliton.whapps.callflow.errors import InvalidFlow, NobodyToRing
from mirliton.whapps.callflow.fields import flag
from mirliton.whapps.callflow.ringing import seconds
from mirliton.whapps.callflow.script import Data, Done, Outcome, Script
from mirliton.whapps.callflow.sip_endpoint import AUTO_ANSWER
from mirliton.whapps.callflow.talking import beep

TIMEOUT: Final = 5.0


async def run(call: Script, data: Data) -> Outcome:
    """`endpoints` (as a ring group has them), `audio` (one-way; two-way lets them answer back), `timeout` (5 s in which
    a phone must have answered), `barge_calls` (false; true also interrupts phones that are in use). Child: `_` where
    nobody can be called; else the call ends with the page."""
    listed = data.get("endpoints")
    members = listed if isinstance(listed, list) else []
    known = [member for member in members if isinstance(member, dict) and isinstance(member.get("id"), str)]
    if not known:
        raise InvalidFlow("page_group", "it has no endpoints")
    before = call.kept(AUTO_ANSWER)
    call.keep(**{AUTO_ANSWER: "barge" if flag(data, "barge_calls", False) else "answer"})
    try:
        endpoints = some("page_group", await endpoints_of(call, known[:MAX_MEMBERS], {}))
    except NobodyToRing:
        call.keep(**{AUTO_ANSWER: before})
        raise
    await call.execute(Answer(call.id))
    await beep(call)
    caller = await shown(call)
    await call.execute(
        Page(
            call.id,
            endpoints,
            timeout=seconds(data.get("timeout"), TIMEOUT),
            page_options={"Two-Way-Audio": data.get("audio") == "two-way"},
            caller_id_name=caller.name,
            caller_id_number=caller.number,
        )
    )
    return Done()

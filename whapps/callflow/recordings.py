"""Recordings of calls: from the switch into the account's month database, or to a URL that a callflow names.

A recording's document is there before anything is recorded, without its audio; it gets that when the switch has
delivered the file. `pvt_recording` says where the file is until then. Everything here may be done twice.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mirliton.actors.store import Conflict, Document, Month, Months, NotFound, update
from mirliton.actors.store.documents import gregorian, stamp
from mirliton.actors.store.names import month_id
from mirliton.actors.switching import switch_name
from mirliton.ecallmgr.connection import BackgroundJob
from mirliton.runtime import CallError
from mirliton.whapps.callflow.caller_id import caller_id
from mirliton.whapps.callflow.errors import InvalidFlow
from mirliton.whapps.callflow.fields import text
from mirliton.whapps.callflow.script import Data, Script
from mirliton.whapps.callflow.voicemail.delivery import (
    JOB_TIMEOUT,
    PAUSES,
    deliver,
    file_on_switch,
    length_of,
    name_of,
)

KEPT: Final = "recordings"
"""Recordings of the whole call, which are delivered when it has ended."""
MOST: Final = 10
"""Of them in one call."""
TIME_LIMIT: Final = 3600
LEAST, LONGEST = 5, 10_800
"""Seconds of a recording."""
FORMAT: Final = "mp3"
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[A-Za-z0-9_.:/%~+@-]{0,512})?")

Recording = dict[str, Any]
"""What is kept of one: its document's id, the unix time of its beginning, its file, its switch, and perhaps a URL."""


async def planned(call: Script, data: Data) -> Recording:
    """A recording that is about to be made. Raises InvalidFlow for a URL or a method by which none can be sent."""
    url, method = text(data, "url"), data.get("method", "put")
    if url is not None and not _URL.fullmatch(url):
        raise InvalidFlow("recording", f"it cannot be sent to {url[:80]!r}")
    if url is not None and method != "put":
        raise InvalidFlow("recording", f"a switch sends recordings by put, not by {str(method)[:16]!r}")
    at = float(call.process.node.clock.time())
    wanted = data.get("format")
    planned: Recording = {
        "doc": month_id(Month.at(at), call.unique("recording")),
        "at": at,
        "file": await file_on_switch(call, "recording", wanted if wanted in ("mp3", "wav") else FORMAT),
        "switch": call.info.switch,
    }
    return planned if url is None else {**planned, "url": url}


async def begin(call: Script, recording: Recording, origin: str, title: str | None = None) -> None:
    """Make the document, which is called `title` or else as the file. A recording that is sent elsewhere has none."""
    if "url" in recording:
        return
    leg, shown, months = call.leg, caller_id(call), _months(call)
    name = name_of(recording["file"])
    known = {
        "_id": recording["doc"],
        "name": title or name,
        "description": f"recording {name}",
        "media_type": name.rpartition(".")[2],
        "media_source": "recorded",
        "source_type": "record_call",
        "call_id": call.id,
        "caller_id_name": shown.name,
        "caller_id_number": shown.number,
        "from": leg.from_,
        "to": leg.to,
        "request": leg.request,
        "direction": leg.call_direction,
        "interaction_id": call.vars.get("Call-Interaction-ID"),
        "owner_id": call.vars.get("Owner-ID"),
        "origin": origin,
        "start": gregorian(recording["at"]),
        "pvt_recording": {"switch": recording["switch"], "file": recording["file"]},
    }
    doc = {name: value for name, value in known.items() if value}
    db = months.db_of(recording["doc"])
    try:
        await months.put(stamp(doc, type="call_recording", account_id=call.account_id, db=db, now=recording["at"]))
    except Conflict:
        return  # it is there


async def finish(call: Script, recording: Recording) -> bool:
    """Have the switch deliver the file, and complete the document; False when the file did not come."""
    if "url" in recording:
        return await _send(call, recording)
    doc_id, db = recording["doc"], _months(call).db_of(recording["doc"])
    if not await deliver(call, recording["switch"], recording["file"], db, doc_id):
        return False
    length = await length_of(call, db, doc_id, name_of(recording["file"]))

    def complete(doc: Document) -> Document | None:
        if "pvt_recording" not in doc:
            return None
        kept = {name: value for name, value in doc.items() if name != "pvt_recording"}
        return {**kept, **({"duration": length // 1000, "duration_ms": length} if length else {})}

    await update(call.store, db, doc_id, complete)
    return True


async def discard(call: Script, recording: Recording) -> None:
    """Clear away the document of a recording that was not made."""
    db = _months(call).db_of(recording["doc"])
    try:
        await update(call.store, db, recording["doc"], lambda doc: {**doc, "_deleted": True})
    except NotFound:
        return  # there is none


def _months(call: Script) -> Months:
    return Months(call.store, call.account_id, clock=call.process.node.clock.time)


async def _send(call: Script, recording: Recording) -> bool:
    """Have the switch send the file to where the callflow wants it. It may come twice."""
    url = f"{recording['url'].rstrip('/')}/{name_of(recording['file'])}"
    job = BackgroundJob(f"http_put {url} {recording['file']}")
    answer: Any = None
    for pause in (0.0, *PAUSES):
        if pause:
            await call.process.sleep(pause)
        try:
            answer = await call.process.call(switch_name(recording["switch"]), job, timeout=JOB_TIMEOUT)
        except CallError as error:
            answer = error
        if isinstance(answer, str) and answer.startswith("+OK"):
            return True
    call.log.warning("recording_not_sent", file=recording["file"], answer=str(answer).strip()[:200])
    return False

"""record_caller: record the caller until a key, the limit, or the end of the call. Kazoo: cf_record_caller."""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import Answer, Record
from mirliton.whapps.callflow import recordings
from mirliton.whapps.callflow.fields import number
from mirliton.whapps.callflow.script import Data, Done, Next, Outcome, Script
from mirliton.whapps.callflow.talking import ANY_KEY, beep


async def run(call: Script, data: Data) -> Outcome:
    """`format` (mp3 where the switch writes it; wav), `time_limit` (3600 s), `url` and `method` (put: where it is sent
    to, else it is kept as a document). Child: `_`.

    The state is the recording.
    """
    if call.state is None:
        await call.execute(Answer(call.id))
        await beep(call)
        call.mark(await recordings.planned(call, data))
    recording = call.state
    await recordings.begin(call, recording, "callflow : record_caller")
    limit = number(data, "time_limit", recordings.TIME_LIMIT, recordings.LEAST, recordings.LONGEST)
    result = await call.attempt(Record(call.id, recording["file"], terminators=ANY_KEY, time_limit=float(limit)))
    if result.status == "refused":
        call.log.error("recording_refused", answer=result.response)
        await recordings.discard(call, recording)
        return Next()
    if not await recordings.finish(call, recording):
        call.log.error("recording_not_stored", recording=recording["doc"])
    return Done() if result.status == "gone" else Next()

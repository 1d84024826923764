"""record_call: record the whole call from here on, or stop that. Kazoo: cf_record_call.

The recording is delivered when the call has ended (`executor.py`).
"""

from __future__ import annotations

from mirliton.actors.kapi.dialplan import RecordCall
from mirliton.whapps.callflow import recordings
from mirliton.whapps.callflow.errors import CallGone, InvalidFlow
from mirliton.whapps.callflow.fields import flag, number, text
from mirliton.whapps.callflow.script import Data, Next, Outcome, Script


async def run(call: Script, data: Data) -> Outcome:
    """`action` (start, stop), `format` (mp3 where the switch writes it; wav), `time_limit` (3600 s), `record_min_sec`
    (a shorter one is not kept), `record_sample_rate`, `record_on_answer`, `record_on_bridge` (it begins with that),
    `should_follow_transfer` (true), `label`, `media_name` (what the document is called), `url` and `method` (put: where
    it is sent to, else it is kept as a document). Child: `_`. `stop` ends all of the call's; `origin` is not read: the
    document says by what it was begun.

    The state is the recording.
    """
    if data.get("action") == "stop":
        await call.execute(RecordCall(call.id, "stop"))
        return Next()
    kept: list[recordings.Recording] = call.kept(recordings.KEPT, [])
    if call.state is None:
        if len(kept) >= recordings.MOST:
            raise InvalidFlow("record_call", f"the call has {recordings.MOST} recordings already")
        call.mark(await recordings.planned(call, data))
    recording = call.state
    label = text(data, "label")
    await recordings.begin(call, recording, f"callflow : {label}" if label else "callflow : record_call", _title(data))
    # Kept before it begins, so that whoever comes after its beginning knows of it.
    others = [other for other in kept if other != recording]
    call.keep(**{recordings.KEPT: [*others, recording]})
    result = await call.attempt(_started(call, data, recording))
    if result.status == "refused":
        call.log.error("recording_refused", answer=result.response)
        call.keep(**{recordings.KEPT: others or None})
        await recordings.discard(call, recording)
    if result.status == "gone":
        raise CallGone(call.id, result.response)
    return Next()


def _title(data: Data) -> str | None:
    title = text(data, "media_name")
    return title[:128] if title is not None else None


def _started(call: Script, data: Data, recording: recordings.Recording) -> RecordCall:
    least, rate = data.get("record_min_sec"), data.get("record_sample_rate")
    wishes = {
        "RECORD_ANSWER_REQ": flag(data, "record_on_answer", False),
        "RECORD_BRIDGE_REQ": flag(data, "record_on_bridge", False),
    }
    return RecordCall(
        call.id,
        "start",
        recording["file"],
        time_limit=float(number(data, "time_limit", recordings.TIME_LIMIT, recordings.LEAST, recordings.LONGEST)),
        record_min_sec=float(least) if type(least) is int and least > 0 else None,
        record_sample_rate=rate if type(rate) is int else None,
        follow_transfer=flag(data, "should_follow_transfer", True),
        recording_variables={name: "true" for name, wanted in wishes.items() if wanted},
    )

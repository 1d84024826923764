"""record_caller and record_call: what is recorded, and where it is afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Record, RecordCall

END = {"module": "response", "data": {}}
PAUSE = {"module": "sleep", "data": {"duration": 3}}


async def _run(here: Any, module: str, data: Any, then: Any = END) -> Any:
    await here.flow_of({"module": module, "data": data, "children": {"_": then}})
    return await here.call()


async def _stored(here: Any) -> dict[str, Any] | None:
    """The recording's document, when its audio is there."""
    docs = await here.docs("call_recording")
    if not docs:
        return None
    (doc,) = docs
    assert "pvt_recording" not in doc
    assert list(doc["_attachments"]) == [doc["name"]]
    return dict(doc)


@pytest.mark.parametrize(("wish", "said"), [(4000, ["respond"]), ("hangup", []), ("gone", [])])
async def test_a_caller_is_recorded_and_the_recording_kept(world: Any, caller: Any, wish: Any, said: Any) -> None:
    async with world(caller(records=[wish])) as here:
        here.ccvs["Owner-ID"] = "u1"
        log = await _run(here, "record_caller", {"format": "wav", "time_limit": 60})
        # Who hangs up in the middle of it has left one too.
        assert [word for word in log.said() if word not in ("answer", "beep", "record")] == said
        (record,) = [command for _, command in log.commands if isinstance(command, Record)]
        assert record.time_limit == 60.0
        doc = await _stored(here)
        assert doc is not None
        assert (doc["call_id"], doc["owner_id"], doc["media_type"]) == (record.call_id, "u1", "wav")
        assert doc["duration_ms"] == (4000 if wish == 4000 else 3000)


@pytest.mark.parametrize("module", ["record_caller", "record_call"])
async def test_a_switch_that_does_not_record_leaves_no_document(world: Any, caller: Any, module: str) -> None:
    async with world(caller(records=("refused",))) as here:
        log = await _run(here, module, {"action": "start"})
        assert log.said()[-1] == "respond"
        assert await here.docs("call_recording") == []


async def test_a_call_is_recorded_to_its_end(world: Any) -> None:
    async with world() as here:
        data = {"action": "start", "format": "wav", "label": "sales", "record_min_sec": 2, "record_on_answer": True}
        log = await _run(here, "record_call", data, {**PAUSE, "children": {"_": END}})
        assert log.said() == ["recordcall", "sleep", "respond"]
        (record,) = [command for _, command in log.commands if isinstance(command, RecordCall)]
        assert (record.time_limit, record.record_min_sec, record.follow_transfer) == (3600.0, 2.0, True)
        assert record.recording_variables == {"RECORD_ANSWER_REQ": "true"}
        doc = await _stored(here)
        assert doc is not None
        assert (doc["origin"], doc["duration"]) == ("callflow : sales", 5)


async def test_a_recording_that_does_not_arrive_keeps_saying_where_it_is(world: Any) -> None:
    async with world() as here:
        here.lost_uploads = 99
        await _run(here, "record_call", {"action": "start", "format": "wav"})
        (doc,) = await here.docs("call_recording")
        assert doc["pvt_recording"]["file"].endswith(doc["name"])


async def test_all_are_stopped(world: Any) -> None:
    async with world() as here:
        stop = {"module": "record_call", "data": {"action": "stop"}, "children": {"_": END}}
        log = await _run(here, "record_call", {"action": "start", "format": "wav"}, stop)
        assert [command.record_action for _, command in log.commands if isinstance(command, RecordCall)] == [
            "start",
            "stop",
        ]
        assert await _stored(here) is not None


@pytest.mark.parametrize("module", ["record_caller", "record_call"])
async def test_a_recording_may_be_sent_elsewhere(world: Any, module: str) -> None:
    async with world() as here:
        await _run(here, module, {"action": "start", "format": "wav", "url": "https://crm.example/in/"})
        (url,) = here.sent
        assert url.startswith("https://crm.example/in/mirliton-")
        assert await here.docs("call_recording") == []


@pytest.mark.parametrize(
    "data",
    [
        {"url": "ftp://x"},
        {"url": "http://x /tmp/y"},
        {"url": "http://x/a\r\nb"},
        {"url": "http://x", "method": "post"},
        {"url": "${system(rm)}"},
    ],
    ids=str,
)
@pytest.mark.parametrize("module", ["record_caller", "record_call"])
async def test_where_it_cannot_be_sent_it_is_not_made(world: Any, module: str, data: Any) -> None:
    async with world() as here:
        log = await _run(here, module, {"action": "start", **data})
        assert "record" not in "".join(log.said())
        assert here.sent == []

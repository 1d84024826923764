"""The small actions: play, response, callflow, hangup."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Play, Respond

OTHER, SOUND = "e" * 32, "9" * 32


async def test_play_answers_and_plays(world: Any) -> None:
    async with world() as here:
        await here.media(SOUND)
        data = {"id": SOUND, "loop_count": 3, "terminators": ["#"]}
        await here.flow_of({"module": "play", "data": data, "children": {"_": {"module": "response"}}})
        log = await here.call()
        url = here.media_urls.url("GET", here.db, SOUND, "sound.wav")
        assert log.said() == ["answer", url, "respond"]
        (play,) = [command for _, command in log.commands if isinstance(command, Play)]
        assert (play.loop_count, play.terminators) == (3, ("#",))


async def test_play_need_not_answer(world: Any) -> None:
    async with world() as here:
        await here.flow_of({"module": "play", "data": {"id": "silence_stream://100", "answer": False}})
        log = await here.call()
        assert [type(command) for _, command in log.commands] == [Play]


@pytest.mark.parametrize("fields", [{"pvt_deleted": True}, {"_attachments": {}}], ids=str)
async def test_play_passes_over_what_is_not_there(world: Any, fields: Any) -> None:
    async with world() as here:
        if "pvt_deleted" in fields:
            await here.media(SOUND, **fields)
        else:
            await here.put({"_id": SOUND, "pvt_type": "media"})
        await here.flow_of({"module": "play", "data": {"id": SOUND}, "children": {"_": {"module": "response"}}})
        assert (await here.call()).said() == ["answer", "respond"]


@pytest.mark.parametrize(
    ("code", "sent"), [(None, 486), (503, 503), ("603", 603), (200, 486), (99999, 486), ("x", 486), ("٤٠٤", 486)]
)
async def test_response_refuses_with_its_code(world: Any, code: Any, sent: int) -> None:
    async with world() as here:
        await here.flow_of({"module": "response", "data": {"code": code, "message": "Not now"}})
        log = await here.call()
        ((_, command),) = log.commands
        assert isinstance(command, Respond)
        assert (command.response_code, command.response_message) == (sent, "Not now")


async def test_callflow_goes_on_in_another_document(world: Any) -> None:
    async with world() as here:
        await here.put({"_id": OTHER, "pvt_type": "callflow", "flow": {"module": "response", "data": {"code": 480}}})
        await here.flow_of({"module": "callflow", "data": {"id": OTHER}})
        assert (await here.call()).said() == ["respond"]


async def test_hangup_ends_the_flow(world: Any) -> None:
    async with world() as here:
        await here.flow_of({"module": "hangup", "children": {"_": {"module": "response"}}})
        log = await here.call()
        assert log.said() == []
        assert log.hangups == ["NORMAL_CLEARING"]

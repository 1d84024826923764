"""Fields of actions that are used now and then."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Tts


def _end(code: int) -> dict[str, Any]:
    return {"module": "response", "data": {"code": code}}


async def test_an_endless_text_is_spoken_until_a_key_is_pressed(world: Any, caller: Any) -> None:
    async with world(caller({"tts": ["", "", "5"]})) as here:
        await here.flow_of(
            {"module": "tts", "data": {"text": "hold the line", "endless_playback": True}, "children": {"_": _end(480)}}
        )
        before = here.node.clock.now()
        log = await here.call()
        assert [type(command) for _, command in log.commands].count(Tts) == 3
        assert log.said()[-1] == "respond"
        # Nothing that ends at once is repeated without a pause.
        assert here.node.clock.now() - before >= 2.0


@pytest.mark.parametrize(
    ("data", "captured", "flow"),
    [
        ({"captures": ["3000"]}, "", 481),
        ({"captures": ["3000"]}, "4000", 482),
        ({"captures": ["no_match"]}, "", 483),
        ({"captures": ["", 7, "3000"]}, "", 481),
        ({"captures": "3000"}, "", None),
        ({}, "", None),
    ],
    ids=str,
)
async def test_a_transfer_goes_to_what_counts_where_nothing_was_captured(
    world: Any, data: Any, captured: str, flow: int | None
) -> None:
    async with world() as here:
        here.ccvs["Capture-Group"] = captured
        for number, code in (("3000", 481), ("4000", 482), ("no_match", 483)):
            await here.put({"_id": f"to-{number}", "pvt_type": "callflow", "numbers": [number], "flow": _end(code)})
        await here.flow_of({"module": "transfer", "data": data})
        codes = [
            command.response_code for _, command in (await here.call()).commands if hasattr(command, "response_code")
        ]
        assert codes == ([flow] if flow else [])


@pytest.mark.parametrize(("idx_name", "goes_to"), [("number", "to-4000"), ("nothing", None), (None, None)], ids=str)
async def test_a_named_group_is_what_the_caller_wants_to_call(world: Any, idx_name: Any, goes_to: Any) -> None:
    async with world() as here:
        here.rename(caller_destination_number="*6774000")
        here.ccvs["Capture-Group"] = "77"
        await here.put({"_id": "to-4000", "pvt_type": "callflow", "numbers": ["4000"], "flow": _end(481)})
        data = {"action": "static", "caller_id": {"number": "+4930123"}, "permit_custom_callflow": True}
        await here.flow_of(
            {"module": "dynamic_cid", "data": {**data, **({"idx_name": idx_name} if idx_name else {})}},
            patterns=[r"^\*6(77)(?P<number>\d+)$"],
        )
        codes = [
            command.response_code for _, command in (await here.call()).commands if hasattr(command, "response_code")
        ]
        assert codes == ([481] if goes_to else [])

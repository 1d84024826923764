"""Leaving a message in a mailbox."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import Record
from mirliton.actors.store.documents import unix
from mirliton.config.validation import validate

BOX, FLOW, GREETING, OWNER = "b" * 32, "e" * 32, "9" * 32, "0" * 31 + "1"
GREETED = ["answer", "vm-person", "«2000»", "vm-not_available", "vm-record_message"]
RECORDED = [*GREETED, "beep", "record"]
SAVED = ["vm-saved", "vm-thank_you"]


async def _with_box(here: Any, data: Any = None, **fields: Any) -> None:
    await here.put({"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000", **fields})
    data = {"id": BOX, **(data or {})}
    await here.flow_of({"module": "voicemail", "data": data, "children": {"_": {"module": "response"}}})


async def _operator(here: Any, number: str) -> None:
    await here.put({"_id": FLOW, "pvt_type": "callflow", "numbers": [number], "flow": {"module": "hangup"}})


async def test_a_message_is_left(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["1"]}, records=[4000])) as here:
        await _with_box(here)
        assert (await here.call()).said() == [*RECORDED, "vm-review_recording?", *SAVED, "respond"]
        (message,) = await here.docs("mailbox_message")
        metadata = message["metadata"]
        assert (message["source_id"], metadata["folder"], metadata["length"]) == (BOX, "new", 4000)
        assert (metadata["caller_id_name"], metadata["caller_id_number"]) == ("Ada", "1001")
        assert (metadata["from"], metadata["to"]) == ("1001@acme.example", "2000@acme.example")
        assert unix(metadata["timestamp"]) == here.node.clock.time()
        assert validate("mailbox_message", metadata) == ()
        assert message["_id"] == metadata["media_id"]
        assert message["_id"].startswith("202601-")
        assert "pvt_recording" not in message
        ((name, audio),) = message["_attachments"].items()
        assert name == message["media_filename"]
        assert audio["length"] == 44 + 2 * 8 * 4000


async def test_who_hangs_up_while_speaking_has_left_a_message(world: Any, caller: Any) -> None:
    async with world(caller(records=["hangup"])) as here:
        await _with_box(here)
        assert (await here.call()).said() == RECORDED
        (message,) = await here.docs("mailbox_message")
        assert (message["metadata"]["folder"], message["metadata"]["length"]) == ("new", 3000)


async def test_when_the_switch_does_not_tell_the_length_the_audio_does(world: Any, caller: Any) -> None:
    async with world(caller(records=["gone"])) as here:
        await _with_box(here)
        await here.call()
        (message,) = await here.docs("mailbox_message")
        assert (message["metadata"]["folder"], message["metadata"]["length"]) == ("new", 3000)


async def test_a_short_message_is_spoken_again(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["1", "1"]}, records=[499, 500])) as here:
        await _with_box(here)
        said = (await here.call()).said()
        assert said[len(RECORDED) :] == [
            *("vm-review_recording?", "vm-recording_to_short", "beep", "record"),
            *("vm-review_recording?", *SAVED, "respond"),
        ]
        (message,) = await here.docs("mailbox_message")
        assert message["metadata"]["length"] == 500


async def test_who_says_nothing_and_hangs_up_leaves_nothing(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["hangup"]}, records=[120])) as here:
        await _with_box(here)
        await here.call()
        assert await here.docs("mailbox_message") == []


async def test_the_message_can_be_heard_and_spoken_again(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["2", "3", "1"]}, records=[4000, 5000])) as here:
        await _with_box(here)
        log = await here.call()
        first, second = [command.media_name for _, command in log.commands if isinstance(command, Record)]
        assert first != second
        review = "vm-review_recording?"
        assert log.said()[len(RECORDED) :] == [review, first, review, "beep", "record", review, *SAVED, "respond"]
        (message,) = await here.docs("mailbox_message")
        assert message["metadata"]["length"] == 5000
        assert list(message["_attachments"]) == [second.rpartition("/")[2]]


async def test_a_key_while_listening_counts(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["2"], ".wav": ["1"]})) as here:
        await _with_box(here)
        assert len((await here.call()).said()) == len([*RECORDED, "vm-review_recording?", "file", *SAVED, "respond"])


async def test_a_take_that_was_not_wanted_is_not_kept(world: Any, caller: Any) -> None:
    """The caller wants to speak again, and hangs up before the beep."""
    async with world(
        caller({"vm-review_recording": ["1"], "vm-recording_to_short": ["hangup"]}, records=[100])
    ) as here:
        await _with_box(here)
        await here.call()
        assert await here.docs("mailbox_message") == []


async def test_who_presses_nothing_has_left_a_message(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_box(here)
        assert (await here.call()).said() == [*RECORDED, *["vm-review_recording?"] * 4, *SAVED, "respond"]
        assert len(await here.docs("mailbox_message")) == 1


@pytest.mark.parametrize("fields", [{}, {"operator_number": "55"}, {"operator_number": 55}], ids=str)
async def test_the_operator_is_reached_from_the_greeting(world: Any, caller: Any, fields: Any) -> None:
    async with world(caller({"vm-person": ["0"]})) as here:
        await _with_box(here, **fields)
        await _operator(here, "55" if fields else "0")
        assert (await here.call()).said() == ["answer", "vm-person"]
        assert await here.docs("mailbox_message") == []


async def test_the_operator_is_reached_from_the_review_and_the_message_kept(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["0"]})) as here:
        await _with_box(here)
        await _operator(here, "0")
        assert (await here.call()).said() == [*RECORDED, "vm-review_recording?", "vm-saved"]
        assert len(await here.docs("mailbox_message")) == 1


async def test_where_nobody_answers_for_the_mailbox_the_caller_speaks(world: Any, caller: Any) -> None:
    async with world(caller({"vm-person": ["0"], "vm-review_recording": ["0", "1"]})) as here:
        await _with_box(here)
        review = ["vm-review_recording?"] * 2
        assert (await here.call()).said() == ["answer", "vm-person", "beep", "record", *review, *SAVED, "respond"]


async def test_the_star_leads_to_the_login(world: Any, caller: Any) -> None:
    async with world(caller({"vm-record_message": ["*"], "vm-enter_pass": ["1234"], "vm-main_menu": ["#"]})) as here:
        await _with_box(here, pin="1234")
        said = (await here.call()).said()
        assert said == [*GREETED, "vm-enter_pass?", "vm-no_messages", "vm-main_menu?", "respond"]


async def test_the_owner_is_taken_to_the_messages(world: Any, caller: Any) -> None:
    async with world(caller({"vm-main_menu": ["#"]})) as here:
        here.ccvs["Owner-ID"] = OWNER
        await _with_box(here, owner_id=OWNER)
        assert (await here.call()).said() == ["answer", "vm-no_messages", "vm-main_menu?", "respond"]


async def test_the_owner_may_leave_a_message_where_the_mailbox_says_so(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        here.ccvs["Owner-ID"] = OWNER
        await _with_box(here, owner_id=OWNER, check_if_owner=False)
        assert (await here.call()).said()[: len(RECORDED)] == RECORDED


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"skip_greeting": True}, ["vm-record_message", "beep"]),
        ({"skip_instructions": True}, ["vm-person", "«2000»", "vm-not_available", "beep"]),
        ({"skip_greeting": True, "skip_instructions": True}, ["beep"]),
        ({"announcement_only": True}, ["vm-person", "«2000»", "vm-not_available", "respond"]),
        ({"mailbox": "${system rm}\n"}, ["vm-person_not_available", "vm-record_message", "beep"]),
        ({"media": {"unavailable": "absent"}}, ["vm-person", "«2000»", "vm-not_available", "vm-record_message"]),
    ],
    ids=str,
)
async def test_what_is_heard_before_the_beep(world: Any, caller: Any, fields: Any, heard: list[str]) -> None:
    async with world(caller()) as here:
        await _with_box(here, **fields)
        assert (await here.call()).said()[1 : len(heard) + 1] == heard


async def test_the_mailboxs_own_greeting_is_heard(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await here.media(GREETING)
        await _with_box(here, media={"unavailable": GREETING})
        url = here.media_urls.url("GET", here.db, GREETING, "sound.wav")
        assert (await here.call()).said()[1:4] == [url, "vm-record_message", "beep"]


async def test_a_full_mailbox_takes_nothing(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_box(here)
        for number in range(100):
            message_id = f"202601-{number:032x}"
            folder = "new" if number % 2 else "saved"
            await here.message(BOX, message_id, folder=folder, age=60.0 + number, audio=False)
        heard = ["answer", "vm-person", "«2000»", "vm-not_available", "vm-mailbox_full", "respond"]
        assert (await here.call()).said() == heard


async def test_deleted_messages_do_not_fill_a_mailbox(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_box(here)
        for number in range(100):
            await here.message(BOX, f"202601-{number:032x}", folder="deleted", age=60.0 + number, audio=False)
        assert (await here.call()).said()[: len(RECORDED)] == RECORDED


@pytest.mark.parametrize(
    ("wanted", "modules", "written"),
    [
        ("wav", set(), "wav"),
        ("mp3", set(), "wav"),
        ("mp3", {"module_exists mod_shout"}, "mp3"),
        ("../x", set(), "wav"),
        (5, {"module_exists mod_shout"}, "mp3"),
    ],
)
async def test_a_format_that_the_switch_cannot_write_becomes_wav(
    world: Any, caller: Any, wanted: Any, modules: set[str], written: str
) -> None:
    async with world(caller()) as here:
        here.modules = modules
        await _with_box(here, media_extension=wanted, data={"max_message_length": 30})
        (record,) = [command for _, command in (await here.call()).commands if isinstance(command, Record)]
        assert record.media_name.endswith(f".{written}")
        assert record.time_limit == 30


async def test_a_switch_that_cannot_record_is_no_end_of_the_flow(world: Any, caller: Any) -> None:
    async with world(caller(records=["refused"])) as here:
        await _with_box(here)
        assert (await here.call()).said() == [*RECORDED, "respond"]
        assert await here.docs("mailbox_message") == []


async def test_an_upload_that_fails_is_tried_again(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["1"]})) as here:
        here.lost_uploads = 2
        await _with_box(here)
        assert (await here.call()).said()[-3:] == [*SAVED, "respond"]
        assert len(await here.docs("mailbox_message")) == 1


async def test_what_was_not_stored_is_not_said_to_be_and_is_stored_later(world: Any, caller: Any) -> None:
    async with world(caller({"vm-review_recording": ["1"]})) as here:
        here.lost_uploads = 4
        await _with_box(here)
        assert (await here.call()).said() == [*RECORDED, "vm-review_recording?", "respond"]
        (message,) = await here.docs("mailbox_message")
        assert "folder" not in message["metadata"]
        await here.call_again(caller({"vm-person": ["hangup"]}), after=7200.0)
        (message,) = await here.docs("mailbox_message")
        assert (message["metadata"]["folder"], message["metadata"]["length"]) == ("new", 4000)


@pytest.mark.parametrize("data", [{}, {"id": 5}, {"id": ""}, {"id": "absent"}, {"id": "_x"}, {"id": FLOW}], ids=str)
async def test_without_a_mailbox_the_caller_is_told(world: Any, data: Any) -> None:
    async with world() as here:
        await here.put({"_id": FLOW, "pvt_type": "callflow", "flow": {}})
        await here.flow_of({"module": "voicemail", "data": data, "children": {"_": {"module": "response"}}})
        assert (await here.call()).said() == ["answer", "vm-not_available_no_voicemail", "respond"]


async def test_an_action_that_nobody_knows_is_passed_over(world: Any) -> None:
    async with world() as here:
        await _with_box(here, data={"action": ["compose"]})
        assert (await here.call()).said() == ["respond"]


HOSTILE = [
    {"media": "none", "pin": 5, "owner_id": [], "operator_number": {}, "timezone": 7, "media_extension": None},
    {"timezone": "../../etc/passwd", "mailbox": 2000, "skip_greeting": "yes", "check_if_owner": 0},
    {"timezone": "Nowhere/At_All", "media": {"unavailable": {"$ref": 1}}, "announcement_only": None},
    {"timezone": "x" * 5000, "media": {"unavailable": "/etc/passwd"}},
]


@pytest.mark.parametrize("fields", HOSTILE, ids=lambda fields: next(iter(fields.items())).__repr__()[:40])
async def test_a_document_of_wrong_types_still_takes_a_message(world: Any, caller: Any, fields: Any) -> None:
    async with world(caller({"vm-review_recording": ["1"]})) as here:
        await _with_box(here, data={"max_message_length": "long", "interdigit_timeout": []}, **fields)
        said = (await here.call()).said()
        assert said[-3:] == [*SAVED, "respond"]
        assert "/etc/passwd" not in said
        assert len(await here.docs("mailbox_message")) == 1


async def test_a_caller_id_of_any_length_fits_the_schema(world: Any, caller: Any) -> None:
    async with world(caller()) as here:
        await _with_box(here)
        here.rename(caller_id_name="N" * 500, caller_id_number="9" * 500, from_="f" * 500)
        await here.call()
        (message,) = await here.docs("mailbox_message")
        assert validate("mailbox_message", message["metadata"]) == ()

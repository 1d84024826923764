"""Greetings that an owner records by phone, and calling back who has left a message."""

from __future__ import annotations

from typing import Any

import pytest

BOX, OWNER, MESSAGE = "vmbox-1", "user-1", "202601-" + "1" * 32
CHECK = {"module": "voicemail", "data": {"action": "check", "id": BOX}, "children": {}}
COMPOSE = {"module": "voicemail", "data": {"id": BOX}, "children": {}}


async def _house(here: Any, flow: Any, *, owned: bool = True, **fields: Any) -> None:
    """A mailbox, whose owner calls."""
    owner = {"owner_id": OWNER} if owned else {"pin": "1234", "require_pin": True}
    here.ccvs["Owner-ID"] = OWNER
    await here.put({"_id": OWNER, "pvt_type": "user", "first_name": "Ada", "last_name": "Lovelace"})
    await here.put({"_id": BOX, "pvt_type": "vmbox", "mailbox": "2000", "check_if_owner": False, **owner, **fields})
    await here.flow_of(flow)


@pytest.mark.parametrize(
    ("key", "asked", "kind"),
    [("1", "vm-record_greeting", "unavailable"), ("4", "vm-record_temp_greeting", "temporary_unavailable")],
)
async def test_each_greeting_has_its_key_and_its_place(
    world: Any, caller: Any, key: str, asked: str, kind: str
) -> None:
    keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": [key, "0"], "vm-review_recording": ["1"]}
    async with world(caller(keys, records=[4000])) as here:
        await _house(here, CHECK, media={"other": 1})
        assert asked in (await here.call()).said()
        (media,) = await here.docs("media")
        assert (await here.get(BOX))["media"] == {"other": 1, kind: media["_id"]}


@pytest.mark.parametrize("owned", [True, False])
async def test_the_name_is_its_owners_or_else_the_mailboxes(world: Any, caller: Any, owned: bool) -> None:
    keys = {
        "vm-enter_pass": ["1234"],
        "vm-main_menu": ["5", "#"],
        "vm-settings_menu": ["2", "0"],
        "vm-review_recording": ["1"],
    }
    async with world(caller(keys, records=[4000])) as here:
        await _house(here, CHECK, owned=owned)
        assert "vm-record_name" in (await here.call()).said()
        (media,) = await here.docs("media")
        named, other = (OWNER, BOX) if owned else (BOX, OWNER)
        assert (await here.get(named))["media"] == {"name": media["_id"]}
        assert "media" not in await here.get(other)


async def test_a_temporary_greeting_is_deleted_and_the_usual_one_stays(world: Any, caller: Any) -> None:
    keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": ["5", "5", "0"]}
    async with world(caller(keys)) as here:
        await _house(here, CHECK, media={"unavailable": "a", "temporary_unavailable": "b"})
        assert (await here.call()).said().count("vm-deleted") == 2
        assert (await here.get(BOX))["media"] == {"unavailable": "a"}


@pytest.mark.parametrize(
    ("media", "of_owner", "heard"),
    [
        ({"temporary_unavailable": "media-t", "unavailable": "media-u", "name": "media-n"}, None, ["media-t"]),
        ({"temporary_unavailable": "gone", "unavailable": "media-u"}, None, ["media-u"]),
        ({"name": "media-n"}, None, ["vm-person", "media-n", "vm-not_available"]),
        ({"name": "media-t"}, "media-n", ["vm-person", "media-n", "vm-not_available"]),
        ({}, "gone", ["vm-person", "«2000»", "vm-not_available"]),
    ],
    ids=str,
)
async def test_a_caller_hears_the_temporary_greeting_else_the_usual_one_else_the_name(
    world: Any, media: Any, of_owner: str | None, heard: list[str]
) -> None:
    async with world() as here:
        await _house(here, COMPOSE, media=media)
        for each in ("media-t", "media-u", "media-n"):
            await here.media(each)
        if of_owner is not None:
            await here.put({**(await here.get(OWNER)), "media": {"name": of_owner}})
        said = (await here.call()).said()
        assert [_media_of(here, each) for each in said[1 : 1 + len(heard)]] == heard


def _media_of(here: Any, said: str) -> str:
    """The media document that was played, else what was said."""
    return next((each for each in ("media-t", "media-u", "media-n") if _is(here, said, each)), said)


def _is(here: Any, said: str, media_id: str) -> bool:
    packed = [part for part in said.replace("?", "/").split("/") if len(part) > 20]
    return any(media_id in _unpacked(here, part) for part in packed) or media_id in said


def _unpacked(here: Any, part: str) -> str:
    try:
        return str(here.unpacked(part))
    except (ValueError, UnicodeDecodeError):
        return ""


@pytest.mark.parametrize(("number", "goes"), [("1002", True), ("9999", False), ("", False)])
async def test_who_has_left_a_message_is_called_back(world: Any, caller: Any, number: str, goes: bool) -> None:
    keys = {"vm-main_menu": ["1", "#"], "vm-message_menu": ["9", "1"]}
    async with world(caller(keys)) as here:
        await _house(here, CHECK)
        await here.put({"_id": "back", "pvt_type": "callflow", "numbers": ["1002"], "flow": {"module": "response"}})
        db = await here.message(BOX, MESSAGE, folder="new", age=60.0)
        doc = await here.get(MESSAGE, db)
        await here.put({**doc, "metadata": {**doc["metadata"], "caller_id_number": number}}, db=db)
        said = (await here.call()).said()
        assert ("respond" in said) is goes
        assert ("vm-call_back_impossible" in said) is not goes
        assert (await here.get(MESSAGE, db))["metadata"]["folder"] == "saved"

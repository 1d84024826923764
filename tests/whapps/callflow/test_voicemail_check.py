"""Hearing messages: the login, the inbox, and the settings."""

from __future__ import annotations

from typing import Any

import pytest

from mirliton.actors.kapi.dialplan import PlayAndCollectDigits, Say
from mirliton.config.validation import validate

BOX, OTHER, OWNER = "b" * 32, "c" * 32, "0" * 31 + "1"
NEWEST, MIDDLE, OLDEST = "202601-" + "1" * 32, "202601-" + "2" * 32, "202512-" + "3" * 32
MENU = "vm-main_menu?"
ENVELOPE = ("vm-received", "«1767225540»", "vm-message_menu?")


async def _with_box(here: Any, data: Any = None, **fields: Any) -> None:
    box = {"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000", "pin": "1234", **fields}
    await here.put(box)
    await here.flow_of(
        {
            "module": "voicemail",
            "data": {"id": BOX, "action": "check", **(data or {})},
            "children": {"_": {"module": "response"}},
        }
    )


async def _owned(here: Any, **fields: Any) -> None:
    """A mailbox whose owner calls, and so needs no PIN."""
    here.ccvs["Owner-ID"] = OWNER
    await _with_box(here, owner_id=OWNER, **fields)


async def _messages(here: Any) -> None:
    for message_id, age in ((NEWEST, 60.0), (MIDDLE, 3600.0), (OLDEST, 86400.0)):
        await here.message(BOX, message_id, folder="new", age=age)


async def _folders(here: Any) -> dict[str, str]:
    return {doc["_id"]: doc["metadata"]["folder"] for doc in await here.docs("mailbox_message")}


def _played(here: Any, log: Any) -> list[str]:
    """Which messages were played, in order."""
    urls = {
        here.media_urls.url("GET", f"{here.db}-{message_id[:6]}", message_id, "sound.wav"): message_id
        for message_id in (NEWEST, MIDDLE, OLDEST)
    }
    return [urls[word] for word in log.said() if word in urls]


class TestTheLogin:
    async def test_the_right_pin_opens(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_pass": ["1234"], "vm-main_menu": ["#"]})) as here:
            await _with_box(here)
            assert (await here.call()).said() == ["answer", "vm-enter_pass?", "vm-no_messages", MENU, "respond"]

    async def test_three_wrong_pins_end_the_visit(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_pass": ["1", "", "12345", "1234"]})) as here:
            await _with_box(here)
            assert (await here.call()).said() == [
                *("answer", *["vm-enter_pass?", "vm-fail_auth"] * 3, "vm-abort", "respond")
            ]

    @pytest.mark.parametrize("pin", [None, "", 1234, ["1234"]])
    async def test_a_mailbox_without_a_pin_opens_to_nobody_else(self, world: Any, caller: Any, pin: Any) -> None:
        async with world(caller({"vm-enter_pass": ["", "1234"]})) as here:
            await _with_box(here, pin=pin)
            assert (await here.call()).said() == ["answer", "vm-no_access", "respond"]

    async def test_the_owner_needs_no_pin(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["#"]})) as here:
            await _owned(here)
            assert (await here.call()).said() == ["answer", "vm-no_messages", MENU, "respond"]

    async def test_the_owner_needs_it_where_the_mailbox_says_so(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_pass": ["1234"], "vm-main_menu": ["#"]})) as here:
            await _owned(here, require_pin=True)
            assert "vm-enter_pass?" in (await here.call()).said()

    async def test_the_mailbox_is_asked_for(self, world: Any, caller: Any) -> None:
        keys = {"vm-enter_id": ["77", "2000"], "vm-enter_pass": ["1234"], "vm-main_menu": ["#"]}
        async with world(caller(keys)) as here:
            await _with_box(here, data={"id": ""})
            assert (await here.call()).said() == [
                *("answer", "vm-enter_id?", "menu-invalid_entry", "vm-enter_id?"),
                *("vm-enter_pass?", "vm-no_messages", MENU, "respond"),
            ]

    async def test_three_wrong_numbers_end_the_visit(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_id": ["77", "", "**"]})) as here:
            await _with_box(here, data={"id": ""})
            said = (await here.call()).said()
            assert said == ["answer", *["vm-enter_id?", "menu-invalid_entry"] * 3, "vm-abort", "respond"]

    async def test_wrong_numbers_and_wrong_pins_count_together(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_id": ["77", "2000"], "vm-enter_pass": ["1", "2"]})) as here:
            await _with_box(here, data={"id": ""})
            assert (await here.call()).said()[-4:] == ["vm-enter_pass?", "vm-fail_auth", "vm-abort", "respond"]

    @pytest.mark.parametrize(
        "data", [{"id": "", "single_mailbox_login": True}, {"id": "", "callerid_match_login": True}], ids=str
    )
    async def test_the_callers_own_mailbox_is_found(self, world: Any, caller: Any, data: Any) -> None:
        async with world(caller({"vm-main_menu": ["#"]})) as here:
            await _owned(here, data=data, mailbox="1001")
            assert (await here.call()).said() == ["answer", "vm-no_messages", MENU, "respond"]

    async def test_the_number_dialled_may_name_the_mailbox(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-enter_pass": ["1234"], "vm-main_menu": ["#"]})) as here:
            here.ccvs["Capture-Group"] = "2000"
            await _with_box(here, data={"id": ""})
            assert (await here.call()).said()[:2] == ["answer", "vm-enter_pass?"]

    async def test_no_digit_of_a_pin_is_logged_or_kept(self, world: Any, caller: Any, caplog: Any, capsys: Any) -> None:
        keys = {"vm-enter_pass": ["975310", "864209"], "vm-main_menu": ["#"]}
        async with world(caller(keys)) as here:
            await _with_box(here, pin="864209")
            log = await here.call()
            written = capsys.readouterr().out + caplog.text + str(log.commands[-1])
            for docs in [await here.docs(kind) for kind in ("callflow", "mailbox_message")]:
                written += str(docs)
            assert "mailbox_login_failed" in written
            assert "975310" not in written
            assert "864209" not in written


class TestTheInbox:
    async def test_messages_are_counted(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["#"]})) as here:
            await _owned(here)
            await _messages(here)
            await here.message(BOX, "202601-" + "4" * 32, folder="saved", age=10.0)
            await here.message(BOX, "202601-" + "5" * 32, folder="deleted", age=10.0)
            await here.message(OTHER, "202601-" + "6" * 32, folder="new", age=10.0)
            assert (await here.call()).said() == [
                *("answer", "vm-you_have", "«3»", "vm-new_and", "«1»", "vm-saved_message", MENU, "respond")
            ]

    async def test_a_message_is_played_with_its_envelope(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1"]})) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            log = await here.call()
            url = here.media_urls.url("GET", f"{here.db}-202601", NEWEST, "sound.wav")
            assert log.said()[5:] == [
                *("vm-message_number", "«1»", url, *ENVELOPE, "vm-saved"),
                *("vm-you_have", "«1»", "vm-saved_message", MENU, "respond"),
            ]
            assert await _folders(here) == {NEWEST: "saved"}

    async def test_the_time_is_the_mailboxs(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"]})) as here:
            await _owned(here, timezone="Europe/Berlin")
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            commands = [command for _, command in (await here.call()).commands]
            (spoken,) = [c.say_text for c in commands if isinstance(c, Say) and c.type == "current_date_time"]
            assert int(spoken) == 1_767_225_540 + 3600

    async def test_the_envelope_can_be_left_out(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1"]})) as here:
            await _owned(here, skip_envelope=True)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            assert "vm-received" not in (await here.call()).said()

    async def test_the_newest_comes_first(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1", "1", "1"]})) as here:
            await _owned(here)
            await _messages(here)
            assert _played(here, await here.call()) == [NEWEST, MIDDLE, OLDEST]

    async def test_or_the_oldest(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1", "1", "1"]})) as here:
            await _owned(here, oldest_message_first=True)
            await _messages(here)
            assert _played(here, await here.call()) == [OLDEST, MIDDLE, NEWEST]

    async def test_each_key_does_its_work(self, world: Any, caller: Any) -> None:
        """Next, next, previous, replay, delete, keep, keep."""
        keys = ["6", "6", "4", "2", "7", "1", "1"]
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": keys})) as here:
            await _owned(here)
            await _messages(here)
            log = await here.call()
            assert _played(here, log) == [NEWEST, MIDDLE, OLDEST, MIDDLE, MIDDLE, OLDEST]
            assert log.said().count("vm-deleted") == 1
            assert await _folders(here) == {NEWEST: "new", MIDDLE: "deleted", OLDEST: "saved"}

    async def test_the_ends_of_the_folder_are_not_passed(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["4", "6", "6", "6", "0"]})) as here:
            await _owned(here)
            await _messages(here)
            log = await here.call()
            assert _played(here, log) == [NEWEST, NEWEST, MIDDLE, OLDEST, OLDEST]
            assert await _folders(here) == {NEWEST: "new", MIDDLE: "new", OLDEST: "saved"}

    async def test_the_number_of_a_message_is_its_place_in_the_folder(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["7", "1", "1"]})) as here:
            await _owned(here)
            await _messages(here)
            said = (await here.call()).said()
            assert [said[at + 1] for at, word in enumerate(said) if word == "vm-message_number"] == [
                *("«1»", "«2»", "«3»")
            ]

    async def test_a_key_pressed_early_cuts_the_message_short(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_number": ["7"]})) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            log = await here.call()
            assert _played(here, log) == []
            assert await _folders(here) == {NEWEST: "deleted"}

    async def test_a_wrong_key_is_told_and_the_menu_repeated(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["5", "1"]})) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            log = await here.call()
            assert _played(here, log) == [NEWEST]
            at = log.said().index("menu-invalid_entry")
            assert log.said()[at : at + 3] == ["menu-invalid_entry", "vm-message_menu?", "vm-saved"]

    async def test_saved_messages_have_their_folder(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["2", "#"], "vm-message_menu": ["7"]})) as here:
            await _owned(here)
            await here.message(BOX, MIDDLE, folder="saved", age=60.0)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            assert _played(here, await here.call()) == [MIDDLE]

    async def test_a_message_without_audio_is_none(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"]})) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0, audio=False)
            await here.message(BOX, MIDDLE, folder=None, age=60.0)
            log = await here.call()
            assert log.said()[:5] == ["answer", "vm-you_have", "«1»", "vm-new_message", MENU]
            assert _played(here, log) == []

    async def test_messages_of_wrong_types_harm_nobody(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1", "1"]})) as here:
            await _owned(here)
            db = await here.message(BOX, NEWEST, folder="new", age=60.0)
            for number, metadata in enumerate(([], "new", {"folder": 5}, {"folder": "new", "timestamp": "late"})):
                bad = {"_id": f"202601-{number:032x}", "pvt_type": "mailbox_message", "source_id": BOX}
                await here.put({**bad, "metadata": metadata}, db=db)
            for number, at in enumerate((-1, 2**53, 1.5, 0)):
                bad = {"_id": f"202601-{number + 9:032x}", "pvt_type": "mailbox_message", "source_id": BOX}
                await here.put({**bad, "metadata": {"folder": "new", "timestamp": at}}, db=db)
            assert _played(here, await here.call()) == [NEWEST]

    async def test_a_caller_who_does_nothing_is_let_go(self, world: Any, caller: Any) -> None:
        async with world(caller()) as here:
            await _owned(here)
            said = (await here.call()).said()
            assert said == ["answer", *["vm-no_messages", MENU] * 4, "vm-goodbye", "respond"]

    async def test_a_phone_with_a_stuck_key_is_let_go(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1"], "vm-message_menu": ["2"] * 5000})) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            said = (await here.call()).said()
            assert said[-1] == "respond"
            assert 900 < len(_played(here, here.channel.log)) < 1001
            assert here.channel.longest_checkpoint < 4096

    async def test_a_large_mailbox_keeps_the_checkpoint_small(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1", "#"], "vm-message_menu": ["1"]})) as here:
            await _owned(here)
            for number in range(250):
                await here.message(BOX, f"202601-{number:032x}", folder="new", age=60.0 + number, audio=number == 0)
            await here.call()
            assert here.channel.longest_checkpoint < 8192

    async def test_who_hangs_up_changes_nothing_more(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu": ["1"], "vm-message_menu": ["7", "hangup"]})) as here:
            await _owned(here)
            await _messages(here)
            await here.call()
            assert await _folders(here) == {NEWEST: "deleted", MIDDLE: "new", OLDEST: "new"}


class TestPassingOn:
    async def test_a_message_goes_to_another_mailbox(self, world: Any, caller: Any) -> None:
        keys = {"vm-main_menu": ["1", "#"], "vm-message_menu": ["3"], "vm-enter_forward_id": ["2001"]}
        async with world(caller(keys)) as here:
            await _owned(here)
            await here.put({"_id": OTHER, "pvt_type": "vmbox", "name": "other", "mailbox": "2001"})
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            said = (await here.call()).said()
            assert said[said.index("vm-enter_forward_id?") + 1] == "vm-saved"
            mine, theirs = sorted(await here.docs("mailbox_message"), key=lambda doc: doc["source_id"])
            assert (mine["_id"], mine["metadata"]["folder"]) == (NEWEST, "saved")
            assert (theirs["source_id"], theirs["metadata"]["folder"]) == (OTHER, "new")
            assert theirs["metadata"]["media_id"] == theirs["_id"]
            assert validate("mailbox_message", theirs["metadata"]) == ()
            assert theirs["_attachments"]["sound.wav"]["digest"] == mine["_attachments"]["sound.wav"]["digest"]

    async def test_not_to_the_same_nor_to_one_that_is_not_there(self, world: Any, caller: Any) -> None:
        keys = {"vm-main_menu": ["1", "#"], "vm-message_menu": ["3", "1"], "vm-enter_forward_id": ["2000", "1", ""]}
        async with world(caller(keys)) as here:
            await _owned(here)
            await here.message(BOX, NEWEST, folder="new", age=60.0)
            log = await here.call()
            at = log.said().index("vm-forward_abort")
            assert log.said()[at : at + 3] == ["vm-forward_abort", "vm-message_menu?", "vm-saved"]
            assert await _folders(here) == {NEWEST: "saved"}


class TestTheSettings:
    async def test_a_greeting_is_recorded(self, world: Any, caller: Any) -> None:
        keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": ["1", "0"], "vm-review_recording": ["1"]}
        async with world(caller(keys, records=[4000])) as here:
            await _owned(here, media={"other": 1})
            assert (await here.call()).said() == [
                *("answer", "vm-no_messages", MENU, "vm-settings_menu?", "vm-record_greeting", "beep", "record"),
                *("vm-review_recording?", "vm-saved", "vm-settings_menu?", "vm-no_messages", MENU, "respond"),
            ]
            (media,) = await here.docs("media")
            box = await here.get(BOX)
            assert box["media"] == {"other": 1, "unavailable": media["_id"]}
            assert len(media["_attachments"]) == 1

    async def test_another_greeting_takes_its_place(self, world: Any, caller: Any) -> None:
        keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": ["1", "1", "0"], "vm-review_recording": ["1", "1"]}
        async with world(caller(keys, records=[4000, 6000])) as here:
            await _owned(here)
            await here.call()
            (media,) = await here.docs("media")
            ((_, audio),) = media["_attachments"].items()
            assert audio["length"] == 44 + 16 * 6000

    async def test_a_greeting_that_nobody_keeps_changes_nothing(self, world: Any, caller: Any) -> None:
        keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": ["1", "0"]}
        async with world(caller(keys)) as here:
            await _owned(here)
            assert "vm-deleted" in (await here.call()).said()
            assert "media" not in await here.get(BOX)
            assert await here.docs("media") == []

    @pytest.mark.parametrize("wish", ["refused", "hangup"])
    async def test_a_greeting_that_was_not_recorded_changes_nothing(self, world: Any, caller: Any, wish: str) -> None:
        keys = {"vm-main_menu": ["5", "#"], "vm-settings_menu": ["1", "0"]}
        async with world(caller(keys, records=[wish])) as here:
            await _owned(here)
            await here.call()
            assert "media" not in await here.get(BOX)

    async def test_the_pin_is_changed(self, world: Any, caller: Any) -> None:
        keys = {
            "vm-main_menu": ["5", "#"],
            "vm-settings_menu": ["3", "0"],
            "vm-enter_new_pin": ["4321"],
            "vm-enter_new_pin_confirm": ["4321"],
        }
        async with world(caller(keys)) as here:
            await _owned(here)
            assert "vm-pin_set" in (await here.call()).said()
            box = await here.get(BOX)
            assert box["pin"] == "4321"

    @pytest.mark.parametrize(("first", "second"), [("4321", "4322"), ("123", "123"), ("", ""), ("12*4", "12*4")])
    async def test_a_pin_that_will_not_do_is_refused(self, world: Any, caller: Any, first: str, second: str) -> None:
        keys = {
            "vm-main_menu": ["5", "#"],
            "vm-settings_menu": ["3", "0"],
            "vm-enter_new_pin": [first] * 3,
            "vm-enter_new_pin_confirm": [second] * 3,
        }
        async with world(caller(keys)) as here:
            await _owned(here)
            assert (await here.call()).said().count("vm-pin_invalid") == 3
            assert (await here.get(BOX))["pin"] == "1234"

    async def test_a_mailbox_may_have_no_settings(self, world: Any, caller: Any) -> None:
        async with world(caller({"vm-main_menu_not_configurable": ["5", "#"]})) as here:
            await _owned(here, not_configurable=True)
            said = (await here.call()).said()
            assert "vm-settings_menu?" not in said
            assert said.count("vm-main_menu_not_configurable?") == 2


async def test_single_keys_are_not_ended_by_the_hash(world: Any, caller: Any) -> None:
    async with world(caller({"vm-main_menu": ["#"]})) as here:
        await _owned(here)
        commands = [command for _, command in (await here.call()).commands]
        assert [c.terminators for c in commands if isinstance(c, PlayAndCollectDigits)] == [()]

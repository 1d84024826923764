"""What becomes of messages that nobody finished, and of documents around a message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mirliton.actors.presence import MAILBOX_NEWS, MailboxChanged
from mirliton.runtime.testing import Probe
from mirliton.whapps.callflow.voicemail.messages import local_time

BOX = "b" * 32
ID, OTHER = "202601-" + "1" * 32, "202601-" + "2" * 32
FILE = "/tmp/mirliton-x.wav"
HOUR, DAY = 3600.0, 86_400.0


async def _visited(here: Any, caller: Any) -> list[dict[str, Any]]:
    """Somebody uses the mailbox; the messages after that."""
    await here.put({"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000"})
    await here.flow_of({"module": "voicemail", "data": {"id": BOX}})
    await here.call()
    found: list[dict[str, Any]] = await here.docs("mailbox_message")
    return found


@pytest.fixture
def passer_by(caller: Any) -> Any:
    return caller({"vm-person": ["hangup"]})


async def test_a_message_whose_file_waits_on_the_switch_is_fetched(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        here.files[FILE] = 3000
        noted = {"switch": "fs1", "file": FILE}
        await here.message(BOX, ID, folder=None, age=HOUR, audio=False, pvt_recording=noted)
        (message,) = await _visited(here, passer_by)
        assert (message["metadata"]["folder"], message["metadata"]["length"]) == ("new", 3000)
        assert "pvt_recording" not in message


async def test_whoever_lights_lamps_hears_of_a_new_message(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        lamps = await Probe.start(here.node)
        here.node.groups.join(MAILBOX_NEWS, lamps.pid)
        await here.message(
            BOX, ID, folder=None, age=HOUR, pvt_recording={"switch": "elsewhere", "file": "/tmp/sound.wav"}
        )
        await _visited(here, passer_by)
        await here.node.idle()
        assert MailboxChanged(here.account_id, BOX) in lamps.messages


async def test_a_message_whose_audio_came_is_finished_without_the_switch(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        noted = {"switch": "elsewhere", "file": "/tmp/sound.wav"}
        await here.message(BOX, ID, folder=None, age=HOUR, pvt_recording=noted)
        (message,) = await _visited(here, passer_by)
        assert (message["metadata"]["folder"], message["metadata"]["length"]) == ("new", 2000)
        assert here.uploads == 0


async def test_a_message_that_may_still_be_spoken_is_left_alone(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        here.files[FILE] = 3000
        noted = {"switch": "fs1", "file": FILE}
        await here.message(BOX, ID, folder=None, age=600.0, audio=False, pvt_recording=noted)
        (message,) = await _visited(here, passer_by)
        assert "folder" not in message["metadata"]


async def test_a_fragment_is_cleared_away(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        here.files[FILE] = 100
        noted = {"switch": "fs1", "file": FILE}
        await here.message(BOX, ID, folder=None, age=HOUR, audio=False, pvt_recording=noted)
        assert await _visited(here, passer_by) == []


@pytest.mark.parametrize(
    "noted", [{"switch": "fs1", "file": FILE}, {"switch": "gone", "file": FILE}, {}, {"file": 5}, None], ids=str
)
async def test_a_message_without_audio_is_given_up_after_a_day(world: Any, passer_by: Any, noted: Any) -> None:
    async with world(passer_by) as here:
        await here.message(BOX, ID, folder=None, age=DAY + HOUR, audio=False, pvt_recording=noted)
        await here.message(BOX, OTHER, folder=None, age=DAY - HOUR, audio=False, pvt_recording=noted)
        assert [message["_id"] for message in await _visited(here, passer_by)] == [OTHER]


async def test_a_visit_fetches_a_few_and_the_next_the_others(world: Any, passer_by: Any, caller: Any) -> None:
    async with world(passer_by) as here:
        here.files[FILE] = 3000
        for number in range(5):
            noted = {"switch": "fs1", "file": FILE}
            message_id = f"202601-{number:032x}"
            await here.message(BOX, message_id, folder=None, age=HOUR + number, audio=False, pvt_recording=noted)
        found = await _visited(here, passer_by)
        assert sum("folder" in message["metadata"] for message in found) == 3
        await here.call_again(caller({"vm-person": ["hangup"]}), after=1.0)
        assert all(message["metadata"]["folder"] == "new" for message in await here.docs("mailbox_message"))


async def test_a_message_that_was_heard_is_not_touched(world: Any, passer_by: Any) -> None:
    async with world(passer_by) as here:
        await here.message(BOX, ID, folder="saved", age=DAY + HOUR)
        (message,) = await _visited(here, passer_by)
        assert message["metadata"]["folder"] == "saved"


async def test_messages_older_than_is_kept_are_not_looked_for(world: Any, caller: Any) -> None:
    async with world(caller({"vm-main_menu": ["#"]})) as here:
        here.ccvs["Owner-ID"] = "u1"
        await here.put({"_id": BOX, "pvt_type": "vmbox", "name": "box", "mailbox": "2000", "owner_id": "u1"})
        await here.message(BOX, "202509-" + "1" * 32, folder="new", age=100 * DAY)
        await here.message(BOX, "202510-" + "2" * 32, folder="new", age=80 * DAY)
        await here.flow_of({"module": "voicemail", "data": {"id": BOX}})
        assert (await here.call()).said()[1:4] == ["vm-you_have", "«1»", "vm-new_message"]


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Europe/Berlin", 1), ("America/New_York", -5), ("UTC", 0), ("Nowhere/X", 0), ("/etc/passwd", 0), ("../x", 0)],
)
def test_a_moment_is_told_by_the_mailboxs_clock(zone: str, hours: int) -> None:
    assert local_time(1_767_225_600.0, zone).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["", "\0", "☎", "x" * 10_000, ".", "/"])
def test_what_is_no_zone_is_utc(zone: str) -> None:
    assert local_time(1_767_225_600.0, zone).utcoffset() == timedelta(0)

"""Recordings of calls: listed over months, heard whole or in part, hidden."""

import time

import pytest

from mirliton.actors.store import Month, Months
from mirliton.actors.store.documents import stamp
from mirliton.actors.store.names import month_id

NOW = time.time()
DAY = 86400.0
SOUND = bytes(range(256)) * 1200


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def recorded(world, acme, name, *, at=NOW, sound=SOUND, type="call_recording", **more):
    """Keep a recording; its id."""
    months = Months(world.store, acme[0], clock=lambda: at)
    doc = {"_id": month_id(Month.at(at), name), "name": f"{name}.mp3", "call_id": name, "duration": 3, **more}
    db = months.db_of(doc["_id"])
    await months.put(stamp(doc, type=type, account_id=acme[0], db=db, now=at))
    if sound is not None:
        rev = (await months.get(doc["_id"]))["_rev"]
        await world.store.put_attachment(db, doc["_id"], f"{name}.mp3", "audio/mpeg", sound, rev)
    return doc["_id"]


def path(acme, rest=""):
    return f"/accounts/{acme[0]}/recordings{rest}"


async def test_the_newest_come_first_over_months(world, acme):
    ids = [await recorded(world, acme, f"r{number}", at=NOW - number * DAY * 4) for number in range(6)]
    await recorded(world, acme, "other", type="cdr")
    rows = (await world.get(path(acme), acme[1])).data
    assert [row["id"] for row in rows] == ids
    assert rows[0] == {"id": ids[0], "name": "r0.mp3", "call_id": "r0", "duration": 3}


async def test_a_user_sees_only_their_own_in_their_list(world, acme):
    mine = await recorded(world, acme, "mine", owner_id="u1")
    await recorded(world, acme, "others", owner_id="u2")
    rows = (await world.get(f"/accounts/{acme[0]}/users/u1/recordings", acme[1])).data
    assert [row["id"] for row in rows] == [mine]


async def test_a_list_can_be_filtered(world, acme):
    wanted = await recorded(world, acme, "a", direction="inbound")
    await recorded(world, acme, "b", direction="outbound")
    assert [row["id"] for row in (await world.get(path(acme, "?filter_direction=inbound"), acme[1])).data] == [wanted]


async def test_a_recording_is_told_of_and_heard(world, acme):
    id = await recorded(world, acme, "r")
    told = await world.get(path(acme, f"/{id}"), acme[1])
    assert (told.data["name"], told.data["call_id"]) == ("r.mp3", "r")
    assert not any(name.startswith("pvt_") for name in told.data)
    sound = await world.get(path(acme, f"/{id}"), acme[1], headers={"Accept": "audio/mpeg"})
    assert (sound.raw, sound.headers["Content-Type"]) == (SOUND, "audio/mpeg")
    part = await world.get(path(acme, f"/{id}?accept=audio/mpeg"), acme[1], headers={"Range": "bytes=-4"})
    assert (part.status, part.raw) == (206, SOUND[-4:])


async def test_a_recording_that_has_not_come_yet_has_no_sound(world, acme):
    id = await recorded(world, acme, "r", sound=None)
    assert (await world.get(path(acme, f"/{id}"), acme[1])).status == 200
    assert (await world.get(path(acme, f"/{id}"), acme[1], headers={"Accept": "audio/mpeg"})).status == 404


async def test_a_recording_can_be_hidden(world, acme):
    id = await recorded(world, acme, "r")
    assert (await world.delete(path(acme, f"/{id}"), acme[1])).status == 200
    assert (await world.get(path(acme, f"/{id}"), acme[1])).status == 404
    assert (await world.get(path(acme, f"/{id}"), acme[1], headers={"Accept": "audio/mpeg"})).status == 404
    assert (await world.delete(path(acme, f"/{id}"), acme[1])).status == 404
    assert (await world.get(path(acme), acme[1])).data == []


async def test_what_is_no_recording_is_not_found(world, acme):
    cdr = await recorded(world, acme, "c", type="cdr")
    for id in (cdr, "nonsense", "202601-none", "..%2F..", "x" * 300):
        assert (await world.get(path(acme, f"/{id}"), acme[1])).status == 404, id


async def test_another_account_hears_nothing(world, acme):
    id = await recorded(world, acme, "r")
    other = await world.admin("other")
    for method in (world.get, world.delete):
        assert (await method(path(acme, f"/{id}"), other[1])).status == 403

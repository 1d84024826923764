"""Voicemail boxes and their messages."""

import time

import pytest

from mirliton.actors.presence import MAILBOX_NEWS, MailboxChanged
from mirliton.actors.store.documents import gregorian
from mirliton.runtime.testing import Probe

NOW = time.time()
DAY = 86400.0


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def made(world, acme, name="box", **fields):
    return await world.put(f"/accounts/{acme[0]}/vmboxes", {"name": name, "mailbox": "100", **fields}, acme[1])


@pytest.fixture
async def box(world, acme):
    return (await made(world, acme)).data["id"]


def path(acme, box, *rest):
    return "/".join([f"/accounts/{acme[0]}/vmboxes/{box}/messages", *rest])


async def test_a_mailbox_number_leads_to_one_box(world, acme):
    assert (await made(world, acme)).status == 201
    reply = await made(world, acme, "other")
    assert (reply.status, set(reply.data["mailbox"])) == (400, {"unique"})
    other = (await made(world, acme, "other", mailbox="200")).data["id"]
    reply = await world.patch(f"/accounts/{acme[0]}/vmboxes/{other}", {"mailbox": "100"}, acme[1])
    assert reply.status == 400


async def test_messages_are_listed_the_newest_first_over_months(world, acme, box):
    account_id, token = acme
    old = await world.message(account_id, box, at=NOW - 40 * DAY, caller_id_name="old")
    new = await world.message(account_id, box, at=NOW, caller_id_name="new")
    await world.message(account_id, "0" * 32, at=NOW)
    reply = await world.get(path(acme, box), token)
    assert [row["media_id"] for row in reply.data] == [new, old]
    assert reply.data[0]["timestamp"] == gregorian(NOW)
    reply = await world.get(path(acme, box) + "?ascending=true", token)
    assert [row["media_id"] for row in reply.data] == [old, new]
    first = await world.get(path(acme, box) + "?page_size=1", token)
    assert [row["media_id"] for row in first.data] == [new]
    rest = await world.get(path(acme, box) + f"?page_size=1&start_key={first.body['next_start_key']}", token)
    assert [row["media_id"] for row in rest.data] == [old]
    assert "next_start_key" not in rest.body


async def test_a_list_of_boxes_counts_their_messages(world, acme, box):
    account_id, token = acme
    empty = (await made(world, acme, "other", mailbox="200")).data["id"]
    await world.message(account_id, box, at=NOW - 40 * DAY)
    await world.message(account_id, box, at=NOW)
    gone = await world.message(account_id, box, at=NOW)
    await world.delete(path(acme, box, gone), token)
    rows = (await world.get(f"/accounts/{account_id}/vmboxes", token)).data
    assert {row["id"]: row["messages"] for row in rows} == {box: 2, empty: 0}


async def test_messages_of_all_boxes(world, acme, box):
    account_id, token = acme
    other = (await made(world, acme, "other", mailbox="200")).data["id"]
    await world.message(account_id, box, at=NOW - 40 * DAY)
    await world.message(account_id, other, at=NOW)
    reply = await world.get(f"/accounts/{account_id}/vmboxes/messages", token)
    assert [list(row) for row in reply.data] == [[other], [box]]


async def test_a_message_is_read_and_heard(world, acme, box):
    account_id, token = acme
    id = await world.message(account_id, box, at=NOW, audio=b"\x00sound", caller_id_number="+1555")
    reply = await world.get(path(acme, box, id), token)
    assert (reply.status, reply.data["caller_id_number"], reply.data["folder"]) == (200, "+1555", "new")
    raw = await world.get(path(acme, box, id, "raw"), token)
    assert (raw.status, raw.raw, raw.headers["Content-Type"]) == (200, b"\x00sound", "audio/mpeg")
    assert id in raw.headers["Content-Disposition"]
    assert (await world.get(path(acme, box, id, "raw"))).status == 401


async def test_a_message_moves_to_another_folder_and_is_deleted(world, acme, box):
    account_id, token = acme
    id = await world.message(account_id, box, at=NOW)
    reply = await world.post(path(acme, box, id), {"folder": "saved"}, token)
    assert (reply.status, reply.data["folder"]) == (200, "saved")
    assert (await world.get(path(acme, box, id), token)).data["folder"] == "saved"
    assert (await world.get(path(acme, box) + "?filter_folder=new", token)).data == []
    assert len((await world.get(path(acme, box) + "?filter_folder=saved", token)).data) == 1
    reply = await world.post(path(acme, box, id), {"folder": "attic"}, token)
    assert (reply.status, set(reply.data["folder"])) == (400, {"enum"})
    assert (await world.post(path(acme, box, id), {}, token)).status == 400
    assert (await world.delete(path(acme, box, id), token)).status == 200
    assert (await world.get(path(acme, box, id), token)).status == 404
    assert (await world.get(path(acme, box), token)).data == []


async def test_many_messages_change_at_once_and_each_tells_how_it_went(world, acme, box):
    account_id, token = acme
    ids = [await world.message(account_id, box, at=NOW + i) for i in range(3)]
    other = await world.message(account_id, "0" * 32, at=NOW)
    given = {"messages": [*ids, other, "nonsense", "209901-gone"], "folder": "saved"}
    reply = await world.post(path(acme, box), given, token)
    assert reply.status == 200
    assert reply.data["succeeded"] == ids
    assert reply.data["failed"] == [{other: "not_found"}, {"nonsense": "not_found"}, {"209901-gone": "not_found"}]
    reply = await world.delete(path(acme, box), token, data={"messages": ids[:1]})
    assert reply.data == {"succeeded": ids[:1], "failed": []}
    reply = await world.delete(path(acme, box) + "?folder=new", token)
    assert reply.data == {"succeeded": [], "failed": []}
    reply = await world.delete(path(acme, box), token)
    assert set(reply.data["succeeded"]) == set(ids[1:])
    assert (await world.get(path(acme, box), token)).data == []


@pytest.mark.parametrize("messages", ["x", [1], {"a": 1}, ["x"] * 501])
async def test_messages_must_be_a_list_of_ids(world, acme, box, messages):
    reply = await world.post(path(acme, box), {"messages": messages, "folder": "new"}, acme[1])
    assert (reply.status, set(reply.data)) == (400, {"messages"})


async def test_a_message_of_another_box_or_account_is_not_there(world, acme, box):
    other = await world.message(acme[0], "0" * 32, at=NOW)
    stranger = await world.account("stranger")
    theirs = await world.message(stranger, box, at=NOW)
    for id in (other, theirs, "nonsense", box, "202613-x"):
        assert (await world.get(path(acme, box, id), acme[1])).status == 404, id
        assert (await world.get(path(acme, box, id, "raw"), acme[1])).status == 404
        assert (await world.delete(path(acme, box, id), acme[1])).status == 404
    assert (await world.get(path(acme, "0" * 32), acme[1])).status == 404


async def test_a_plain_user_hears_their_own_messages_and_no_others(world, acme):
    account_id, _ = acme
    bob = await world.user(account_id, "bob", "user")
    token = await world.login(account_id, "bob")
    mine = (await made(world, acme, "mine", owner_id=bob)).data["id"]
    other = (await made(world, acme, "other", mailbox="200", pin="1234")).data["id"]
    id = await world.message(account_id, mine, at=NOW, audio=b"x")
    secret = await world.message(account_id, other, at=NOW, audio=b"y")
    assert (await world.get(path(acme, mine, id, "raw"), token)).status == 200
    assert (await world.post(path(acme, mine, id), {"folder": "saved"}, token)).status == 200
    assert (await world.patch(f"/accounts/{account_id}/vmboxes/{mine}", {"pin": "9999"}, token)).status == 200
    for reply in (
        await world.get(f"/accounts/{account_id}/vmboxes/{other}", token),
        await world.get(path(acme, other), token),
        await world.get(path(acme, other, secret, "raw"), token),
        await world.delete(path(acme, other), token),
        await world.get(f"/accounts/{account_id}/vmboxes/messages", token),
    ):
        assert reply.status == 403
    assert (await world.get(path(acme, mine, secret), token)).status == 404


async def test_whoever_lights_lamps_hears_of_a_message_that_moves(world, acme, box):
    account_id, token = acme
    id = await world.message(account_id, box, at=NOW)
    lamps = await Probe.start(world.node)
    world.node.groups.join(MAILBOX_NEWS, lamps.pid)
    await world.post(path(acme, box, id), {"folder": "saved"}, token)
    await world.delete(path(acme, box, id), token)
    assert lamps.messages == [MailboxChanged(account_id, box)] * 2

"""Messages to entities that were set aside, over the API: the master account's, and audited."""

from typing import Any

import pytest

from mirliton.runtime import Name, Reply
from mirliton.supervisors.entities import Entities, Entity, MemoryWorld, SetAside, ShardHub

LETTERS = "/supervision/dead_letters"
SHY = Name("shy", "one")


class Shy(Entity):
    """Cannot be asked while it is shy."""

    shy = True

    def init(self, key: str, state: Any) -> None:
        self.value = state or 0

    def handle_call(self, request: Any, sender: Any) -> Reply:
        if Shy.shy:
            raise ValueError("too shy")
        self.value += 1
        self.save(self.value)
        return Reply(self.value)


@pytest.fixture
async def entities(world, monkeypatch):
    monkeypatch.setattr(Shy, "shy", True)
    monkeypatch.setattr(Shy, "restarts", (100, 1.0))
    hub = ShardHub(4)
    async with Entities(world.node, None, hub.shards(), MemoryWorld(4).store(), {"shy": Shy}) as entities:
        yield entities


@pytest.fixture
async def master(world):
    account_id, token = await world.admin("master")
    await world.make_master(account_id)
    return token


async def set_aside(entities, *keys):
    for key in keys:
        with pytest.raises(SetAside):
            await entities.durable_call(SHY, {"password": "hunter2", "of": key}, key=key, timeout=30.0)


async def actions(world, master):
    return [(e["action"], e["letter"], e["messages"]) for e in (await world.get("/supervision/audit", master)).data]


async def test_they_are_listed_with_why_and_where_and_without_secrets(world, entities, master):
    assert (await world.get(LETTERS, master)).data == []
    await set_aside(entities, "first", "second")
    reply = await world.get(LETTERS, master)
    assert [letter["key"] for letter in reply.data] == ["first", "second"]
    letter = reply.data[0]
    assert (letter["name"], letter["why"], letter["node"]) == ("shy:one", "crashes", "test@localhost")
    assert "first" in letter["request"]
    assert abs(letter["when"] - world.node.clock.time()) < 60.0
    assert b"hunter2" not in reply.raw
    assert (await world.get(f"{LETTERS}/{letter['id']}", master)).data == [letter]
    assert (await world.get(f"{LETTERS}/0123456789abcdef", master)).status == 404
    assert await actions(world, master) == []
    assert entities.dead_letters.waiting == 2


async def test_one_is_tried_again_and_done_once_what_hindered_it_is_mended(world, entities, master):
    await set_aside(entities, "first", "second")
    first, second = (await world.get(LETTERS, master)).data
    Shy.shy = False
    reply = await world.post(f"{LETTERS}/{first['id']}", {"action": "redrive"}, master)
    assert (reply.status, reply.data) == (200, {"messages": 1})
    assert await entities.durable_call(SHY, "look", timeout=30.0) == 2  # behind it in the queue
    assert (await world.get(LETTERS, master)).data == [second]
    assert await actions(world, master) == [("dead_letters_redrive", first["id"], 1)]
    assert (await world.post(f"{LETTERS}/{first['id']}", {"action": "redrive"}, master)).status == 404


async def test_one_is_discarded_and_then_all_the_others(world, entities, master):
    await set_aside(entities, "first", "second", "third")
    first, *others = (await world.get(LETTERS, master)).data
    assert (await world.delete(f"{LETTERS}/{first['id']}", master)).data == {"messages": 1}
    assert (await world.get(LETTERS, master)).data == others
    assert (await world.delete(LETTERS, master)).data == {"messages": 2}
    assert (await world.get(LETTERS, master)).data == []
    assert await actions(world, master) == [("dead_letters_discard", None, 2), ("dead_letters_discard", first["id"], 1)]


async def test_what_nobody_can_read_is_shown_is_not_tried_again_and_can_be_discarded(world, entities, master):
    entities.shards._hub.dead.append(b"no letter of ours")
    [letter] = (await world.get(LETTERS, master)).data
    assert (letter["name"], letter["request"]) == (None, None)
    assert letter["unreadable"]
    assert (await world.post(LETTERS, {"action": "redrive"}, master)).data == {"messages": 0}
    assert (await world.get(LETTERS, master)).data == [letter]
    assert (await world.delete(f"{LETTERS}/{letter['id']}", master)).data == {"messages": 1}
    assert (await world.get(LETTERS, master)).data == []


async def test_an_action_that_is_none_is_refused(world, entities, master):
    await set_aside(entities, "first")
    for data in ({}, {"action": "burn"}, {"action": 7}):
        assert (await world.post(LETTERS, data, master)).status == 400
    assert len((await world.get(LETTERS, master)).data) == 1


async def test_nobody_else_may(world, entities, master):
    await set_aside(entities, "first")
    _, token = await world.admin("other")
    for given, status in ((token, 403), (None, 401)):
        assert (await world.get(LETTERS, given)).status == status
        assert (await world.post(LETTERS, {"action": "redrive"}, given)).status == status
        assert (await world.delete(LETTERS, given)).status == status


async def test_a_node_without_entities_says_to_come_back(world, master):
    reply = await world.get(LETTERS, master)
    assert (reply.status, "no part in the entities" in reply.data["cause"]) == (503, True)

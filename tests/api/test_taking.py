"""What is there once in an account, when several servers share the store."""

import asyncio

import pytest

from mirliton.actors.store import Conflict
from mirliton.actors.store.names import account_db
from mirliton.api import claims
from mirliton.api.errors import InvalidData
from mirliton.api.listening import Where
from mirliton.api.server import ApiServer
from mirliton.api.taking import PREFIX, Thing, give_up, lost, take
from mirliton.config import ApiSettings
from mirliton.runtime import Name


def things(doc):
    return [Thing("numbers", number, ("numbers", index)) for index, number in enumerate(doc.get("numbers", ()))]


@pytest.fixture
async def account(world):
    return account_db(await world.account("acme"))


async def claimed_in(world, db):
    return sorted(
        row.doc["holder"]
        for row in (await world.store.all_docs(db, include_docs=True)).rows
        if row.id.startswith(PREFIX)
    )


async def test_of_two_who_take_a_thing_at_once_one_gets_it_and_the_other_keeps_nothing(world, account):
    for number in range(20):
        docs = [{"_id": f"{who}{number}", "numbers": [f"n{number}", f"own-{who}{number}"]} for who in "ab"]
        outcomes = await asyncio.gather(
            *(take(world.store, account, doc, None, things, 1000.0) for doc in docs), return_exceptions=True
        )
        refused = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, InvalidData)]
        assert len(refused) == 1
        assert outcomes[refused[0]].data == {"numbers.0": {"unique": {"message": "is taken", "cause": f"n{number}"}}}
        holders = await claimed_in(world, account)
        assert docs[refused[0]]["_id"] not in holders
        assert holders.count(docs[1 - refused[0]]["_id"]) == 2


async def test_what_a_document_keeps_is_not_claimed_again_and_what_it_loses_is_given_up(world, account):
    before, after = {"_id": "a", "numbers": ["1", "2"]}, {"_id": "a", "numbers": ["2", "3"]}
    await take(world.store, account, before, None, things, 1000.0)
    assert [thing.value for thing in await take(world.store, account, after, before, things, 1000.0)] == ["3"]
    assert [thing.value for thing in lost(before, after, things)] == ["1"]
    assert [thing.value for thing in lost(after, {**after, "pvt_deleted": True}, things)] == ["2", "3"]
    await give_up(world.store, account, "a", lost(before, after, things))
    assert await take(world.store, account, {"_id": "b", "numbers": ["1"]}, None, things, 1000.0)


async def test_a_claim_that_a_death_left_is_taken_over_but_not_at_once(world, account):
    await take(world.store, account, {"_id": "dead", "numbers": ["1"]}, None, things, 1000.0)
    heir = {"_id": "heir", "numbers": ["1"]}
    with pytest.raises(InvalidData):
        await take(world.store, account, heir, None, things, 1000.0 + claims.GRACE - 1)
    assert await take(world.store, account, heir, None, things, 1000.0 + claims.GRACE)
    assert await claimed_in(world, account) == ["heir"]


async def test_a_claim_whose_holder_has_the_thing_is_never_taken_over(world, account):
    await take(world.store, account, {"_id": "a", "numbers": ["1"]}, None, things, 1000.0)
    await world.store.put(account, {"_id": "a", "numbers": ["1"]})
    with pytest.raises(InvalidData):
        await take(world.store, account, {"_id": "b", "numbers": ["1"]}, None, things, 1e6)


@pytest.fixture
async def two_servers(world):
    """The world's server, and another on the same store with locks of its own."""
    name = Name("service", "other_api")
    await world.node.start(ApiServer, ApiSettings(port=0), (), world.store, name=name)
    where = await world.node.call(name, Where())
    return [world.url, f"http://{where.host}:{where.port}"]


@pytest.mark.parametrize(
    ("resource", "data", "change"),
    [
        ("users", {"first_name": "A", "last_name": "B", "username": "ada"}, {"username": "eve"}),
        ("callflows", {"numbers": ["1001"], "flow": {"module": "hangup", "data": {}}}, {"numbers": ["1002"]}),
        ("callflows", {"patterns": ["^1.*$"], "flow": {"module": "hangup", "data": {}}}, {"patterns": ["^2"]}),
        ("vmboxes", {"name": "box", "mailbox": "1001"}, {"mailbox": "1002"}),
        ("devices", {"name": "d", "sip": {"username": "phone", "password": "secret"}}, {"sip": {"username": "fone"}}),
    ],
)
async def test_on_whichever_server_a_name_or_number_is_taken_it_is_taken_once(
    world, two_servers, resource, data, change
):
    account_id, token = await world.admin("acme")
    path = f"/accounts/{account_id}/{resource}"

    async def put(url, given):
        async with world.session.put(f"{url}/v2{path}", json={"data": given}, headers={"X-Auth-Token": token}) as reply:
            return reply.status, await reply.json()

    outcomes = await asyncio.gather(*(put(url, data) for url in two_servers * 4))
    assert sorted(status for status, _ in outcomes) == [201] + [400] * 7
    for status, body in outcomes:
        if status == 400:
            assert any("unique" in rules for rules in body["data"].values()), body
    id = next(body["data"]["id"] for status, body in outcomes if status == 201)
    # What is changed or deleted is free for others at once.
    assert (await world.patch(f"{path}/{id}", change, token)).status == 200
    status, body = await put(two_servers[1], data)
    assert status == 201, body
    assert (await world.delete(f"{path}/{body['data']['id']}", token)).status == 200
    assert (await put(two_servers[1], data))[0] == 201


async def test_a_write_that_lost_to_another_gives_up_what_it_claimed(world, monkeypatch):
    account_id, token = await world.admin("acme")
    path = f"/accounts/{account_id}/vmboxes"
    made = (await world.put(path, {"name": "box", "mailbox": "1001"}, token)).data
    put = world.store.put

    async def beaten(db, doc):
        if doc.get("mailbox") == "2002":
            raise Conflict(db, doc["_id"], None, None)
        return await put(db, doc)

    monkeypatch.setattr(world.store, "put", beaten)
    assert (await world.patch(f"{path}/{made['id']}", {"mailbox": "2002"}, token)).status == 409
    monkeypatch.undo()
    assert (await world.put(path, {"name": "other", "mailbox": "2002"}, token)).status == 201

"""What every resource's documents have in common, shown on menus."""

import asyncio

import pytest

from mirliton.actors.store.documents import GREGORIAN_OFFSET
from mirliton.actors.store.names import account_db


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def made(world, acme, **fields):
    account_id, token = acme
    reply = await world.put(f"/accounts/{account_id}/menus", {"name": "main", **fields}, token)
    assert reply.status == 201, reply.raw
    return reply


async def stored(world, acme, id):
    return await world.store.get(account_db(acme[0]), id)


async def test_put_creates_with_defaults_an_id_and_private_fields(world, acme):
    reply = await made(world, acme, flags=["day"])
    id = reply.data["id"]
    assert reply.headers["Location"].endswith(f"/menus/{id}")
    assert reply.data["retries"] == 3
    doc = await stored(world, acme, id)
    assert doc["pvt_type"] == "menu"
    assert doc["pvt_account_id"] == acme[0]
    assert doc["pvt_created"] == doc["pvt_modified"] > GREGORIAN_OFFSET
    assert doc["flags"] == ["day"]
    assert reply.body["revision"] == doc["_rev"]


async def test_get_reads_what_was_put(world, acme):
    account_id, token = acme
    made_reply = await made(world, acme)
    reply = await world.get(f"/accounts/{account_id}/menus/{made_reply.data['id']}", token)
    assert reply.status == 200
    assert reply.data == made_reply.data
    assert reply.data["_read_only"]["created"] == reply.data["_read_only"]["modified"]
    assert [row["id"] for row in (await world.get(f"/accounts/{account_id}/menus", token)).data] == [reply.data["id"]]


async def test_post_replaces_the_whole_and_patch_merges(world, acme):
    account_id, token = acme
    id = (await made(world, acme, hunt=False, media={"greeting": "x" * 32, "exit_media": True})).data["id"]
    path = f"/accounts/{account_id}/menus/{id}"
    reply = await world.patch(path, {"media": {"exit_media": None}, "timeout": 5000}, token)
    assert reply.status == 200
    assert reply.data["media"] == {"greeting": "x" * 32}
    assert (reply.data["hunt"], reply.data["timeout"]) == (False, 5000)
    reply = await world.post(path, {"name": "other"}, token)
    assert reply.status == 200
    assert "timeout" not in reply.data
    assert (reply.data["name"], reply.data["hunt"]) == ("other", True)


async def test_a_changed_document_can_be_posted_back_as_it_was_read(world, acme):
    account_id, token = acme
    path = f"/accounts/{account_id}/menus/{(await made(world, acme)).data['id']}"
    read = (await world.get(path, token)).data
    reply = await world.post(path, {**read, "name": "renamed"}, token)
    assert reply.status == 200
    doc = await stored(world, acme, read["id"])
    assert doc["name"] == "renamed"
    assert "id" not in doc
    assert "_read_only" not in doc


async def test_delete_hides_softly(world, acme):
    account_id, token = acme
    id = (await made(world, acme)).data["id"]
    path = f"/accounts/{account_id}/menus/{id}"
    reply = await world.delete(path, token)
    assert reply.status == 200
    assert reply.data["_read_only"]["deleted"] is True
    assert (await stored(world, acme, id))["pvt_deleted"] is True
    assert (await world.get(f"/accounts/{account_id}/menus", token)).data == []
    for method in ("GET", "POST", "PATCH", "DELETE"):
        reply = await world.ask(method, path, None if method in ("GET", "DELETE") else {"name": "x"}, token=token)
        assert (reply.status, reply.body["message"], reply.data["cause"]) == (404, "bad_identifier", id)


async def test_private_fields_are_neither_taken_nor_shown(world, acme):
    account_id, token = acme
    evil = {
        "_id": "mine",
        "_rev": "1-x",
        "pvt_type": "account",
        "pvt_account_id": "0" * 32,
        "id": "mine",
        "_deleted": True,
    }
    reply = await made(world, acme, **evil)
    id = reply.data["id"]
    before = await stored(world, acme, id)
    assert (before["pvt_type"], before["pvt_account_id"]) == ("menu", account_id)
    reply = await world.patch(f"/accounts/{account_id}/menus/{id}", evil, token)
    assert reply.status == 200
    after = await stored(world, acme, id)
    kept = ("_id", "pvt_type", "pvt_account_id", "pvt_created")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert not [key for key in reply.data if key.startswith("pvt_") or (key[0] == "_" and key != "_read_only")]


async def test_a_document_of_another_kind_is_not_found_by_its_id(world, acme):
    account_id, token = acme
    user_id = await world.user(account_id, "ada")
    for path in (f"menus/{user_id}", f"callflows/{account_id}", "users/limits", "menus/_design%2Fx", "menus/..%2F.."):
        reply = await world.get(f"/accounts/{account_id}/{path}", token)
        assert (reply.status, reply.body["message"]) == (404, "bad_identifier"), path
        assert (await world.delete(f"/accounts/{account_id}/{path}", token)).status == 404


async def test_a_schemas_errors_come_all_at_once_in_kazoos_shape(world, acme):
    account_id, token = acme
    given = {"retries": 99, "hunt": "perhaps", "media": {"greeting": "x" * 3000}, "record_pin": "1"}
    reply = await world.put(f"/accounts/{account_id}/menus", given, token)
    assert reply.status == 400
    body = reply.body
    assert (body["status"], body["error"], body["message"]) == ("error", "400", "invalid data")
    assert set(body["data"]) == {"name", "retries", "hunt", "media.greeting", "record_pin"}
    retries = body["data"]["retries"]["maximum"]
    assert (retries["target"], retries["value"], type(retries["message"])) == (10, 99, str)
    assert body["data"]["name"]["required"]["message"]
    assert body["data"]["hunt"]["type"]["target"] == "boolean"


async def test_an_invalid_change_changes_nothing(world, acme):
    account_id, token = acme
    id = (await made(world, acme)).data["id"]
    before = await stored(world, acme, id)
    assert (await world.patch(f"/accounts/{account_id}/menus/{id}", {"name": None}, token)).status == 400
    assert await stored(world, acme, id) == before


async def test_text_that_spells_a_number_is_taken_for_one(world, acme):
    assert (await made(world, acme, retries="5", hunt="false")).data["retries"] == 5


async def test_unchanged_documents_and_lists_are_304(world, acme):
    account_id, token = acme
    id = (await made(world, acme)).data["id"]
    for path in (f"/accounts/{account_id}/menus/{id}", f"/accounts/{account_id}/menus"):
        first = await world.get(path, token)
        etag = first.headers["ETag"]
        reply = await world.get(path, token, headers={"If-None-Match": etag})
        assert (reply.status, reply.raw) == (304, b"")
        assert reply.headers["ETag"] == etag
        await world.patch(f"/accounts/{account_id}/menus/{id}", {"name": f"new {path[-3:]}"}, token)
        assert (await world.get(path, token, headers={"If-None-Match": etag})).status == 200


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_if_match_guards_against_a_change_in_between(world, acme, method):
    account_id, token = acme
    made_reply = await made(world, acme)
    path = f"/accounts/{account_id}/menus/{made_reply.data['id']}"
    old = made_reply.headers["ETag"]
    current = (await world.patch(path, {"name": "between"}, token)).headers["ETag"]
    data = None if method == "DELETE" else {"name": "mine"}
    reply = await world.ask(method, path, data, token=token, headers={"If-Match": old})
    assert (reply.status, reply.body["message"]) == (412, "precondition_failed")
    assert (await world.ask(method, path, data, token=token, headers={"If-Match": current})).status == 200


async def test_two_changes_at_once_both_happen(world, acme):
    account_id, token = acme
    path = f"/accounts/{account_id}/menus/{(await made(world, acme)).data['id']}"
    changes = ({"hunt": False}, {"timeout": 4000}, {"retries": 7}, {"name": "x"})
    replies = await asyncio.gather(*(world.patch(path, change, token) for change in changes))
    assert {reply.status for reply in replies} == {200}
    read = (await world.get(path, token)).data
    assert (read["hunt"], read["timeout"], read["retries"], read["name"]) == (False, 4000, 7, "x")


async def test_a_writer_beside_the_api_makes_a_conflict(world, acme, monkeypatch):
    account_id, token = acme
    id = (await made(world, acme)).data["id"]
    original = type(world.store).put
    raced = []

    async def put(store, db, doc):
        if doc.get("_id") == id and not raced:
            raced.append(True)
            await original(store, db, {**await store.get(db, id), "name": "theirs"})
        return await original(store, db, doc)

    monkeypatch.setattr(type(world.store), "put", put)
    reply = await world.patch(f"/accounts/{account_id}/menus/{id}", {"name": "mine"}, token)
    assert (reply.status, reply.body["message"]) == (409, "datastore_conflict")
    assert (await world.patch(f"/accounts/{account_id}/menus/{id}", {"name": "mine"}, token)).status == 200


async def test_attachments_survive_a_change(world, acme):
    account_id, token = acme
    id = (await made(world, acme)).data["id"]
    doc = await stored(world, acme, id)
    await world.store.put_attachment(account_db(account_id), id, "a.mp3", "audio/mpeg", b"sound", doc["_rev"])
    assert (await world.post(f"/accounts/{account_id}/menus/{id}", {"name": "other"}, token)).status == 200
    assert (await world.store.get_attachment(account_db(account_id), id, "a.mp3")).data == b"sound"


@pytest.mark.parametrize(
    ("envelope", "body"),
    [
        ({}, {"data": {"required": {"message": "is required", "value": "data"}}}),
        ({"data": []}, {"data": {"type": {"message": "must be of type object", "target": "object"}}}),
        ({"data": "x"}, {"data": {"type": {"message": "must be of type object", "target": "object"}}}),
    ],
)
async def test_the_data_envelope_is_required(world, acme, envelope, body):
    account_id, token = acme
    reply = await world.put(f"/accounts/{account_id}/menus", None, token, envelope=envelope)
    assert reply.status == 400
    assert reply.data == body


async def test_a_filter_may_name_several_values_as_json(world):
    account_id, token = await world.admin("acme")
    for name, flags in (("a", ["x"]), ("b", ["y"]), ("c", []), ("[a]", ["x", "y"])):
        assert (await world.put(f"/accounts/{account_id}/menus", {"name": name, "flags": flags}, token)).status == 201

    async def names(query):
        return sorted(row["name"] for row in (await world.get(f"/accounts/{account_id}/menus?{query}", token)).data)

    assert await names('filter_name=["a","c"]') == ["a", "c"]
    assert await names('filter_not_name=["a","c"]') == ["[a]", "b"]
    assert await names('filter_flags=["x","z"]') == ["[a]", "a"]
    # What is no list in JSON is text.
    assert await names("filter_name=[a]") == ["[a]"]
    assert await names("filter_name=[]") == []
    many = "[" + ",".join(["1"] * 51) + "]"
    assert (await world.get(f"/accounts/{account_id}/menus?filter_name={many}", token)).status == 400

"""Logging in with an account's API key."""

from mirliton.actors.store.names import account_db


async def test_the_key_gives_a_token_for_the_whole_account(world):
    account_id = await world.account("acme")
    key = world.accounts[account_id]["pvt_api_key"]
    reply = await world.put("/api_auth", {"api_key": key})
    assert reply.status == 201
    assert reply.data["account_id"] == account_id
    assert "owner_id" not in reply.data
    token = reply.body["auth_token"]
    assert (await world.put(f"/accounts/{account_id}/menus", {"name": "main"}, token)).status == 201


async def test_a_wrong_key_is_refused(world):
    await world.account("acme")
    reply = await world.put("/api_auth", {"api_key": "0" * 64})
    assert (reply.status, reply.body["message"]) == (401, "invalid_credentials")
    assert (await world.put("/api_auth", {"api_key": "short"})).status == 400
    assert (await world.put("/api_auth", {"api_key": "0" * 64, "more": 1})).status == 400


async def test_a_new_key_ends_the_old_one_and_its_tokens(world):
    account_id, admin = await world.admin("acme")
    old = (await world.get(f"/accounts/{account_id}/api_key", admin)).data["api_key"]
    token = (await world.put("/api_auth", {"api_key": old})).body["auth_token"]
    reply = await world.put(f"/accounts/{account_id}/api_key", {}, admin)
    assert reply.status == 201
    assert reply.data["api_key"] != old
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401
    assert (await world.put("/api_auth", {"api_key": old})).status == 401
    assert (await world.put("/api_auth", {"api_key": reply.data["api_key"]})).status == 201


async def test_a_key_that_only_the_copy_still_has_is_refused(world):
    account_id = await world.account("acme")
    doc = await world.store.get(account_db(account_id), account_id)
    await world.store.put(account_db(account_id), {**doc, "pvt_api_key": "f" * 64})
    assert (await world.put("/api_auth", {"api_key": world.accounts[account_id]["pvt_api_key"]})).status == 401

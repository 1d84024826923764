"""Keys, ending tokens, acting as another user, and how ways of logging in are set up."""

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from mirliton.actors.store.names import account_db
from mirliton.api.attempts import MOST, Attempts
from mirliton.api.auth_config import way_of


@pytest.fixture
async def family(world):
    """master > parent > child, with an administrator and a plain user in child."""
    master, token = await world.admin("master")
    await world.make_master(master)
    world.master_id, world.master = master, token
    world.parent_id, world.parent = await world.admin("parent", master)
    world.child_id, world.child = await world.admin("child", world.parent_id)
    world.plain_id = await world.user(world.child_id, "plain", "user")
    world.plain = await world.login(world.child_id, "plain")
    return world


async def works(world, token):
    return (await world.get("/about", token)).status == 200


async def test_the_public_keys_are_shown_and_verify_nothing_else(family):
    ids = (await family.get("/auth/keys", family.plain)).data
    assert len(ids) == 1
    shown = (await family.get(f"/auth/keys/{ids[0]}", family.plain)).data
    assert load_pem_public_key(shown["public_key_pem"].encode())
    pem = await family.get(f"/auth/keys/{ids[0]}", family.plain, headers={"Accept": "application/x-pem-file"})
    assert (pem.headers["Content-Type"], pem.raw.decode()) == ("application/x-pem-file", shown["public_key_pem"])
    assert (await family.get("/auth/keys/" + "0" * 32, family.plain)).status == 404
    assert b"PRIVATE" not in pem.raw


async def test_the_master_ends_all_tokens_or_those_of_one_server(family):
    for token in (family.parent, family.child):
        assert (await family.put("/auth", {"action": "reset_signature_secret"}, token)).status == 403
    reply = await family.put("/auth", {}, family.master, envelope={"action": "reset_signature_secret"})
    assert reply.status == 201
    assert not await works(family, family.master)
    again = await family.login(family.child_id, "plain")
    assert await works(family, again)
    token = await family.login(family.parent_id, "admin_parent")
    master = await family.login(family.master_id, "admin_master")
    (id,) = (await family.get("/auth/keys", token)).data
    assert (await family.put(f"/auth/keys/{id}", {"action": "reset_private_key"}, token)).status == 403
    assert await works(family, token)
    assert (await family.put(f"/auth/keys/{id}", {"action": "reset_private_key"}, master)).status == 201
    assert not await works(family, token)


async def test_an_administrator_ends_the_tokens_of_a_user_or_of_the_accounts_key(family):
    key = family.accounts[family.child_id]["pvt_api_key"]
    by_key = (await family.put("/api_auth", {"api_key": key})).body["auth_token"]
    path = f"/accounts/{family.child_id}/users/{family.plain_id}/auth"
    assert (await family.put(path, {"action": "reset_signature_secret"}, family.plain)).status == 403
    assert (await family.put(path, {"action": "nonsense"}, family.child)).status == 400
    assert (await family.put(path, {"action": "reset_signature_secret"}, family.child)).status == 201
    assert not await works(family, family.plain)
    assert await works(family, by_key)
    account = f"/accounts/{family.child_id}/auth"
    assert (await family.put(account, {"action": "reset_signature_secret"}, family.parent)).status == 201
    assert not await works(family, by_key)
    assert await works(family, family.child)
    assert await works(family, (await family.put("/api_auth", {"api_key": key})).body["auth_token"])
    assert await works(family, await family.login(family.child_id, "plain"))


async def test_what_a_token_is_good_for_is_told_to_who_may_know(family):
    own = (await family.get("/auth/tokeninfo", family.plain)).data
    assert own["owner_id"] == family.plain_id
    named = (await family.post("/auth/tokeninfo", {"token": family.plain}, family.child)).data
    assert (named["owner_id"], named["account_name"]) == (family.plain_id, "child")
    assert (await family.get(f"/auth/tokeninfo?token={family.child}", family.plain)).status == 403
    assert (await family.get("/auth/tokeninfo?token=nonsense", family.plain)).status == 404


async def test_an_administrator_acts_as_a_user_and_the_audit_says_so(family):
    path = f"/accounts/{family.child_id}/users/{family.plain_id}/user_auth"
    reply = await family.put(path, {}, family.parent, envelope={"action": "impersonate_user"})
    assert reply.status == 201
    assert (reply.data["owner_id"], reply.data["original_account_id"]) == (family.plain_id, family.parent_id)
    token = reply.body["auth_token"]
    assert (await family.get(f"/accounts/{family.child_id}/users/{family.plain_id}", token)).status == 200
    # No more than the user may.
    assert (await family.get(f"/accounts/{family.child_id}/limits", token)).status == 200
    assert (await family.put(f"/accounts/{family.child_id}/users", {}, token)).status == 403
    assert (await family.get(f"/accounts/{family.parent_id}", token)).status == 403
    entries = (await family.get("/supervision/audit", family.master)).data
    told = next(entry for entry in entries if entry["action"] == "impersonate_user")
    assert (told["by_account"], told["account"], told["user"]) == (family.parent_id, family.child_id, family.plain_id)


async def test_who_acts_as_an_administrator_is_told_in_what_they_do_and_stays_who_they_are(family):
    admin = (await family.get(f"/accounts/{family.child_id}/users", family.child)).data
    admin_id = next(row["id"] for row in admin if row["username"] == "admin_child")
    path = f"/accounts/{family.child_id}/users"
    acting = (await family.put(f"{path}/{admin_id}/user_auth", {"action": "impersonate_user"}, family.master)).body
    again = await family.put(
        f"{path}/{family.plain_id}/user_auth", {"action": "impersonate_user"}, acting["auth_token"]
    )
    assert again.data["original_account_id"] == acting["data"]["original_account_id"]
    entries = (await family.get("/supervision/audit", family.master)).data
    second = next(entry for entry in entries if entry["action"] == "impersonate_user")
    assert second["original_account_id"] == acting["data"]["original_account_id"]
    assert second["by_user"] == admin_id


async def test_nobody_acts_as_a_user_of_others_or_as_nobody(family):
    path = f"/accounts/{family.child_id}/users"
    stranger = (await family.admin("stranger"))[1]
    asked = {"action": "impersonate_user"}
    assert (await family.put(f"{path}/{family.plain_id}/user_auth", asked, family.plain)).status == 403
    assert (await family.put(f"{path}/{family.plain_id}/user_auth", asked, stranger)).status == 403
    assert (await family.put(f"{path}/{'0' * 32}/user_auth", asked, family.child)).status == 404
    assert (await family.put(f"{path}/{family.plain_id}/user_auth", {}, family.child)).status == 400


async def test_a_way_of_logging_in_can_be_shut_and_tokens_last_as_long_as_the_account_says(family):
    path = f"/accounts/{family.child_id}/security"
    said = {"auth_modules": {"cb_api_auth": {"enabled": False}, "cb_user_auth": {"token_auth_expiry_s": 600}}}
    reply = await family.post(path, said, family.child)
    assert reply.data["account"]["auth_modules"]["cb_api_auth"]["enabled"] is False
    key = family.accounts[family.child_id]["pvt_api_key"]
    assert (await family.put("/api_auth", {"api_key": key})).status == 401
    token = await family.login(family.child_id, "plain")
    claims = (await family.get("/auth/tokeninfo", token)).data
    assert claims["exp"] - claims["iat"] == 600
    assert (await family.patch(path, {"auth_modules": {"cb_api_auth": None}}, family.child)).status == 200
    assert (await family.put("/api_auth", {"api_key": key})).status == 201
    assert (await family.delete(path, family.child)).status == 200
    assert (await family.delete(path, family.child)).status == 404
    assert (await family.get(path, family.child)).data["account"] == {}


@pytest.mark.parametrize("expiry", [0, -1, 59, 30 * 86_400 + 1])
async def test_a_tokens_life_has_bounds(family, expiry):
    said = {"auth_modules": {"cb_user_auth": {"token_auth_expiry_s": expiry}}}
    assert (await family.post(f"/accounts/{family.child_id}/security", said, family.child)).status == 400


async def test_settings_come_from_above_up_to_the_first_reseller(world):
    master = await world.account("master")
    reseller = await world.account("reseller", master, pvt_reseller=True)
    child = await world.account("child", reseller)
    await world.store.create_database("system_config")
    lives = {"system": 100, master: 200, reseller: 300, child: 400}

    async def say(where):
        config = {"auth_modules": {"cb_user_auth": {"token_auth_expiry_s": lives[where]}}}
        if where == "system":
            await world.store.put("system_config", {"_id": "crossbar.auth", "default": config})
        else:
            await world.store.put(account_db(where), {"_id": "configs_crossbar.auth", **config})

    async def life():
        return (await way_of(world.store, world.accounts[child], "cb_user_auth")).lifetime

    assert await life() is None
    await say("system")
    assert await life() == 100
    await say(master)
    assert await life() == 100
    await say(reseller)
    assert await life() == 300
    await say(child)
    assert await life() == 400


async def test_a_second_factor_is_asked_of_those_below_only_where_it_says_so(world):
    parent, token = await world.admin("parent")
    child = await world.account("child", parent)
    for include in (False, True):
        factor = {"enabled": True, "include_subaccounts": include}
        said = {"auth_modules": {"cb_user_auth": {"multi_factor": factor}}}
        assert (await world.post(f"/accounts/{parent}/security", said, token)).status == 200
        assert (await way_of(world.store, world.accounts[parent], "cb_user_auth")).second_factor
        assert (await way_of(world.store, world.accounts[child], "cb_user_auth")).second_factor is include


async def test_nobody_fills_the_disk_by_guessing(world):
    account_id = await world.account("acme")
    attempts = Attempts(world.store, world.node.clock.time, lambda: 0.0)
    for _ in range(MOST + 10):
        assert await attempts.note(account_id, "cb_user_auth", "failed", "invalid credentials") is None
    token = (await world.put("/api_auth", {"api_key": world.accounts[account_id]["pvt_api_key"]})).body["auth_token"]
    listed = await world.get(f"/accounts/{account_id}/security/attempts?paginate=false", token)
    assert len(listed.data) == MOST


async def test_the_ways_there_are(family):
    assert "cb_user_auth" in (await family.get("/security", family.plain)).data["available_auth_modules"]

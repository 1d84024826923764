"""Logging in with a username and a password, and what the token is good for."""

import asyncio
import hashlib
import time

import pytest

from mirliton.actors.store.documents import is_deleted, soft_deleted
from mirliton.actors.store.names import account_db
from mirliton.api import logins
from mirliton.api.server import API
from mirliton.config import ApiSettings


async def test_the_right_password_gives_a_token_and_says_whose(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    reply = await world.put("/user_auth", world.credentials(account_id, "ada"))
    assert reply.status == 201
    assert reply.body["status"] == "success"
    assert reply.data["account_id"] == account_id
    assert reply.data["owner_id"] == user_id
    assert reply.data["account_name"] == "acme"
    assert (await world.get(f"/accounts/{account_id}", reply.body["auth_token"])).status == 200


@pytest.mark.parametrize(
    "named",
    [{"account_name": "Ac.Me"}, {"account_realm": "ACME.example.com"}, {"account_name": "acme", "method": "sha"}],
)
async def test_an_account_is_named_by_name_or_realm_and_hashes_are_md5_or_sha(world, named):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    kind = hashlib.sha1 if named.get("method") == "sha" else hashlib.md5
    reply = await world.put("/user_auth", {"credentials": kind(b"ada:ada").hexdigest(), **named})
    assert reply.status == 201


async def test_an_account_is_named_by_a_number_assigned_to_it(world):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    await world.store.create_database("numbers/+1415")
    await world.store.put("numbers/+1415", {"_id": "+14155550100", "pvt_assigned_to": account_id})
    credentials = hashlib.md5(b"ada:ada").hexdigest()
    reply = await world.put("/user_auth", {"credentials": credentials, "phone_number": "+1 (415) 555-0100"})
    assert reply.status == 201
    reply = await world.put("/user_auth", {"credentials": credentials, "phone_number": "+14155550199"})
    assert reply.status == 401


@pytest.mark.parametrize(
    ("username", "password", "realm"),
    [("ada", "wrong", None), ("nobody", "ada", None), ("ada", "ada", "other.example.com")],
)
async def test_whatever_is_wrong_the_answer_is_the_same(world, username, password, realm):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    given = world.credentials(account_id, username, password)
    reply = await world.put("/user_auth", {**given, **({"account_realm": realm} if realm else {})})
    assert reply.status == 401
    assert reply.body["error"] == "401"
    assert reply.body["message"] == "invalid_credentials"
    assert reply.data == {"message": "invalid credentials"}
    assert "auth_token" not in reply.body


async def test_a_wrong_login_takes_its_time_whatever_was_wrong(world, monkeypatch):
    monkeypatch.setattr(logins, "FAILURE_TIME", 0.2)
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    for given in (world.credentials(account_id, "ada", "no"), {"credentials": "x", "account_name": "none"}):
        began = time.perf_counter()
        assert (await world.put("/user_auth", given)).status == 401
        assert time.perf_counter() - began >= 0.2


async def test_after_too_many_wrong_logins_the_right_one_waits_too(world):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    wrong = world.credentials(account_id, "ada", "wrong")
    replies = await asyncio.gather(*(world.put("/user_auth", wrong) for _ in range(logins.PER_ACCOUNT)))
    assert {reply.status for reply in replies} == {401}
    reply = await world.put("/user_auth", world.credentials(account_id, "ada"))
    assert reply.status == 429
    assert reply.body["message"] == "too_many_requests"
    assert 1 <= int(reply.headers["Retry-After"]) <= logins.REFILL


async def test_right_logins_are_not_counted(world):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    for _ in range(logins.PER_ACCOUNT * 2):
        await world.login(account_id, "ada")


async def test_the_password_is_never_in_the_log(world, capfd, caplog):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    given = world.credentials(account_id, "ada")
    token = await world.login(account_id, "ada")
    await world.get(f"/user_auth/{token}?auth_token={token}", token)
    out = "".join(capfd.readouterr()) + caplog.text
    assert "user_auth" in out
    assert given["credentials"] not in out
    assert token not in out


async def test_a_disabled_user_does_not_come_in_nor_does_their_token(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    token = await world.login(account_id, "ada")
    doc = await world.store.get(account_db(account_id), user_id)
    await world.store.put(account_db(account_id), {**doc, "enabled": False})
    assert (await world.put("/user_auth", world.credentials(account_id, "ada"))).status == 401
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401


async def test_a_token_ends_with_the_password_it_was_made_of(world):
    account_id, admin = await world.admin("acme")
    user_id = await world.user(account_id, "ada")
    token = await world.login(account_id, "ada")
    reply = await world.patch(f"/accounts/{account_id}/users/{user_id}", {"password": "better"}, admin)
    assert reply.status == 200
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401
    assert await world.login(account_id, "ada", "better")


async def test_a_deleted_users_token_is_worth_nothing(world):
    account_id, admin = await world.admin("acme")
    user_id = await world.user(account_id, "ada")
    token = await world.login(account_id, "ada")
    await world.delete(f"/accounts/{account_id}/users/{user_id}", admin)
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401


async def test_a_disabled_account_is_locked(world):
    account_id, token = await world.admin("acme")
    doc = await world.store.get(account_db(account_id), account_id)
    await world.store.put(account_db(account_id), {**doc, "pvt_enabled": False})
    reply = await world.get(f"/accounts/{account_id}", token)
    assert (reply.status, reply.body["message"]) == (423, "disabled")
    assert (await world.put("/user_auth", world.credentials(account_id, "admin_acme"))).status == 423
    assert (await world.put("/user_auth", world.credentials(account_id, "admin_acme", "wrong"))).status == 401


async def test_a_deleted_account_lets_nobody_in(world):
    account_id, token = await world.admin("acme")
    doc = await world.store.get(account_db(account_id), account_id)
    gone = soft_deleted(doc)
    assert is_deleted(gone)
    await world.store.put(account_db(account_id), gone)
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401
    assert (await world.put("/user_auth", world.credentials(account_id, "admin_acme"))).status == 401


async def test_all_errors_of_the_data_come_at_once(world):
    reply = await world.put("/user_auth", {"method": "rot13", "account_realm": "x"})
    assert reply.status == 400
    assert reply.body["message"] == "invalid data"
    assert set(reply.data) == {"credentials", "method", "account_realm"}


async def test_an_account_must_be_named(world):
    reply = await world.put("/user_auth", {"credentials": "0" * 32})
    assert reply.status == 400
    assert reply.data == {"account_name": {"required": {"message": "is required", "value": "account_name"}}}


async def test_a_token_tells_whose_it_is_to_those_who_may_know(world):
    account_id, admin = await world.admin("acme")
    await world.user(account_id, "bob", "user")
    bob = await world.login(account_id, "bob")
    _, stranger = await world.admin("other")
    reply = await world.get(f"/user_auth/{bob}", admin)
    assert (reply.status, reply.data["method"]) == (200, "cb_user_auth")
    assert (await world.get(f"/user_auth/{bob}", bob)).status == 200
    assert (await world.get(f"/user_auth/{admin}", bob)).status == 403
    assert (await world.get(f"/user_auth/{bob}", stranger)).status == 403
    assert (await world.get("/user_auth/nonsense", bob)).status == 404


async def test_a_token_outlives_a_restart_of_the_server(world):
    account_id, token = await world.admin("acme")
    pid = world.node.whereis(API)
    world.node.exit(pid, "kill")
    await world.node.wait_exit(pid)
    await world.start()
    assert (await world.get(f"/accounts/{account_id}", token)).status == 200


async def test_a_token_has_kazoos_claims_and_a_lifetime(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, token_lifetime=60))
    account_id, token = await world.admin("acme")
    reply = await world.get("/auth/tokeninfo", token)
    assert reply.data["account_id"] == account_id
    assert reply.data["method"] == "cb_user_auth"
    assert reply.data["exp"] - reply.data["iat"] == 60
    assert "identity_sig" not in reply.data
    reply = await world.get("/token_auth", token)
    assert reply.data["account_id"] == account_id

"""How passwords are kept: found by a key under a secret, verified with Argon2id; Kazoo's bare hashes are replaced."""

import asyncio
import base64
import hashlib

import pytest

from mirliton.actors.store.documents import password_hashes
from mirliton.actors.store.names import account_db
from mirliton.api import logins
from mirliton.api.credentials import DATABASE, KEPT
from mirliton.api.server import API
from mirliton.config import ApiSettings, Secret


async def stored(world, account_id, user_id):
    return await world.store.get(account_db(account_id), user_id)


async def test_an_imported_password_is_replaced_at_the_first_login(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    before = await stored(world, account_id, user_id)
    assert before["pvt_md5_auth"]
    await world.login(account_id, "ada")
    after = await stored(world, account_id, user_id)
    assert not {"pvt_md5_auth", "pvt_sha1_auth"} & set(after)
    assert not any(digest in str(after) for digest in password_hashes("ada", "ada").values())
    assert set(after["pvt_credentials"]) == {"md5", "sha"}
    # The other method was sealed with it, and both go on working.
    sha = {"credentials": hashlib.sha1(b"ada:ada").hexdigest(), "method": "sha", "account_name": "acme"}
    assert (await world.put("/user_auth", sha)).status == 201
    await world.login(account_id, "ada")
    assert (await stored(world, account_id, user_id))["_rev"] == after["_rev"]


async def test_first_logins_that_come_at_once_all_get_in(world):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    tokens = await asyncio.gather(*(world.login(account_id, "ada") for _ in range(6)))
    for token in tokens:
        assert (await world.get(f"/accounts/{account_id}", token)).status == 200


async def test_a_wrong_login_replaces_nothing(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    before = await stored(world, account_id, user_id)
    assert (await world.put("/user_auth", world.credentials(account_id, "ada", "wrong"))).status == 401
    assert await stored(world, account_id, user_id) == before


async def test_the_sealed_hash_is_checked_and_not_only_found(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    await world.user(account_id, "bob")
    await world.login(account_id, "ada")
    await world.login(account_id, "bob")
    ada = await stored(world, account_id, user_id)
    bob = next(
        row.doc
        for row in (await world.store.view(account_db(account_id), "users/list_by_username", include_docs=True)).rows
        if row.key == "bob"
    )
    # Somebody who can write a document, but does not know the secret's use, moves a key.
    forged = {**bob["pvt_credentials"], "md5": {**bob["pvt_credentials"]["md5"]}}
    forged["md5"]["key"] = ada["pvt_credentials"]["md5"]["key"]
    await world.store.delete(account_db(account_id), user_id, ada["_rev"])
    await world.store.put(account_db(account_id), {**bob, "pvt_credentials": forged})
    assert (await world.put("/user_auth", world.credentials(account_id, "ada"))).status == 401


async def restarted(world, **settings):
    pid = world.node.whereis(API)
    if pid is not None:
        world.node.exit(pid, "kill")
        await world.node.wait_exit(pid)
    await world.start(ApiSettings(port=0, **settings))


def key_of(secret: bytes, credentials: str) -> str:
    return (
        hashlib.new("sha256", b"").name
        and __import__("hmac").digest(secret, f"login\0md5\0{credentials}".encode(), "sha256").hex()
    )


async def test_the_secret_may_be_changed_while_the_old_one_is_still_named(empty_world):
    world = empty_world
    await restarted(world, login_secret=Secret("first"))
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    await world.login(account_id, "ada")
    credentials = world.credentials(account_id, "ada")["credentials"]

    async def key():
        return (await stored(world, account_id, user_id))["pvt_credentials"]["md5"]["key"]

    assert await key() == key_of(b"first", credentials)
    await restarted(world, login_secret=Secret("second first"))
    await world.login(account_id, "ada")
    assert await key() == key_of(b"second", credentials)
    await restarted(world, login_secret=Secret("second"))
    await world.login(account_id, "ada")
    await restarted(world, login_secret=Secret("other"))
    assert (await world.put("/user_auth", world.credentials(account_id, "ada"))).status == 401


async def test_without_a_configured_secret_one_is_kept_in_the_store_and_left_behind_later(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    await world.login(account_id, "ada")
    credentials = world.credentials(account_id, "ada")["credentials"]
    kept = base64.b64decode((await world.store.get(DATABASE, KEPT))["pvt_secret"])
    assert (await stored(world, account_id, user_id))["pvt_credentials"]["md5"]["key"] == key_of(kept, credentials)
    await restarted(world, login_secret=Secret("mine"))
    await world.login(account_id, "ada")
    now = (await stored(world, account_id, user_id))["pvt_credentials"]["md5"]["key"]
    assert now == key_of(b"mine", credentials)


def basic(account_id: str, credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{account_id}:{credentials}".encode()).decode()}


async def test_basic_takes_the_hash_of_a_users_password_or_the_accounts_key(world):
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    key = world.accounts[account_id]["pvt_api_key"]
    for credentials in (hashlib.md5(b"ada:ada").hexdigest(), hashlib.sha1(b"ada:ada").hexdigest(), key):
        reply = await world.get(f"/accounts/{account_id}", headers=basic(account_id, credentials))
        assert reply.status == 200
        assert "auth_token" not in reply.body
        assert credentials.encode() not in reply.raw


@pytest.mark.parametrize("text", ["", "Basic", "Basic !!!", "Basic YTpi", "Basic " + "A" * 600, "Basic //79"])
async def test_what_is_no_basic_of_anybodys_is_refused(world, text):
    account_id = await world.account("acme")
    assert (await world.get(f"/accounts/{account_id}", headers={"Authorization": text})).status == 401


async def test_basic_ends_with_the_password_although_it_is_remembered(world):
    account_id, admin = await world.admin("acme")
    user_id = await world.user(account_id, "ada")
    shown = basic(account_id, hashlib.md5(b"ada:ada").hexdigest())
    assert (await world.get(f"/accounts/{account_id}", headers=shown)).status == 200
    await world.patch(f"/accounts/{account_id}/users/{user_id}", {"password": "new"}, admin)
    assert (await world.get(f"/accounts/{account_id}", headers=shown)).status == 401


async def test_wrong_basics_are_few(world):
    account_id = await world.account("acme")
    shown = basic(account_id, "0" * 32)
    replies = await asyncio.gather(
        *(world.get(f"/accounts/{account_id}", headers=shown) for _ in range(logins.PER_ACCOUNT + 1))
    )
    assert sorted({reply.status for reply in replies}) == [401, 429]

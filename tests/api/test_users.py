"""Users: passwords, usernames, and what a user who is no administrator may change."""

import asyncio

import pytest

from mirliton.actors.store.documents import password_hashes
from mirliton.actors.store.names import account_db


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def made(world, acme, **fields):
    account_id, token = acme
    return await world.put(f"/accounts/{account_id}/users", {"first_name": "Ada", "last_name": "King", **fields}, token)


async def test_a_password_becomes_hashes_and_is_gone(world, acme):
    account_id, _ = acme
    reply = await made(world, acme, username="Ada", password="Lovelace")
    assert reply.status == 201
    assert "password" not in reply.data
    assert reply.data["username"] == "ada"
    doc = await world.store.get(account_db(account_id), reply.data["id"])
    assert set(doc["pvt_credentials"]) == {"md5", "sha"}
    assert all(sealed["hash"].startswith("$argon2id$") for sealed in doc["pvt_credentials"].values())
    assert not {"password", "pvt_md5_auth", "pvt_sha1_auth"} & set(doc)
    assert not any(digest in str(doc) for digest in password_hashes("ada", "Lovelace").values())
    assert b"Lovelace" not in reply.raw
    assert await world.login(account_id, "ada", "Lovelace")


async def test_without_a_username_one_is_made_up(world, acme):
    reply = await made(world, acme)
    assert reply.status == 201
    assert reply.data["username"].startswith("user_")


async def test_a_username_is_there_once_in_an_account_whatever_its_letters(world, acme):
    account_id, token = acme
    first = await made(world, acme, username="ada", password="x")
    reply = await made(world, acme, username="ADA")
    assert reply.status == 400
    assert reply.data["username"]["unique"]["cause"] == "ada"
    other = (await made(world, acme, username="bob")).data["id"]
    reply = await world.patch(f"/accounts/{account_id}/users/{other}", {"username": "Ada"}, token)
    assert (reply.status, set(reply.data)) == (400, {"username"})
    # The other account does not care, and a name that is free again may be taken.
    second, token2 = await world.admin("second")
    reply = await world.put(
        f"/accounts/{second}/users", {"first_name": "A", "last_name": "B", "username": "ada"}, token2
    )
    assert reply.status == 201
    await world.delete(f"/accounts/{account_id}/users/{first.data['id']}", token)
    assert (await made(world, acme, username="ada")).status == 201


async def test_of_two_who_take_a_username_at_once_one_gets_it(world, acme):
    replies = await asyncio.gather(*(made(world, acme, username="ada") for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400, 400]


async def test_a_change_without_a_password_keeps_it(world, acme):
    account_id, token = acme
    user = (await made(world, acme, username="ada", password="secret")).data
    path = f"/accounts/{account_id}/users/{user['id']}"
    assert (await world.post(path, {**user, "email": "ada@example.com"}, token)).status == 200
    assert await world.login(account_id, "ada", "secret")


async def test_a_new_username_needs_the_password(world, acme):
    account_id, token = acme
    user = (await made(world, acme, username="ada", password="secret")).data
    path = f"/accounts/{account_id}/users/{user['id']}"
    reply = await world.patch(path, {"username": "countess"}, token)
    assert reply.status == 400
    assert set(reply.data["password"]) == {"required"}
    assert (await world.patch(path, {"username": "countess", "password": "secret"}, token)).status == 200
    assert await world.login(account_id, "countess", "secret")
    assert (await world.put("/user_auth", world.credentials(account_id, "ada", "secret"))).status == 401


async def test_errors_of_the_schema_and_of_the_username_come_together(world, acme):
    await made(world, acme, username="ada")
    reply = await made(world, acme, username="ada", priv_level="king", password="")
    assert reply.status == 400
    assert set(reply.data) == {"username", "priv_level", "password"}


async def test_hashes_are_never_shown(world, acme):
    account_id, token = acme
    user = (await made(world, acme, username="ada", password="secret")).data
    hashes = password_hashes("ada", "secret").values()
    for path in (f"/accounts/{account_id}/users/{user['id']}", f"/accounts/{account_id}/users"):
        reply = await world.get(path, token)
        assert not [digest for digest in hashes if digest.encode() in reply.raw]


class Plain:
    """A user who is no administrator."""

    def __init__(self, account_id, user_id, token):
        self.account_id, self.user_id, self.token = account_id, user_id, token
        self.path = f"/accounts/{account_id}/users/{user_id}"


@pytest.fixture
async def bob(world, acme):
    account_id, _ = acme
    user_id = await world.user(account_id, "bob", "user", call_restriction={"international": {"action": "deny"}})
    return Plain(account_id, user_id, await world.login(account_id, "bob"))


async def test_a_plain_user_changes_what_is_their_own_affair(world, bob):
    reply = await world.patch(bob.path, {"call_forward": {"enabled": True, "number": "+15550001"}}, bob.token)
    assert reply.status == 200
    assert reply.data["call_forward"]["number"] == "+15550001"
    read = (await world.get(bob.path, bob.token)).data
    assert (await world.post(bob.path, {**read, "timezone": "Europe/Paris"}, bob.token)).status == 200
    assert (await world.patch(bob.path, {"password": "better"}, bob.token)).status == 200
    assert await world.login(bob.account_id, "bob", "better")


@pytest.mark.parametrize(
    "change",
    [
        {"priv_level": "admin"},
        {"enabled": False},
        {"call_restriction": {"international": {"action": "inherit"}}},
        {"call_restriction": None},
        {"caller_id": {"external": {"number": "+15550000"}}},
        {"username": "root", "password": "x"},
        {"verified": True},
        {"anything": 1},
    ],
)
async def test_a_plain_user_changes_nothing_that_gives_rights_or_costs_money(world, bob, change):
    reply = await world.patch(bob.path, change, bob.token)
    assert (reply.status, reply.body["message"]) == (403, "forbidden")
    assert reply.data["cause"] == [next(iter(change))]
    assert (await world.delete(bob.path, bob.token)).status == 403


async def test_a_plain_user_sees_the_list_but_not_the_others(world, acme, bob):
    account_id, _ = acme
    other = await world.user(account_id, "eve", "user", secret_note="x")
    assert (await world.get(f"/accounts/{account_id}/users/{other}", bob.token)).status == 403
    reply = await world.get(f"/accounts/{account_id}/users", bob.token)
    assert {row["username"] for row in reply.data} == {"admin_acme", "bob", "eve"}
    # A filter must not tell what the list does not.
    reply = await world.get(f"/accounts/{account_id}/users?filter_secret_note=x", bob.token)
    assert reply.data == []
    assert len((await world.get(f"/accounts/{account_id}/users?filter_username=eve", bob.token)).data) == 1

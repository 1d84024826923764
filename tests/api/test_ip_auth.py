"""Logging in by where one comes from, and whom the API believes about that."""

import pytest

from mirliton.actors.store.names import account_db
from mirliton.api.addresses import networks
from mirliton.config import ApiSettings


async def test_an_accounts_own_address_gives_a_token(world):
    account_id = await world.account("acme", ips=[{"ip": "127.0.0.1"}])
    reply = await world.put("/ip_auth", {})
    assert (reply.status, reply.data["account_id"]) == (201, account_id)
    assert (await world.get(f"/accounts/{account_id}", reply.body["auth_token"])).status == 200


async def test_the_token_ends_with_the_address(world):
    account_id = await world.account("acme", ips=[{"ip": "127.0.0.1"}])
    token = (await world.put("/ip_auth", {})).body["auth_token"]
    doc = await world.store.get(account_db(account_id), account_id)
    await world.store.put(account_db(account_id), {**doc, "ips": []})
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401
    # The copy in `accounts` still says otherwise.
    assert (await world.put("/ip_auth", {})).status == 401


async def test_an_address_may_stand_for_a_user(world):
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada", "user")
    for database in (account_db(account_id), "accounts"):
        doc = await world.store.get(database, account_id)
        await world.store.put(database, {**doc, "ips": [{"ip": "127.0.0.1", "owner_id": user_id}]})
    assert (await world.put("/ip_auth", {})).data["owner_id"] == user_id


async def test_of_two_accounts_with_one_address_neither_is_taken(world):
    await world.account("acme", ips=[{"ip": "127.0.0.1"}])
    await world.account("other", ips=[{"ip": "127.0.0.1"}])
    assert (await world.put("/ip_auth", {})).status == 401


async def test_an_account_does_not_give_itself_an_address(world):
    parent, above = await world.admin("parent")
    account_id, token = await world.admin("acme", parent)
    ips = [{"ip": "127.0.0.1"}]
    assert "ips" not in (await world.patch(f"/accounts/{account_id}", {"ips": ips}, token)).data
    assert (await world.put("/ip_auth", {})).status == 401
    assert (await world.patch(f"/accounts/{account_id}", {"ips": ips}, above)).data["ips"] == ips
    assert (await world.put("/ip_auth", {})).status == 201


@pytest.mark.parametrize(
    ("trusted", "forwarded", "believed"),
    [
        ("", "10.9.8.7", "127.0.0.1"),
        ("127.0.0.1", "10.9.8.7", "10.9.8.7"),
        ("127.0.0.0/8", "6.6.6.6, 10.9.8.7", "10.9.8.7"),
        ("127.0.0.1 10.0.0.0/8", "6.6.6.6, 10.9.8.7", "6.6.6.6"),
        ("127.0.0.1 10.0.0.0/8", "nonsense, 10.9.8.7", "10.9.8.7"),
        ("127.0.0.1", "::ffff:10.9.8.7", "10.9.8.7"),
        ("10.0.0.0/8", "10.9.8.7", "127.0.0.1"),
    ],
)
async def test_only_a_trusted_proxy_tells_where_somebody_comes_from(empty_world, trusted, forwarded, believed):
    world = empty_world
    await world.start(ApiSettings(port=0, trusted_proxies=trusted))
    account_id = await world.account("acme", ips=[{"ip": believed}])
    reply = await world.put("/ip_auth", {}, headers={"X-Forwarded-For": forwarded})
    assert (reply.status, reply.data.get("account_id")) == (201, account_id)


def test_networks_are_listed_with_spaces_between():
    assert [str(network) for network in networks("10.0.0.0/8 ::1")] == ["10.0.0.0/8", "::1/128"]

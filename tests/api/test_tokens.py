"""How a token comes with a request, and which are refused."""

import asyncio
import base64
import json

import jwt
import pytest

from mirliton.actors.store import SqliteStore, opened
from mirliton.api.errors import InvalidCredentials
from mirliton.api.keys import DATABASE, KEY_LIFE, KEY_TRUSTED, PREFIX, SLACK
from mirliton.api.revocations import is_revoked, revoke
from mirliton.api.tokens import MAX_TOKEN, Tokens, identity_stands


@pytest.mark.parametrize(
    "place",
    [
        lambda token: ("", {"X-Auth-Token": token}),
        lambda token: ("", {"Authorization": f"Bearer {token}"}),
        lambda token: ("", {"Authorization": token}),
        lambda token: (f"?auth_token={token}", {}),
    ],
)
async def test_a_token_may_stand_in_each_of_kazoos_places(world, place):
    account_id, token = await world.admin("acme")
    query, headers = place(token)
    assert (await world.get(f"/accounts/{account_id}{query}", headers=headers)).status == 200


async def test_a_token_may_come_in_the_envelope(world):
    account_id, token = await world.admin("acme")
    reply = await world.put(f"/accounts/{account_id}/menus", {"name": "main"}, envelope={"auth_token": token})
    assert reply.status == 201


async def test_the_header_goes_before_the_query(world):
    account_id, token = await world.admin("acme")
    reply = await world.get(f"/accounts/{account_id}?auth_token=nonsense", token)
    assert reply.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Auth-Token": "nonsense"},
        {"X-Auth-Token": "x" * (MAX_TOKEN + 1)},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer a.b.c"},
    ],
)
async def test_without_a_good_token_nothing_is_told(world, headers):
    account_id = await world.account("acme")
    reply = await world.get(f"/accounts/{account_id}", headers=headers)
    assert (reply.status, reply.body["message"], reply.body["status"]) == (401, "invalid_credentials", "error")


def forged(token: str, **claims) -> list[str]:
    """The token with other claims, in the ways that forgers try."""
    head, body, signature = token.split(".")

    def part(value) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    changed = {**json.loads(base64.urlsafe_b64decode(body + "==")), **claims}
    return [
        f"{head}.{part(changed)}.{signature}",
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(changed)}.",
        f"{part({'alg': 'HS512', 'typ': 'JWT'})}.{part(changed)}.{signature}",
        jwt.encode(changed, "secret" * 8, algorithm="HS256"),
        f"{head}.{body}.",
    ]


async def test_a_forged_token_is_refused(world):
    account_id, token = await world.admin("acme")
    other = await world.account("other")
    for fake in forged(token, account_id=other):
        assert (await world.get(f"/accounts/{other}", fake)).status == 401
        assert (await world.get(f"/accounts/{account_id}", fake)).status == 401


@pytest.fixture
async def store(tmp_path):
    async with opened(SqliteStore(tmp_path / "store.db")) as store:
        yield store


class Time:
    """Seconds that the test moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_token_expires(store):
    clock = Time()
    tokens = Tokens(store, 100.0, clock)
    token = await tokens.make("cb_user_auth", "a" * 32, "b" * 32, b"hashes")
    clock.now += 99
    assert (await tokens.read(token))["owner_id"] == "b" * 32
    clock.now += 1
    with pytest.raises(InvalidCredentials):
        await tokens.read(token)


async def test_a_token_stands_and_falls_with_its_secret(store):
    tokens = Tokens(store, 100.0, Time())
    claims = await tokens.read(await tokens.make("cb_api_auth", "a" * 32, None, b"key"))
    assert identity_stands(claims, b"key")
    assert not identity_stands(claims, b"other")
    assert not identity_stands({**claims, "owner_id": "b" * 32}, b"key")


async def test_each_node_signs_with_a_key_of_its_own_and_accepts_those_of_all(store):
    nodes = [Tokens(store, 100.0, Time()) for _ in range(8)]
    made = await asyncio.gather(*(tokens.make("m", "a" * 32, None, b"key") for tokens in nodes))
    assert len({jwt.get_unverified_header(token)["kid"] for token in made}) == 8
    for tokens in nodes:
        for token in made:
            assert (await tokens.read(token))["account_id"] == "a" * 32


async def test_a_token_outlives_the_node_that_signed_it(store):
    token = await Tokens(store, 100.0, Time()).make("m", "a" * 32, None, b"key")
    assert await Tokens(store, 100.0, Time()).read(token)


async def test_a_nodes_first_tokens_are_made_with_one_key_even_when_all_at_once(store):
    tokens = Tokens(store, 100.0, Time())
    made = await asyncio.gather(*(tokens.make("m", "a" * 32, None, b"key") for _ in range(20)))
    assert len({jwt.get_unverified_header(token)["kid"] for token in made}) == 1


async def keys(store) -> list[str]:
    return [row.id for row in (await store.all_docs(DATABASE, startkey=PREFIX)).rows]


async def test_nothing_in_the_store_can_sign(store):
    await Tokens(store, 100.0, Time()).make("m", "a" * 32, None, b"key")
    (id,) = await keys(store)
    doc = await store.get(DATABASE, id)
    assert set(doc) <= {
        *("_id", "_rev", "algorithm", "public_key", "pvt_expires", "pvt_type", "pvt_account_db"),
        *("pvt_created", "pvt_modified", "pvt_vsn"),
    }
    assert len(base64.b64decode(doc["public_key"])) == 32


async def test_keys_rotate_and_old_ones_go_when_no_token_needs_them(store):
    clock = Time()
    tokens = Tokens(store, 100.0, clock)
    first = await tokens.make("m", "a" * 32, None, b"key")
    clock.now += KEY_LIFE - 1
    last = await tokens.make("m", "a" * 32, None, b"key")
    clock.now += 1
    await tokens.make("m", "a" * 32, None, b"key")
    assert len(await keys(store)) == 2
    with pytest.raises(InvalidCredentials):
        await tokens.read(first)
    assert await tokens.read(last)
    clock.now += 100 + SLACK
    await Tokens(store, 100.0, clock).make("m", "a" * 32, None, b"key")
    assert len(await keys(store)) == 2


async def test_deleting_the_keys_ends_all_tokens(store):
    clock = Time()
    tokens = Tokens(store, 3600.0, clock)
    token = await tokens.make("m", "a" * 32, None, b"key")
    (id,) = await keys(store)
    await store.delete(DATABASE, id, (await store.get(DATABASE, id))["_rev"])
    clock.now += KEY_TRUSTED
    with pytest.raises(InvalidCredentials):
        await tokens.read(token)
    assert await tokens.read(await tokens.make("m", "a" * 32, None, b"key"))


async def test_a_token_that_is_taken_back_is_worth_nothing_at_once(world):
    account_id, token = await world.admin("acme")
    other = await world.login(account_id, "admin_acme")
    assert (await world.delete("/token_auth", token)).status == 200
    assert (await world.get(f"/accounts/{account_id}", token)).status == 401
    assert (await world.delete("/token_auth", token)).status == 401
    assert (await world.get(f"/accounts/{account_id}", other)).status == 200


async def test_what_was_taken_back_is_forgotten_when_it_has_expired(store):
    claims = {"account_id": "a" * 32, "exp": 1000, "jti": "one"}
    await revoke(store, claims, 900.0)
    assert await is_revoked(store, claims)
    await revoke(store, {**claims, "exp": 2000, "jti": "two"}, 1001.0)
    assert not await is_revoked(store, claims)
    assert await is_revoked(store, {**claims, "exp": 2000, "jti": "two"})

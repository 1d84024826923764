"""How much a client may ask in a time."""

from mirliton.api.buckets import LOGIN_COST
from mirliton.config import ApiSettings


async def test_each_answer_tells_what_it_cost_and_what_is_left(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, bucket_tokens=100, bucket_fill=0.01))
    account_id = await world.account("acme")
    await world.user(account_id, "ada")
    reply = await world.put("/user_auth", world.credentials(account_id, "ada"))
    assert reply.body["tokens"] == {"consumed": LOGIN_COST, "remaining": 100 - LOGIN_COST}
    token = reply.body["auth_token"]
    left = [(await world.get("/about", token)).body["tokens"]["remaining"] for _ in range(3)]
    assert left == [99, 98, 97]


async def test_an_empty_bucket_refuses_and_is_that_accounts_alone(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, bucket_tokens=80, bucket_fill=0.01))
    first, token = await world.admin("first")
    _, other = await world.admin("other")
    for _ in range(80):
        assert (await world.get(f"/accounts/{first}", token)).status == 200
    reply = await world.get(f"/accounts/{first}", token)
    assert (reply.status, reply.body["message"]) == (429, "too_many_requests")
    assert int(reply.headers["Retry-After"]) >= 1
    assert (await world.get("/about", other)).status == 200


async def test_who_shows_nothing_good_is_refused_sooner_or_later(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, bucket_tokens=10, bucket_fill=0.01))
    statuses = [(await world.get("/about", "nonsense")).status for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


async def test_nought_sets_no_limit(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, bucket_tokens=0))
    _, token = await world.admin("acme")
    assert "tokens" not in (await world.get("/about", token)).body

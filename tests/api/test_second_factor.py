"""The second factor: codes of an app (TOTP), who has to show one, and what a code is good for."""

import asyncio
import base64
import time

import pyotp
import pytest

from mirliton.actors.store.names import account_db
from mirliton.api.errors import InvalidCredentials, TooManyRequests
from mirliton.api.second_factor import KEPT, SecondFactor


class Time:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
async def ada(world):
    world.clock = Time()
    world.factor = SecondFactor(world.store, world.clock, world.clock)
    account_id = await world.account("acme")
    user_id = await world.user(account_id, "ada")
    return account_id, user_id


async def load(world, ada):
    return await world.store.get(account_db(ada[0]), ada[1])


async def enrolled(world, ada):
    offer = await world.factor.offer(ada[0], await load(world, ada))
    await world.factor.check(ada[0], await load(world, ada), pyotp.TOTP(offer.secret).at(int(world.clock.now) - 30))
    return pyotp.TOTP(offer.secret)


def test_codes_are_those_of_the_rfc():
    # RFC 6238, appendix B (SHA-1); the last six of its eight digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    codes = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
    factor = SecondFactor(None, lambda: now, lambda: 0.0)
    for now, code in codes.items():
        assert factor._taken({KEPT: {"secret": secret, "step": 0}}, code)[KEPT]["step"] == now // 30


async def test_a_secret_is_the_users_with_its_first_code(world, ada):
    offer = await world.factor.offer(ada[0], await load(world, ada))
    assert offer.uri.startswith("otpauth://totp/Mirliton:ada?secret=" + offer.secret)
    assert (await world.factor.offer(ada[0], await load(world, ada))).secret == offer.secret
    with pytest.raises(InvalidCredentials):
        await world.factor.check(ada[0], await load(world, ada), "000000")
    assert KEPT not in await load(world, ada)
    await world.factor.check(ada[0], await load(world, ada), pyotp.TOTP(offer.secret).at(int(world.clock.now)))
    assert (await load(world, ada))[KEPT]["secret"] == offer.secret


async def test_an_offer_that_waited_too_long_is_worth_nothing(world, ada):
    offer = await world.factor.offer(ada[0], await load(world, ada))
    world.clock.now += 600
    with pytest.raises(InvalidCredentials):
        await world.factor.check(ada[0], await load(world, ada), pyotp.TOTP(offer.secret).at(int(world.clock.now)))
    assert (await world.factor.offer(ada[0], await load(world, ada))).secret != offer.secret


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_clocks_may_differ_by_one_step(world, ada, steps, good):
    totp = await enrolled(world, ada)
    world.clock.now += 300
    code = totp.at(int(world.clock.now) + 30 * steps)
    if good:
        assert await world.factor.check(ada[0], await load(world, ada), code)
    else:
        with pytest.raises(InvalidCredentials):
            await world.factor.check(ada[0], await load(world, ada), code)


async def test_a_code_is_good_once_whoever_shows_it_where_at_the_same_time(world, ada):
    totp = await enrolled(world, ada)
    world.clock.now += 300
    user, code = await load(world, ada), totp.at(int(world.clock.now))
    nodes = [SecondFactor(world.store, world.clock, world.clock) for _ in range(4)]
    found = await asyncio.gather(*(node.check(ada[0], user, code) for node in nodes), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["InvalidCredentials"] * 3 + ["dict"]
    # Nor is one of an earlier step, once a later one was taken.
    with pytest.raises(InvalidCredentials):
        await world.factor.check(ada[0], user, totp.at(int(world.clock.now) - 30))


async def test_guesses_are_few_even_for_who_then_has_the_right_code(world, ada):
    totp = await enrolled(world, ada)
    world.clock.now += 600
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await world.factor.check(ada[0], await load(world, ada), "abcdef")
    with pytest.raises(TooManyRequests):
        await world.factor.check(ada[0], await load(world, ada), totp.at(int(world.clock.now)))
    world.clock.now += 300
    assert await world.factor.check(ada[0], await load(world, ada), totp.at(int(world.clock.now)))


# Through the API, in real time.


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    return account_id, token


async def required(world, acme, **factor):
    said = {"auth_modules": {"cb_user_auth": {"multi_factor": {"enabled": True, **factor}}}}
    reply = await world.post(f"/accounts/{acme[0]}/security", said, acme[1])
    assert reply.status == 200, reply.raw


async def log_in(world, acme, code=None):
    given = world.credentials(acme[0], "admin_acme")
    return await world.put("/user_auth", given if code is None else {**given, "multi_factor_response": code})


def code_of(secret, steps=0):
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def test_an_account_may_ask_a_second_factor_of_all_its_users(world, acme):
    await required(world, acme)
    asked = await log_in(world, acme)
    assert (asked.status, asked.body["message"], "auth_token" in asked.body) == (401, "invalid_credentials", False)
    request = asked.data["multi_factor_request"]
    assert request["provider_name"] == "totp"
    assert (await log_in(world, acme, "12345")).status == 401
    secret = request["settings"]["secret"]
    code, next_code = code_of(secret), code_of(secret, 1)
    first = await log_in(world, acme, code)
    assert (first.status, bool(first.body["auth_token"])) == (201, True)
    again = await log_in(world, acme)
    assert again.status == 401
    # What is theirs is not shown again.
    assert secret not in again.raw.decode()
    assert (await log_in(world, acme, code)).status == 401
    assert (await log_in(world, acme, next_code)).status == 201


async def test_wrong_credentials_learn_nothing_of_it(world, acme):
    await required(world, acme)
    reply = await world.put("/user_auth", world.credentials(acme[0], "admin_acme", "wrong"))
    assert (reply.status, reply.data) == (401, {"message": "invalid credentials"})


async def test_there_is_no_way_around_it(world, acme):
    await required(world, acme)
    credentials = world.credentials(acme[0], "admin_acme")["credentials"]
    basic = base64.b64encode(f"{acme[0]}:{credentials}".encode()).decode()
    assert (await world.get("/about", headers={"Authorization": f"Basic {basic}"})).status == 401
    by_key = await world.put("/api_auth", {"api_key": world.accounts[acme[0]]["pvt_api_key"]})
    assert by_key.status == 201


async def test_a_user_may_take_one_and_is_asked_from_then_on_and_an_administrator_resets_it(world, acme):
    user_id = await world.user(acme[0], "ada", "user")
    token = await world.login(acme[0], "ada")
    path = f"/accounts/{acme[0]}/users/{user_id}/multi_factor"
    assert (await world.get(path, token)).data == {"provider_name": "totp", "enabled": False}
    offer = await world.put(path, {}, token)
    assert offer.status == 201
    assert (await world.post(path, {"multi_factor_response": "000000"}, token)).status == 401
    done = await world.post(path, {"multi_factor_response": code_of(offer.data["secret"])}, token)
    assert (done.status, done.data["enabled"]) == (200, True)
    assert (await world.put(path, {}, token)).status == 409
    assert (await world.put("/user_auth", world.credentials(acme[0], "ada"))).status == 401
    assert (await world.delete(path, token)).status == 403
    assert (await world.delete(path, acme[1])).data["enabled"] is False
    assert (await world.put("/user_auth", world.credentials(acme[0], "ada"))).status == 201


async def test_the_secret_is_in_no_document_that_the_api_shows(world, acme):
    user_id = await world.user(acme[0], "ada")
    path = f"/accounts/{acme[0]}/users/{user_id}"
    secret = (await world.put(f"{path}/multi_factor", {}, acme[1])).data["secret"]
    await world.post(f"{path}/multi_factor", {"multi_factor_response": code_of(secret)}, acme[1])
    for shown in (path, f"/accounts/{acme[0]}/users", f"{path}/multi_factor"):
        assert secret not in (await world.get(shown, acme[1])).raw.decode()
    # Nor does writing the document take it away.
    assert (await world.patch(path, {"first_name": "A"}, acme[1])).status == 200
    assert (await world.get(f"{path}/multi_factor", acme[1])).data["enabled"] is True


async def test_settings_of_a_provider_are_an_accounts_own_or_of_one_above(world, acme):
    made = await world.put(
        f"/accounts/{acme[0]}/multi_factor",
        {"name": "ours", "enabled": True, "provider_name": "totp", "settings": {"issuer": "Acme Ltd"}},
        acme[1],
    )
    assert made.status == 201
    await required(world, acme, account_id=acme[0], configuration_id=made.data["id"])
    settings = (await log_in(world, acme)).data["multi_factor_request"]["settings"]
    assert "issuer=Acme%20Ltd" in settings["uri"]
    listed = (await world.get(f"/accounts/{acme[0]}/multi_factor", acme[1])).data
    assert [row["name"] for row in listed["configured"]] == ["ours"]
    assert listed["multi_factor_providers"][0]["provider_name"] == "totp"
    # A provider that is shut lets nobody in.
    await world.patch(f"/accounts/{acme[0]}/multi_factor/{made.data['id']}", {"enabled": False}, acme[1])
    refused = await log_in(world, acme)
    assert (refused.status, "multi_factor_request" in refused.data) == (401, False)
    assert (
        await world.put(
            f"/accounts/{acme[0]}/multi_factor", {"name": "x", "enabled": True, "provider_name": "duo"}, acme[1]
        )
    ).status == 400
    other, _ = await world.admin("other")
    stolen = {"auth_modules": {"cb_user_auth": {"multi_factor": {"account_id": other, "configuration_id": "x"}}}}
    assert (await world.post(f"/accounts/{acme[0]}/security", stolen, acme[1])).status == 400


async def test_failures_are_listed_for_administrators(world, acme):
    await required(world, acme)
    secret = (await log_in(world, acme)).data["multi_factor_request"]["settings"]["secret"]
    await log_in(world, acme, "000000")
    await log_in(world, acme, code_of(secret))
    await world.put("/user_auth", world.credentials(acme[0], "admin_acme", "wrong"))
    reply = await world.get(f"/accounts/{acme[0]}/security/attempts", acme[1])
    assert reply.status == 200, reply.raw
    rows = reply.data
    told = sorted((row["status"], row["message"], row["auth_type"]) for row in rows)
    assert told == [
        ("failed", "invalid credentials", "jwt_auth_token"),
        ("failed", "the code is wrong", "multi_factor"),
        ("success", "logged in", "jwt_auth_token"),
        ("success", "logged in", "jwt_auth_token"),
    ]
    wrong = (await world.get(f"/accounts/{acme[0]}/multi_factor/attempts", acme[1])).data
    assert [row["message"] for row in wrong] == ["the code is wrong"]
    one = await world.get(f"/accounts/{acme[0]}/multi_factor/attempts/{wrong[0]['id']}", acme[1])
    assert (one.status, one.data["client_ip"]) == (200, "127.0.0.1")
    assert (await world.get(f"/accounts/{acme[0]}/security/attempts/202001-none", acme[1])).status == 404

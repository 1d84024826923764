"""Getting in again without the password."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from mirliton.actors.mailing import SPOOL
from mirliton.actors.store import DatabaseNotFound
from mirliton.actors.store.names import account_db
from mirliton.api import logins, recoveries
from mirliton.api.resources import user_auth_recovery
from mirliton.api.revocations import DATABASE

UI = "https://ui.example.com/login"


@pytest.fixture
async def house(world, monkeypatch):
    """A world with an account and a user who has an address."""
    monkeypatch.setattr(user_auth_recovery, "ANSWER_TIME", 0.01)
    world.acme = await world.account("acme")
    world.ada = await world.user(world.acme, "ada", email="ada@example.com")
    return world


async def asked(house, username="ada", **named):
    return await house.put("/user_auth/recovery", {"username": username, "ui_url": UI, "account_name": "acme", **named})


async def mails(house) -> list[dict]:
    try:
        return [row.doc for row in (await house.store.all_docs(SPOOL, include_docs=True)).rows]
    except DatabaseNotFound:
        return []


async def reset_id(house) -> str:
    assert (await asked(house)).status == 200
    link = (await mails(house)).pop()["payload"]["Password-Reset-Link"]
    assert link.startswith(UI)
    return parse_qs(urlsplit(link).query)["reset_id"][0]


async def test_the_link_lets_a_user_in_who_must_then_set_a_password(house):
    reply = await house.post("/user_auth/recovery", {"reset_id": await reset_id(house)})
    assert reply.status == 201
    assert reply.data["owner_id"] == house.ada
    token = reply.body["auth_token"]
    user = f"/accounts/{house.acme}/users/{house.ada}"
    assert (await house.get(user, token)).data["require_password_update"] is True
    assert (await house.patch(user, {"password": "new", "require_password_update": False}, token)).status == 200
    assert await house.login(house.acme, "ada", "new")


async def test_a_link_works_once_even_when_followed_twice_at_once(house):
    given = {"reset_id": await reset_id(house)}
    replies = await asyncio.gather(*(house.post("/user_auth/recovery", given) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 401, 401, 401]


async def test_a_link_ends_with_the_password_it_was_for(house):
    given = {"reset_id": await reset_id(house)}
    _, admin = await house.admin("second")
    admin = await house.login(house.acme, "ada")
    await house.patch(f"/accounts/{house.acme}/users/{house.ada}", {"password": "new"}, admin)
    assert (await house.post("/user_auth/recovery", given)).status == 401


async def test_a_link_ends_with_its_time(house):
    given = {"reset_id": await reset_id(house)}
    rows = (await house.store.all_docs(DATABASE, startkey="recovery-", include_docs=True)).rows
    doc = rows[0].doc
    await house.store.put(DATABASE, {**doc, "pvt_expires": doc["pvt_expires"] - int(recoveries.LIFETIME)})
    assert (await house.post("/user_auth/recovery", given)).status == 401


async def test_what_the_store_holds_of_a_link_does_not_open_anything(house):
    given = await reset_id(house)
    docs = (await house.store.all_docs(DATABASE, include_docs=True)).rows
    assert given not in str(docs)


async def test_who_is_there_and_who_is_not_look_the_same(house):
    there = await asked(house)
    nobody = await asked(house, "nobody")
    assert (there.status, there.data) == (nobody.status, nobody.data)
    assert b"ada@example.com" not in there.raw


async def test_links_are_asked_for_a_few_times_only(house):
    replies = [await asked(house) for _ in range(logins.RECOVERIES + 1)]
    assert [reply.status for reply in replies] == [200] * logins.RECOVERIES + [429]


async def test_a_made_up_link_opens_nothing(world):
    assert (await world.post("/user_auth/recovery", {"reset_id": "0" * 64})).status == 401
    assert (await world.post("/user_auth/recovery", {"reset_id": "short"})).status == 400


async def test_a_link_leads_to_no_foreign_scheme(house):
    assert (await asked(house, ui_url="javascript:alert(document.cookie)")).status == 400


async def test_a_disabled_user_gets_no_link(house):
    doc = await house.store.get(account_db(house.acme), house.ada)
    await house.store.put(account_db(house.acme), {**doc, "enabled": False})
    assert (await asked(house)).status == 200
    assert await mails(house) == []


async def test_a_link_is_no_way_around_the_second_factor_and_waits_for_it(house):
    token = await house.login(house.acme, "ada")
    path = f"/accounts/{house.acme}/users/{house.ada}/multi_factor"
    secret = (await house.put(path, {}, token)).data["secret"]
    now = int(house.node.clock.time())
    first, second = pyotp.TOTP(secret).at(now), pyotp.TOTP(secret).at(now + 30)
    assert (await house.post(path, {"multi_factor_response": first}, token)).status == 200
    given = {"reset_id": await reset_id(house)}
    asked_for = await house.post("/user_auth/recovery", given)
    assert (asked_for.status, asked_for.data["multi_factor_request"]["provider_name"]) == (401, "totp")
    assert (await house.post("/user_auth/recovery", {**given, "multi_factor_response": first})).status == 401
    assert (await house.post("/user_auth/recovery", {**given, "multi_factor_response": second})).status == 201
    assert (await house.post("/user_auth/recovery", {**given, "multi_factor_response": second})).status == 401

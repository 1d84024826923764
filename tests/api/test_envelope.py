"""The shape of answers, and how a method may be said."""

import pytest

from mirliton.api.envelope import VERSION


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def test_an_answer_has_crossbars_envelope(world, acme):
    account_id, token = acme
    reply = await world.get(f"/accounts/{account_id}", token)
    body = reply.body
    assert (body["status"], body["auth_token"], body["version"]) == ("success", token, VERSION)
    assert body["node"] == "test@localhost"
    assert body["revision"] == reply.headers["ETag"].strip('"')
    assert body["timestamp"].endswith("Z")
    assert "page_size" not in body
    assert reply.headers["Content-Type"] == "application/json"
    assert (await world.get("/about", token)).data["version"] == VERSION


async def test_a_refusal_has_crossbars_envelope(world, acme):
    reply = await world.get("/nonsense", acme[1])
    body = reply.body
    assert {key: body[key] for key in ("status", "error", "message", "data")} == {
        "status": "error",
        "error": "404",
        "message": "not_found",
        "data": {"message": "not found"},
    }
    assert "auth_token" not in body


async def test_a_request_id_is_echoed_when_it_is_harmless(world):
    assert (await world.get("/x", headers={"X-Request-ID": "abc-1"})).headers["X-Request-ID"] == "abc-1"
    for strange in ("a b", "x" * 65, "é"):
        reply = await world.get("/x", headers={"X-Request-ID": strange})
        assert reply.headers["X-Request-ID"] == reply.body["request_id"] != strange


@pytest.mark.parametrize(
    "path",
    ["/", "", "/accounts/x/y/z", "/user_auth/a/b", "//", "//v1/accounts", "//v2", "//favicon.ico", "/a/" + "b/" * 30],
)
async def test_an_unknown_url_is_404(world, acme, path):
    reply = await world.get(path, acme[1])
    assert (reply.status, reply.body["message"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/%ff", "/accounts/%00", "/accounts/a%0d%0ab", "/" + "x" * 2000])
async def test_a_url_of_strange_characters_is_404(world, acme, path):
    assert (await world.get(path, acme[1])).status == 404


async def test_a_wrong_method_is_405_and_says_which_are_right(world, acme):
    account_id, token = acme
    reply = await world.ask("DELETE", f"/accounts/{account_id}/menus", token=token)
    assert (reply.status, reply.body["message"]) == (405, "invalid_method")
    assert reply.headers["Allow"] == "GET, PUT"
    reply = await world.ask("PROPFIND", f"/accounts/{account_id}/menus", token=token)
    assert reply.status == 405
    assert (await world.get("/user_auth")).headers["Allow"] == "PUT"


@pytest.mark.parametrize(
    "tunnel",
    [
        {"headers": {"X-HTTP-Method-Override": "put"}},
        {"query": "?verb=PUT"},
        {"envelope": {"verb": "PUT"}},
    ],
)
async def test_a_post_may_stand_for_another_method(world, acme, tunnel):
    account_id, token = acme
    reply = await world.post(
        f"/accounts/{account_id}/menus{tunnel.get('query', '')}",
        {"name": "main"},
        token,
        headers=tunnel.get("headers"),
        envelope=tunnel.get("envelope"),
    )
    assert reply.status == 201


async def test_only_a_post_does(world, acme):
    account_id, token = acme
    menu = (await world.put(f"/accounts/{account_id}/menus", {"name": "main"}, token)).data["id"]
    reply = await world.get(
        f"/accounts/{account_id}/menus/{menu}?verb=DELETE", token, headers={"X-HTTP-Method-Override": "DELETE"}
    )
    assert reply.status == 200
    assert (await world.get(f"/accounts/{account_id}/menus/{menu}", token)).status == 200


async def test_head_is_get_without_the_body(world, acme):
    reply = await world.ask("HEAD", f"/accounts/{acme[0]}", token=acme[1])
    assert (reply.status, reply.raw) == (200, b"")


async def test_pretty_is_for_human_eyes(world, acme):
    for more in ({"headers": {"X-Pretty-Print": "true"}}, {}):
        query = "" if more else "?pretty_print=true"
        assert b"\n  " in (await world.get(f"/accounts/{acme[0]}{query}", acme[1], **more)).raw
    assert b"\n" not in (await world.get(f"/accounts/{acme[0]}", acme[1])).raw


async def test_any_page_may_ask(world):
    reply = await world.ask("OPTIONS", "/accounts/x")
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "X-Auth-Token" in reply.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in reply.headers
    assert "ETag" in (await world.get("/nonsense")).headers["Access-Control-Expose-Headers"]


async def test_schemas_are_there_for_anybody(world, acme):
    names = (await world.get("/schemas")).data
    assert {"users", "devices", "callflows"} <= set(names)
    assert (await world.get("/schemas/users")).data["required"] == ["first_name", "last_name"]
    assert (await world.get("/schemas/nonsense")).status == 404
    reply = await world.put("/schemas/menus/validation", {"name": "x", "retries": "many"}, acme[1])
    assert (reply.status, set(reply.data)) == (400, {"retries"})
    assert (await world.put("/schemas/menus/validation", {"name": "x"}, acme[1])).data["retries"] == 3

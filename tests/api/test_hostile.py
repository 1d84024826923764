"""What strangers and broken clients send: each gets a clear refusal, and the server goes on."""

import asyncio
import contextlib
import gzip
import json
import re

import pytest

from mirliton.api import body, listening
from mirliton.api.body import ANONYMOUS_BODY
from mirliton.config import ApiSettings


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


async def send(world, acme, body, **headers):
    sent = {"Content-Type": "application/json", **headers}
    return await world.ask("PUT", f"/accounts/{acme[0]}/menus", token=acme[1], body=body, headers=sent)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"data": {"name": "\xff\xfe"}}',
        b'{"data": {"name": NaN}}',
        b'{"data": {"name": "x",}}',
        b"\x00\x01\x02",
        b'{"data"' + b":" * 100,
        b"[" * 100_000,
        b'{"data": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
        b'{"data": {"name": "\\ud800"}}',
    ],
)
async def test_what_is_no_json_is_a_parse_error(world, acme, body):
    reply = await send(world, acme, body)
    assert reply.status == 400
    assert (reply.body["message"], reply.body["data"]["message"]) == ("parse_error", "failed to parse request body")


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (b"[]", "", "type"),
        (b'"data"', "", "type"),
        (b"null", "", "type"),
        (b"{}", "data", "required"),
        (b'{"data": null}', "data", "required"),
        (b'{"data": [1]}', "data", "type"),
        (b'{"data": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}", "", "maxSize"),
        (json.dumps({"data": {"name": ["x"] * 20_000}}).encode(), "", "maxSize"),
        (json.dumps({"data": {"name": "x" * 2_000_000}}).encode(), "", "maxSize"),
        (b'{"data": {"name": 1e400}}', "name", None),
        (b'{"data": {"name": 99999999999999999999999999}}', "name", None),
        (b'{"data": {"name": {"$ref": "file:///etc/passwd"}}}', "name", "type"),
    ],
)
async def test_what_is_json_but_no_menu_is_said_in_crossbars_terms(world, acme, body, field, rule):
    reply = await send(world, acme, body)
    assert (reply.status, reply.body["message"]) in ((400, "invalid data"), (400, "parse_error")), reply.raw
    if rule is not None:
        assert list(reply.data) == [field]
        assert list(reply.data[field]) == [rule]


async def test_text_of_any_kind_is_kept_as_it_is(world, acme):
    name = "Ünïcode \U0001f4de\u2028\u0000 <script>"
    reply = await world.put(f"/accounts/{acme[0]}/menus", {"name": name}, acme[1])
    assert (reply.status, reply.data["name"]) == (201, name)


@pytest.mark.parametrize("kind", ["text/html", "multipart/form-data; boundary=x", "application/xml", "audio/mpeg"])
async def test_other_media_types_are_refused(world, acme, kind):
    reply = await send(world, acme, b'{"data": {"name": "x"}}', **{"Content-Type": kind})
    assert (reply.status, reply.body["message"]) == (415, "unsupported_media_type")


async def test_kazoos_curl_lines_work_as_they_stand(world, acme):
    # `curl -d` names this type unless it is told another, which most of Kazoo's examples do not.
    reply = await send(world, acme, b'{"data": {"name": "x"}}', **{"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 201
    reply = await send(world, acme, b"data=x", **{"Content-Type": "application/x-www-form-urlencoded"})
    assert (reply.status, reply.body["message"]) == (400, "parse_error")


async def test_a_body_beyond_the_limit_is_413(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, max_body=100_000))
    acme = await world.admin("acme")
    reply = await send(world, acme, b'{"data": {"name": "' + b"x" * 100_000 + b'"}}')
    assert (reply.status, reply.body["message"], reply.data["target"]) == (413, "request_entity_too_large", 100_000)


async def test_a_body_of_unknown_length_is_cut_at_the_limit(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, max_body=100_000))
    account_id, token = await world.admin("acme")
    read = []

    async def endless():
        for _ in range(1000):
            read.append(1)
            yield b" " * 10_000

    url = f"{world.url}/v2/accounts/{account_id}/menus"
    async with world.session.put(
        url, data=endless(), headers={"X-Auth-Token": token, "Content-Type": "application/json"}
    ) as response:
        assert response.status == 413
    assert len(read) < 1000


async def test_a_compressed_bomb_is_cut_at_the_limit(empty_world):
    world = empty_world
    await world.start(ApiSettings(port=0, max_body=1_000_000))
    acme = await world.admin("acme")
    bomb = gzip.compress(b" " * 100_000_000)
    reply = await send(world, acme, bomb, **{"Content-Encoding": "gzip"})
    assert reply.status == 413


async def test_without_a_token_little_is_read(world, acme):
    body = b'{"data": {"name": "' + b"x" * ANONYMOUS_BODY + b'"}}'
    headers = {"Content-Type": "application/json"}
    reply = await world.ask("PUT", f"/accounts/{acme[0]}/menus", body=body, headers=headers)
    assert reply.status == 401
    reply = await world.ask("PUT", "/user_auth", body=body, headers=headers)
    assert reply.status == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v2/about HTTP/1.1\r\nHost: x\r\nX-Auth-Token: a\x00b\r\n\r\n",
        b"GET /v2/about HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /v2/user_auth HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"PUT /v2/user_auth HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /v2/about?auth_token=sekret HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
    ],
)
async def test_what_is_no_http_harms_nobody(world, acme, raw, capfd):
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(65536), 5)
    assert b" 400 " in answer.split(b"\r\n")[0] or b" 404 " in answer or b" 401 " in answer
    writer.close()
    assert (await world.get(f"/accounts/{acme[0]}", acme[1])).status == 200
    assert "sekret" not in capfd.readouterr().out


async def test_a_client_that_goes_away_leaves_nothing_behind(world, acme):
    host, port = world.url.removeprefix("http://").split(":")
    head = f"PUT /v2/accounts/{acme[0]}/menus HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {acme[1]}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.encode())
    await writer.drain()
    writer.transport.abort()
    assert (await world.get(f"/accounts/{acme[0]}/menus", acme[1])).data == []


async def test_a_body_that_does_not_come_is_408(world, acme, monkeypatch):
    monkeypatch.setattr(body, "READ_TIMEOUT", 0.1)
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT /v2/accounts/{acme[0]}/menus HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {acme[1]}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
    await writer.drain()
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


@pytest.mark.parametrize("account_id", ["x" * 32, "0" * 33, "ACME" * 8, "a/b", "..%2F..", "_all_dbs", "accounts"])
async def test_an_account_id_that_is_none_leads_nowhere(world, acme, account_id):
    await world.make_master(acme[0])
    reply = await world.get(f"/accounts/{account_id.replace('/', '%2F')}", acme[1])
    assert (reply.status, reply.body["message"]) == (404, "bad_identifier")


@pytest.mark.parametrize("number", ["+", "", "../../system_auth", "+1415\x00", "numbers", "٣٣٣"])
async def test_a_number_that_is_none_logs_nobody_in(world, number):
    reply = await world.put("/user_auth", {"credentials": "0" * 32, "phone_number": number})
    assert reply.status in (400, 401)


async def test_a_connection_that_says_nothing_is_closed(empty_world, monkeypatch):
    monkeypatch.setattr(listening, "FIRST_REQUEST", 0.1)
    world = empty_world
    await world.start()
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v2/schemas HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    await writer.drain()
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    # One that has spoken is kept for its next request.
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(2):
        writer.write(b"GET /v2/schemas/menus HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = int(re.search(rb"Content-Length: (\d+)", head)[1])
        await reader.readexactly(length)
        # Longer than a silent one would have.
        await asyncio.sleep(0.15)
    writer.close()


async def test_a_connection_too_many_is_closed(world, monkeypatch):
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 0)
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()

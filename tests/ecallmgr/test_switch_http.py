"""What switches ask over HTTP: leg records in, recordings in and out; and whoever else finds the port."""

import asyncio
import base64
import dataclasses
import json

import aiohttp
import pytest
from yarl import URL

from mirliton.actors.kapi.cdr import CdrReport
from mirliton.actors.store import Conflict
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.server import STORE, StoreFault, StoreServer
from mirliton.actors.switching import CDR, CdrNotStored, CdrRefused, CdrStored
from mirliton.ecallmgr import media_http
from mirliton.ecallmgr import switch_http as module
from mirliton.ecallmgr.switch_http import SWITCH_HTTP, Media, SwitchHttp, SwitchHttpAddress
from mirliton.runtime import Node, StartError
from mirliton.runtime.testing import Probe
from mirliton.supervisors import Supervisor, Tree, worker
from one_switch import until

SECRET = b"a secret of the test"
RECORD = {"variables": {"uuid": "leg-1", "hangup_cause": "NORMAL_CLEARING"}}
DB = "account/aa/aa/" + "a" * 28


class Server:
    """The server on a port of its own, a CDR application that answers `answer`, and a real store."""

    def __init__(self, node, http):
        self.node, self.http = node, http
        self.answer = CdrStored("id")
        self.reports = []

    async def start(self, tmp_path, *, store=True, cdr=True, **more):
        settings = {"username": "switch", "password": "", "secret": SECRET, "max_body": 10_000, **more}
        address = SwitchHttpAddress("127.0.0.1", 0, "/leg-records", **settings)
        if cdr:
            self.cdr = await Probe.start(self.node, name=CDR, answer=self._cdr)
        if store:
            await self.node.start(StoreServer, str(tmp_path / "s.db"), name=STORE)
            self.store = StoreClient(self.node)
            await self.store.create_database(DB)
            await self.store.put(DB, {"_id": "doc"})
        tree = Tree("one_for_one", [worker(SwitchHttp, address, name=SWITCH_HTTP)], intensity=100, period=1.0)
        await self.node.start(Supervisor, tree)
        self.media = Media(self.base, SECRET)

    def _cdr(self, report):
        self.reports.append(report)
        return self.answer

    @property
    def base(self):
        return f"http://127.0.0.1:{self.node.find(SWITCH_HTTP).actor.port}"

    async def post(self, body=None, **more):
        data = json.dumps(RECORD).encode() if body is None else body
        async with self.http.post(f"{self.base}/leg-records", data=data, **more) as response:
            return response.status, await response.text(), response.headers

    async def ask(self, method, url, **more):
        async with self.http.request(method, URL(url, encoded=True), **more) as response:
            return response.status, await response.read(), response.headers


@pytest.fixture
async def server(tmp_path):
    async with Node("test@localhost", strict=True) as node, aiohttp.ClientSession() as http:
        made = Server(node, http)
        await made.start(tmp_path)
        yield made


@pytest.fixture
async def bare(tmp_path):
    """Not started yet."""
    async with Node("test@localhost", strict=True) as node, aiohttp.ClientSession() as http:
        yield Server(node, http)


# Leg records


async def test_a_record_is_acknowledged_when_it_is_stored(server):
    assert (await server.post())[:2] == (200, "stored\n")
    [report] = server.reports
    assert isinstance(report, CdrReport)
    assert (report.call_id, report.hangup_cause) == ("leg-1", "NORMAL_CLEARING")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream", "x/y; z"])
async def test_a_record_is_a_record_whatever_it_says_it_is(server, content_type):
    assert (await server.post(headers={"Content-Type": content_type}))[0] == 200


async def test_a_record_in_a_form(server):
    """mod_json_cdr's `encode`."""
    async with server.http.post(f"{server.base}/leg-records", data={"cdr": json.dumps(RECORD), "x": "y"}) as response:
        assert response.status == 200
    assert server.reports[0].call_id == "leg-1"


@pytest.mark.parametrize("form", [b"", b"cdr=", b"other=1", b"cdr=%zz", b"&".join([b"cdr=1"] * 100), b"\xff\xfe=1"])
async def test_a_form_without_a_record(server, form):
    status, text, _ = await server.post(form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 422
    assert text.startswith("refused: ")
    assert not server.reports


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"variables": {}}', b"\xff\xfe\x00", b"[" * 9000])
async def test_what_is_no_record_will_not_get_better(server, body):
    status, text, _ = await server.post(body)
    assert status == 422
    assert text.startswith("refused: ")
    assert not server.reports
    assert server.node.find(SWITCH_HTTP).actor.state()["refused"] == 1


async def test_a_record_that_cannot_be_stored_will_not_get_better_either(server):
    server.answer = CdrRefused("it is too long")
    assert (await server.post())[:2] == (422, "refused: it is too long\n")


async def test_a_record_that_is_not_stored_now_is_to_come_again(server):
    server.answer = CdrNotStored("the store is away")
    status, _, headers = await server.post()
    assert (status, headers["Retry-After"]) == (503, "1")
    server.answer = CdrStored("id")
    assert (await server.post())[0] == 200


async def test_without_the_application_a_record_is_to_come_again(bare, tmp_path):
    await bare.start(tmp_path, cdr=False)
    status, _, headers = await bare.post()
    assert (status, headers["Retry-After"]) == (503, "1")


async def test_an_application_that_answers_nonsense(server):
    server.answer = "well"
    assert (await server.post())[0] == 503


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_record_that_is_too_long(server, chunked):
    async def pieces():
        for _ in range(30):
            yield b"x" * 1000

    status, _, _ = await server.post(pieces() if chunked else b"x" * 30_000)
    assert status == 413
    assert not server.reports


async def test_a_record_that_does_not_come_to_an_end(server, monkeypatch):
    monkeypatch.setattr(module, "BODY_TIMEOUT", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.node.find(SWITCH_HTTP).actor.port)
    writer.write(b"POST /leg-records HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    answer = await asyncio.wait_for(reader.readline(), 5)
    assert b"408" in answer
    writer.close()


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/leg-records"), ("PUT", "/leg-records"), ("POST", "/"), ("POST", "/media/x")]
)
async def test_nothing_else_is_answered(server, method, path):
    assert (await server.ask(method, server.base + path))[0] in (404, 405)


def basic(text):
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (basic(b"switch:wrong"), 401),
        (basic("wrong:pässword".encode()), 401),
        (basic(b":"), 401),
        (basic(b"switch"), 401),
        (basic("switch:pässword".encode("latin-1")), 401),
        (basic("switch:pässword:".encode()), 401),
        (basic("switch:pässword".encode()).replace("Basic", "Bearer"), 401),
        (basic("switch:pässword".encode()), 200),
        (basic("switch:pässword".encode()).replace("Basic", "basic"), 200),
    ],
)
async def test_a_password(bare, tmp_path, given, status):
    await bare.start(tmp_path, password="pässword")
    assert (await bare.post(headers={"Authorization": given}))[0] == status
    assert len(bare.reports) == (status == 200)


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic YQ==", "Bearer x", "Basic " + "A" * 5000])
async def test_a_header_that_is_no_password(bare, tmp_path, header):
    await bare.start(tmp_path, password="pw")
    status, _, headers = await bare.post(headers={"Authorization": header})
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="switches"')


# Media

NAMES = ["voice.wav", "a b.wav", "ä.wav", "50%.wav", "a%2Fb.wav", "x?y=z#w.wav", "a+b&c.wav", "'\";.wav", "…"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_recording_comes_and_is_heard(server, name):
    put = server.media.url("PUT", DB, "doc", name)
    assert (await server.ask("PUT", put, data=b"sound", headers={"Content-Type": "audio/x-wav"}))[0] == 201
    assert (await server.store.get_attachment(DB, "doc", name)).data == b"sound"
    status, data, headers = await server.ask("GET", server.media.url("GET", DB, "doc", name))
    assert (status, data, headers["Content-Type"]) == (200, b"sound", "audio/x-wav")


async def test_a_document_with_a_strange_id(server):
    await server.store.put(DB, {"_id": "202611-a b%/…"})
    put = server.media.url("PUT", DB, "202611-a b%/…", "v.wav")
    assert (await server.ask("PUT", put, data=b"sound"))[0] == 201


async def test_a_recording_may_come_twice_and_no_other_in_its_place(server):
    put = server.media.url("PUT", DB, "doc", "v.wav")
    assert [(await server.ask("PUT", put, data=data))[0] for data in (b"one", b"one", b"two")] == [201, 200, 409]
    assert (await server.store.get_attachment(DB, "doc", "v.wav")).data == b"one"


async def test_a_recording_that_breaks_off_is_not_kept(server):
    put = URL(server.media.url("PUT", DB, "doc", "v.wav"), encoded=True)
    _reader, writer = await asyncio.open_connection(put.host, put.port)
    writer.write(f"PUT {put.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 999)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert "_attachments" not in await server.store.get(DB, "doc")
    assert (await server.ask("PUT", str(put), data=b"y" * 1000))[0] == 201


@pytest.fixture
async def file(server):
    """The URL of a file that is longer than a piece, and what is in it."""
    data = bytes(range(256)) * 1500
    rev = (await server.store.get(DB, "doc"))["_rev"]
    await server.store.put_attachment(DB, "doc", "long.mp3", "audio/mpeg", data, rev)
    return server.media.url("GET", DB, "doc", "long.mp3"), data


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=262143-262145", 262_143, 262_146),
        ("bytes=383000-", 383_000, 384_000),
        ("bytes=383000-9999999", 383_000, 384_000),
        ("bytes=-5", 383_995, 384_000),
        ("bytes=-9999999", 0, 384_000),
    ],
)
async def test_a_part_can_be_asked_for(server, file, asked, start, stop):
    url, data = file
    status, part, headers = await server.ask("GET", url, headers={"Range": asked})
    assert (status, part) == (206, data[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=384000-", "bytes=500000-500001"])
async def test_a_part_that_is_not_there(server, file, asked):
    url, data = file
    status, _, headers = await server.ask("GET", url, headers={"Range": asked})
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(data)}")


@pytest.mark.parametrize("asked", ["bytes=1-2,5-6", "lines=1-2", "bytes=", "bytes=b-a", "bytes=9-3", "\u00e9"])
async def test_a_range_that_is_none_gets_all(server, file, asked):
    url, data = file
    assert (await server.ask("GET", url, headers={"Range": asked}))[:2] == (200, data)


async def test_a_file_that_is_known_is_not_sent_again(server, file):
    url, data = file
    status, _, headers = await server.ask("HEAD", url)
    assert (status, headers["Content-Length"], headers["Accept-Ranges"]) == (200, str(len(data)), "bytes")
    tag = headers["ETag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        status, body, headers = await server.ask("GET", url, headers={"If-None-Match": known})
        assert (status, body, headers["ETag"]) == (304, b"", tag)
    assert (await server.ask("GET", url, headers={"If-None-Match": '"other"'}))[0] == 200


async def test_a_part_of_another_version_gets_all(server, file):
    url, _data = file
    tag = (await server.ask("HEAD", url))[2]["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200)):
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        assert (await server.ask("GET", url, headers=headers))[0] == status


async def test_only_a_url_that_names_its_version_may_be_kept_for_long(server, file):
    url, _ = file
    assert (await server.ask("GET", url))[2]["Cache-Control"] == "private, max-age=60"
    versioned = server.media.url("GET", DB, "doc", "long.mp3", "md5-abc")
    status, _, headers = await server.ask("GET", versioned)
    assert (status, headers["Cache-Control"]) == (200, "private, max-age=2592000, immutable")
    assert server.media.url("GET", DB, "doc", "long.mp3", "md5-def") != versioned


async def test_a_file_that_is_replaced_while_it_is_sent_is_cut_off(server, file, monkeypatch):
    url, _data = file
    real = StoreClient.get_part

    async def replaced(self, db, doc_id, name, start, length):
        part = await real(self, db, doc_id, name, start, length)
        return part if start == 0 else dataclasses.replace(part, digest="md5-other")

    monkeypatch.setattr(StoreClient, "get_part", replaced)
    with pytest.raises(aiohttp.ClientPayloadError):
        await server.ask("GET", url)


async def test_more_than_can_be_sent_are_told_to_come_again(server, file, monkeypatch):
    _url, _ = file
    monkeypatch.setattr(media_http, "DOWNLOADS", 0)
    monkeypatch.setattr(media_http, "UPLOADS", 0)
    for method in ("GET", "PUT"):
        status, _, headers = await server.ask(method, server.media.url(method, DB, "doc", "long.mp3"), data=b"x")
        assert (status, headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_url_is_good_for_what_it_was_made_for(server, method):
    other = "PUT" if method == "GET" else "GET"
    right = server.media.url(method, DB, "doc", "v.wav")
    wrong = [
        server.media.url(other, DB, "doc", "v.wav"),
        right.replace("/doc/", "/other/"),
        right.replace("/v.wav", "/w.wav"),
        Media(server.base, b"another secret").url(method, DB, "doc", "v.wav"),
        right.replace(server.media.token(method, DB, "doc", "v.wav"), "x"),
        right.replace(server.media.token(method, DB, "doc", "v.wav"), "%00%ff"),
    ]
    for url in wrong:
        assert (await server.ask(method, url, data=b"x"))[0] == 403, url
    assert "v.wav" not in (await server.store.get(DB, "doc")).get("_attachments", {})


def test_no_two_places_have_the_same_token():
    media = Media("", SECRET)
    places = [("GET", *parts) for parts in (("a", "b", "c"), ("a", "bc", ""), ("ab", "", "c"), ("", "ab", "c"))]
    places.append(("GETa", "", "b", "c"))
    assert len({media.token(*place) for place in places}) == len(places)


@pytest.mark.parametrize("db", ["!!!", "a", "%FF", "_w"])
async def test_a_database_that_cannot_be_read(server, db):
    assert (await server.ask("GET", f"{server.base}/media/token/{db}/doc/v.wav"))[0] in (403, 404)


async def test_what_is_not_there(server):
    assert (await server.ask("GET", server.media.url("GET", DB, "doc", "none.wav")))[0] == 404
    assert (await server.ask("GET", server.media.url("GET", DB, "none", "v.wav")))[0] == 404
    assert (await server.ask("GET", server.media.url("GET", "no/such/db", "doc", "v.wav")))[0] in (404, 503)
    assert (await server.ask("PUT", server.media.url("PUT", DB, "none", "v.wav"), data=b"x"))[0] == 404


async def test_a_recording_that_is_too_long(server, monkeypatch):
    monkeypatch.setattr(media_http, "MAX_MEDIA", 1000)
    put = server.media.url("PUT", DB, "doc", "v.wav")
    assert (await server.ask("PUT", put, data=b"x" * 1001))[0] == 413
    assert (await server.ask("PUT", put, data=b"x" * 1000))[0] == 201


@pytest.mark.parametrize(
    ("stored", "served"),
    [
        ("audio/mpeg", "audio/mpeg"),
        ("audio/x-wav; charset=utf-8", "audio/x-wav"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
    ],
)
async def test_nothing_is_served_that_a_browser_would_run(server, stored, served):
    rev = (await server.store.get(DB, "doc"))["_rev"]
    await server.store.put_attachment(DB, "doc", "x", stored, b"data", rev)
    _, _, headers = await server.ask("GET", server.media.url("GET", DB, "doc", "x"))
    assert headers["Content-Type"] == served


async def test_without_a_store_media_are_to_come_again(bare, tmp_path, monkeypatch):
    monkeypatch.setattr("mirliton.actors.store.client.ATTEMPTS", 2)
    await bare.start(tmp_path, store=False)
    for method in ("GET", "PUT"):
        status, _, headers = await bare.ask(method, bare.media.url(method, DB, "doc", "v.wav"), data=b"x")
        assert (status, headers["Retry-After"]) == (503, "1")


async def test_a_document_that_changes_meanwhile(bare, tmp_path):
    conflicts = 2

    def store(request):
        nonlocal conflicts
        if request.operation == "get":
            return {"_id": "doc", "_rev": "1-x"}
        conflicts -= 1
        return StoreFault.of(Conflict(DB, "doc", "1-x", "2-y")) if conflicts >= 0 else "3-z"

    await bare.start(tmp_path, store=False)
    await Probe.start(bare.node, name=STORE, answer=store)
    put = bare.media.url("PUT", DB, "doc", "v.wav")
    assert (await bare.ask("PUT", put, data=b"x"))[0] == 201
    conflicts = 1000
    assert (await bare.ask("PUT", put, data=b"x"))[0] == 503


# Its life


async def test_without_a_secret_it_does_not_start(bare, tmp_path):
    with pytest.raises(StartError, match="without a secret anybody could sign media URLs"):
        await bare.start(tmp_path, secret=b"")


async def test_an_address_that_is_taken_is_named(bare, tmp_path):
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = SwitchHttpAddress("127.0.0.1", port, "/leg-records", "u", "", SECRET)
    async with server:
        with pytest.raises(StartError, match=str(port)):
            await bare.node.start(SwitchHttp, address, name=SWITCH_HTTP)


@pytest.mark.parametrize("how", ["kill", "boom"])
async def test_killed_it_is_back_at_once_and_leaves_no_port_open(bare, tmp_path, how):
    await bare.start(tmp_path)
    address = bare.node.find(SWITCH_HTTP).actor.address
    first = bare.node.find(SWITCH_HTTP).actor.port
    for _ in range(5):
        bare.node.exit(bare.node.whereis(SWITCH_HTTP), how)
        await until(lambda: hasattr(getattr(bare.node.find(SWITCH_HTTP), "actor", None), "port"), "it is not back")
        assert (await bare.post())[0] == 200
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", first)
    assert address.port == 0


async def test_a_request_under_way_ends_with_it(bare, tmp_path):
    """Whoever posted has no 200, and posts again."""
    await bare.start(tmp_path, cdr=False)
    held = await Probe.start(bare.node, name=CDR)
    post = asyncio.create_task(bare.post())
    await held.expect(CdrReport)
    bare.node.exit(bare.node.whereis(SWITCH_HTTP), "kill")
    try:
        status, _, _ = await asyncio.wait_for(post, 5)
        assert status == 503
    except aiohttp.ClientError:
        pass
    held.reply(CdrStored("late"))


def test_secrets_are_not_shown():
    address = SwitchHttpAddress("127.0.0.1", 80, "/x", "user", "S3cret", b"S3cret")
    assert "S3cret" not in repr(address)
    assert "S3cret" not in repr(Media("http://x", b"S3cret"))

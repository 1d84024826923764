"""What a caller is told when the database, or what stands before it, does not do as it should."""

from __future__ import annotations

import asyncio
import contextlib
import time
from urllib.parse import unquote

import pytest

from eventually import until
from mirliton.actors.store import (
    CouchStore,
    DocumentNotFound,
    InvalidName,
    Limits,
    StoreAway,
    StoreClosed,
    StoreDamaged,
    StoreDenied,
    StoreFull,
    StoreInterrupted,
    StoreOverloaded,
    StoreTimeout,
    StoreUnavailable,
    TooLarge,
    opened,
)
from mirliton.actors.store.couch_address import CouchAddress
from scripted_couch import HANG_UP, SILENCE, scripted

REV = "1-" + "a" * 32
DOC = {"_id": "a", "_rev": REV, "n": 1}
STORED = (201, {"ok": True, "id": "a", "rev": REV})


def after(*first, then):
    """Answers with each of `first`, and then always with `then`."""
    waiting = list(first)
    return lambda request: waiting.pop(0) if waiting else then


@contextlib.asynccontextmanager
async def asking(couch_address, *servers, **tuning):
    tuning = {"timeout": 5.0, "first_pause": 0.01, "patience": 1.0} | tuning
    async with opened(CouchStore(couch_address(*(server.url for server in servers), **tuning))) as store:
        yield store


async def everyone_is_back(store):
    """Until no host is away: probes are made in the background, and there is nothing to await."""
    await until(lambda: not store.statistics().away)


# A write is heard once


async def test_a_write_without_answer_is_told_as_unknown_and_not_made_again(couch_address):
    async with scripted(after(HANG_UP, then=STORED)) as server, asking(couch_address, server) as store:
        with pytest.raises(StoreInterrupted, match=r"put was sent and not answered.*outcome: unknown") as caught:
            await store.put("things", {"_id": "a"})
        assert caught.value.outcome == "unknown"
        assert len(server.asked("POST")) == 1
        assert store.statistics().interrupted == 1
        assert await store.put("things", {"_id": "a"}) == REV


@pytest.mark.parametrize("call", ["put_attachment", "delete_database"])
async def test_a_kept_connection_that_breaks_makes_no_second_request(couch_address, call):
    """aiohttp sends a PUT or DELETE again by itself when a kept connection breaks, unless it is told not to."""
    answer = after((200, DOC), HANG_UP, then=STORED)
    async with scripted(answer) as server, asking(couch_address, server) as store:
        if call == "put_attachment":
            await store.get("things", "a")  # keeps the connection
            attempt = store.put_attachment("things", "a", "f", "text/plain", b"data", REV)
        else:
            attempt = store.delete_database("things")  # looks first, which keeps it
        with pytest.raises(StoreInterrupted):
            await attempt
        assert [request.method for request in server.asked()][1:] in (["PUT"], ["DELETE"])


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_an_error_of_the_server_leaves_a_write_unknown(couch_address, status):
    answer = after((status, "<html>gateway</html>"), then=STORED)
    async with scripted(answer) as server, asking(couch_address, server) as store:
        with pytest.raises(StoreInterrupted, match=str(status)):
            await store.put("things", {"_id": "a"})
        assert len(server.asked("POST")) == 1


async def test_a_host_that_refuses_connections_has_heard_nothing_so_the_next_one_is_asked(couch_address):
    async with (
        scripted(lambda _: STORED) as first,
        scripted(lambda _: STORED) as second,
        asking(couch_address, first, second, keepalive=0.0) as store,
    ):
        await first.stop()
        assert await store.put("things", {"_id": "a"}) == REV
        assert (len(first.asked()), len(second.asked())) == (0, 1)


# A read is made again


@pytest.mark.parametrize("fault", [HANG_UP, (500, "oops"), (429, "slowly"), (503, "<html>")])
async def test_a_read_is_made_again(couch_address, fault):
    answer = after(fault, fault, then=(200, DOC))
    async with scripted(answer) as server, asking(couch_address, server) as store:
        assert await store.get("things", "a") == DOC
        assert len(server.asked("GET")) == 3
        assert store.statistics().repeated == 2


async def test_a_file_is_read_again_when_it_breaks_off(couch_address):
    stub = {"content_type": "text/plain", "revpos": 1, "length": 4, "digest": "md5-x", "stub": True}
    doc = (200, {**DOC, "_attachments": {"f": stub}})
    answer = after(
        doc,
        HANG_UP,
        doc,
        (500, "oops"),
        doc,
        (404, {"error": "not_found", "reason": "missing"}),
        doc,
        then=(200, "data"),
    )
    async with scripted(answer) as server, asking(couch_address, server) as store:
        found = await store.get_attachment("things", "a", "f")
        assert (found.data, found.length) == (b"data", 4)
        assert len(server.asked()) == 8


async def test_a_file_beyond_the_limit_is_not_read_to_its_end(couch_address):
    stub = {"content_type": "text/plain", "revpos": 1, "length": 10**7, "digest": "md5-x", "stub": True}
    answer = after((200, {**DOC, "_attachments": {"f": stub}}), then=(200, "x" * 10**6))
    async with scripted(answer) as server:
        store = CouchStore(couch_address(server.url), limits=Limits(attachment=1000))
        async with opened(store):
            with pytest.raises(TooLarge):
                await store.get_attachment("things", "a", "f")


async def test_not_without_end(couch_address):
    async with scripted(lambda _: (500, "oops")) as server, asking(couch_address, server, attempts=3) as store:
        with pytest.raises(StoreInterrupted):
            await store.get("things", "a")
        assert len(server.asked()) == 3


async def test_a_proxy_without_a_server_behind_it_is_passed_over(couch_address):
    def no_server(request):
        return (503, "<html>no server is available</html>")

    no_server.says_all = True
    async with (
        scripted(no_server) as first,
        scripted(lambda _: (200, DOC)) as second,
        asking(couch_address, first, second) as store,
    ):
        assert await store.get("things", "a") == DOC
        assert list(store.statistics().away) == [first.url]
        seen = len(first.requests)
        for _ in range(5):
            await store.get("things", "a")
        probes = {request.path for request in first.requests[seen:]}
        assert probes <= {"/_up"}


async def test_the_first_host_is_asked_again_when_it_is_back(couch_address):
    async with (
        scripted(lambda _: (200, DOC)) as first,
        scripted(lambda _: (200, DOC)) as second,
        asking(couch_address, first, second) as store,
    ):
        await first.stop()
        await store.get("things", "a")
        assert second.asked()
        await first.start()
        await everyone_is_back(store)
        await store.get("things", "a")
        assert len(first.asked()) == 1


# Deadlines and bounds


async def test_a_server_that_is_silent_costs_the_deadline_and_no_more(couch_address):
    async with scripted(lambda _: SILENCE) as server, asking(couch_address, server, timeout=0.3) as store:
        for call in (store.get("things", "a"), store.put("things", {"_id": "a"}), store.all_docs("things")):
            begun = time.monotonic()
            with pytest.raises(StoreTimeout, match="outcome: unknown"):
                await call
            assert time.monotonic() - begun < 3
        assert len(server.asked("POST")) == 1


async def test_a_host_that_is_silent_to_a_probe_too_is_passed_over(couch_address):
    def say(request):
        return SILENCE

    say.says_all = True
    async with (
        scripted(say) as first,
        scripted(lambda _: (200, DOC)) as second,
        asking(couch_address, first, second, timeout=0.2, connect_timeout=0.2) as store,
    ):
        await until(lambda: list(store.statistics().away) == [first.url])
        assert await store.get("things", "a") == DOC


async def test_what_waited_for_a_connection_in_vain_was_not_done(couch_address):
    async with scripted(lambda _: SILENCE) as server, asking(couch_address, server, timeout=0.4, pool=1) as store:
        first = asyncio.create_task(store.put("things", {"_id": "a"}))
        second = asyncio.create_task(store.put("things", {"_id": "b"}))
        outcomes = [(await asyncio.gather(task, return_exceptions=True))[0].outcome for task in (first, second)]
        assert sorted(outcomes) == ["not done", "unknown"]
        assert len(server.asked()) == 1


async def test_more_than_may_wait_is_refused_at_once(couch_address):
    async with (
        scripted(lambda _: SILENCE) as server,
        asking(couch_address, server, pool=2, queue=3, timeout=0.5) as store,
    ):
        calls = [asyncio.create_task(store.put("things", {"_id": str(n)})) for n in range(8)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(outcome, StoreOverloaded) for outcome in outcomes) == 3
        assert store.statistics().waiting == 0


async def test_closing_ends_what_is_under_way(couch_address):
    async with scripted(lambda _: SILENCE) as server:
        store = CouchStore(couch_address(server.url, timeout=30.0))
        await store.open()
        call = asyncio.create_task(store.get("things", "a"))
        await server.heard.wait()
        await store.close(0.05)
        with pytest.raises(StoreClosed):
            await call
        with pytest.raises(StoreClosed):
            await store.get("things", "a")


async def test_a_caller_that_is_cancelled_is_cancelled(couch_address):
    async with scripted(lambda _: SILENCE) as server, asking(couch_address, server) as store:
        call = asyncio.create_task(store.get("things", "a"))
        await server.heard.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert store.statistics().waiting == 0


# While all hosts are away


async def test_calls_bridge_a_short_absence_and_fail_at_once_in_a_long_one(couch_address):
    async with (
        scripted(lambda _: (200, DOC)) as server,
        asking(couch_address, server, patience=0.5, longest_pause=0.05) as store,
    ):
        await server.stop()
        waiting = asyncio.create_task(store.get("things", "a"))
        await asyncio.sleep(0.1)
        await server.start()
        assert await waiting == DOC
        await server.stop()
        with pytest.raises(StoreAway, match=r"no host has answered for \d.*127\.0\.0\.1") as caught:
            await store.get("things", "a")
        assert "127.0.0.1" not in caught.value.reason  # which clients of the API are told
        begun = time.monotonic()
        for _ in range(100):
            with pytest.raises(StoreUnavailable):
                await store.put("things", {"_id": "a"})
        assert time.monotonic() - begun < 0.5
        await server.start()
        await everyone_is_back(store)
        assert await store.get("things", "a") == DOC


async def test_a_store_is_opened_while_its_database_is_away(couch_address):
    async with scripted(lambda _: (200, DOC)) as server:
        await server.stop()
        store = CouchStore(couch_address(server.url, patience=0.1, longest_pause=0.05))
        await store.open()
        with pytest.raises(StoreUnavailable):
            await store.get("things", "a")
        await server.start()
        await everyone_is_back(store)
        assert await store.get("things", "a") == DOC
        await store.close()


# An outage, or a stranger, is never "no such document"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((404, "<html>Not Found</html>"), StoreDamaged),
        ((404, {"detail": "not found"}), StoreDamaged),
        ((200, "<html>Welcome to our hotel</html>"), StoreDamaged),
        ((200, {"_id": "b", "_rev": REV}), StoreDamaged),
        ((302, ""), StoreDamaged),
        ((401, {"error": "unauthorized", "reason": "Name or password is incorrect."}), StoreDenied),
        ((403, {"error": "forbidden", "reason": "not yours"}), StoreDenied),
        ((500, {"error": "error", "reason": "enospc"}), StoreUnavailable),
        ((404, {"error": "not_found", "reason": "missing"}), DocumentNotFound),
    ],
)
async def test_only_the_databases_own_word_says_that_there_is_no_document(couch_address, answer, error):
    async with scripted(lambda _: answer) as server, asking(couch_address, server) as store:
        with pytest.raises(error) as caught:
            await store.get("things", "a")
        assert type(caught.value) is not StoreInterrupted or error is StoreUnavailable


async def test_a_row_in_error_is_not_a_missing_document(couch_address):
    rows = {"rows": [{"key": "a", "error": "nodedown"}]}
    async with scripted(lambda _: (200, rows)) as server, asking(couch_address, server) as store:
        with pytest.raises(StoreUnavailable, match="nodedown"):
            await store.get_many("things", ["a"])


async def test_a_full_disk_is_told_as_such(couch_address):
    async with (
        scripted(lambda _: (507, {"error": "enospc", "reason": "full"})) as server,
        asking(couch_address, server) as store,
    ):
        with pytest.raises(StoreFull):
            await store.put("things", {"_id": "a"})


@pytest.mark.parametrize(
    ("answer", "error"),
    [((401, {"error": "unauthorized", "reason": "who?"}), StoreDenied), ((200, "<html>"), StoreDamaged)],
)
async def test_a_store_that_refuses_us_or_is_none_does_not_open(couch_address, answer, error):
    def say(request):
        return answer

    say.says_all = True
    async with scripted(say) as server:
        with pytest.raises(error):
            await CouchStore(couch_address(server.url)).open()


# What is sent


async def test_credentials_go_with_every_request_and_are_never_told(couch_address):
    async with scripted(lambda _: (200, DOC)) as server:
        address = couch_address(server.url.replace("http://", "http://kazoo:hu%3Anter2@"))
        async with opened(CouchStore(address)) as store:
            await store.get("things", "a")
            assert {request.headers["authorization"] for request in server.requests} == {"Basic a2F6b286aHU6bnRlcjI="}
            assert "nter2" not in f"{address} {address!r} {store.path}"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:5984", "http://", "http://u:p@h:1", "http://h:1/db", "ftp://h", "http://h:x", "http://h/?a=b"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidName) as caught:
        CouchAddress((url,))
    assert "u:p" not in str(caught.value)


def test_an_address_needs_a_host():
    with pytest.raises(InvalidName, match="at least one"):
        CouchAddress(())


async def test_long_questions_are_posted_and_keys_are_json(couch_address):
    answer = (200, {"rows": [], "total_rows": 0})
    async with scripted(lambda _: answer) as server, asking(couch_address, server) as store:
        view = "accounts/listing_by_children"
        await store.view("accounts", view, startkey=["a/b", 1000], endkey=["a/b", {}])
        await store.view("accounts", view, startkey=["x" * 5000])
        await store.view("accounts", view, keys=[["k", n] for n in range(2000)])
        short, long, many = server.asked()
        assert short.method == "GET"
        assert 'startkey=["a/b",1000]&endkey=["a/b",{}]' in unquote(short.path)
        assert (long.method, long.json["startkey"]) == ("POST", ["x" * 5000])
        assert len(many.json["keys"]) == 2000
        assert len(many.path) < 200

"""Recordings that callflows play."""

import pytest


@pytest.fixture
async def acme(world):
    return await world.admin("acme")


@pytest.fixture
async def media(world, acme):
    reply = await world.put(f"/accounts/{acme[0]}/media", {"name": "greeting"}, acme[1])
    assert reply.status == 201, reply.raw
    return f"/accounts/{acme[0]}/media/{reply.data['id']}"


async def test_a_recording_is_uploaded_heard_and_replaced(world, acme, media):
    token = acme[1]
    assert (await world.get(f"{media}/raw", token)).status == 404
    reply = await world.post(f"{media}/raw", None, token, body=b"mp3 bytes", headers={"Content-Type": "audio/mpeg"})
    assert reply.status == 200, reply.raw
    heard = await world.get(f"{media}/raw", token)
    assert (heard.raw, heard.headers["Content-Type"]) == (b"mp3 bytes", "audio/mpeg")
    await world.post(f"{media}/raw", None, token, body=b"wav bytes", headers={"Content-Type": "audio/x-wav"})
    heard = await world.get(f"{media}/raw", token)
    assert (heard.raw, heard.headers["Content-Type"]) == (b"wav bytes", "audio/x-wav")
    assert (await world.post(media, {"name": "day"}, token)).status == 200
    assert (await world.get(f"{media}/raw", token)).raw == b"wav bytes"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [("text/html", b"<script>", 415), ("application/json", b"{}", 415), ("audio/mpeg", b"", 400)],
)
async def test_what_is_no_recording_is_refused(world, acme, media, kind, body, status):
    reply = await world.post(f"{media}/raw", None, acme[1], body=body, headers={"Content-Type": kind})
    assert reply.status == status


async def test_an_upload_needs_a_token_before_its_body_is_read(world, media):
    headers = {"Content-Type": "audio/mpeg"}
    assert (await world.post(f"{media}/raw", None, body=b"x" * 100_000, headers=headers)).status == 401
    assert (await world.post(f"{media}/raw", None, body=b"x", headers=headers)).status == 401

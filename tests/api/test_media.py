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


async def test_a_recording_can_be_heard_in_part(world, acme, media):
    token = acme[1]
    sound = bytes(range(256)) * 2000
    await world.post(f"{media}/raw", None, token, body=sound, headers={"Content-Type": "audio/mpeg"})
    whole = await world.get(f"{media}/raw", token)
    assert (whole.raw, whole.headers["Accept-Ranges"]) == (sound, "bytes")
    part = await world.get(f"{media}/raw", token, headers={"Range": "bytes=300000-300009"})
    assert (part.status, part.raw) == (206, sound[300_000:300_010])
    assert part.headers["Content-Range"] == f"bytes 300000-300009/{len(sound)}"
    beyond = await world.get(f"{media}/raw", token, headers={"Range": "bytes=9999999-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(sound)}")
    known = await world.get(f"{media}/raw", token, headers={"If-None-Match": whole.headers["ETag"]})
    assert (known.status, known.raw) == (304, b"")


# Announcements


@pytest.fixture
async def prompt(world, acme):
    """One of the account's own."""
    data = {"name": "mine", "prompt_id": "vm-enter_pass", "language": "de-DE"}
    reply = await world.put(f"/accounts/{acme[0]}/media", data, acme[1])
    assert reply.status == 201, reply.raw
    assert reply.data["id"] == "de-de/vm-enter_pass"
    return f"/accounts/{acme[0]}/media/de-de%2Fvm-enter_pass"


async def test_an_account_has_its_own_announcement(world, acme, prompt):
    token = acme[1]
    reply = await world.post(f"{prompt}/raw", None, token, body=b"sound", headers={"Content-Type": "audio/wav"})
    assert reply.status == 200, reply.raw
    assert (await world.get(f"{prompt}/raw", token)).raw == b"sound"
    assert (await world.get(prompt, token)).data["prompt_id"] == "vm-enter_pass"


async def test_there_is_one_of_each_and_it_can_be_made_again(world, acme, prompt):
    data = {"name": "mine", "prompt_id": "vm-enter_pass", "language": "de-de"}
    place = f"/accounts/{acme[0]}/media"
    assert (await world.put(place, data, acme[1])).status == 409
    assert (await world.delete(prompt, acme[1])).status == 200
    assert (await world.get(prompt, acme[1])).status == 404
    assert (await world.put(place, data, acme[1])).status == 201
    assert (await world.get(f"{prompt}/raw", acme[1])).status == 404, "what was recorded before is gone"


@pytest.mark.parametrize("change", [{"prompt_id": "other"}, {"language": "en-us"}, {"prompt_id": None}])
async def test_an_announcement_stays_what_it_is(world, acme, prompt, change):
    own = {"name": "mine", "prompt_id": "vm-enter_pass", "language": "de-de"}
    changed = {field: value for field, value in {**own, **change}.items() if value is not None}
    assert (await world.post(prompt, changed, acme[1])).status == 400
    assert (await world.post(prompt, {**own, "name": "ours"}, acme[1])).status == 200


@pytest.mark.parametrize("data", [{"prompt_id": "a/b"}, {"prompt_id": ""}, {"prompt_id": "x", "language": "../.."}])
async def test_a_hostile_announcement_is_refused(world, acme, data):
    reply = await world.put(f"/accounts/{acme[0]}/media", {"name": "x", **data}, acme[1])
    assert reply.status == 400


async def test_media_are_counted_by_language_and_prompt(world, acme, media, prompt):
    base, token = f"/accounts/{acme[0]}/media", acme[1]
    (languages,) = (await world.get(f"{base}/languages", token)).data
    assert languages["de-de"] == 1
    assert sum(languages.values()) == 2
    assert (await world.get(f"{base}/languages/DE-DE", token)).data == ["de-de/vm-enter_pass"]
    assert (await world.get(f"{base}/languages/fr", token)).data == []
    assert (await world.get(f"{base}/prompts", token)).data == [{"vm-enter_pass": 1}]
    assert (await world.get(f"{base}/prompts/vm-enter_pass", token)).data == ["de-de/vm-enter_pass"]

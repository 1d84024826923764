"""Photos and business cards of users and of entries of lists."""

import pytest

from mirliton.api.pictures import MAX_PHOTO, card

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


@pytest.fixture
async def acme(world):
    account_id, token = await world.admin("acme")
    world.ada = await world.user(account_id, "ada", "user", email="ada@example.com")
    world.path = f"/accounts/{account_id}/users/{world.ada}"
    return account_id, token


async def upload(world, token, data=PNG, kind="image/png", path=None):
    return await world.ask(
        "POST", path or f"{world.path}/photo", body=data, token=token, headers={"Content-Type": kind}
    )


async def test_a_user_has_a_photo(world, acme):
    assert (await world.get(f"{world.path}/photo", acme[1])).status == 404
    assert (await upload(world, acme[1])).status == 200
    shown = await world.get(f"{world.path}/photo", acme[1])
    assert (shown.status, shown.raw, shown.headers["Content-Type"]) == (200, PNG, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    # Changing the document keeps it.
    await world.patch(world.path, {"last_name": "King"}, acme[1])
    assert (await world.get(f"{world.path}/photo", acme[1])).raw == PNG
    assert (await world.delete(f"{world.path}/photo", acme[1])).status == 200
    assert (await world.delete(f"{world.path}/photo", acme[1])).status == 404


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (PNG, "image/svg+xml", 415),
        (PNG, "text/html", 415),
        (b"", "image/png", 400),
        (b"x" * (MAX_PHOTO + 1), "image/png", 413),
    ],
    ids=["svg", "html", "nothing", "too-large"],
)
async def test_what_is_no_photo_is_refused(world, acme, data, kind, status):
    assert (await upload(world, acme[1], data, kind)).status == status


async def test_users_see_and_change_their_own_alone(world, acme):
    own = await world.login(acme[0], "ada")
    eve = await world.user(acme[0], "eve", "user")
    other = await world.login(acme[0], "eve")
    assert (await upload(world, own)).status == 200
    assert (await upload(world, other)).status == 403
    assert (await world.get(f"{world.path}/photo", other)).status == 403
    assert (await world.get(f"{world.path}/vcard", other)).status == 403
    assert (await world.get(f"/accounts/{acme[0]}/users/{eve}/vcard", other)).status == 200


async def test_the_card_of_a_user_and_of_an_entry(world, acme):
    await upload(world, acme[1])
    reply = await world.get(f"{world.path}/vcard", acme[1])
    assert reply.headers["Content-Type"] == "text/x-vcard"
    text = reply.raw.decode().replace("\r\n ", "")
    assert text.startswith("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:ada Example\r\nN:Example;ada;;;\r\nORG:acme\r\n")
    assert "EMAIL;TYPE=INTERNET:ada@example.com\r\n" in text
    assert "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgp4" in text
    made = await world.put(f"/accounts/{acme[0]}/lists", {"name": "x"}, acme[1])
    entries = f"/accounts/{acme[0]}/lists/{made.data['id']}/entries"
    entry = (await world.put(entries, {"displayname": "Bob", "number": "+14155550100"}, acme[1])).data["id"]
    assert (await upload(world, acme[1], path=f"{entries}/{entry}/photo")).status == 200
    text = (await world.get(f"{entries}/{entry}/vcard", acme[1])).raw.decode()
    assert "FN:Bob\r\n" in text
    assert "TEL:+14155550100\r\n" in text


def test_what_people_write_stays_in_its_line():
    doc = {
        "first_name": "A\r\nTEL:1",
        "last_name": "B;C,D\\",
        "profile": {"note": "ä" * 100, "addresses": [{"address": "x"}]},
    }
    lines = card(doc, "", None).split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    unfolded = card(doc, "", None).decode().replace("\r\n ", "").split("\r\n")
    assert "N:B\\;C\\,D\\\\;A\\nTEL:1;;;" in unfolded
    assert f"NOTE:{'ä' * 100}" in unfolded
    assert not any(line.startswith("TEL") for line in unfolded)

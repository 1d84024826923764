"""An account's own announcements are heard in place of the platform's, and the system's in place of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.kapi.media import MediaError, MediaReq, MediaResp
from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.names import account_db
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.actors.switching import MEDIA
from mirliton.ecallmgr.switch_http import Media
from mirliton.runtime import Node
from mirliton.supervisors import Supervisor
from mirliton.whapps.media_mgr import app
from mirliton.whapps.media_mgr.listener import MediaMgr

ACCOUNT = "a" * 32
URLS = Media("http://127.0.0.1:8022", b"secret")


class House:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.store = StoreClient(node)

    async def record(self, doc_id: str, db: str = account_db(ACCOUNT), sound: bytes = b"x", **more: Any) -> str:
        """Keep a prompt with a recording; its URL."""
        rev = await self.store.put(db, {"_id": doc_id, "pvt_type": "media", **more})
        await self.store.put_attachment(db, doc_id, "p.mp3", "audio/mpeg", sound, rev)
        digest = (await self.store.get(db, doc_id))["_attachments"]["p.mp3"]["digest"]
        return URLS.url("GET", db, doc_id, "p.mp3", digest)

    async def where(self, name: str) -> str:
        """The URL that is answered; empty for none."""
        answer = await self.node.call(MEDIA, MediaReq(name))
        assert answer.media_name == name
        if isinstance(answer, MediaResp):
            return answer.stream_url
        assert isinstance(answer, MediaError)
        assert answer.error_code == "not_found"
        return ""

    @property
    def outcomes(self) -> dict[str, int]:
        cell = self.node.find(MEDIA)
        assert cell is not None
        assert isinstance(cell.actor, MediaMgr)
        return {name: count for name, count in cell.actor.outcomes.items() if count}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with Node("test@localhost", strict=True) as node:
        await node.start(StoreServer, str(tmp_path / "s.db"), name=STORE)
        made = House(node)
        for db in (account_db(ACCOUNT), "system_media"):
            await made.store.create_database(db)
        await node.start(Supervisor, app.tree(URLS, None))
        yield made


def prompt(language: str = "en-us", prompt_id: str = "vm-enter_pass", account: str = ACCOUNT) -> str:
    return f"prompt://{account}/{prompt_id}/{language}"


async def test_a_prompt_that_nobody_has_recorded_is_the_platforms_own(house: House) -> None:
    assert await house.where(prompt()) == ""
    assert await house.where(prompt(account="b" * 32)) == ""


async def test_an_account_hears_its_own_and_others_do_not(house: House) -> None:
    url = await house.record("en-us/vm-enter_pass")
    assert await house.where(prompt()) == url
    assert await house.where(prompt(account="b" * 32)) == ""
    assert await house.where(prompt(prompt_id="vm-other")) == ""


async def test_a_language_is_heard_before_its_root_and_no_other_in_its_place(house: House) -> None:
    root = await house.record("de/hello")
    assert await house.where(prompt("de-at", "hello")) == root
    assert await house.where(prompt("DE-DE", "hello")) == root
    own = await house.record("de-at/hello")
    assert await house.where(prompt("de-at", "hello")) == own
    assert await house.where(prompt("fr-fr", "hello")) == ""


async def test_the_system_has_prompts_for_all(house: House) -> None:
    shared = await house.record("en-us/hello", "system_media")
    assert await house.where(prompt(prompt_id="hello")) == shared
    assert await house.where(prompt(prompt_id="hello", account="system_media")) == shared
    root = await house.record("en/hello")
    assert await house.where(prompt(prompt_id="hello")) == root, (
        "the account's own comes first, in any form of its language"
    )


@pytest.mark.parametrize("what", [{"enabled": False}, {"pvt_deleted": True}, {"pvt_type": "callflow"}])
async def test_what_is_off_or_no_media_is_not_heard(house: House, what: dict[str, Any]) -> None:
    await house.record("en-us/hello", **what)
    assert await house.where(prompt(prompt_id="hello")) == ""


async def test_a_document_without_a_recording_is_not_heard(house: House) -> None:
    await house.store.put(account_db(ACCOUNT), {"_id": "en-us/hello", "pvt_type": "media"})
    assert await house.where(prompt(prompt_id="hello")) == ""


async def test_what_changes_is_heard_at_once(house: House) -> None:
    """Nobody has to wait until what is known is forgotten."""
    assert await house.where(prompt()) == ""
    first = await house.record("en-us/vm-enter_pass")
    assert await house.where(prompt()) == first
    db = account_db(ACCOUNT)
    rev = (await house.store.get(db, "en-us/vm-enter_pass"))["_rev"]
    await house.store.put_attachment(db, "en-us/vm-enter_pass", "p.mp3", "audio/mpeg", b"another", rev)
    second = await house.where(prompt())
    assert second not in ("", first), "another recording has another address, so that no switch plays the old one"
    await house.store.delete(db, "en-us/vm-enter_pass", (await house.store.get(db, "en-us/vm-enter_pass"))["_rev"])
    assert await house.where(prompt()) == ""


@pytest.mark.parametrize(
    "name", ["", "prompt://", "prompt://a/b", "prompt://a//c", "prompt://a/b/c/d", "/etc/passwd", "http://x"]
)
async def test_what_is_no_prompt_is_nowhere(house: House, name: str) -> None:
    assert await house.where(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "prompt://../x/en-us",
        "prompt://%2f/../en-us",
        f"prompt://{ACCOUNT}/_design/en-us",
        f"prompt://{ACCOUNT}/x/_design",
    ],
)
async def test_a_hostile_name_leads_nowhere(house: House, name: str) -> None:
    assert await house.where(name) == ""
    assert not house.node.dossiers


async def test_no_text_is_spoken_where_nothing_speaks(house: House) -> None:
    answer = await house.node.call(MEDIA, MediaReq("tts://x", text="hello"))
    assert isinstance(answer, MediaError)
    assert house.outcomes == {"not_found": 1}

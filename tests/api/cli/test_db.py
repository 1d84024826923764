"""`mirliton db` moves stores."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import couch_server
from mirliton.actors.store import CouchAddress, CouchStore, SqliteStore, Store, opened
from mirliton.api.cli import main


async def furnish(store: Store) -> None:
    async with opened(store):
        await store.create_database("system_config")
        await store.put("system_config", {"_id": "a", "default": {"n": 1}})
        await store.put_attachment("system_config", "b", "f.txt", "text/plain", b"text")


async def read(store: Store) -> tuple[object, bytes]:
    async with opened(store):
        doc = await store.get("system_config", "a")
        return doc["default"], (await store.get_attachment("system_config", "b", "f.txt")).data


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    asyncio.run(furnish(SqliteStore(tmp_path / "from.db")))
    return tmp_path


@pytest.mark.timeout(90 if couch_server.is_ready() else couch_server.INSTALL_SECONDS + 90)
def test_a_store_moves_to_couchdb_and_back(folder, capsys):
    with couch_server.running(folder / "couch") as server:
        assert main(["db", "copy", "sqlite:from.db", server.url]) == 0
        assert "1 databases, 2 documents written with 1 attachments, 0 were there already" in capsys.readouterr().out
        assert main(["db", "copy", "sqlite:from.db", server.url]) == 0
        assert "0 documents written with 0 attachments, 2 were there already" in capsys.readouterr().out
        assert asyncio.run(read(CouchStore(CouchAddress((server.url,))))) == ({"n": 1}, b"text")
        assert main(["db", "copy", server.url, "sqlite:back.db"]) == 0
        assert main(["db", "conflicts", server.url, "--settle"]) == 0
        assert "0 documents settled" in capsys.readouterr().out
    assert asyncio.run(read(SqliteStore("back.db"))) == ({"n": 1}, b"text")


def test_an_export_is_for_its_owner_alone_and_imports_into_the_configured_store(folder):
    assert main(["db", "export", "sqlite:from.db", "out.jsonl"]) == 0
    assert (folder / "out.jsonl").stat().st_mode & 0o777 == 0o600
    (folder / "var").mkdir()
    assert main(["db", "import", "out.jsonl", "configured"]) == 0
    assert asyncio.run(read(SqliteStore(folder / "var" / "mirliton.db"))) == ({"n": 1}, b"text")
    assert sorted(each.name for each in folder.glob("out*")) == ["out.jsonl"]


def test_documents_that_differ_are_told(folder, capsys):
    assert main(["db", "copy", "sqlite:from.db", "sqlite:to.db"]) == 0

    async def change() -> None:
        async with opened(SqliteStore("to.db")) as store:
            await store.put("system_config", {**await store.get("system_config", "a"), "default": {}})

    asyncio.run(change())
    assert main(["db", "copy", "sqlite:from.db", "sqlite:to.db"]) == os.EX_DATAERR
    assert "1 differ and were left alone:\n  system_config a" in capsys.readouterr().out
    assert main(["db", "copy", "--overwrite", "sqlite:from.db", "sqlite:to.db"]) == 0
    assert asyncio.run(read(SqliteStore("to.db")))[0] == {"n": 1}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["copy", "sqlite:none.db", "sqlite:to.db"], "there is no file none.db"),
        (["copy", "from.db", "sqlite:to.db"], "'from.db' is no place for a store: it must be sqlite:PATH"),
        (["copy", "http://u:secret@h:1", "sqlite:to.db"], "user and password are settings of their own"),
        (["conflicts", "sqlite:from.db"], "is no CouchDB"),
        (["import", "none.jsonl", "sqlite:to.db"], "No such file"),
        (["export", "sqlite:from.db", "no/folder/out.jsonl"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder, capsys, arguments, complaint):
    assert main(["db", *arguments]) == os.EX_UNAVAILABLE
    told = capsys.readouterr().err
    assert complaint in told
    assert "secret" not in told
    assert "Traceback" not in told

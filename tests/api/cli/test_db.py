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


DEVICES = "account/ab/cd/" + "e" * 28
OLD, NEW = "old:" + "o" * 32, "new:" + "n" * 32


def kept_password(path: Path) -> str:
    async def read_one() -> str:
        async with opened(SqliteStore(path)) as store:
            return (await store.get(DEVICES, "d"))["sip"]["password"]

    return asyncio.run(read_one())


def test_secrets_are_encrypted_anew_after_keys_were_changed_and_can_be_taken_elsewhere(folder, capsys, monkeypatch):
    async def furnish_plain() -> None:
        async with opened(SqliteStore(folder / "from.db")) as store:
            await store.create_database(DEVICES)
            await store.put(DEVICES, {"_id": "d", "pvt_type": "device", "sip": {"password": "hunter2"}})

    asyncio.run(furnish_plain())
    monkeypatch.setenv("MIRLITON_STORE_KEYS", OLD)
    assert main(["db", "reencrypt", "sqlite:from.db"]) == 0
    assert "1 documents with secrets, 1 written anew" in capsys.readouterr().out
    assert kept_password(folder / "from.db").startswith("sealed:1:old:")
    monkeypatch.setenv("MIRLITON_STORE_KEYS", f"{NEW} {OLD}")
    assert main(["db", "reencrypt", "sqlite:from.db"]) == 0
    assert kept_password(folder / "from.db").startswith("sealed:1:new:")
    monkeypatch.setenv("MIRLITON_STORE_KEYS", OLD)
    assert main(["db", "reencrypt", "sqlite:from.db"]) == os.EX_DATAERR
    assert f"no key opens what {DEVICES} d holds" in capsys.readouterr().out
    monkeypatch.setenv("MIRLITON_STORE_KEYS", NEW)
    assert main(["db", "reencrypt", "sqlite:from.db", "--plain"]) == 0
    assert kept_password(folder / "from.db") == "hunter2"


def test_without_a_setting_the_key_is_in_a_file_beside_the_store(folder):
    (folder / "var").mkdir()
    assert main(["db", "copy", "sqlite:from.db", "configured"]) == 0
    assert main(["db", "reencrypt", "configured"]) == 0
    assert (folder / "var" / "mirliton.db.keys").stat().st_mode & 0o777 == 0o600


def test_a_store_is_looked_after(folder, capsys):
    account = "account/ab/ab/" + "ab" * 14

    async def prepare() -> None:
        async with opened(SqliteStore("from.db")) as store:
            await store.create_database(account)
            gone = {"_id": "gone", "pvt_type": "device", "pvt_deleted": True, "pvt_modified": 63_000_000_000}
            await store.put(account, gone)

    asyncio.run(prepare())
    assert main(["db", "months", "sqlite:from.db", "--month", "203001"]) == 0
    assert "1 databases of 203001 made" in capsys.readouterr().out
    assert main(["db", "months", "sqlite:from.db", "--month", "203013"]) != 0
    assert main(["db", "purge", "sqlite:from.db", "--days", "30"]) == 0
    assert "1 documents deleted for good" in capsys.readouterr().out
    assert main(["db", "refresh", "sqlite:from.db"]) == 0
    assert "views built" in capsys.readouterr().out
    assert main(["db", "refresh", "sqlite:nowhere.db"]) != 0


def test_the_last_backups_are_kept(folder, monkeypatch):
    monkeypatch.setattr("mirliton.api.cli.db._moment", lambda: next(moments))
    moments = iter(["20260101T000000Z", "20260102T000000Z", "20260103T000000Z"])
    (folder / "backups").mkdir()
    (folder / "backups" / "mirliton-mine.jsonl").write_text("not a backup")
    for _ in range(3):
        assert main(["db", "backup", "sqlite:from.db", "backups", "--keep", "2"]) == 0
    kept = sorted(each.name for each in (folder / "backups").iterdir())
    assert kept == ["mirliton-20260102T000000Z.jsonl", "mirliton-20260103T000000Z.jsonl", "mirliton-mine.jsonl"]
    assert main(["db", "import", f"backups/{kept[1]}", "sqlite:back.db"]) == 0
    assert asyncio.run(read(SqliteStore("back.db"))) == ({"n": 1}, b"text")

"""The file under the embedded store: made once, recognised, and refused with one clear line when it cannot be used."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path

import pytest

from mirliton.actors.store import (
    Emit,
    SqliteStore,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreUnavailable,
    Tuning,
    View,
    opened,
)
from mirliton.actors.store.expressions import Field
from mirliton.actors.store.sqlite_file import FileOptions
from mirliton.actors.store.sqlite_turn import Turn

NOBODY = 65534


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def fill(path: Path, documents: int = 400, **tuning) -> None:
    """A store with some documents, shut again."""
    async with opened(SqliteStore(path, tuning=Tuning(**tuning))) as store:
        await store.create_database("things")
        await store.bulk("things", [{"_id": f"{n:04}", "text": f"{n} " * 50} for n in range(documents)])


async def refusal(path: Path, kind: type[StoreError], **tuning) -> str:
    """The one line with which opening the store fails."""
    store = SqliteStore(path, tuning=Tuning(**tuning))
    with pytest.raises(kind) as caught:
        await store.open()
    line = str(caught.value)
    assert str(path) in line
    assert "\n" not in line
    return line


async def test_a_new_file_is_for_its_owner_only(path):
    await fill(path)
    async with opened(SqliteStore(path)):
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_a_closed_store_is_one_whole_file(path, tmp_path):
    await fill(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["store.db", "store.db-turn"]
    moved = tmp_path / "elsewhere.db"
    shutil.copy(path, moved)
    async with opened(SqliteStore(moved)) as store:
        assert (await store.all_docs("things")).total_rows == 400


async def test_an_empty_file_becomes_a_store(path):
    path.touch()
    await fill(path)


async def test_many_stores_open_a_new_file_at_once(path):
    stores = [SqliteStore(path) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    made = await asyncio.gather(*(store.create_database("things") for store in stores))
    assert sorted(made) == [False] * 5 + [True]
    await asyncio.gather(*(store.close() for store in stores))


async def test_the_folder_must_exist(tmp_path):
    line = await refusal(tmp_path / "no" / "where" / "store.db", StoreUnavailable)
    assert line.endswith(f"the folder {tmp_path}/no/where does not exist")


async def test_the_folder_must_be_one(path):
    path.write_text("a file")
    assert "is not a folder" in await refusal(path / "store.db", StoreUnavailable)


async def test_a_folder_is_not_a_store(tmp_path):
    assert "it is not a file" in await refusal(tmp_path, StoreUnavailable)


async def test_a_path_that_is_none_is_said(tmp_path):
    with pytest.raises(StoreUnavailable, match="null byte"):
        await SqliteStore(f"{tmp_path}/a\0b").open()


async def test_a_name_too_long_is_said(tmp_path):
    assert "File name too long" in await refusal(tmp_path / ("x" * 300), StoreUnavailable)


@pytest.mark.parametrize("content", [b"not a database\n" * 100, b"\x00" * 4096, b"x"])
async def test_another_kind_of_file_is_left_alone(path, content):
    path.write_bytes(content)
    line = await refusal(path, StoreDamaged)
    assert "not an SQLite file" in line
    assert path.read_bytes() == content


async def test_another_programs_database_is_left_alone(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    before = path.read_bytes()
    assert "of another program" in await refusal(path, StoreDamaged)
    assert path.read_bytes() == before


async def test_another_application_id_is_refused(path):
    await fill(path)
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA application_id = 7")
    file.close()
    assert "of another program" in await refusal(path, StoreDamaged)


async def test_a_format_of_another_version_is_refused_by_number(path):
    await fill(path)
    file = sqlite3.connect(path, isolation_level=None)
    file.execute("PRAGMA user_version = 99")
    file.close()
    assert "it has format 99, this version of Mirliton reads format 1" in await refusal(path, StoreDamaged)


async def test_a_damaged_page_is_found_when_the_store_is_opened(path):
    await fill(path)
    content = bytearray(path.read_bytes())
    for page in range(5, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(content)
    assert "it is damaged" in await refusal(path, StoreDamaged)


async def test_a_truncated_file_is_found_when_the_store_is_opened(path):
    await fill(path)
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)
    assert "it is damaged" in await refusal(path, StoreDamaged)


async def test_damage_in_a_file_too_large_to_check_is_told_when_it_is_met(path):
    await fill(path)
    content = bytearray(path.read_bytes())
    for page in range(8, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(content)
    async with opened(SqliteStore(path, tuning=Tuning(check_up_to=0))) as store:
        with pytest.raises(StoreDamaged, match="it is damaged") as caught:
            await store.get_many("things", [f"{n:04}" for n in range(400)])
        assert caught.value.path == str(path)


async def test_a_file_that_is_overwritten_while_it_is_open_is_told_as_damage(path):
    await fill(path)
    async with opened(SqliteStore(path)) as store:
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
        with pytest.raises(StoreDamaged, match="it is damaged"):
            await store.get_many("things", [f"{n:04}" for n in range(400)])


def test_damage_that_shows_when_a_transaction_begins_is_told(path):
    class Damaged:
        def execute(self, statement):
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    path.touch()
    turn = Turn(FileOptions(str(path)))
    with pytest.raises(StoreDamaged, match="it is damaged: database disk image is malformed"):
        turn.begin(Damaged())
    assert turn.take_place()  # the place in the line was given back
    turn.close()


@pytest.fixture
def as_nobody():
    """Without root's power to write what is read-only; a folder that nobody may look into."""
    folder = Path(tempfile.mkdtemp(prefix="mirliton-test-"))
    folder.chmod(0o755)
    root = os.geteuid() == 0
    yield folder, (lambda: os.seteuid(NOBODY)) if root else lambda: None
    if root:
        os.seteuid(0)
    for entry in (folder, *folder.iterdir()):
        entry.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_read_only_file_is_refused(as_nobody):
    folder, become_nobody = as_nobody
    await fill(folder / "store.db")
    folder.chmod(0o777)
    (folder / "store.db-turn").chmod(0o666)
    (folder / "store.db").chmod(0o444)
    become_nobody()
    assert "cannot be written" in await refusal(folder / "store.db", StoreUnavailable)


async def test_a_read_only_folder_is_refused(as_nobody):
    folder, become_nobody = as_nobody
    folder.chmod(0o555)
    become_nobody()
    assert "Permission denied" in await refusal(folder / "store.db", StoreUnavailable)


async def test_a_full_disk_is_told_and_harms_nothing_that_was_acknowledged(path):
    """The quota is SQLite's own limit, whose error is the one of a full disk."""
    async with opened(SqliteStore(path, tuning=Tuning(max_bytes=1_000_000))) as store:
        await store.create_database("things")
        kept = []
        with pytest.raises(StoreFull, match="the disk or the quota is full") as caught:
            for n in range(1000):
                kept.append(await store.put("things", {"_id": f"{n:04}", "text": "x" * 10_000}))
        assert caught.value.path == str(path)
        docs = await store.get_many("things", [f"{n:04}" for n in range(len(kept))])
        assert [doc["_rev"] for doc in docs] == kept
        assert (await store.all_docs("things")).total_rows == len(kept)
        await store.delete("things", "0000", kept[0])
    assert path.stat().st_size <= 1_000_000


async def test_of_writes_at_once_on_a_full_disk_none_is_acknowledged_in_vain(path):
    async with opened(SqliteStore(path, tuning=Tuning(max_bytes=400_000))) as store:
        await store.create_database("things")
        results = await asyncio.gather(
            *(store.put("things", {"_id": f"{n:03}", "text": "x" * 5000}) for n in range(200)),
            return_exceptions=True,
        )
        acknowledged = [n for n, result in enumerate(results) if isinstance(result, str)]
        assert all(isinstance(result, str | StoreFull) for result in results)
        assert len(acknowledged) < 200
        there = {row.id for row in (await store.all_docs("things")).rows}
        assert there == {f"{n:03}" for n in acknowledged}


async def test_a_file_that_was_replaced_is_no_longer_written(path):
    async with opened(SqliteStore(path)) as store:
        await store.create_database("things")
        path.rename(path.with_suffix(".old"))
        with pytest.raises(StoreUnavailable, match="its file is gone"):
            await store.put("things", {"_id": "a"})
        path.touch()
        with pytest.raises(StoreUnavailable, match="its file was replaced"):
            await store.put("things", {"_id": "a"})
        path.with_suffix(".old").replace(path)
        await store.put("things", {"_id": "a"})


async def test_a_declaration_that_this_version_does_not_know_is_built_anew_when_asked(open_store, tmp_path):
    view = View("fruit/by_colour", ("things",), (Emit(key=Field("colour")),))
    store = await open_store(views=[view])
    await store.create_database("things")
    await store.put("things", {"_id": "a", "colour": "red"})
    file = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    file.execute("UPDATE views SET version = 'later', declaration = '{\"format\": 99}'")
    file.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'")
    await store.put("things", {"_id": "b", "colour": "blue"})
    assert file.execute("SELECT built FROM views").fetchall() == [(0,)]
    file.close()
    assert [row.key for row in (await store.view("things", "fruit/by_colour")).rows] == ["blue", "red"]

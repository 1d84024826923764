"""`mirliton run` with its store in a CouchDB: a call goes through, and its records are there."""

import asyncio
from pathlib import Path

import pytest

import couch_server
from mirliton.actors.store import CouchAddress, CouchStore, Row, opened
from mirliton.actors.store.names import month_of_db
from mirliton_run import settings_in, start


@pytest.mark.timeout(120 if couch_server.is_ready() else couch_server.INSTALL_SECONDS + 120)
def test_a_call_goes_through_and_its_records_are_in_the_database(tmp_path: Path) -> None:
    with couch_server.running(tmp_path / "couch") as server:
        settings_in(tmp_path, f'[store]\nbackend = "couchdb"\nurls = "{server.url}"\n')
        node = start(tmp_path)
        assert node.process.stdout is not None
        shown: list[str] = []
        for line in node.process.stdout:
            shown.append(line.strip())
            if "Ctrl-C" in line:
                break
        assert node.stop() == 0, node.log
        node.process.stdout.close()
        assert "2 CDRs" in "\n".join(shown), "\n".join(shown) + node.log
        records = asyncio.run(all_records(server.url))
        assert len(records) == 2
        assert {row.doc["hangup_cause"] for row in records if row.doc} == {"NORMAL_CLEARING"}
        assert not (tmp_path / "var" / "mirliton.db").exists()


async def all_records(url: str) -> list[Row]:
    async with opened(CouchStore(CouchAddress((url,)))) as store:
        months = [db for db in await store.databases("account/") if month_of_db(db)]
        found = [await store.view(db, "cdrs/crossbar_listing", include_docs=True) for db in months]
        return [row for each in found for row in each.rows]


def test_without_the_database_a_demo_says_so_and_ends(tmp_path: Path) -> None:
    port = couch_server.free_port()
    settings_in(tmp_path, f'[store]\nbackend = "couchdb"\nurls = "http://127.0.0.1:{port}"\n')
    node = start(tmp_path, "--quiet")
    told, _ = node.process.communicate(timeout=60)
    assert "demo account cannot be loaded" in told + node.log
    assert f"127.0.0.1:{port}" in told + node.log
    assert node.process.returncode != 0

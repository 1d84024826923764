"""Whose a number is, and whether calls to it stay here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mirliton.actors.store import SqliteStore
from mirliton.actors.system_config import config_of
from mirliton.whapps.numbers.ownership import own_number
from mirliton.whapps.numbers.rules import number_rules

ACCOUNT = "a" * 32
NUMBER = "+14155550100"


async def _stored(path: Path, **fields: Any) -> SqliteStore:
    store = SqliteStore(path / "s.db")
    await store.open()
    await store.create_database("numbers/+1415")
    doc = {"_id": NUMBER, "pvt_type": "number", "pvt_state": "in_service", "pvt_assigned_to": ACCOUNT} | fields
    await store.put("numbers/+1415", doc)
    return store


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({}, True),
        ({"pvt_state": "port_in"}, True),
        ({"pvt_state": "reserved"}, False),
        ({"pvt_state": "available"}, False),
        ({"pvt_state": None}, False),
        ({"pvt_deleted": True}, False),
        ({"pvt_assigned_to": None}, False),
        ({"pvt_assigned_to": "../x"}, False),
    ],
    ids=str,
)
async def test_a_number_in_service_is_somebodys(tmp_path: Path, fields: Any, ours: bool) -> None:
    store = await _stored(tmp_path, **fields)
    found = await own_number(store, NUMBER)
    assert (found is not None and found.account_id == ACCOUNT) is ours
    await store.close()


@pytest.mark.parametrize(
    ("fields", "config", "out"),
    [
        ({}, {}, False),
        ({}, {"default_force_outbound": True}, True),
        ({"force_outbound": True}, {}, True),
        ({"force_outbound": False}, {"default_force_outbound": True}, False),
        ({"pvt_state": "port_in"}, {}, True),
        ({"pvt_state": "port_in"}, {"force_port_in_outbound": False}, False),
        ({"pvt_module_name": "knm_local"}, {}, True),
        ({"pvt_module_name": "knm_local"}, {"force_local_outbound": False}, False),
    ],
    ids=str,
)
async def test_calls_to_it_may_have_to_go_out(tmp_path: Path, fields: Any, config: Any, out: bool) -> None:
    store = await _stored(tmp_path, **fields)
    found = await own_number(store, NUMBER.removeprefix("+"), config)
    assert found is not None
    assert found.force_outbound is out
    await store.close()


@pytest.mark.parametrize("number", ["911", "+1415", "x", "+49" * 30, "+1 415", "../+1415"])
async def test_what_is_no_number_is_nobodys(tmp_path: Path, number: str) -> None:
    store = await _stored(tmp_path)
    assert await own_number(store, number) is None
    await store.close()


async def test_settings_go_from_the_system_over_the_node_to_the_account(tmp_path: Path) -> None:
    store = await _stored(tmp_path)
    assert await config_of(store, "number_manager") == {}
    await store.create_database("system_config")
    db = f"account/aa/aa/{'a' * 28}"
    await store.create_database(db)
    system = {"_id": "number_manager", "default": {"a": {"x": 1, "y": 1}, "b": 1}, "n1": {"b": 2}}
    await store.put("system_config", system)
    await store.put(db, {"_id": "configs_number_manager", "pvt_type": "account_config", "a": {"y": 3}})
    assert await config_of(store, "number_manager") == {"a": {"x": 1, "y": 1}, "b": 1}
    assert await config_of(store, "number_manager", node="n1") == {"a": {"x": 1, "y": 1}, "b": 2}
    assert await config_of(store, "number_manager", account_id=ACCOUNT) == {"a": {"x": 1, "y": 3}, "b": 1}
    assert (await number_rules(store, ACCOUNT)).e164("4155550100") == NUMBER
    await store.close()

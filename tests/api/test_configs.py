"""The configuration of accounts and of the system."""

import pytest

from mirliton.actors.system_config import config_of


@pytest.fixture
async def master(world):
    world.master, token = await world.admin("master")
    await world.make_master(world.master)
    return token


async def test_an_account_has_settings_of_its_own(world):
    account_id, token = await world.admin("acme")
    path = f"/accounts/{account_id}/configs/callflow"
    assert (await world.get(path, token)).status == 404
    assert (await world.post(path, {}, token)).status == 404
    reply = await world.put(path, {"a": {"b": 1, "c": 2}}, token)
    assert (reply.status, reply.data["id"]) == (201, "callflow")
    assert (await world.put(path, {}, token)).status == 409
    assert (await world.patch(path, {"a": {"b": None}}, token)).data["a"] == {"c": 2}
    assert await config_of(world.store, "callflow", account_id=account_id) == {"a": {"c": 2}}
    assert (await world.delete(path, token)).status == 200
    assert (await world.get(path, token)).status == 404
    # What was deleted can be made anew.
    assert (await world.put(path, {"x": 1}, token)).status == 201
    assert (await world.get(path, token)).data["x"] == 1


async def test_what_kazoo_has_a_schema_for_is_judged_by_it(world):
    account_id, token = await world.admin("acme")
    reply = await world.put(f"/accounts/{account_id}/configs/kazoo_endpoint", {"default_ignore_early_media": {}}, token)
    schema = (await world.get("/schemas/account_config.kazoo_endpoint", token)).data
    if "default_ignore_early_media" in schema.get("properties", {}):
        assert reply.status == 400
    assert (await world.get(f"/accounts/{account_id}/configs/UPPER", token)).status == 404


async def test_the_systems_settings_have_sections(world, master):
    path = "/system_configs/sysconf"
    empty = await world.get(path, master)
    assert (empty.status, empty.data) == (200, {"id": "sysconf"})
    reply = await world.put(path, {"default": {"acl_request_timeout_ms": 2000}}, master)
    assert reply.status == 201
    assert (await world.put(path, {}, master)).status == 409
    section = await world.post(f"{path}/node@host", {"acl_request_timeout_ms": 1000}, master)
    assert section.data == {"id": "sysconf/node@host", "acl_request_timeout_ms": 1000}
    assert (await world.get(path, master)).data["node@host"] == {"acl_request_timeout_ms": 1000}
    assert await config_of(world.store, "sysconf", node="node@host") == {"acl_request_timeout_ms": 1000}
    assert "sysconf" in (await world.get("/system_configs", master)).data
    assert (await world.patch(f"{path}/node@host", {"more": 1}, master)).data["more"] == 1
    assert (await world.delete(f"{path}/node@host", master)).status == 200
    assert "node@host" not in (await world.get(path, master)).data
    assert (await world.delete(f"{path}/node@host", master)).status == 404
    assert (await world.delete(path, master)).status == 200
    assert (await world.get(path, master)).data == {"id": "sysconf"}
    assert (await world.delete(path, master)).status == 404
    assert (await world.put(path, {"default": {}}, master)).status == 201


async def test_defaults_are_filled_in_when_that_is_asked_for_and_never_stored(world, master):
    path = "/system_configs/token_buckets"
    await world.post(path, {"default": {"tokens_fill_rate": 20}, "n@h": {"tokens_fill_time": "minute"}}, master)
    whole = (await world.get(f"{path}/n@h?with_defaults=true", master)).data
    assert (whole["tokens_fill_rate"], whole["tokens_fill_time"], whole["inactivity_timeout_s"]) == (20, "minute", 600)
    assert (await world.get(f"{path}/n@h", master)).data == {"id": "token_buckets/n@h", "tokens_fill_time": "minute"}
    assert (await world.get(f"{path}?with_defaults=true", master)).data["default"]["inactivity_timeout_s"] == 600


async def test_each_section_is_judged(world, master):
    path = "/system_configs/token_buckets"
    given = {"default": {"tokens_fill_rate": {}}, "n@h": 5, "b d": {}}
    reply = await world.post(path, given, master)
    assert reply.status == 400
    assert set(reply.data) == {"default.tokens_fill_rate", "n@h", "b d"}


async def test_changes_are_audited_without_their_values(world, master):
    await world.post("/system_configs/smtp", {"default": {"password": "hunter2"}}, master)
    audit = await world.get("/supervision/audit", master)
    assert audit.data[0]["action"] == "system_config_changed"
    assert audit.data[0]["category"] == "smtp"
    assert b"hunter2" not in audit.raw

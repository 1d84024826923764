"""Nothing secret is in an answer to those without the right, in a log, in a metric or on the disk.

Every secret of this world has a mark of its own, which is looked for in all that comes out.
"""

import asyncio
import io
import logging
from pathlib import Path

import prometheus_client
import pytest
import structlog

from mirliton.actors.store.client import StoreClient
from mirliton.actors.store.sealing import Keyring
from mirliton.actors.store.server import STORE, StoreServer
from mirliton.api.metrics import ApiCollector
from mirliton.api.routes import all_routes

MARK = "HUSH7f"
"""No id and no token holds it: of its letters three are no hexadecimal digits, and six of base64 are rarely these."""
KEYS = "k1:" + "k" * 40


@pytest.fixture
async def heard(monkeypatch):
    """All that is logged, with everything that anybody bound to it."""
    text = io.StringIO()

    def write(logger, method, event):
        text.write(f"{method} {event!r}\n")
        return event

    processors = structlog.get_config()["processors"]
    structlog.configure(processors=[write, *processors])
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)
    structlog.configure(processors=processors)


@pytest.fixture
async def house(heard, empty_world, tmp_path):
    """An account with a secret in all that can hold one, a stranger, and a user who is no administrator."""
    world = empty_world
    world.heard = heard
    await world.node.start(StoreServer, str(tmp_path / "sealed.db"), Keyring(KEYS), name=STORE)
    world.store = StoreClient(world.node)
    await world.start(store=world.store)
    world.account_id, world.admin_token = await world.admin("acme")
    _, world.stranger = await world.admin("stranger")
    world.plain_id = await world.user(world.account_id, "plain", "user")
    world.plain = await world.login(world.account_id, "plain")
    return world


async def filled(world):
    """The ids of what was made, by resource."""
    account, token, made = f"/accounts/{world.account_id}", world.admin_token, {}
    for resource, data in {
        "devices": {"name": "phone", "sip": {"username": "u1", "password": f"{MARK}sip"}},
        "resources": {"name": "carrier", "gateways": [{"server": "a.example", "password": f"{MARK}gateway"}]},
        "connectivity": {
            "name": "pbx",
            "account": {"auth_realm": "pbx.example.com"},
            "servers": [
                {
                    "server_name": "s",
                    "auth": {"auth_method": "Password", "auth_user": "p", "auth_password": f"{MARK}pbx"},
                }
            ],
        },
        "users": {"first_name": "Ada", "last_name": "King", "username": "ada", "password": f"{MARK}user"},
        "vmboxes": {"name": "box", "mailbox": "1001", "pin": MARK},
    }.items():
        reply = await world.put(f"{account}/{resource}", data, token)
        assert reply.status == 201, reply.raw
        made[resource] = reply.data["id"]
    return made


async def test_who_has_the_right_reads_them_and_the_disk_holds_none(house, tmp_path):
    made = await filled(house)
    device = await house.get(f"/accounts/{house.account_id}/devices/{made['devices']}", house.admin_token)
    assert device.data["sip"]["password"] == f"{MARK}sip"
    carrier = await house.get(f"/accounts/{house.account_id}/resources/{made['resources']}", house.admin_token)
    assert carrier.data["gateways"][0]["password"] == f"{MARK}gateway"
    kept = await asyncio.to_thread(lambda: b"".join(each.read_bytes() for each in Path(tmp_path).glob("sealed.db*")))
    assert MARK.encode() not in kept


async def test_no_answer_to_others_no_log_line_and_no_metric_holds_one(house):
    made = await filled(house)
    ids = {
        "account_id": house.account_id,
        "device_id": made["devices"],
        "resource_id": made["resources"],
        "connectivity_id": made["connectivity"],
        "user_id": made["users"],
        "vmbox_id": made["vmboxes"],
    }
    asked = 0
    for route in all_routes():
        if route.scope == "master" and route.resource in ("sup", "supervision"):
            continue  # The master's alone, and asked of processes that are not here.
        shape = [ids.get(part[1:-1], "x") if part.startswith("{") else part for part in route.shape.split("/")]
        for method in route.methods:
            for token in (house.plain, house.stranger, None):
                data = {} if method != "GET" else None
                reply = await house.ask(method, "/" + "/".join(shape), data, token=token)
                assert MARK not in reply.raw.decode(errors="replace"), (method, route.shape)
                asked += 1
    # What is refused is not repeated in the refusal either, nor is what makes the store fail.
    for bad in ({"sip": {"username": "u2", "password": f"{MARK}x" * 20}}, {"sip": {"password": {MARK: MARK}}}):
        reply = await house.put(f"/accounts/{house.account_id}/devices", {"name": "bad", **bad}, house.admin_token)
        assert reply.status == 400
    registry = prometheus_client.CollectorRegistry()
    registry.register(ApiCollector(house.node))
    assert MARK not in prometheus_client.generate_latest(registry).decode()
    logged = house.heard.getvalue()
    assert logged.count("request") > asked
    for secret in (MARK, KEYS[3:], house.admin_token, house.plain):
        assert secret not in logged


async def test_lists_hold_none_even_for_administrators(house):
    made = await filled(house)
    for resource in made:
        for form in ("", "?accept=csv"):
            reply = await house.get(f"/accounts/{house.account_id}/{resource}{form}", house.admin_token)
            assert reply.status == 200
            assert MARK not in reply.raw.decode(), resource

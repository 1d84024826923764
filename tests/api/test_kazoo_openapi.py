"""Each path and method of Kazoo's own description that belongs to a resource of ours, called as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mirliton.api.attempts import Attempts
from mirliton.api.routes import all_routes
from mirliton.config import schema_names, validate

LEFT_OUT = {
    "auth": "providers elsewhere and their links",
    "clicktocall/{C2C_ID}/connect": "placing calls from a page",
    "clicktocall/{C2C_ID}/history": "placing calls from a page",
    "resources/jobs": "jobs",
    "phone_numbers/locality": "carriers outside",
    "phone_numbers/prefix": "carriers outside",
    "media/languages": "prompts of the system",
    "media/prompts": "prompts of the system",
    "vmboxes/{VM_BOX_ID}/messages/raw": "archives of messages",
    "PUT vmboxes/{VM_BOX_ID}/messages": "messages that no call has left",
    "PUT vmboxes/{VM_BOX_ID}/messages/{VM_MSG_ID}/raw": "messages that no call has left",
    "PUT devices/{DEVICE_ID}": "the same as POST",
    "channels/{UUID}": "metaflows by API",
    "devices/{DEVICE_ID}/sync": "telling phones to provision",
    "DELETE registrations": "telling a registrar to forget",
    "cdrs/interaction": "legs by the interaction they belong to",
    "cdrs/legs": "legs by the interaction they belong to",
    "cdrs/summary": "sums over records",
    "presence/report": "which phones watch: each proxy knows",
    "agents/stats": "statistics of queues",
    "queues/stats": "statistics of queues",
    "PUT queues/eavesdrop": "listening to queues",
    "PUT queues/{QUEUE_ID}/eavesdrop": "listening to queues",
}
"""What of our resources is not there, by the beginning of its path below the account, and what it is."""

SAMPLES: dict[str, Any] = {
    "allotments": {"toll_us": {"amount": 60, "cycle": "daily"}},
    "access_lists": {"order": "allow,deny", "cidrs": ["10.0.0.0/8"]},
    "accounts": {"name": "acme"},
    "blacklists": {"name": "pests", "numbers": {}},
    "callflows": {"numbers": ["1001"], "flow": {"module": "hangup", "data": {}}},
    "clicktocall": {"name": "ask", "extension": "1000"},
    "configs": {"some": "thing"},
    "connectivity": {"name": "pbx"},
    "devices": {"name": "phone"},
    "directories": {"name": "all"},
    "entries": {"number": "1001"},
    "groups": {"name": "sales", "endpoints": {}},
    "limits": {"calls": 5},
    "lists": {"name": "friends"},
    "media": {"name": "hello"},
    "menus": {"name": "main"},
    "metaflows": {"binding_digit": "*"},
    "multi_factor": {"name": "codes", "enabled": True, "provider_name": "totp"},
    "rates": {"prefix": 1, "rate_cost": 1},
    "resources": {"name": "carrier", "gateways": []},
    "system_configs": {"default": {}},
    "conferences": {"name": "board"},
    "queues": {"name": "support"},
    "temporal_rules": {"name": "noon", "cycle": "daily"},
    "temporal_rules_sets": {"name": "week", "temporal_rules": ["noon"]},
    "users": {"first_name": "Ada", "last_name": "King"},
    "vmboxes": {"name": "box", "mailbox": "1001"},
}
STORED = {*SAMPLES} - {"queues"} | {
    "about",
    "api_auth",
    "auth",
    "cdrs",
    "hotdesks",
    "ip_auth",
    "schemas",
    "security",
    "token_auth",
    "user_auth",
    "phone_numbers",
}
"""Resources that need nothing but the store. Others are asked of processes that this world does not have: their tests
are elsewhere, and here they may say that those are away."""
SCHEMAS = {"entries": "list_entries"}
NOT_DOCUMENTS = {"accounts/{}/resources/collection", "resources/collection", "configs", "system_configs"}


def shape_of(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path.strip("/"))


OURS: dict[str, set[str]] = {}
for route in all_routes():
    OURS.setdefault(shape_of(route.shape), set()).update(route.methods)
PUBLIC = {shape_of(route.shape) for route in all_routes() if route.scope == "public"}
NOUNS = {route.resource for route in all_routes()}


def kazoos(reference: Path) -> list[tuple[str, str, str]]:
    """Resource, method and path of all that Kazoo describes."""
    found = []
    for file in sorted((reference / "kazoo-openapi" / "paths").glob("*.yml")):
        for path, operations in yaml.safe_load(file.read_text())["paths"].items():
            found += [
                (file.stem, method.upper(), path)
                for method in operations
                if method in ("get", "put", "post", "patch", "delete")
            ]
    return found


def below(path: str) -> str:
    return path.removeprefix("/accounts/{ACCOUNT_ID}").lstrip("/")


def test_what_is_left_out_of_our_resources_is_known(reference):
    missing = {
        (method, below(path))
        for noun, method, path in kazoos(reference)
        if noun in NOUNS and method not in OURS.get(shape_of(path), ())
    }
    unexplained = {
        (method, path)
        for method, path in missing
        if not any(path.startswith(known) or f"{method} {path}".startswith(known) for known in LEFT_OUT)
    }
    assert not unexplained
    assert len(missing) < 60


class House:
    """The master account, in it one document of each resource; each request gets what it needs anew."""

    def __init__(self, world) -> None:
        self.world = world
        self.count = 0

    async def build(self):
        world = self.world
        self.account, self.token = await world.admin("master")
        await world.make_master(self.account)
        return self

    async def path(self, method: str, path: str) -> str:
        """The path with ids of documents that exist."""
        self.method, self.asked = method, path
        filled: list[str] = []
        segments = path.strip("/").split("/")
        for index, segment in enumerate(segments):
            filled.append(await self.value(segment, segments[index - 1], filled) if segment[0] == "{" else segment)
        return "/" + "/".join(filled)

    async def value(self, name: str, noun: str, before: list[str]) -> str:
        world, collection = self.world, "/" + "/".join(before)
        if name == "{ACCOUNT_ID}":
            return await self.child()
        if noun == "configs":
            await world.put(f"{collection}/callflow", {}, self.token)
            return "callflow"
        if name == "{PHONE_NUMBER}" and before[0] == "accounts":
            self.count += 1
            number = f"%2B1415555{self.count:04d}"
            if self.method != "PUT" or not self.asked.endswith(("{PHONE_NUMBER}", "/port")):
                numbers = f"/accounts/{before[1]}/phone_numbers"
                assert (await world.put(f"{numbers}/{number}", {}, self.token)).status == 201
            return number
        if noun == "system_configs":
            # PUT makes a category, all others need one.
            self.count += 1
            category = f"category{self.count}"
            if self.method != "PUT":
                await world.post(f"/system_configs/{category}", {"n@h": {}}, self.token)
            return category
        if noun == "keys":
            return (await world.get("/auth/keys", self.token)).data[0]
        if noun == "attempts":
            attempts = Attempts(world.store, world.node.clock.time, world.node.clock.now)
            await attempts.note(before[1], "cb_user_auth", "failed", "wrong", "multi_factor")
            return (await world.get(collection, self.token)).data[0]["id"]
        fixed = {"{NODE}": "n@h", "schemas": "users", "user_auth": self.token, "number": "14155550100"}
        if name in fixed or noun in fixed:
            return fixed.get(name) or fixed[noun]
        if name == "{NODE}":
            await world.post("/system_configs/sysconf/n@h", {}, self.token)
            return "n@h"
        if noun in SAMPLES:
            made = await world.put(collection, self.sample(noun), self.token)
            assert made.status == 201, (collection, made.raw)
            if noun == "media":
                headers = {"Content-Type": "audio/wav"}
                raw = f"{collection}/{made.data['id']}/raw"
                await world.ask("POST", raw, body=b"RIFF", token=self.token, headers=headers)
            return made.data["id"]
        if noun == "messages":
            return await world.message(before[1], before[3], at=world.node.clock.time(), audio=b"ID3")
        if noun in ("cdrs", "legs"):
            return await world.cdr(before[1], "call-1", at=world.node.clock.time(), interaction_id="one")
        return "0" * 32

    async def child(self) -> str:
        self.count += 1
        return await self.world.account(f"child{self.count}", self.account)

    def sample(self, noun: str) -> Any:
        if noun != "accounts":
            return SAMPLES[noun]
        self.count += 1
        return {"name": f"new{self.count}"}

    async def data(self, path: str, noun: str, filled: str) -> Any:
        if path.endswith("/move"):
            return {"to": await self.child()}
        if path == "/user_auth":
            return self.world.credentials(self.account, "admin_master")
        if path == "/api_auth":
            return {"api_key": self.world.accounts[self.account]["pvt_api_key"]}
        if path.endswith("/messages") or "/messages/" in path:
            return {"folder": "saved", "messages": []}
        if path.endswith("/roster"):
            return []
        if "/phone_numbers/c" in path:
            return {"numbers": ["+14155550000"]}
        if path.endswith("/collection"):
            return [SAMPLES[noun]]
        if "validation" in path:
            return SAMPLES["users"]
        if "{CONFERENCE_ID}" in path and self.method == "PUT":
            return {"action": "mute" if "/participants" in path else "lock"}
        if path.endswith("/channels/{UUID}"):
            return {"action": "hangup"}
        return self.sample(noun) if noun in SAMPLES else {}


@pytest.fixture
async def house(world):
    return await House(world).build()


MEANT = {
    ("GET", "/accounts/{ACCOUNT_ID}/token_restrictions"): {404},  # an account has none unless it is given them
    ("DELETE", "/accounts/{ACCOUNT_ID}/token_restrictions"): {404},
    ("DELETE", "/accounts/{ACCOUNT_ID}/security"): {404},
    ("PUT", "/schemas/{SCHEMA_NAME}/validation"): {200},  # nothing is made
    ("PUT", "/accounts/{ACCOUNT_ID}/phone_numbers/collection"): {200},
    ("PUT", "/accounts/{ACCOUNT_ID}/phone_numbers/collection/activate"): {200},
    ("PUT", "/ip_auth"): {401},  # nobody has this address
    ("PUT", "/user_auth/recovery"): {400},  # its data are not those that Kazoo's description names
    ("POST", "/user_auth/recovery"): {400},
    ("PUT", "/accounts/{ACCOUNT_ID}/configs/{CONFIG_ID}"): {409},  # it is there
    ("PUT", "/accounts/{ACCOUNT_ID}/conferences/{CONFERENCE_ID}"): {404},  # nobody is in it
    ("PUT", "/accounts/{ACCOUNT_ID}/conferences/{CONFERENCE_ID}/participants"): {200},  # nothing is made
    ("GET", "/accounts/{ACCOUNT_ID}/conferences/{CONFERENCE_ID}/participants/{PARTICIPANT_ID}"): {404},
    ("PUT", "/accounts/{ACCOUNT_ID}/conferences/{CONFERENCE_ID}/participants/{PARTICIPANT_ID}"): {404},
    ("GET", "/accounts/{ACCOUNT_ID}/vmboxes/{VM_BOX_ID}/messages/raw"): {404},
    ("GET", "/accounts/{ACCOUNT_ID}/users/{USER_ID}/photo"): {404},  # they have none
    ("DELETE", "/accounts/{ACCOUNT_ID}/users/{USER_ID}/photo"): {404},
    ("GET", "/accounts/{ACCOUNT_ID}/search"): {400},  # it must say what for
    ("GET", "/accounts/{ACCOUNT_ID}/search/multi"): {400},
}
ENDS_TOKENS = {("DELETE", "/token_auth"), ("PUT", "/auth"), ("PUT", "/auth/keys/{KEY_ID}")}
NOT_HERE = {"/auth/tokeninfo"}


async def test_each_path_of_kazoos_answers_as_kazoo_does(house, reference):
    world = house.world
    called = 0
    for noun, method, path in kazoos(reference):
        if method not in OURS.get(shape_of(path), ()) or noun in ("sup",):
            continue
        if (method, path) in ENDS_TOKENS:
            continue  # It would end the token that all are called with; tested elsewhere.
        filled = await house.path(method, path)
        data = await house.data(path, noun, filled) if needs_data(method, path) else None
        body, headers = None, {}
        if method == "POST" and path.endswith("/raw"):
            body, headers, data = b"RIFF", {"Content-Type": "audio/wav"}, None
        if method == "POST" and path.endswith("/photo"):
            body, headers, data = b"GIF89a", {"Content-Type": "image/gif"}, None
        reply = await world.ask(method, filled, data, token=house.token, body=body, headers=headers)
        called += 1
        allowed = MEANT.get((method, path), {201} if method == "PUT" else {200, 201})
        if path.endswith("/reseller"):
            allowed = {200}
        if noun not in STORED or path.endswith("/devices/status"):
            allowed = allowed | {400, 404, 503}
        assert reply.status in allowed, (method, path, reply.status, reply.raw[:500])
        if path.endswith(("/raw", "/vcard")) and method == "GET":
            continue
        the_envelope_is_kazoos(reply, method, path)
        if reply.status < 300:
            the_document_fits(noun, method, path, reply.data)
    assert called > 150


def needs_data(method: str, path: str) -> bool:
    return method in ("PUT", "POST", "PATCH") or path.endswith("phone_numbers/collection")


def the_envelope_is_kazoos(reply, method: str, path: str) -> None:
    body = reply.body
    wanted = {"data", "status", "request_id", "node", "timestamp", "version"}
    assert wanted <= set(body), (method, path)
    if reply.status < 300:
        assert body["status"] == "success"
        assert "revision" in body
        assert isinstance(body.get("auth_token"), str) or shape_of(path) in PUBLIC
        assert isinstance(body["tokens"]["remaining"], int)
    else:
        assert body["status"] == "error"
        assert body["error"] == str(reply.status)
        assert isinstance(body["data"], dict)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["timestamp"])


def the_document_fits(noun: str, method: str, path: str, data: Any) -> None:
    """A document that was answered is one by Kazoo's own schema; a list's rows say which document they are of."""
    last = path.rsplit("/", 1)[1]
    kind = SCHEMAS.get(path.rsplit("/", 2)[-2 if last[0] == "{" else -1], noun)
    if kind not in schema_names() or kind in NOT_DOCUMENTS or "collection" in path:
        return
    if method == "GET" and last == noun:
        if isinstance(data, list):
            assert all(isinstance(row, dict) for row in data), path
        return
    if last[0] == "{" and method in ("GET", "POST", "PATCH") and "id" in data and noun in SAMPLES:
        assert not validate(kind, data), (method, path, data)

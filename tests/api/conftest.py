"""A world to ask the API in: a node, a store, the server on a free port, accounts and who lives in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession
from argon2 import PasswordHasher

from mirliton.actors.store import Month, Months, SqliteStore, opened
from mirliton.actors.store.documents import gregorian, password_hashes, stamp
from mirliton.actors.store.names import account_db, month_id, new_id
from mirliton.api import credentials, logins
from mirliton.api.listening import Where
from mirliton.api.server import API, ApiServer
from mirliton.config import ApiSettings
from mirliton.runtime import Name, Node

ROOT = Name("supervisor", "root")


@dataclass
class Reply:
    """An answer of the API, read whole."""

    status: int
    headers: Any
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]


@dataclass
class World:
    """Builders write into the store; everything else goes through the API."""

    node: Node
    store: SqliteStore
    session: ClientSession
    url: str = ""
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def start(self, settings: ApiSettings | None = None, store: Any = None) -> None:
        """Start the server."""
        await self.node.start(ApiServer, settings or ApiSettings(port=0), (ROOT,), store or self.store, name=API)
        where = await self.node.call(API, Where())
        self.url = f"http://{where.host}:{where.port}"

    async def account(self, name: str, parent: str | None = None, **fields: Any) -> str:
        """An account in the store; returns its id."""
        account_id = new_id()
        above = self.accounts[parent] if parent else None
        doc = {
            "_id": account_id,
            "name": name,
            "realm": f"{name}.example.com",
            "pvt_tree": [*above["pvt_tree"], parent] if above else [],
            "pvt_api_key": hashlib.sha256(name.encode()).hexdigest(),
            "pvt_enabled": True,
            **fields,
        }
        doc = stamp(doc, type="account", account_id=account_id)
        self.accounts[account_id] = doc
        await self.store.create_database("accounts")
        await self.store.create_database(account_db(account_id))
        await self.store.put(account_db(account_id), doc)
        await self.store.put("accounts", doc)
        return account_id

    async def make_master(self, account_id: str) -> None:
        """Name the account as the one above all others."""
        await self.store.create_database("system_config")
        await self.store.put("system_config", {"_id": "accounts", "default": {"master_account_id": account_id}})

    async def document(self, account_id: str, type: str, **fields: Any) -> dict[str, Any]:
        """A document in the account's database, with its id and revision."""
        doc = stamp({"_id": new_id(), **fields}, type=type, account_id=account_id)
        return {**doc, "_rev": await self.store.put(account_db(account_id), doc)}

    async def user(self, account_id: str, username: str, priv_level: str = "admin", **fields: Any) -> str:
        """A user whose password is their username; returns their id."""
        doc = await self.document(
            account_id,
            "user",
            first_name=username,
            last_name="Example",
            username=username,
            priv_level=priv_level,
            **password_hashes(username, username),
            **fields,
        )
        return doc["_id"]

    async def login(self, account_id: str, username: str, password: str | None = None) -> str:
        """The token of a user."""
        reply = await self.put("/user_auth", self.credentials(account_id, username, password))
        assert reply.status == 201, reply.raw
        return reply.body["auth_token"]

    def credentials(self, account_id: str, username: str, password: str | None = None) -> dict[str, Any]:
        text = f"{username.lower()}:{username if password is None else password}"
        return {
            "credentials": hashlib.md5(text.encode()).hexdigest(),
            "account_realm": self.accounts[account_id]["realm"],
        }

    async def admin(self, name: str, parent: str | None = None, **fields: Any) -> tuple[str, str]:
        """An account with an administrator: its id, and a token."""
        account_id = await self.account(name, parent, **fields)
        await self.user(account_id, f"admin_{name}")
        return account_id, await self.login(account_id, f"admin_{name}")

    async def message(self, account_id: str, box_id: str, *, at: float, audio: bytes = b"", **metadata: Any) -> str:
        """A voicemail message of a month."""
        months = Months(self.store, account_id, clock=lambda: at)
        id = month_id(Month.at(at))
        doc = {
            "_id": id,
            "source_id": box_id,
            "metadata": {"folder": "new", "timestamp": gregorian(at), "media_id": id, "length": 5, **metadata},
        }
        rev = await months.put(stamp(doc, type="mailbox_message", account_id=account_id, db=months.db_of(id), now=at))
        if audio:
            await months.put_attachment(id, "message.mp3", "audio/mpeg", audio, rev)
        return id

    async def cdr(self, account_id: str, call_id: str, *, at: float, **fields: Any) -> str:
        """The record of a leg that began at a moment."""
        months = Months(self.store, account_id, clock=lambda: at)
        id = month_id(Month.at(at), call_id)
        doc = stamp({"_id": id, "call_id": call_id, **fields}, type="cdr", account_id=account_id, now=at)
        await months.put(doc)
        return id

    async def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        envelope: dict[str, Any] | None = None,
    ) -> Reply:
        """One request below /v2 (or of an absolute path below the server, when it begins with //)."""
        sent = {**(headers or {}), **({"X-Auth-Token": token} if token else {})}
        payload = body
        if data is not None or envelope is not None:
            payload = json.dumps({**({"data": data} if data is not None else {}), **(envelope or {})}).encode()
        if payload is not None:
            sent.setdefault("Content-Type", "application/json")
        url = f"{self.url}{path[1:] if path.startswith('//') else '/v2' + path}"
        async with self.session.request(method, url, data=payload, headers=sent) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, token: str | None = None, **more: Any) -> Reply:
        return await self.ask("GET", path, token=token, **more)

    async def put(self, path: str, data: Any, token: str | None = None, **more: Any) -> Reply:
        return await self.ask("PUT", path, data, token=token, **more)

    async def post(self, path: str, data: Any, token: str | None = None, **more: Any) -> Reply:
        return await self.ask("POST", path, data, token=token, **more)

    async def patch(self, path: str, data: Any, token: str | None = None, **more: Any) -> Reply:
        return await self.ask("PATCH", path, data, token=token, **more)

    async def delete(self, path: str, token: str | None = None, **more: Any) -> Reply:
        return await self.ask("DELETE", path, token=token, **more)


@pytest.fixture
async def empty_world(tmp_path, monkeypatch) -> AsyncIterator[World]:
    """A world whose server is not started yet. Wrong logins are answered sooner than in life; passwords cost less."""
    monkeypatch.setattr(logins, "FAILURE_TIME", 0.02)
    monkeypatch.setattr(credentials, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    async with (
        opened(SqliteStore(tmp_path / "store.db")) as store,
        Node("test@localhost", strict=True) as node,
        ClientSession() as session,
    ):
        yield World(node, store, session)
        if node.strict_violations:
            raise node.strict_violations[0]


@pytest.fixture
async def world(empty_world) -> World:
    """A world with a server."""
    await empty_world.start()
    return empty_world

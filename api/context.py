"""What a handler is given, and what it answers with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from aiohttp import web

from mirliton.actors.store import Document, Store
from mirliton.api.addresses import Network
from mirliton.api.attempts import Attempts
from mirliton.api.authentication import Authentication
from mirliton.api.buckets import Buckets, Spent
from mirliton.api.credentials import Credentials
from mirliton.api.errors import BadIdentifier, Forbidden, InvalidCredentials
from mirliton.api.identity import Identity
from mirliton.api.locks import Locks
from mirliton.api.logins import Logins
from mirliton.api.rights import owns
from mirliton.api.second_factor import SecondFactor
from mirliton.api.tokens import Tokens
from mirliton.config import ApiSettings, Conformed, conform
from mirliton.runtime import Address, Name, Node, NoProc, ServerDied

if TYPE_CHECKING:
    from mirliton.api.routing import Route

CALL_TIMEOUT: Final = 5.0
"""Seconds a process may take to answer the API."""
CALL_PAUSES: Final = (0.05, 0.25)
"""Seconds between attempts to reach a process that is restarting."""
INLINE: Final = 32 * 1024
"""Bytes of a request whose document is judged at once; a larger one is judged in a thread, beside the loop."""

# One thread: documents of this size are rare, and judging two at once is no faster.
_judge = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api-schema")


@dataclass(slots=True)
class Services:
    """What all requests of one server share."""

    node: Node
    store: Store
    settings: ApiSettings
    roots: tuple[Name, ...]
    """The supervisors at the top of the node's trees."""
    tokens: Tokens
    logins: Logins
    credentials: Credentials
    authentication: Authentication
    buckets: Buckets
    second_factor: SecondFactor
    attempts: Attempts
    proxies: tuple[Network, ...] = ()
    locks: Locks = field(default_factory=Locks)

    def now(self) -> float:
        """Unix seconds."""
        return self.node.clock.time()

    async def call(self, to: Address, request: Any, timeout: float = CALL_TIMEOUT) -> Any:
        """Ask a process; one that is just restarting is asked again. Raises CallError."""
        for pause in CALL_PAUSES:
            try:
                return await self.node.call(to, request, timeout=timeout)
            except (NoProc, ServerDied):
                await asyncio.sleep(pause)
        return await self.node.call(to, request, timeout=timeout)


@dataclass(slots=True)
class Context:
    """One request."""

    services: Services
    request: web.Request
    request_id: str
    route: Route
    method: str
    parameters: dict[str, str]
    data: Any = None
    """What the envelope holds under `data`; None where there is none."""
    action: str | None = None
    """What the envelope or its data ask to be done, where a URL stands for several things."""
    size: int = 0
    """Bytes of the body."""
    identity: Identity | None = None
    account: Document | None = None
    """The account in the URL."""
    address: str = ""
    """Where the request comes from."""
    spent: Spent | None = None
    """What it has cost."""

    @property
    def store(self) -> Store:
        return self.services.store

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def who(self) -> Identity:
        """Who asks, where that must be known."""
        if self.identity is None:
            raise InvalidCredentials
        return self.identity

    @property
    def account_id(self) -> str:
        return self.parameters["account_id"]

    @property
    def log(self) -> structlog.stdlib.BoundLogger:
        logger = self.services.node.log.bind(request_id=self.request_id)
        return logger.bind(account_id=self.identity.account_id) if self.identity is not None else logger

    @property
    def plain(self) -> bool:
        """Whether a user asks who is no administrator."""
        return not self.who.is_admin

    def must_own(self, doc: Document) -> None:
        """Refuse a plain user what is not theirs. Raises Forbidden."""
        if self.plain and self.route.plain.get(self.method) == "own" and not owns(self.who, doc):
            raise Forbidden

    def fields(self) -> dict[str, Any]:
        """`data` as an object; empty where it is missing or of another kind."""
        return self.data if isinstance(self.data, dict) else {}

    async def conform(self, schema: str, document: Any) -> Conformed:
        """The document as its schema wants it, and what is wrong with it."""
        strict = self.services.settings.schema_strict_validation
        if self.size <= INLINE:
            return conform(schema, document, strict=strict)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_judge, lambda: conform(schema, document, strict=strict))


@dataclass(frozen=True, slots=True)
class Page:
    """The place of a list's rows in the whole list."""

    size: int
    start_key: str | None
    next_start_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer. `revision` is the document's revision and becomes the ETag."""

    data: Any
    status: int = 200
    revision: str | None = None
    page: Page | None = None
    location: str | None = None
    auth_token: str | None = None
    """A token that was just made."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is no JSON."""

    body: bytes
    content_type: str
    filename: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def parameter(context: Context, name: str) -> str:
    """A parameter of the URL. Raises BadIdentifier where it is longer than any id."""
    value = context.parameters[name]
    if len(value) > 256:
        raise BadIdentifier(value)
    return value

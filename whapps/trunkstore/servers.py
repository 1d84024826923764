"""A customer's servers: what a `sys_info` document (the schema `connectivity`) says of each, and of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mirliton.actors.store import DatabaseNotFound, Document, Store
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_db
from mirliton.whapps.callflow.fields import flag, mapping, number, text

KIND: Final = "sys_info"
FORMAT: Final = "npan"
MOST: Final = 200
"""Documents of an account, and servers of a document, that are looked at."""


@dataclass(frozen=True, slots=True)
class TrunkServer:
    """One server. `did` is what the document says of the number that was looked for."""

    document_id: str
    account: Mapping[str, Any]
    auth: Mapping[str, Any]
    options: Mapping[str, Any]
    did: Mapping[str, Any]

    @property
    def enabled(self) -> bool:
        return flag(self.options, "enabled", True)

    @property
    def force_outbound(self) -> bool:
        """Whether calls to it go out by the carriers instead."""
        return flag(self.did, "force_outbound", flag(self.options, "force_outbound", False))

    @property
    def by_address(self) -> str | None:
        """Where it is (`host:port`), for one that does not register."""
        if (text(self.auth, "auth_method") or "password").lower() != "ip":
            return None
        host = text(self.options, "ip") or text(self.auth, "ip")
        port = number(self.options, "port", number(self.auth, "port", 0, 0, 65_535), 0, 65_535)
        return f"{host}:{port}" if host is not None and port else host

    @property
    def failover(self) -> Mapping[str, Any]:
        """Where a call goes that it does not take: an object with `e164` or `sip`."""
        return mapping(self.did, "failover") or mapping(self.options, "failover")

    def caller_id(self, kind: str = "caller_id") -> tuple[str | None, str | None]:
        """The name and number that its calls show (`kind`: or `emergency_caller_id`)."""
        for place in (self.did, self.options, self.account):
            found = mapping(place, kind)
            if text(found, "cid_number") or text(found, "cid_name"):
                return text(found, "cid_name"), text(found, "cid_number")
        return None, None


def servers_of(doc: Document) -> Iterable[tuple[Mapping[str, Any], TrunkServer]]:
    """The servers of a document, each with its numbers."""
    listed = doc.get("servers")
    for server in (listed if isinstance(listed, list) else [])[:MOST]:
        if isinstance(server, dict):
            numbers = mapping(server, "DIDs")
            yield (
                numbers,
                TrunkServer(
                    str(doc["_id"]), mapping(doc, "account"), mapping(server, "auth"), mapping(server, "options"), {}
                ),
            )


async def documents_of(store: Store, account_id: str) -> list[Document]:
    """An account's `sys_info` documents."""
    try:
        rows = await store.view(
            account_db(account_id), "maintenance/listing_by_type", key=KIND, include_docs=True, limit=MOST
        )
    except DatabaseNotFound:
        return []
    return [row.doc for row in rows.rows if row.doc is not None and not is_deleted(row.doc)]


async def server_for(store: Store, account_id: str, called: str) -> TrunkServer | None:
    """The server that a number (E.164) leads to; None for a number that leads to none."""
    for doc in await documents_of(store, account_id):
        for numbers, server in servers_of(doc):
            did = numbers.get(called)
            if isinstance(did, dict):
                return TrunkServer(server.document_id, server.account, server.auth, server.options, did)
    return None


def server_of(doc: Document, username: str | None) -> TrunkServer | None:
    """The server of a document that registers as `username`."""
    wanted = (username or "").lower()
    for _, server in servers_of(doc):
        if wanted and (text(server.auth, "auth_user") or "").lower() == wanted:
            return server
    return None

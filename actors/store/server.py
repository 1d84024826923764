"""The store's actor: opened and shut by the supervision tree, asked by messages.

It keeps nothing but the open store. A restart opens it anew; what was acknowledged is on the disk, what was not is
asked again by the client (`client.py`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from mirliton.actors.store import errors
from mirliton.actors.store.couch import CouchStore
from mirliton.actors.store.couch_address import CouchAddress
from mirliton.actors.store.errors import StoreError
from mirliton.actors.store.interface import Store
from mirliton.actors.store.sqlite import SqliteStore
from mirliton.runtime import Completed, From, GenServer, Name, NoReply, message

STORE: Final = Name("service", "store")

OPERATIONS: Final = frozenset(
    {
        "all_docs",
        "bulk",
        "create_database",
        "databases",
        "delete",
        "delete_attachment",
        "delete_database",
        "get",
        "get_attachment",
        "get_many",
        "put",
        "put_attachment",
        "refresh",
        "view",
    }
)


@message("store.request")
class StoreRequest:
    """One of OPERATIONS with its arguments; answered with its result or a StoreFault."""

    operation: str
    args: tuple[Any, ...]
    options: dict[str, Any]


@message("store.fault")
class StoreFault:
    """An error of the store on its way to the client, where `error()` makes it an exception again."""

    kind: str
    text: str
    facts: dict[str, Any]

    @classmethod
    def of(cls, error: StoreError) -> StoreFault:
        return cls(type(error).__name__, str(error), {key: _plain(value) for key, value in vars(error).items()})

    def error(self) -> StoreError:
        found = getattr(errors, self.kind, None)
        kind = found if isinstance(found, type) and issubclass(found, StoreError) else StoreError
        made = kind.__new__(kind, self.text)
        made.args = (self.text,)
        vars(made).update(self.facts)
        return made


def store_at(where: str | CouchAddress) -> Store:
    """The store at a file's path or at a CouchDB's address, not yet open."""
    return CouchStore(where) if isinstance(where, CouchAddress) else SqliteStore(where)


class StoreServer(GenServer):
    """The open store, under STORE. Start it with a file's path, or with the address of a CouchDB.

    Not being able to open it is a start error. A CouchDB that is away is no such error: requests fail until it is back.
    """

    async def init(self, where: str | CouchAddress) -> None:
        self.path = str(where)
        self.trap_exit(True)
        self.requests = 0
        store = store_at(where)
        self.store = store
        loop = asyncio.get_running_loop()
        self.own(lambda: loop.create_task(store.close()))
        await store.open()

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, StoreRequest) and request.operation in OPERATIONS:
            self.requests += 1
            self.background(self._do(request), sender)
            return NoReply()
        return super().handle_call(request, sender)

    def handle_info(self, message: Any) -> None:
        match message:
            case Completed(tag=From() as sender, value=value, error=None):
                self.reply(sender, value)
            case Completed(tag=From() as sender, error=error):
                self.reply(sender, StoreFault("StoreError", str(error), {}))
            case _:
                super().handle_info(message)

    def state(self) -> Any:
        return {"path": self.path, "requests": self.requests}

    async def terminate(self, reason: Any) -> None:
        await self.store.close()

    async def _do(self, request: StoreRequest) -> Any:
        try:
            return await getattr(self.store, request.operation)(*request.args, **request.options)
        except StoreError as error:
            return StoreFault.of(error)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)

"""The store's actor: opened and shut by the supervision tree, asked by messages.

It keeps nothing but the open store. What was written it tells those who listen (`news.py`). A restart opens it anew;
what was acknowledged is on the disk, what was not is asked again by the client (`client.py`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from mirliton.actors.store import errors, news
from mirliton.actors.store.couch import CouchStore
from mirliton.actors.store.couch_address import CouchAddress
from mirliton.actors.store.errors import StoreError
from mirliton.actors.store.interface import Store
from mirliton.actors.store.key_file import kept_keyring
from mirliton.actors.store.sealing import Keyring
from mirliton.actors.store.sqlite import SqliteStore
from mirliton.runtime import Completed, From, GenServer, Name, NoReply, Reply, message

STORE: Final = Name("service", "store")

MOST_USED: Final = 4096
"""Databases of which it is known that they are in use."""

OPERATIONS: Final = frozenset(
    {
        "all_docs",
        "bulk",
        "changes",
        "create_database",
        "databases",
        "delete",
        "delete_attachment",
        "delete_database",
        "get",
        "get_attachment",
        "get_many",
        "get_part",
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


@message("store.in_use")
class DatabasesInUse:
    """Ask which databases this node's processes have used, the last one first: answered with some thousand names."""


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

    With `keys`, or the file that holds them, secrets are encrypted where they are kept (`sealing.py`); without, they
    are kept as they are. A file that holds none is a start error.
    Not being able to open it is a start error. A CouchDB that is away is no such error: requests fail until it is back.
    """

    async def init(self, where: str | CouchAddress, keys: Keyring | Path | None = None) -> None:
        self.path = str(where)
        self.keys = kept_keyring(keys) if isinstance(keys, Path) else keys
        if self.keys is None:
            self.log.warning("secrets_are_kept_plain", store=self.path)
        self.trap_exit(True)
        self.requests = self.told = 0
        self.used: OrderedDict[str, None] = OrderedDict()
        store = store_at(where)
        self.store = store
        loop = asyncio.get_running_loop()
        self.own(lambda: loop.create_task(store.close()))
        await store.open()

    def handle_call(self, request: Any, sender: From) -> Any:
        if isinstance(request, StoreRequest) and request.operation in OPERATIONS:
            self.requests += 1
            if request.operation != "changes":
                self._note(request)
            self.background(self._do(request), sender)
            return NoReply()
        if isinstance(request, DatabasesInUse):
            return Reply(list(reversed(self.used)))
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
        operation, args, keys = request.operation, request.args, self.keys
        try:
            sealed = args if keys is None else keys.sealed_request(operation, args)
            answer = await getattr(self.store, operation)(*sealed, **request.options)
        except StoreError as error:
            return StoreFault.of(error)
        if keys is not None:
            answer = keys.opened_answer(operation, args, answer)
        self._tell(request, answer)
        return answer

    def _tell(self, request: StoreRequest, answer: Any) -> None:
        """Tell who listens. The write is stored: whatever is wrong with telling it must not make its caller believe
        otherwise, and those who are not told find it by following."""
        try:
            self.told += news.tell(self.node, request.operation, request.args, answer)
        except Exception:
            self.log.exception("change_not_told", operation=request.operation)

    def _note(self, request: StoreRequest) -> None:
        """Which databases are in use is what the follower needs to know."""
        db = request.args[0] if request.args else None
        if isinstance(db, str):
            self.used[db] = None
            self.used.move_to_end(db)
            if len(self.used) > MOST_USED:
                self.used.popitem(last=False)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)

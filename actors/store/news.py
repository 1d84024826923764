"""Who is told that documents have changed: Kazoo's doc_created, doc_edited and doc_deleted, between our own processes.

    class Rates(GenServer):
        def init(self) -> None:
            listen(self, "ratedeck")             # before anything is read

        def handle_info(self, message):
            match message:
                case DocUpdate(database="ratedeck"):
                    self.cache.clear()

The process through which a node writes (`server.py`) tells all who listen, on every node, once the write is stored; it
tells nobody twice on purpose, and a message can be lost with a connection or a killed node. So each node also follows
the databases themselves (`follower.py`) and tells those who listen there what came without a message, with no `type`.
Documents are not sent along: many hold secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from mirliton.actors.kapi.conf import DocUpdate
from mirliton.actors.store.changes import Change
from mirliton.actors.store.documents import is_deleted
from mirliton.actors.store.names import account_id_of, classify
from mirliton.runtime import Node, Pid

SCOPE: Final = "configuration"
"""The scope of the groups (`pg`) of those who listen."""
EVERYTHING: Final = "*"

_Event = Literal["doc_created", "doc_edited", "doc_deleted"]


class Listening(Protocol):
    """A process."""

    @property
    def node(self) -> Node: ...

    @property
    def pid(self) -> Pid: ...


def listen(process: Listening, *what: str) -> None:
    """Have a process told of changes: in a class of databases ("account", "modb", "offnet" …, see `names.classify`), in
    one database, or in all (EVERYTHING). It ends with the process; a restart listens anew."""
    groups = process.node.groups.scope(SCOPE)
    for each in what:
        groups.join(each, process.pid)


def groups_of(db: str) -> tuple[str, ...]:
    """The groups of those who are told of changes in a database."""
    kind = classify(db)
    return (kind, EVERYTHING) if kind == db else (kind, db, EVERYTHING)


def listeners(node: Node, db: str, *, here: bool = False) -> set[Pid]:
    """Those who are told of changes in a database; only this node's own if it is to be `here`."""
    groups = node.groups.scope(SCOPE)
    members = groups.local_members if here else groups.members
    return {pid for group in groups_of(db) for pid in members(group)}


def tell(node: Node, operation: str, args: Sequence[Any], answer: Any) -> int:
    """Tell those who listen what an operation of the store has changed; returns how many messages that took."""
    if operation not in _WRITES or not args or not isinstance(args[0], str):
        return 0
    told = listeners(node, args[0])
    if not told:
        return 0
    sent = 0
    for update in _updates(operation, args, answer):
        for pid in told:
            node.send(pid, update)
            sent += 1
    return sent


def update_of(change: Change) -> DocUpdate:
    """What those who listen are told of a change that came without a message."""
    event: _Event = "doc_deleted" if change.deleted else "doc_edited"
    return DocUpdate(change.id, change.db, event, account_id_of(change.db), rev=change.rev)


def anything_changed(db: str) -> DocUpdate:
    """That any document of a database may have changed."""
    return DocUpdate(db, db, "db_edited", account_id_of(db))


_WRITES: Final = frozenset(
    {"put", "bulk", "delete", "put_attachment", "delete_attachment", "create_database", "delete_database"}
)


def _updates(operation: str, args: Sequence[Any], answer: Any) -> Iterator[DocUpdate]:
    db = args[0]
    match operation:
        case "put":
            yield _written(db, args[1], answer)
        case "bulk":
            for doc, row in zip(args[1], answer, strict=True):
                if row.rev is not None:
                    yield _written(db, doc, row.rev)
        case "delete":
            yield DocUpdate(args[1], db, "doc_deleted", account_id_of(db), rev=answer)
        case "put_attachment" | "delete_attachment":
            event: _Event = "doc_created" if answer.startswith("1-") else "doc_edited"
            yield DocUpdate(args[1], db, event, account_id_of(db), rev=answer)
        case "create_database" if answer:
            yield DocUpdate(db, db, "db_created", account_id_of(db), type="database")
        case "delete_database":
            yield DocUpdate(db, db, "db_deleted", account_id_of(db), type="database")


def _written(db: str, doc: Mapping[str, Any], rev: str) -> DocUpdate:
    event: _Event = "doc_deleted" if is_deleted(dict(doc)) else "doc_edited" if doc.get("_rev") else "doc_created"
    return DocUpdate(
        doc["_id"],
        db,
        event,
        account_id=_text(doc.get("pvt_account_id")) or account_id_of(db),
        date_created=_whole(doc.get("pvt_created")),
        date_modified=_whole(doc.get("pvt_modified")),
        is_soft_deleted=bool(doc.get("pvt_deleted")),
        rev=rev,
        type=_text(doc.get("pvt_type")),
        version=_text(doc.get("pvt_vsn")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None

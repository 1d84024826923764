"""What can go wrong in the store.

    StoreError
    ├── StoreUnavailable        the store cannot do it now; the same call may succeed later
    │   ├── StoreFull           no room on the disk, or the configured quota is used up
    │   ├── StoreAway           no host of it can be reached; nothing was done
    │   ├── StoreClosed         not opened yet, or closed
    │   ├── StoreOverloaded     its queue is at the bound; nothing was done
    │   ├── StoreTimeout        the deadline passed; says whether the effect is out of the question
    │   └── StoreInterrupted    the server was asked and gave no usable answer; a write may or may not be there
    ├── StoreDamaged            what lies under the path is not, or no longer, a usable store
    ├── StoreDenied             the server does not let us: credentials or rights
    ├── NotFound
    │   ├── DatabaseNotFound
    │   ├── DocumentNotFound    never existed, or deleted
    │   ├── AttachmentNotFound
    │   └── ViewNotFound
    ├── Conflict                the revision given is not the current one
    ├── AttachmentChanged       a file that is read piece by piece is another now
    └── Refused                 the caller's mistake; repeating it changes nothing
        ├── InvalidName
        ├── InvalidDocument     says where in the document
        ├── TooLarge
        └── BadQuery

Only StoreUnavailable is worth trying again.
"""

from __future__ import annotations

from typing import Literal


class StoreError(Exception):
    """Anything the store reports."""


class StoreUnavailable(StoreError):
    """The store at `path` cannot be used at the moment, for `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the store {path} is unavailable: {reason}")
        self.path = path
        self.reason = reason


class StoreFull(StoreUnavailable):
    """There is no room for the write; nothing of it was kept."""


class StoreAway(StoreUnavailable):
    """No host can be reached; nothing was done. `hosts` says of each why; unlike `reason` it is for operators only."""

    def __init__(self, path: str, reason: str, hosts: str) -> None:
        super().__init__(path, reason)
        self.args = (f"{self} ({hosts})",)
        self.hosts = hosts


class StoreClosed(StoreUnavailable):
    """The store has not been opened, or has been closed."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "it is not open")


class StoreOverloaded(StoreUnavailable):
    """More work is waiting than the queue may hold (`bound` says of what); this call was not taken."""

    def __init__(self, path: str, queue: str, bound: str) -> None:
        super().__init__(path, f"its {queue} queue is full ({bound})")
        self.queue = queue
        self.bound = bound


class StoreTimeout(StoreUnavailable):
    """`operation` did not finish within `seconds`.

    `outcome` is "not done" when the operation never began and never will, "unknown" when it had begun: a
    write may or may not be there, and reading the document's revision tells.
    """

    def __init__(self, path: str, operation: str, seconds: float, outcome: Literal["not done", "unknown"]) -> None:
        super().__init__(path, f"{operation} took longer than {seconds:g} s (outcome: {outcome})")
        self.operation = operation
        self.seconds = seconds
        self.outcome = outcome


class StoreInterrupted(StoreUnavailable):
    """The server was asked for `operation`, and the connection broke or the answer was no answer (`detail` says).

    `outcome` is always "unknown": a write may or may not be there, and reading the document's revision tells.
    """

    def __init__(self, path: str, operation: str, detail: str) -> None:
        super().__init__(path, f"{operation} was sent and not answered: {detail} (outcome: unknown)")
        self.operation = operation
        self.detail = detail
        self.outcome = "unknown"


class StoreDenied(StoreError):
    """The server at `path` refuses `operation` to the user we come as; `reason` is its own. Trying again is no use."""

    def __init__(self, path: str, operation: str, reason: str) -> None:
        super().__init__(f"the store {path} refuses {operation}: {reason}")
        self.path = path
        self.operation = operation
        self.reason = reason


class StoreDamaged(StoreError):
    """The file at `path` is not a store of ours or is damaged; `reason` says which."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"the store {path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class NotFound(StoreError):
    """What was asked for is not there."""


class DatabaseNotFound(NotFound):
    """There is no database `db`."""

    def __init__(self, db: str) -> None:
        super().__init__(f"there is no database {db!r}")
        self.db = db


class DocumentNotFound(NotFound):
    """There is no document `id` in `db`; `deleted` tells a deleted one from one that never was."""

    def __init__(self, db: str, id: str, *, deleted: bool = False) -> None:
        what = "was deleted" if deleted else "does not exist"
        super().__init__(f"document {id!r} {what} in {db!r}")
        self.db = db
        self.id = id
        self.deleted = deleted


class AttachmentNotFound(NotFound):
    """Document `id` in `db` has no attachment `name`."""

    def __init__(self, db: str, id: str, name: str) -> None:
        super().__init__(f"document {id!r} in {db!r} has no attachment {name!r}")
        self.db = db
        self.id = id
        self.name = name


class AttachmentChanged(StoreError):
    """Attachment `name` of document `id` in `db` was replaced while it was read."""

    def __init__(self, db: str, id: str, name: str) -> None:
        super().__init__(f"attachment {name!r} of {id!r} in {db!r} was replaced while it was read")
        self.db = db
        self.id = id
        self.name = name


class ViewNotFound(NotFound):
    """No view `view` is declared for databases like `db`."""

    def __init__(self, db: str, view: str) -> None:
        super().__init__(f"no view {view!r} is declared for {db!r}")
        self.db = db
        self.view = view


class Conflict(StoreError):
    """Document `id` in `db` was to be changed from revision `given`, but is at `current` (None: not there)."""

    def __init__(self, db: str, id: str, given: str | None, current: str | None) -> None:
        super().__init__(
            f"document {id!r} in {db!r} is at revision {current or 'none'}, the change was made from {given or 'none'}"
        )
        self.db = db
        self.id = id
        self.given = given
        self.current = current


class Refused(StoreError):
    """The request itself is wrong."""


class InvalidName(Refused):
    """`value` cannot name a `kind` (database, document, attachment, view, account, month)."""

    def __init__(self, kind: str, value: object, reason: str) -> None:
        super().__init__(f"{abridged(value)} cannot name {article(kind)}: {reason}")
        self.kind = kind
        self.value = value
        self.reason = reason


class InvalidDocument(Refused):
    """Document `id` holds something that cannot be stored; `where` is its place ("" for the whole)."""

    def __init__(self, id: object, where: str, reason: str) -> None:
        place = f" at {abridged(where)}" if where else ""
        super().__init__(f"document {abridged(id)} cannot be stored: {reason}{place}")
        self.id = id
        self.where = where
        self.reason = reason


class TooLarge(Refused):
    """`what` is `size` large where `limit` is allowed, both in `unit`."""

    def __init__(self, what: str, size: int, limit: int, unit: str = "bytes") -> None:
        super().__init__(f"{what} is too large: {size} {unit}, the limit is {limit}")
        self.what = what
        self.size = size
        self.limit = limit
        self.unit = unit


class BadQuery(Refused):
    """The options given for `view` contradict each other or the view."""

    def __init__(self, view: str, reason: str) -> None:
        super().__init__(f"view {view} cannot be asked so: {reason}")
        self.view = view
        self.reason = reason


def abridged(value: object, limit: int = 80) -> str:
    """A value for an error message: printable ASCII, quoted, and never longer than about `limit`."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    if len(value) <= limit:
        return ascii(value)
    return f"{value[: limit // 2]!a}… ({len(value)} characters)"


def article(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
